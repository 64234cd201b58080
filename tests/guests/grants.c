/* SPDX-License-Identifier: MIT */
/*
 * Grants given by this domain to itself: the table and its limits, mapping and unmapping at
 * addresses and at page table entries, copies, and what is answered to everything that must not
 * work.
 */
#include "lib/report.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"
#include "runtime/xenbus.h"

#include <xen/errno.h>
#include <xen/grant_table.h>

#define TABLE_AT ((grant_entry_v1_t *)table_page)

static void *table_page;

static long grant_op(unsigned int command, void *ops, unsigned int count)
{
    return hypercall3(__HYPERVISOR_grant_table_op, command, arg(ops), count);
}

/* Sets the table up and maps its first frame in place of a page of ours. */
static bool set_up(void)
{
    xen_pfn_t frames[1] = {0};
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};

    if (table_page)
        return true;
    set_xen_guest_handle(setup.frame_list, frames);
    if (grant_op(GNTTABOP_setup_table, &setup, 1) || setup.status)
        return false;
    table_page = page_alloc();
    return pte_set(table_page, pte_make(frames[0], PROT_RW)) == 0;
}

static void give(grant_ref_t ref, const void *page, unsigned int flags)
{
    TABLE_AT[ref].frame = (uint32_t)page_mfn(page);
    TABLE_AT[ref].domid = xenbus_own_domain();
    TABLE_AT[ref].flags = (uint16_t)(GTF_permit_access | flags);
}

static struct gnttab_map_grant_ref map_at(uint64_t address, grant_ref_t ref, uint32_t flags)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = address, .flags = flags, .ref = ref, .dom = xenbus_own_domain()};

    if (grant_op(GNTTABOP_map_grant_ref, &op, 1))
        op.status = 1;
    return op;
}

static long unmap_at(uint64_t address, grant_handle_t handle)
{
    struct gnttab_unmap_grant_ref op = {.host_addr = address, .handle = handle};
    long answer = grant_op(GNTTABOP_unmap_grant_ref, &op, 1);

    return answer ? answer : op.status;
}

BEHAVIOUR(table, "the table can be sized, set up and asked about; version 1 is always there")
{
    struct gnttab_query_size size = {.dom = DOMID_SELF};
    struct gnttab_set_version version = {.version = 1};
    struct gnttab_get_version current = {.dom = DOMID_SELF};

    REQUIRE(set_up(), true);
    EXPECT(grant_op(GNTTABOP_query_size, &size, 1), 0);
    EXPECT(size.status, GNTST_okay);
    EXPECT_TRUE(size.nr_frames >= 1 && size.nr_frames <= size.max_nr_frames);
    report_answer("max_frames", size.max_nr_frames);
    EXPECT(grant_op(GNTTABOP_query_size, &size, 2), -XEN_EINVAL);
    size.dom = 0x7000;
    EXPECT(grant_op(GNTTABOP_query_size, &size, 1), 0);
    EXPECT(size.status, GNTST_bad_domain);
    EXPECT(grant_op(GNTTABOP_set_version, &version, 1), 0);
    version.version = 3;
    EXPECT(grant_op(GNTTABOP_set_version, &version, 1), -XEN_EINVAL);
    EXPECT(version.version, 1);
    EXPECT(grant_op(GNTTABOP_get_version, &current, 1), 0);
    EXPECT(current.version, 1);
}

BEHAVIOUR(map, "a granted page shows at the address asked for, and goes by its handle only once")
{
    struct gnttab_map_grant_ref op;
    volatile char *window = page_alloc();
    char *page = page_alloc();
    uint64_t own;

    REQUIRE(set_up(), true);
    own = *pte_find((void *)window, 1);
    EXPECT(pte_set((void *)window, 0), 0); /* the map itself flushes nothing */
    page[5] = 'x';
    give(20, page, 0);
    op = map_at((uint64_t)window, 20, GNTMAP_host_map);
    EXPECT(op.status, GNTST_okay);
    EXPECT(window[5], 'x');
    window[6] = 'y';
    EXPECT(page[6], 'y');
    EXPECT(TABLE_AT[20].flags, GTF_permit_access | GTF_reading | GTF_writing);
    EXPECT(op.dev_bus_addr, page_mfn(page) << PAGE_SHIFT);
    EXPECT(unmap_at((uint64_t)window, op.handle), GNTST_okay);
    EXPECT(unmap_at((uint64_t)window, op.handle), GNTST_bad_handle);
    EXPECT(TABLE_AT[20].flags, GTF_permit_access);
    EXPECT(*pte_find((void *)window, 1), 0);
    EXPECT(pte_set((void *)window, own), 0);
}

