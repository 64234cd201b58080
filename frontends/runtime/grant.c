/* SPDX-License-Identifier: MIT */
/* One page of grant entries, handed out from a stack of free references. */
#include "runtime/grant.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"

#define ENTRIES (PAGE_SIZE / sizeof(grant_entry_v1_t))

static grant_entry_v1_t *table;
static grant_ref_t free_refs[ENTRIES];
static unsigned int free_count;

static void table_init(void)
{
    xen_pfn_t frame = 0;
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};

    set_xen_guest_handle(setup.frame_list, &frame);
    if (hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, arg(&setup), 1) ||
        setup.status)
        guest_panic("no grant table: status %d", setup.status);
    table = page_map_frame(frame);
    for (grant_ref_t ref = ENTRIES - 1; ref >= GNTTAB_NR_RESERVED_ENTRIES; ref--)
        free_refs[free_count++] = ref;
}

grant_ref_t grant_access(domid_t domain, uint64_t mfn, bool read_only)
{
    grant_ref_t ref;

    if (!table)
        table_init();
    if (!free_count)
        guest_panic("all %lu grants are in use", ENTRIES);
    ref = free_refs[--free_count];
    table[ref].domid = domain;
    table[ref].frame = (uint32_t)mfn;
    /* The flags make the entry valid, so they come last. */
    __atomic_store_n(&table[ref].flags, GTF_permit_access | (read_only ? GTF_readonly : 0),
                     __ATOMIC_RELEASE);
    return ref;
}

bool grant_end(grant_ref_t ref)
{
    uint16_t flags = __atomic_load_n(&table[ref].flags, __ATOMIC_ACQUIRE);

    do {
        if (flags & (GTF_reading | GTF_writing))
            return false;
    } while (!__atomic_compare_exchange_n(&table[ref].flags, &flags, 0, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    free_refs[free_count++] = ref;
    return true;
}
