/* SPDX-License-Identifier: MIT */
/*
 * Memory taken away while it is used: given back while granted, while mapped by another, while it
 * holds live tables or descriptors; a domain destroyed while others hold its pages. Nobody may see
 * a frame after it has a new owner.
 */
#include "lib/child.h"
#include "lib/report.h"
#include "runtime/format.h"
#include "runtime/grant.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"

#include <xen/memory.h>
#include <xen/sched.h>

static long give_back(uint64_t mfn)
{
    xen_pfn_t frame = mfn;
    struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

    set_xen_guest_handle(r.extent_start, &frame);
    return hypercall2(__HYPERVISOR_memory_op, XENMEM_decrease_reservation, arg(&r));
}

static long exchange(uint64_t mfn)
{
    xen_pfn_t in = mfn, out = paging_m2p()[mfn];
    struct xen_memory_exchange e = {.in = {.nr_extents = 1, .domid = DOMID_SELF},
                                    .out = {.nr_extents = 1, .domid = DOMID_SELF}};

    set_xen_guest_handle(e.in.extent_start, &in);
    set_xen_guest_handle(e.out.extent_start, &out);
    return hypercall2(__HYPERVISOR_memory_op, XENMEM_exchange, arg(&e));
}

/* What the guest stands on cannot be given away. */
ROLE(live)
{
    (void)argument;
    for (int level = 1; level <= 4; level++) {
        uint64_t mfn =
            page_mfn((void *)((uint64_t)pte_find(paging_root, level) & ~(PAGE_SIZE - 1)));

        give_back(mfn);
        exchange(mfn);
    }
    exchange(page_mfn(start_info));
    EXPECT(pte_find(start_info, 1) != 0, true);
    EXPECT(*(volatile char *)start_info, 'x');
}

/* Frames that are mapped stay readable for who mapped them until unmapped, given back or not. */
ROLE(mapped)
{
    volatile uint64_t *page = page_alloc();

    for (unsigned int i = 0; i < 200; i++) {
        page = page_alloc();
        *page = argument + i;
        give_back(page_mfn((void *)page));
        EXPECT(*page, argument + i);
    }
}

/* A grant is given, its frame given back, and the grant used. */
ROLE(granted)
{
    uint64_t *page = page_alloc(), *window = page_alloc(), own = page_mfn(window);
    grant_ref_t ref = grant_access(child_id(), page_mfn(page), false);
    struct gnttab_map_grant_ref map = {
        .host_addr = arg(window), .flags = GNTMAP_host_map, .ref = ref, .dom = child_id()};

    (void)argument;
    *(volatile uint64_t *)page = 0x5ec7e7;
    EXPECT(pte_set(window, 0), 0);
    EXPECT(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, arg(&map), 1), 0);
    REQUIRE(map.status, GNTST_okay);
    uint64_t mfn = page_mfn(page);
    EXPECT(pte_set(page, 0), 0);
    give_back(mfn);
    EXPECT(*(volatile uint64_t *)window, 0x5ec7e7);
    struct gnttab_unmap_grant_ref unmap = {.host_addr = arg(window), .handle = map.handle};
    EXPECT(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, arg(&unmap), 1), 0);
    EXPECT(unmap.status, GNTST_okay);
    pte_set(window, pte_make(own, PROT_RW));
}

/* Its L1 table linked at a second place, where the address that an entry of it has there lies. */
static volatile uint64_t *second_address(void *first)
{
    uint64_t l1 = page_mfn((void *)((uint64_t)pte_find(first, 1) & ~(PAGE_SIZE - 1)));

    for (uint64_t n = 8; n < 400; n++) {
        char *at = (char *)((VIRT_BASE & ~0x3fffffffUL) + (n << 21));
        const uint64_t *l2 = pte_find(at, 2);

        if (l2 && !(*l2 & PTE_PRESENT) && pte_update(l2, pte_make(l1, PROT_TABLE), 0) == 0)
            return (volatile uint64_t *)(at + ((uint64_t)first & 0x1fffff));
    }
    return NULL;
}

/* A grant unmapped by one address is read through another that the TLB knows: ends it. */
ROLE(second_look)
{
    uint64_t *page = page_alloc(), *window = page_alloc();
    grant_ref_t ref = grant_access(child_id(), page_mfn(page), false);
    struct gnttab_map_grant_ref map = {
        .host_addr = arg(window), .flags = GNTMAP_host_map, .ref = ref, .dom = child_id()};
    volatile uint64_t *other = second_address(window);

    REQUIRE(other != NULL, true);
    REQUIRE(pte_set(window, 0), 0);
    REQUIRE(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, arg(&map), 1), 0);
    REQUIRE(map.status, GNTST_okay);
    *(volatile uint64_t *)page = argument;
    EXPECT(*other, argument);
    struct gnttab_unmap_grant_ref unmap = {.host_addr = arg(window), .handle = map.handle};
    REQUIRE(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, arg(&unmap), 1), 0);
    REQUIRE(unmap.status, GNTST_okay);
    mailbox[0] = 1;
    mailbox[1] = *other;
    mailbox[0] = 2;
}

