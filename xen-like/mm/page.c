/* SPDX-License-Identifier: MIT */
/* Frames given to domains: references, lists, accounting. */
#include "mm.h"
#include "console.h"
#include "domain.h"
#include "arch/pv_mm.h"

static uint32_t frame_of_domain(const struct domain *d)
{
    return (uint32_t)virt_to_mfn(d).n;
}

bool page_get(struct page_info *pg, const struct domain *d)
{
    uint64_t c = __atomic_load_n(&pg->count, __ATOMIC_RELAXED);
    do {
        if (unlikely((c & PGC_COUNT) == 0 || (c & PGC_COUNT) == PGC_COUNT ||
                     pg->owner_frame != frame_of_domain(d)))
            return false;
    } while (!__atomic_compare_exchange_n(&pg->count, &c, c + 1, true, __ATOMIC_ACQUIRE,
                                          __ATOMIC_RELAXED));
    if (likely(pg->owner_frame == frame_of_domain(d)))
        return true;
    page_put(pg); /* it changed hands between our look and our reference */
    return false;
}

struct domain *page_get_owner(struct page_info *pg)
{
    struct domain *d = page_owner(pg);
    return d && page_get(pg, d) ? d : NULL;
}

static void list_add(struct page_list *l, uint32_t f)
{
    frame_table[f].prev = l->tail;
    frame_table[f].next = 0;
    if (l->tail)
        frame_table[l->tail].next = f;
    else
        l->head = f;
    l->tail = f;
    l->n++;
}

static void list_del(struct page_list *l, uint32_t f)
{
    const struct page_info *pg = frame_table + f;
    if (pg->prev)
        frame_table[pg->prev].next = pg->next;
    else
        l->head = pg->next;
    if (pg->next)
        frame_table[pg->next].prev = pg->prev;
    else
        l->tail = pg->prev;
    l->n--;
}

void page_put_last(struct page_info *pg)
{
    struct domain *d = page_owner(pg);
    uint64_t mfn = page_to_mfn(pg).n;

    if (pg->count & PGC_HEAP) {
        m2p_table[mfn] = M2P_INVALID;
        heap_free_pages(pg, 0);
        return;
    }
    BUG_ON(!d || (pg->type & PGT_COUNT));
    spin_lock(&d->page_lock);
    list_del(pg->flags & PGF_RELINQUISHED ? &d->relinquished : &d->pages, (uint32_t)mfn);
    d->n_pages--;
    bool last = d->n_pages == 0;
    spin_unlock(&d->page_lock);
    m2p_table[mfn] = M2P_INVALID;
    heap_free_pages(pg, 0);
    if (last)
        domain_put(d); /* owning pages is one reference */
}

void page_put(struct page_info *pg)
{
    uint64_t c = __atomic_sub_fetch(&pg->count, 1, __ATOMIC_RELEASE);
    if (unlikely((c & PGC_COUNT) == 0))
        page_put_last(pg);
}

/* Guards n_claimed and every domain's n_outstanding. */
static struct spinlock claim_lock = SPINLOCK_INIT(RANK_CLAIM);
/* Frames promised to domains and not yet theirs: the sum of n_outstanding. */
static uint64_t n_claimed;

int page_claim(struct domain *d, uint64_t n)
{
    spin_lock(&claim_lock);
    uint64_t others = n_claimed - d->n_outstanding, n_free = heap_free_count();
    int rc = n > n_free - MIN(n_free, others) ? -ENOMEM : 0;

    if (rc == 0) {
        d->n_outstanding = n;
        n_claimed = others + n;
    }
    spin_unlock(&claim_lock);
    return rc;
}

/* Takes `n` frames out of d's promise; false when what is left is promised to others. */
static bool use_claim(struct domain *d, uint64_t n)
{
    spin_lock(&claim_lock);
    bool ok = heap_free_count() >= n_claimed - d->n_outstanding;

    if (ok) {
        n = MIN(n, d->n_outstanding);
        d->n_outstanding -= n;
        n_claimed -= n;
    }
    spin_unlock(&claim_lock);
    return ok;
}

