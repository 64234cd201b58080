/* SPDX-License-Identifier: MIT */
/*
 * Taking a grant into use and letting it go: the v1 protocol on the shared entry.
 *
 * The owner may rewrite its shared entry at any time. Flags and domid are examined and marked as
 * one 32-bit word with compare-and-exchange; the frame is read once after that, when the mark tells
 * an honest owner to leave it.
 */
#include "internal.h"

/* An owner who changes an entry faster than this is doing it on purpose. */
#define CLAIM_ATTEMPTS 5

/* Checks the shared entry and marks it as read from, and written to, in one step. */
static int16_t claim_shared(grant_entry_v1_t *entry, const struct grant_active *act, domid_t user,
                            unsigned int how)
{
    uint32_t *word = (uint32_t *)entry; /* flags in its low half, domid in its high half */
    uint32_t type_mask = GTF_type_mask | (how & GRANT_MAPPING ? GTF_sub_page : 0);
    uint32_t mark = how & GRANT_READONLY ? GTF_reading : GTF_reading | GTF_writing;
    uint32_t old = __atomic_load_n(word, __ATOMIC_RELAXED);

    for (unsigned int i = 0; i < CLAIM_ATTEMPTS; i++) {
        if (!act->pins && ((old & type_mask) != GTF_permit_access || old >> 16 != user))
            return GNTST_general_error;
        if (!(how & GRANT_READONLY) && (old & GTF_readonly))
            return GNTST_general_error;
        if (__atomic_compare_exchange_n(word, &old, old | mark, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
            return GNTST_okay;
    }
    return GNTST_general_error;
}

/* Clears the marks that the remaining pins no longer justify. */
static void unmark_shared(grant_entry_v1_t *entry, const struct grant_active *act)
{
    uint16_t gone = 0;

    if (!(act->pins & PINS_WRITE))
        gone |= GTF_writing;
    if (!act->pins)
        gone |= GTF_reading;
    if (gone)
        __atomic_fetch_and(&entry->flags, (uint16_t)~gone, __ATOMIC_SEQ_CST);
}

int16_t grant_get_page(struct domain *owner, gfn_t gfn, unsigned int how, struct page_info **page)
{
    bool writable = !(how & GRANT_READONLY);

    if (likely(page_get_from_gfn(owner, gfn, writable, page) == 0))
        return GNTST_okay;
    /* Tell a frame that is not theirs from one that cannot be written now (a page table, say). */
    if (writable && page_get_from_gfn(owner, gfn, false, page) == 0) {
        page_put(*page);
        return GNTST_general_error;
    }
    return GNTST_bad_page;
}

void grant_put_page(struct page_info *page, unsigned int how)
{
    if (how & GRANT_READONLY)
        page_put(page);
    else
        page_put_writable(page);
}

/* One reference for each counter in `pins`: one or two. */
static int16_t get_pages(struct domain *owner, gfn_t gfn, uint32_t pins, unsigned int how,
                         struct page_info **page)
{
    int16_t status = grant_get_page(owner, gfn, how, page);

    if (status == GNTST_okay && (pins & (pins - 1))) {
        status = grant_get_page(owner, gfn, how, page);
        if (status != GNTST_okay)
            grant_put_page(mfn_to_page(MFN(gfn.n)), how);
    }
    return status;
}

static int16_t pin_locked(struct domain *owner, grant_ref_t ref, domid_t user, uint32_t pins,
                          unsigned int how, struct page_info **page)
{
    struct grant_table *t = owner->grants;
    struct grant_active *act;
    grant_entry_v1_t *entry;
    bool wants_write = !(how & GRANT_READONLY);
    int16_t status;
    gfn_t gfn;

    if (unlikely(!grant_ref_valid(t, ref)))
        return GNTST_bad_gntref;
    act = grant_active(t, ref);
    entry = grant_shared(t, ref);
    if (act->pins && (act->user != user || (act->pins & PINS_FULL)))
        return GNTST_general_error;
    if (!act->pins || (wants_write && !(act->pins & PINS_WRITE))) {
        status = claim_shared(entry, act, user, how);
        if (status != GNTST_okay)
            return status;
    }
    gfn = GFN(act->pins ? act->mfn.n : READ_ONCE(entry->frame));
    status = get_pages(owner, gfn, pins, how, page);
    if (status != GNTST_okay) {
        unmark_shared(entry, act);
        return status;
    }
    act->user = user;
    act->mfn = page_to_mfn(*page);
    act->pins += pins;
    return GNTST_okay;
}

int16_t grant_pin(struct domain *owner, grant_ref_t ref, domid_t user, uint32_t pins,
                  unsigned int how, struct page_info **page)
{
    int16_t status;

    spin_lock(&owner->grants->lock);
    status = pin_locked(owner, ref, user, pins, how, page);
    spin_unlock(&owner->grants->lock);
    return status;
}

void grant_unpin(struct domain *owner, grant_ref_t ref, uint32_t pins)
{
    struct grant_table *t = owner->grants;
    struct grant_active *act = grant_active(t, ref);

    spin_lock(&t->lock);
    act->pins -= pins;
    unmark_shared(grant_shared(t, ref), act);
    spin_unlock(&t->lock);
}