BEHAVIOUR(map_pte, "a mapping can be asked for by the machine address of its entry")
{
    volatile char *window = page_alloc();
    char *page = page_alloc();
    uint64_t *entry = pte_find((void *)window, 1), own = *entry;
    uint64_t at = (page_mfn(entry) << PAGE_SHIFT) + ((uint64_t)entry & (PAGE_SIZE - 1));
    struct gnttab_map_grant_ref op;

    REQUIRE(set_up(), true);
    page[9] = 'p';
    give(21, page, GTF_readonly);
    op = map_at(at, 21, GNTMAP_host_map | GNTMAP_contains_pte | GNTMAP_readonly);
    EXPECT(op.status, GNTST_okay);
    mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0);
    EXPECT(window[9], 'p');
    EXPECT(*entry & PTE_WRITE, 0);
    EXPECT(unmap_at(at, op.handle), GNTST_okay);
    EXPECT(pte_set((void *)window, own), 0);
}

BEHAVIOUR(map_refused, "what was not granted, or not so, is refused with its own status")
{
    char *page = page_alloc(), *window = page_alloc();

    REQUIRE(set_up(), true);
    TABLE_AT[22].flags = GTF_invalid;
    EXPECT(map_at((uint64_t)window, 22, GNTMAP_host_map).status, GNTST_general_error);
    give(22, page, GTF_readonly);
    EXPECT(map_at((uint64_t)window, 22, GNTMAP_host_map).status, GNTST_general_error);
    give(22, page, GTF_sub_page);
    EXPECT(map_at((uint64_t)window, 22, GNTMAP_host_map).status, GNTST_general_error);
    give(22, page, 0);
    TABLE_AT[22].domid = 0x7000;
    EXPECT(map_at((uint64_t)window, 22, GNTMAP_host_map).status, GNTST_general_error);
    give(22, page, 0);
    TABLE_AT[22].frame = 0xfffffff;
    EXPECT(map_at((uint64_t)window, 22, GNTMAP_host_map).status, GNTST_bad_page);
    give(22, paging_root(), 0);
    EXPECT(map_at((uint64_t)window, 22, GNTMAP_host_map).status, GNTST_general_error);
    give(22, page, 0);
    EXPECT(map_at((uint64_t)window, 22, 0).status, GNTST_bad_gntref);
    EXPECT(map_at((uint64_t)window, 1u << 30, GNTMAP_host_map).status, GNTST_bad_gntref);
    EXPECT(map_at(0x7000, 22, GNTMAP_host_map).status, GNTST_general_error);
    EXPECT(TABLE_AT[22].flags, GTF_permit_access);
    EXPECT(unmap_at((uint64_t)window, 12345678), GNTST_bad_handle);
}

BEHAVIOUR(many, "one grant can be mapped 128 times and not once more")
{
    static grant_handle_t handles[200];
    char *page = page_alloc();
    struct gnttab_map_grant_ref op;
    struct gnttab_unmap_grant_ref unmap = {0};
    unsigned int n = 0;

    REQUIRE(set_up(), true);
    give(23, page, 0);
    while (n < 200 && (op = map_at(0, 23, GNTMAP_device_map)).status == GNTST_okay)
        handles[n++] = op.handle;
    EXPECT(op.status, GNTST_general_error);
    report_answer("times", n);
    unmap.dev_bus_addr = page_mfn(page) << PAGE_SHIFT;
    for (unsigned int i = 0; i < n; i++) {
        unmap.handle = handles[i];
        grant_op(GNTTABOP_unmap_grant_ref, &unmap, 1);
        if (unmap.status != GNTST_okay)
            EXPECT(unmap.status, GNTST_okay);
    }
    EXPECT(TABLE_AT[23].flags, GTF_permit_access);
}

static long copy(struct gnttab_copy op)
{
    long answer = grant_op(GNTTABOP_copy, &op, 1);

    return answer ? answer : op.status;
}

BEHAVIOUR(copies, "bytes are copied between granted and own frames, within one page")
{
    char *from = page_alloc(), *to = page_alloc();
    struct gnttab_copy op = {.source = {.u.ref = 24, .domid = xenbus_own_domain(), .offset = 10},
                             .dest = {.u.gmfn = page_mfn(to), .domid = DOMID_SELF, .offset = 4000},
                             .len = 96,
                             .flags = GNTCOPY_source_gref};

    REQUIRE(set_up(), true);
    give(24, from, GTF_readonly);
    for (unsigned int i = 0; i < 96; i++)
        from[10 + i] = (char)(i + 1);
    EXPECT(copy(op), GNTST_okay);
    EXPECT(memcmp(to + 4000, from + 10, 96), 0);
    op.len = 97;
    EXPECT(copy(op), GNTST_bad_copy_arg);
    op.len = 1;
    op.dest.domid = xenbus_own_domain();
    EXPECT(copy(op), GNTST_permission_denied);
    op.dest.domid = DOMID_SELF;
    op.source.domid = 0x7000;
    EXPECT(copy(op), GNTST_bad_domain);
    op.source.domid = xenbus_own_domain();
    op.source.u.ref = 25;
    TABLE_AT[25].flags = GTF_invalid;
    EXPECT(copy(op), GNTST_general_error);
    op.source.u.ref = 24;
    op.dest.u.gmfn = 0xfffffff;
    EXPECT(copy(op), GNTST_bad_page);
    op.dest.u.gmfn = page_mfn(paging_root());
    EXPECT(copy(op), GNTST_general_error);
    op.dest.u.ref = 24;
    op.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
    EXPECT(copy(op), GNTST_general_error);
    EXPECT(TABLE_AT[24].flags, GTF_permit_access | GTF_readonly);
}

