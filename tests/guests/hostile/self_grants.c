/* SPDX-License-Identifier: MIT */
/*
 * Grants turned on themselves: to oneself, of what was mapped by a grant, of tables, of others'
 * frames, mapped by handles until none is left, changed while in use.
 */
#include "lib/child.h"
#include "lib/report.h"
#include "runtime/format.h"
#include "runtime/grant.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"

#include <xen/sched.h>

static long grant_op(unsigned int command, void *op)
{
    return hypercall3(__HYPERVISOR_grant_table_op, command, arg(op), 1);
}

static struct gnttab_map_grant_ref map_of(grant_ref_t ref, domid_t domain, const void *at,
                                          unsigned int flags)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = arg(at), .flags = flags | GNTMAP_host_map, .ref = ref, .dom = domain};

    if (grant_op(GNTTABOP_map_grant_ref, &op))
        op.status = 1;
    return op;
}

static int unmap(const void *at, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref op = {.host_addr = arg(at), .handle = handle};

    return grant_op(GNTTABOP_unmap_grant_ref, &op) ? 1 : op.status;
}

/* What is mapped by a grant is not one's own: granting its frame on gives nobody anything. */
ROLE(map_of_map)
{
    domid_t self = child_id();

    (void)argument;
    uint64_t *page = page_alloc(), *first = page_alloc(), *second = page_alloc();
    uint64_t own = page_mfn(first);
    struct gnttab_map_grant_ref one =
        map_of(grant_access(self, page_mfn(page), true), self, first, GNTMAP_readonly);

    REQUIRE(one.status, GNTST_okay);
    struct gnttab_map_grant_ref two = map_of(one.ref, self, second, 0);
    EXPECT_TRUE(two.status < 0);
    pte_set(first, pte_make(own, PROT_RW)); /* not the way to unmap it */
}

ROLE(tables)
{
    (void)argument;
    uint64_t *window = page_alloc();
    grant_ref_t ref = grant_access(child_id(), page_mfn(paging_root()), false);
    struct gnttab_map_grant_ref map = map_of(ref, child_id(), window, 0);

    EXPECT_TRUE(map.status < 0);
    /* Frames that are not ours: the hypervisor's, others', none. */
    for (uint64_t mfn = 0; mfn < 0x10000; mfn += 97) {
        if (mfn < 0x10000 && paging_m2p()[mfn] < start_info->nr_pages &&
            ((uint64_t *)start_info->mfn_list)[paging_m2p()[mfn]] == mfn)
            continue;
        grant_ref_t bad = grant_access(child_id(), mfn, false);
        EXPECT_TRUE(map_of(bad, child_id(), window, 0).status < 0);
        EXPECT(grant_end(bad), true);
    }
}

ROLE(handles)
{
    (void)argument;
    uint64_t *page = page_alloc(), *window = page_alloc(), mapped = 0;
    grant_ref_t ref = grant_access(child_id(), page_mfn(page), true);
    static struct {
        uint64_t at;
        grant_handle_t handle;
    } held[256];
    struct gnttab_map_grant_ref map;

    /* One grant, mapped at the same entries again and again: entries are replaced or the pins run
     * out. */
    for (; mapped < 256; mapped++) {
        uint64_t *entry = pte_find(window, 1);

        map = (struct gnttab_map_grant_ref){
            .host_addr = page_mfn(entry) << PAGE_SHIFT | (arg(entry) & (PAGE_SIZE - 1)),
            .flags = GNTMAP_host_map | GNTMAP_contains_pte | GNTMAP_readonly,
            .ref = ref,
            .dom = child_id()};
        window = page_alloc();
        if (grant_op(GNTTABOP_map_grant_ref, &map) || map.status)
            break;
        held[mapped].at = map.host_addr;
        held[mapped].handle = map.handle;
    }
    EXPECT_TRUE(mapped >= 64 && mapped <= 255);
    for (unsigned int i = 0; i < mapped; i++) {
        struct gnttab_unmap_grant_ref op = {.host_addr = held[i].at, .handle = held[i].handle};

        EXPECT(grant_op(GNTTABOP_unmap_grant_ref, &op), 0);
        EXPECT(op.status, GNTST_okay);
    }
    for (uint32_t handle = 0; handle < 4096; handle++)
        EXPECT_TRUE(unmap(window, handle) < 0);
    EXPECT(grant_end(ref), true);
}

/* An entry rewritten while it is mapped changes nothing of the mapping's end. */
ROLE(rewritten)
{
    (void)argument;
    uint64_t *page = page_alloc(), *window = page_alloc(), own = page_mfn(window);
    grant_ref_t ref = grant_access(child_id(), page_mfn(page), false);
    struct gnttab_map_grant_ref map = map_of(ref, child_id(), window, 0);

    REQUIRE(map.status, GNTST_okay);
    EXPECT(grant_end(ref), false);
    grant_access(child_id(), page_mfn(paging_root()), false);
    EXPECT(unmap(window, map.handle), GNTST_okay);
    EXPECT(unmap(window, map.handle) < 0, true);
    EXPECT(grant_end(ref), true);
    EXPECT(pte_set(window, pte_make(own, PROT_RW)), 0);
}

BEHAVIOUR(self, "grants to oneself give no more rights than one has")
{
    EXPECT(child_run("tables", 0, 1, 5000), SHUTDOWN_poweroff);
    EXPECT(child_run("handles", 0, 1, 5000), SHUTDOWN_poweroff);
    EXPECT(child_run("rewritten", 0, 1, 5000), SHUTDOWN_poweroff);
}

BEHAVIOUR(ends, "a guest that overwrites a grant's mapping by hand ends, or is mended, alone")
{
    uint64_t before = machine_free_pages();

    report_answer("map_of_map", child_run("map_of_map", 0, 1, 5000));
    EXPECT_TRUE(machine_free_pages() + 64 >= before);
}
