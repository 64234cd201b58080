/* SPDX-License-Identifier: MIT */
/*
 * L1 entries: their claims on frames, and changing them. In line, because page faults, fork and
 * exit of a guest are made of this.
 */
#ifndef CORBEL_PV_L1_H
#define CORBEL_PV_L1_H

#include "fast.h"

#define L1_FLAGS_REFUSED (PTE_GRANT | (0xful << 59))

/* An entry made by a grant map is overwritten: the handle stays, and finds a note when unmapped. */
void l1e_grant_lost(struct domain *mapper, uint64_t l1e);

static inline bool caching_flags(uint64_t l1e)
{
    return l1e & (PTE_PWT | PTE_PCD | PTE_PAT);
}

/* One L1 entry's claims on the frame it maps. `owner`: whose frames it may map. 0, -EINVAL, -EPERM,
 * -EBUSY. */
static inline int l1e_get(uint64_t l1e, struct domain *mapper, struct domain *owner)
{
    if (unlikely(l1e & (L1_FLAGS_REFUSED | paddr_mask_invalid)))
        return -EINVAL;
    mfn_t mfn = paddr_to_mfn(l1e & PTE_ADDR);
    if (unlikely(!mfn_valid(mfn)))
        return domain_may_access(mapper, mapper->iomem, mfn.n, mfn.n) ? 0 : -EPERM;
    struct page_info *pg = mfn_to_page(mfn);
    if (unlikely(caching_flags(l1e) && !mapper->is_control))
        return -EINVAL;
    if (unlikely(!fast_page_get(pg, owner)))
        return -EINVAL;
    if (unlikely(mapper != owner))
        page_flag_set(pg, PGF_FOREIGN);
    if ((l1e & PTE_W) && unlikely(fast_type_get(pg, PGT_WRITABLE))) {
        fast_page_put(pg);
        return -EBUSY; /* in use as a table or descriptors */
    }
    return 0;
}

static inline void l1e_put(uint64_t l1e, struct domain *mapper)
{
    if (!(l1e & PTE_P))
        return;
    mfn_t mfn = paddr_to_mfn(l1e & PTE_ADDR);
    if (unlikely(!mfn_valid(mfn)))
        return;
    if (unlikely(l1e & PTE_GRANT)) {
        l1e_grant_lost(mapper, l1e);
        return;
    }
    struct page_info *pg = mfn_to_page(mfn);
    if (l1e & PTE_W)
        fast_type_put(pg);
    fast_page_put(pg);
}

static inline bool entry_exchange(uint64_t *slot, uint64_t *old, uint64_t val)
{
    return __atomic_compare_exchange_n(slot, old, val, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* Both present, same frame, same write permission: the claims stay. */
static inline bool only_flags_change(uint64_t old, uint64_t val)
{
    return (val & PTE_P) && ((old ^ val) & (PTE_ADDR | PTE_P | PTE_W)) == 0 &&
           !((old | val) & PTE_GRANT) &&
           !(val & (paddr_mask_invalid | (0xful << 59) | PTE_PWT | PTE_PCD | PTE_PAT));
}

/* Another vCPU may change the entry at the same time, and the CPU its A and D bits: each entry is
 * taken out by whoever exchanges it, with its claims. */
static inline int l1_update(struct domain *d, uint64_t *slot, uint64_t val, struct domain *owner,
                            bool keep_ad)
{
    uint64_t old = READ_ONCE(*slot);

    if (val & PTE_P) {
        if (only_flags_change(old, val)) {
            uint64_t same = l1e_adjust(val) | (keep_ad ? old & (PTE_A | PTE_D) : 0);

            if (likely(entry_exchange(slot, &old, same)))
                return 0;
        }
        int rc = l1e_get(val, d, owner);
        if (unlikely(rc))
            return rc;
        val = l1e_adjust(val);
    }
    if (keep_ad && (val & PTE_P))
        while (!entry_exchange(slot, &old, val | (old & (PTE_A | PTE_D))))
            ;
    else
        old = __atomic_exchange_n(slot, val, __ATOMIC_SEQ_CST);
    l1e_put(old, d);
    return 0;
}

#endif