void page_list_move(struct page_list *from, struct page_list *to, struct page_info *pg)
{
    uint32_t f = (uint32_t)page_to_mfn(pg).n;

    list_del(from, f);
    list_add(to, f);
}

int page_assign(struct domain *d, struct page_info *pg, unsigned int order)
{
    uint64_t n = 1ul << order;

    spin_lock(&d->page_lock);
    if (d->is_dying || d->n_pages + n > d->max_pages || d->n_pages + n < n) {
        int rc = d->is_dying ? -EINVAL : -ENOMEM;
        spin_unlock(&d->page_lock);
        return rc;
    }
    if (!use_claim(d, n)) {
        spin_unlock(&d->page_lock);
        return -ENOMEM;
    }
    if (d->n_pages == 0)
        domain_get(d);
    d->n_pages += n;
    for (uint64_t i = 0; i < n; i++) {
        pg[i].owner_frame = frame_of_domain(d);
        __atomic_store_n(&pg[i].count, PGC_ALLOCATED | 1, __ATOMIC_RELEASE);
        list_add(&d->pages, (uint32_t)page_to_mfn(pg + i).n);
    }
    spin_unlock(&d->page_lock);
    return 0;
}

struct page_info *page_alloc_for(struct domain *d, unsigned int order, unsigned int flags)
{
    struct page_info *pg = heap_alloc_pages(order, flags);
    if (pg && page_assign(d, pg, order)) {
        heap_free_pages(pg, order);
        return NULL;
    }
    return pg;
}

void page_release_allocation(struct page_info *pg)
{
    uint64_t c = __atomic_fetch_and(&pg->count, ~PGC_ALLOCATED, __ATOMIC_RELAXED);
    if (c & PGC_ALLOCATED)
        page_put(pg);
}

void page_share(struct page_info *pg, struct domain *d, bool writable)
{
    pg->owner_frame = frame_of_domain(d);
    pg->type = writable ? PGT_WRITABLE | PGT_VALIDATED | 1 : PGT_NONE | 1;
    m2p_table[page_to_mfn(pg).n] = M2P_SHARED;
    /* From here on `d` may take references: whoever does finds the type. */
    __atomic_store_n(&pg->count, PGC_HEAP | 1, __ATOMIC_RELEASE);
}

bool page_unshare(struct page_info *pg)
{
    uint64_t only_ours = PGC_HEAP | 1;

    __atomic_store_n(&pg->owner_frame, 0, __ATOMIC_SEQ_CST); /* nobody may map it anew */
    if (!__atomic_compare_exchange_n(&pg->count, &only_ours, 0, false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_RELAXED)) {
        /* Mapped still, by another domain: its last user frees it. */
        __atomic_fetch_sub(&pg->type, 1, __ATOMIC_SEQ_CST);
        page_put(pg);
        return false;
    }
    return true;
}

bool page_get_writable(struct page_info *pg, const struct domain *d)
{
    if (!page_get(pg, d))
        return false;
    if (page_type_get(pg, PGT_WRITABLE, false)) {
        page_put(pg);
        return false;
    }
    return true;
}

void page_put_writable(struct page_info *pg)
{
    page_type_put(pg, false);
    page_put(pg);
}

int page_get_from_gfn(struct domain *d, gfn_t gfn, bool writable, struct page_info **out)
{
    mfn_t mfn = MFN(gfn.n); /* PV: guests name machine frames */
    if (!mfn_valid(mfn))
        return -EINVAL;
    struct page_info *pg = mfn_to_page(mfn);
    if (writable ? !page_get_writable(pg, d) : !page_get(pg, d))
        return -EINVAL;
    *out = pg;
    return 0;
}
