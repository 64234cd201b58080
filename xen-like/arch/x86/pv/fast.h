/* SPDX-License-Identifier: MIT */
/*
 * The usual case of references and type uses, in line: page-table updates take and drop a few of
 * each and are most of what a PV guest's fork and exit cost. The rules are mm/page.c's and
 * pv/types.c's; anything unusual goes there.
 */
#ifndef CORBEL_PV_FAST_H
#define CORBEL_PV_FAST_H

#include "arch/pv_mm.h"

/* As page_get, for a page that has other references already. */
static inline bool fast_page_get(struct page_info *pg, const struct domain *d)
{
    uint64_t c = __atomic_load_n(&pg->count, __ATOMIC_RELAXED);

    if (unlikely((c & PGC_COUNT) == 0 || pg->owner_frame != virt_to_mfn(d).n))
        return false;
    if (likely(__atomic_compare_exchange_n(&pg->count, &c, c + 1, false, __ATOMIC_ACQUIRE,
                                           __ATOMIC_RELAXED)))
        return true;
    return page_get(pg, d);
}

/* As page_put, for a page whose allocation still stands, so that this is not the last reference. */
static inline void fast_page_put(struct page_info *pg)
{
    if (likely(pg->count & PGC_ALLOCATED))
        __atomic_fetch_sub(&pg->count, 1, __ATOMIC_RELEASE);
    else
        page_put(pg);
}

/* One more use of a page that is in use as `type` already. */
static inline int fast_type_get(struct page_info *pg, uint64_t type)
{
    uint64_t x = pg->type;

    if (likely((x & (PGT_TYPE | PGT_VALIDATED)) == (type | PGT_VALIDATED) && (x & PGT_COUNT) &&
               (x & PGT_COUNT) != PGT_COUNT)) {
        pg->type = x + 1;
        return 0;
    }
    return page_type_get(pg, type, false);
}

/* One use less of a page with more than one. */
static inline void fast_type_put(struct page_info *pg)
{
    if (likely((pg->type & PGT_COUNT) > 1))
        pg->type--;
    else
        page_type_put(pg, false);
}

#endif
