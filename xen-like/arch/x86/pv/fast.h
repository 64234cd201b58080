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
                                           __ATOMIC_RELAXED))) {
        if (likely(pg->owner_frame == virt_to_mfn(d).n))
            return true;
        page_put(pg); /* it changed hands between our look and our reference */
        return false;
    }
    return page_get(pg, d);
}

/* As page_put. */
static inline void fast_page_put(struct page_info *pg)
{
    if (unlikely((__atomic_sub_fetch(&pg->count, 1, __ATOMIC_RELEASE) & PGC_COUNT) == 0))
        page_put_last(pg);
}

/* One more use of a page that is in use as `type` already. */
static inline int fast_type_get(struct page_info *pg, uint64_t type)
{
    uint64_t x = pg->type;

    if (likely((x & (PGT_TYPE | PGT_VALIDATED)) == (type | PGT_VALIDATED) &&
               (x & PGT_COUNT) != PGT_COUNT) &&
        likely(__atomic_compare_exchange_n(&pg->type, &x, x + 1, false, __ATOMIC_ACQUIRE,
                                           __ATOMIC_RELAXED)))
        return 0;
    return page_type_get(pg, type, false);
}

/* One more use of a table that is in use at `type`: never the first, which would validate all
 * below. */
static inline bool table_type_get_used(struct page_info *pg, uint64_t type)
{
    uint64_t x = __atomic_load_n(&pg->type, __ATOMIC_RELAXED);

    while ((x & (PGT_TYPE | PGT_VALIDATED)) == (type | PGT_VALIDATED) &&
           (x & PGT_COUNT) != PGT_COUNT)
        if (__atomic_compare_exchange_n(&pg->type, &x, x + 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return true;
    return false;
}

/* One use less of a page with more than one. */
static inline void fast_type_put(struct page_info *pg)
{
    uint64_t x = pg->type;

    if (unlikely((x & PGT_COUNT) <= 1) ||
        unlikely(!__atomic_compare_exchange_n(&pg->type, &x, x - 1, false, __ATOMIC_RELEASE,
                                              __ATOMIC_RELAXED)))
        page_type_put(pg, false);
}

#endif
