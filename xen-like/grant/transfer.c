/* SPDX-License-Identifier: MIT */
/*
 * Page transfer: the caller gives a frame away to a domain that announced, in an entry of its grant
 * table, that it will take one.
 *
 * The receiver gets a fresh frame with the contents; the caller's own frame goes back to the heap
 * by the usual way. Frame numbers mean nothing to either side before the entry names the new one,
 * and a frame that never changes owner cannot be written through a stale translation of the giver.
 */
#include "internal.h"
#include "lib/string.h"

/* Whether the caller may part with `page`: in no use, which would hold a reference,
 * but being allocated and looked at by us. */
static bool is_free_to_go(const struct page_info *page)
{
    return READ_ONCE(page->count) == (PGC_ALLOCATED | 2);
}

/* Whether the entry takes a frame from `giver` now: asked before anything is taken of its owner's.
 */
static bool entry_accepts(struct grant_table *t, grant_ref_t ref, domid_t giver)
{
    bool accepts = false;

    spin_lock(&t->lock);
    if (grant_ref_valid(t, ref)) {
        const grant_entry_v1_t *entry = grant_shared(t, ref);

        accepts =
            READ_ONCE(entry->flags) == GTF_accept_transfer && READ_ONCE(entry->domid) == giver;
    }
    spin_unlock(&t->lock);
    return accepts;
}

/* Marks the entry as committed to, once; the receiver leaves it alone from then on. */
static bool commit_entry(struct grant_table *t, grant_ref_t ref, domid_t giver)
{
    uint32_t want = GTF_accept_transfer | (uint32_t)giver << 16;

    return grant_ref_valid(t, ref) && !grant_active(t, ref)->pins &&
           __atomic_compare_exchange_n((uint32_t *)grant_shared(t, ref), &want,
                                       want | GTF_transfer_committed, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

static void complete_entry(struct grant_table *t, grant_ref_t ref, mfn_t mfn)
{
    grant_entry_v1_t *entry = grant_shared(t, ref);

    WRITE_ONCE(entry->frame, (uint32_t)mfn.n);
    __atomic_fetch_or(&entry->flags, GTF_transfer_completed, __ATOMIC_SEQ_CST);
}

/* `page` is held by one reference of ours. */
static int16_t give(struct domain *receiver, grant_ref_t ref, struct page_info *page)
{
    struct grant_table *t = receiver->grants;
    struct page_info *fresh;
    bool committed;

    if (!is_free_to_go(page))
        return GNTST_bad_page;
    if (!entry_accepts(t, ref, current->domain->id))
        return GNTST_general_error;
    fresh = page_alloc_for(receiver, 0, 0);
    if (!fresh)
        return GNTST_no_space;
    memcpy(page_to_virt(fresh), page_to_virt(page), PAGE_SIZE);
    spin_lock(&t->lock);
    committed = commit_entry(t, ref, current->domain->id);
    if (committed)
        complete_entry(t, ref, page_to_mfn(fresh));
    spin_unlock(&t->lock);
    page_release_allocation(committed ? page : fresh);
    return committed ? GNTST_okay : GNTST_general_error;
}

static int16_t transfer_one(const struct gnttab_transfer *op)
{
    struct domain *receiver = grant_find_domain(op->domid);
    struct page_info *page;
    int16_t status;

    if (page_get_from_gfn(current->domain, GFN(op->mfn), false, &page))
        return GNTST_bad_page;
    status = receiver ? give(receiver, op->ref, page) : GNTST_bad_domain;
    page_put(page);
    return status;
}

void grant_transfer_batch(struct gnttab_transfer *ops, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++)
        ops[i].status = transfer_one(&ops[i]);
}
