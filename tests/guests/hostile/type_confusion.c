/* SPDX-License-Identifier: MIT */
/*
 * One frame taken for two things: table of one level and another, descriptor page, writable memory,
 * grant, shared page. At most one at a time, whatever the order.
 */
#include "lib/child.h"
#include "lib/random.h"
#include "lib/report.h"
#include "runtime/format.h"
#include "runtime/grant.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

static const unsigned int pins[] = {MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE,
                                    MMUEXT_PIN_L4_TABLE};

static long gdt_of(const void *page)
{
    xen_ulong_t frame = page_mfn(page);

    return hypercall2(__HYPERVISOR_set_gdt, arg(&frame), 16);
}

static long gdt_none(void)
{
    return hypercall2(__HYPERVISOR_set_gdt, 0, 0);
}

/* A grant copy within this guest, which writes to `to` by its frame. */
static int copy_onto(const void *from, const void *to)
{
    struct gnttab_copy op = {.source.u.gmfn = page_mfn(from),
                             .source.domid = DOMID_SELF,
                             .dest.u.gmfn = page_mfn(to),
                             .dest.domid = DOMID_SELF,
                             .len = 8};
    long answer = hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_copy, arg(&op), 1);

    return answer ? -100 : op.status;
}

ROLE(tables)
{
    uint64_t *page = page_alloc(), *other = page_alloc();

    (void)argument;
    REQUIRE(page_protect(page, PROT_RO), 0);
    for (unsigned int i = 0; i < 4; i++) {
        REQUIRE(mmuext(pins[i], page_mfn(page)), 0);
        for (unsigned int k = 0; k < 4; k++)
            EXPECT_TRUE(mmuext(pins[k], page_mfn(page)) < 0);
        EXPECT_TRUE(page_protect(page, PROT_RW) < 0);
        EXPECT_TRUE(gdt_of(page) < 0);
        EXPECT_TRUE(copy_onto(other, page) < 0);
        EXPECT(mmuext(MMUEXT_UNPIN_TABLE, page_mfn(page)), 0);
    }
    EXPECT(page_protect(page, PROT_RW), 0);
}

ROLE(descriptors)
{
    uint64_t *page = page_alloc(), *other = page_alloc();

    (void)argument;
    REQUIRE(page_protect(page, PROT_RO), 0);
    REQUIRE(gdt_of(page), 0);
    for (unsigned int k = 0; k < 4; k++)
        EXPECT_TRUE(mmuext(pins[k], page_mfn(page)) < 0);
    EXPECT_TRUE(page_protect(page, PROT_RW) < 0);
    EXPECT_TRUE(copy_onto(other, page) < 0);
    EXPECT(gdt_none(), 0);
    EXPECT(page_protect(page, PROT_RW), 0);
}

/* Writable by a grant mapping counts as writable. */
ROLE(granted)
{
    (void)argument;
    uint64_t *page = page_alloc(), *window = page_alloc();
    grant_ref_t ref = grant_access(child_id(), page_mfn(page), false);
    struct gnttab_map_grant_ref map = {
        .host_addr = arg(window), .flags = GNTMAP_host_map, .ref = ref, .dom = child_id()};
    uint64_t own = page_mfn(window);

    REQUIRE(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, arg(&map), 1), 0);
    REQUIRE(map.status, GNTST_okay);
    EXPECT(page_protect(page, PROT_RO), 0);
    for (unsigned int k = 0; k < 4; k++)
        EXPECT_TRUE(mmuext(pins[k], page_mfn(page)) < 0);
    EXPECT_TRUE(gdt_of(page) < 0);
    struct gnttab_unmap_grant_ref unmap = {.host_addr = arg(window), .handle = map.handle};
    EXPECT(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, arg(&unmap), 1), 0);
    EXPECT(unmap.status, GNTST_okay);
    EXPECT(mmuext(MMUEXT_PIN_L1_TABLE, page_mfn(page)), 0);
    EXPECT(mmuext(MMUEXT_UNPIN_TABLE, page_mfn(page)), 0);
    EXPECT(pte_set(window, pte_make(own, PROT_RW)), 0);
}

/* Pages the hypervisor writes by itself: a registered vcpu_info and runstate area cannot become
 * tables meanwhile. */
ROLE(registered)
{
    uint64_t *page = page_alloc();
    struct vcpu_register_vcpu_info info = {.mfn = page_mfn(page), .offset = 64};

    (void)argument;
    REQUIRE(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 1, arg(&info)), 0);
    EXPECT(page_protect(page, PROT_RO), 0);
    for (unsigned int k = 0; k < 4; k++)
        EXPECT_TRUE(mmuext(pins[k], page_mfn(page)) < 0);
}

/* All of it in random order; the pages must be ordinary again at the end. */
ROLE(mixture)
{
    uint64_t *page[8], state = argument + 99;

    for (unsigned int i = 0; i < 8; i++)
        page[i] = page_alloc();
    for (unsigned int i = 0; i < 3000; i++) {
        uint64_t *one = page[random_from(&state) % 8];

        switch (random_from(&state) % 8) {
        case 0:
            gdt_of(one);
            break;
        case 1:
            gdt_none();
            break;
        case 2:
        case 3:
            page_protect(one, random_from(&state) % 2 ? PROT_RO : PROT_RW);
            break;
        case 4:
            mmuext(MMUEXT_UNPIN_TABLE, page_mfn(one));
            break;
        case 5:
            copy_onto(page[random_from(&state) % 8], one);
            break;
        default:
            mmuext(pins[random_from(&state) % 4], page_mfn(one));
        }
    }
    gdt_none();
    for (unsigned int i = 0; i < 8; i++) {
        mmuext(MMUEXT_UNPIN_TABLE, page_mfn(page[i]));
        EXPECT(page_protect(page[i], PROT_RW), 0);
        page[i][5] = i;
    }
}

BEHAVIOUR(one_type, "a frame has one type at a time")
{
    EXPECT(child_run("tables", 0, 1, 5000), SHUTDOWN_poweroff);
    EXPECT(child_run("descriptors", 0, 1, 5000), SHUTDOWN_poweroff);
    EXPECT(child_run("registered", 0, 2, 5000), SHUTDOWN_poweroff);
    EXPECT(child_run("granted", 0, 1, 5000), SHUTDOWN_poweroff);
}

BEHAVIOUR(any_order, "and is free again after any order of asking")
{
    for (unsigned int seed = 0; seed < 5; seed++)
        EXPECT(child_run("mixture", seed, 1, 10000), SHUTDOWN_poweroff);
}