BEHAVIOUR(swap, "two entries are exchanged unless one is in use")
{
    char *page = page_alloc();
    struct gnttab_swap_grant_ref swap = {.ref_a = 26, .ref_b = 27};
    struct gnttab_map_grant_ref op;

    REQUIRE(set_up(), true);
    give(26, page, GTF_readonly);
    TABLE_AT[27].flags = GTF_invalid;
    EXPECT(grant_op(GNTTABOP_swap_grant_ref, &swap, 1), 0);
    EXPECT(swap.status, GNTST_okay);
    EXPECT(TABLE_AT[27].flags, GTF_permit_access | GTF_readonly);
    op = map_at(0, 27, GNTMAP_device_map | GNTMAP_readonly);
    EXPECT(op.status, GNTST_okay);
    EXPECT(grant_op(GNTTABOP_swap_grant_ref, &swap, 1), 0);
    EXPECT(swap.status, GNTST_eagain);
    swap.ref_b = 1u << 30;
    EXPECT(grant_op(GNTTABOP_swap_grant_ref, &swap, 1), 0);
    EXPECT(swap.status, GNTST_bad_gntref);
}

BEHAVIOUR(arguments, "wrong counts, commands and pointers are refused")
{
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 100000};
    struct gnttab_get_status_frames status = {.dom = DOMID_SELF, .nr_frames = 1};
    struct gnttab_cache_flush flush = {.offset = 4000, .length = 200};
    xen_pfn_t frame = 0;

    set_xen_guest_handle(setup.frame_list, &frame);
    EXPECT(grant_op(GNTTABOP_setup_table, &setup, 1), 0);
    EXPECT(setup.status, GNTST_general_error);
    report_answer("status_frames", grant_op(GNTTABOP_get_status_frames, &status, 1));
    report_answer("status_frames_status", status.status);
    report_answer("dump_table", grant_op(GNTTABOP_dump_table, &setup, 1));
    EXPECT(grant_op(GNTTABOP_map_grant_ref, &setup, 0x80000000), -XEN_EINVAL);
    EXPECT(grant_op(GNTTABOP_map_grant_ref, (void *)0x1000, 1), -XEN_EFAULT);
    EXPECT(grant_op(GNTTABOP_unmap_grant_ref, (void *)0x1000, 1), -XEN_EFAULT);
    EXPECT(grant_op(GNTTABOP_copy, (void *)0x1000, 1), -XEN_EFAULT);
    EXPECT(grant_op(GNTTABOP_map_grant_ref, (void *)0x1000, 0), 0);
    report_answer("cache_flush_far", grant_op(GNTTABOP_cache_flush, &flush, 1));
    flush.length = 0;
    report_answer("cache_flush_empty", grant_op(GNTTABOP_cache_flush, &flush, 1));
    EXPECT(grant_op(99, &setup, 1), -XEN_ENOSYS);
}

static int16_t transfer(uint64_t mfn, domid_t to, grant_ref_t ref)
{
    struct gnttab_transfer op = {.mfn = mfn, .domid = to, .ref = ref};

    return grant_op(GNTTABOP_transfer, &op, 1) ? 1 : op.status;
}

BEHAVIOUR(transfer, "a frame given away arrives in the entry that waited for it, with its contents")
{
    uint64_t *page = page_alloc(), mfn = page_mfn(page);
    grant_entry_v1_t *entry;

    REQUIRE(set_up(), true);
    entry = &TABLE_AT[40];
    page[5] = 0x0123456789abcdef;
    EXPECT(transfer(mfn, xenbus_own_domain(), 40), GNTST_bad_page); /* mapped by us */
    EXPECT(pte_set(page, 0), 0);
    EXPECT(transfer(~0ull >> 12, xenbus_own_domain(), 40), GNTST_bad_page);
    *entry = (grant_entry_v1_t){.flags = GTF_accept_transfer, .domid = xenbus_own_domain()};
    EXPECT(transfer(mfn, xenbus_own_domain(), 40), GNTST_okay);
    EXPECT(entry->flags, GTF_accept_transfer | GTF_transfer_committed | GTF_transfer_completed);
    EXPECT(pte_set(page, pte_make(entry->frame, PROT_RW)), 0);
    EXPECT(page[5], 0x0123456789abcdef);
    EXPECT(pte_set(page, 0), 0);
    EXPECT(transfer(entry->frame, xenbus_own_domain(), 40), GNTST_general_error); /* used up */
}
