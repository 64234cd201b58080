/* SPDX-License-Identifier: MIT */
/* Host mappings made and removed for the grant room. Such an entry carries PTE_GRANT and no claims
 * of its own. */
#include "arch/paging.h"
#include "arch/tlb.h"
#include "arch/pv_mm.h"
#include "grant.h"
#include "guest.h"

#define GRANT_FLAGS (PTE_P | PTE_A | PTE_D)

/* The L1 slot that `host_addr` means, with its table referenced; NULL when there is none. */
static uint64_t *find_slot(uint64_t host_addr, unsigned int flags, struct page_info **pt)
{
    struct vcpu *v = current;
    uint64_t *slot;

    if (flags & GNTMAP_contains_pte) {
        mfn_t mfn = paddr_to_mfn(host_addr);
        if ((host_addr & 7) || !mfn_valid(mfn))
            return NULL;
        *pt = mfn_to_page(mfn);
        slot = (uint64_t *)((char *)page_to_virt(*pt) + (host_addr & (PAGE_SIZE - 1)));
    } else {
        slot = pv_walk_l1(v, host_addr, pt);
        if (!slot)
            return NULL;
    }
    if (!page_get(*pt, v->domain))
        return NULL;
    if (((*pt)->type & (PGT_TYPE | PGT_VALIDATED)) != (PGT_L1 | PGT_VALIDATED) ||
        !((*pt)->type & PGT_COUNT)) {
        page_put(*pt);
        return NULL;
    }
    return slot;
}

int arch_grant_map(uint64_t host_addr, mfn_t mfn, unsigned int flags)
{
    struct page_info *pt;
    uint64_t entry = mfn_to_paddr(mfn) | GRANT_FLAGS | PTE_GRANT;

    if (!(flags & GNTMAP_readonly))
        entry |= PTE_W;
    if (flags & GNTMAP_application_map)
        entry |= PTE_U;
    entry |= (uint64_t)(flags >> _GNTMAP_guest_avail0 & 7) << 9;
    uint64_t *slot = find_slot(host_addr, flags, &pt);
    if (!slot)
        return GNTST_general_error;
    uint64_t old = *slot;
    *slot = l1e_adjust(entry);
    l1e_put(old, current->domain);
    page_put(pt);
    return GNTST_okay;
}

int arch_grant_unmap(uint64_t host_addr, mfn_t mfn, uint64_t new_addr, unsigned int flags)
{
    struct page_info *pt, *new_pt;
    uint64_t entry = 0;

    uint64_t *slot = find_slot(host_addr, flags, &pt);
    if (!slot)
        return GNTST_general_error;
    /* The entry must be one this handle could have made: same frame, same right to write. */
    uint64_t want = mfn_to_paddr(mfn) | PTE_P | PTE_GRANT | (flags & GNTMAP_readonly ? 0 : PTE_W);
    if ((*slot & (PTE_ADDR | PTE_P | PTE_GRANT | PTE_W)) != want) {
        page_put(pt);
        return GNTST_general_error;
    }
    if (new_addr) {
        uint64_t *from = find_slot(new_addr, 0, &new_pt);
        if (!from || (*from & PTE_GRANT)) {
            if (from)
                page_put(new_pt);
            page_put(pt);
            return GNTST_general_error;
        }
        entry = *from; /* with its claims */
        *from = 0;
        page_put(new_pt);
        if (guest_range_ok(new_addr, 1))
            tlb_flush_one(new_addr);
    }
    *slot = entry;
    page_put(pt);
    if (flags & GNTMAP_contains_pte)
        tlb_flush_all();
    else
        tlb_flush_one(host_addr);
    return GNTST_okay;
}