/* Gives a page to dom0 and waits to be ended. */
ROLE(giver)
{
    static uint64_t gift[512] __attribute__((aligned(4096)));

    gift[0] = argument;
    mailbox[0] = grant_access(0, page_mfn(gift), false);
    mailbox[1] = 1;
    for (;;)
        child_sleep(1000000000);
}

/* Copies from the domain that the parent names, whatever becomes of it. */
ROLE(copier)
{
    static struct gnttab_copy ops[32];
    uint64_t mfn = page_mfn(page_alloc());

    (void)argument;
    for (;;) {
        for (unsigned int i = 0; i < 32; i++) {
            ops[i] = (struct gnttab_copy){.source.domid = (domid_t)mailbox[0],
                                          .dest.domid = DOMID_SELF,
                                          .len = 8,
                                          .flags = GNTCOPY_source_gref};
            ops[i].source.u.ref = 0xfffffff0;
            ops[i].dest.u.gmfn = mfn;
        }
        for (unsigned int k = 0; k < 50; k++)
            hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_copy, arg(ops), 32);
        mailbox[1]++;
    }
}

BEHAVIOUR(own, "a guest cannot pull its memory away under itself or the hypervisor")
{
    uint64_t before = machine_free_pages();

    EXPECT_TRUE(child_run("live", 0, 1, 5000) != CHILD_RUNS);
    EXPECT(child_run("mapped", 1000, 1, 5000), SHUTDOWN_poweroff);
    EXPECT(child_run("granted", 0, 1, 5000), SHUTDOWN_poweroff);
    EXPECT_TRUE(machine_free_pages() + 64 >= before);
}

BEHAVIOUR(second_look, "an unmapped grant is gone at every address its table had")
{
    static struct child child;

    REQUIRE(child_start(&child, "second_look", 4712, 1), true);
    EXPECT_TRUE(child_wait(&child, 5000) != CHILD_RUNS);
    EXPECT(child.mailbox[0], 1);
    child_destroy(&child);
}

BEHAVIOUR(destroyed,
          "a page mapped from a domain that is destroyed stays what it was until unmapped")
{
    static struct child child;
    volatile uint64_t *window = page_alloc();
    uint64_t own = page_mfn((void *)window), before;

    REQUIRE(child_start(&child, "giver", 4711, 1), true);
    while (!child.mailbox[1])
        child_wait(&child, 1);
    struct gnttab_map_grant_ref map = {.host_addr = arg((void *)window),
                                       .flags = GNTMAP_host_map,
                                       .ref = child.mailbox[0],
                                       .dom = child.id};
    REQUIRE(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, arg(&map), 1), 0);
    REQUIRE(map.status, GNTST_okay);
    EXPECT(*window, 4711);
    child_destroy(&child);
    /* Others come and fill memory; none of them may be given this frame. */
    for (unsigned int i = 0; i < 3; i++)
        EXPECT(child_run("mapped", 99, 1, 5000), SHUTDOWN_poweroff);
    EXPECT(*window, 4711);
    before = machine_free_pages();
    struct gnttab_unmap_grant_ref unmap = {.host_addr = arg((void *)window), .handle = map.handle};
    EXPECT(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, arg(&unmap), 1), 0);
    EXPECT(unmap.status, GNTST_okay);
    EXPECT(pte_set((void *)window, pte_make(own, PROT_RW)), 0);
    EXPECT_TRUE(machine_free_pages() > before);
}

/* On one CPU nothing comes between; on several this met a domain looked up twice in a few dozen
 * rounds. */
BEHAVIOUR(copied, "a domain that goes while another names it in a grant copy does no harm")
{
    static struct child copier, victim;

    REQUIRE(child_start(&copier, "copier", 0, 1), true);
    for (unsigned int i = 0; i < 60; i++) {
        uint64_t copies = copier.mailbox[1];

        REQUIRE(child_start(&victim, "giver", 0, 1), true);
        copier.mailbox[0] = victim.id;
        while (copier.mailbox[1] < copies + 2)
            child_sleep(1000000);
        child_destroy(&victim);
    }
    child_destroy(&copier);
}
