/* SPDX-License-Identifier: MIT */
/*
 * Inside the grant room.
 *
 * Granting side: the shared entries (written by a hostile guest at any moment) and, for each, an
 * active entry of our own: how often the grant is in use now ("pins"), by whom, and the frame as it
 * was when first pinned. While pinned, only the active entry counts; the shared entry merely shows
 * GTF_reading/GTF_writing to its owner. Mapping side: one handle for each mapping, remembering
 * which domain's which grant it uses.
 *
 * Two locks for each domain, never held together: table->lock for the granting side,
 * table->handle_lock for the mapping side. A handle whose flags are 0 belongs to whoever took or
 * claimed it.
 */
#ifndef CORBEL_GRANT_INTERNAL_H
#define CORBEL_GRANT_INTERNAL_H

#include "domain.h"
#include "grant.h"

#define GRANTS_PER_FRAME ((unsigned int)(PAGE_SIZE / sizeof(grant_entry_v1_t)))

/*
 * Uses of a grant, four counters in a word, at most 128 each: a counter that has reached 128
 * refuses more, so that no addition carries into its neighbour.
 */
#define PIN_HOST_WRITE   0x00000001u
#define PIN_HOST_READ    0x00000100u
#define PIN_DEVICE_WRITE 0x00010000u
#define PIN_DEVICE_READ  0x01000000u
#define PINS_WRITE       0x00ff00ffu
#define PINS_FULL        0x80808080u

struct grant_active {
    uint32_t pins;
    domid_t user; /* valid while pinned, as is mfn */
    mfn_t mfn;
};

struct grant_mapping {
    struct domain *owner; /* of the frame; a reference is held. NULL: free */
    grant_ref_t ref;      /* free: the next free handle */
    uint16_t flags;       /* GNTMAP_host_map, _device_map, _readonly, _contains_pte */
};
#define HANDLE_NONE (~0u)

struct grant_table {
    struct spinlock lock; /* RANK_GRANT: the granting side */
    unsigned int n_frames, max_frames;
    grant_entry_v1_t **shared; /* max_frames of each */
    struct grant_active **active;

    struct spinlock handle_lock; /* RANK_GRANT2: the mapping side */
    unsigned int n_handles, max_handles;
    grant_handle_t free_handle;     /* HANDLE_NONE: none */
    grant_handle_t next_release;    /* where grant_release_mappings goes on */
    struct grant_mapping **handles; /* frames of GRANT_HANDLES_PER_FRAME */

    uint64_t *lost; /* GRANT_LOST_SLOTS entries (lost.c); NULL but for the control domain */
};

static inline struct grant_active *grant_active(const struct grant_table *t, grant_ref_t ref)
{
    return &t->active[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
}

static inline grant_entry_v1_t *grant_shared(const struct grant_table *t, grant_ref_t ref)
{
    return &t->shared[ref / GRANTS_PER_FRAME][ref % GRANTS_PER_FRAME];
}

static inline bool grant_ref_valid(const struct grant_table *t, grant_ref_t ref)
{
    return ref < t->n_frames * GRANTS_PER_FRAME;
}

/* A domain named in a grant operation; NULL when there is none with a grant table. */
static inline struct domain *grant_find_domain(domid_t id)
{
    struct domain *d = domain_find(id);

    return d && d->grants ? d : NULL;
}

/* --- pin.c --- */
#define GRANT_READONLY 1u /* no write access is wanted */
#define GRANT_MAPPING  2u /* for a mapping: grants of a part of a page will not do */
/*
 * Takes grant `ref` of `owner` into use for domain `user`: adds `pins`, and takes one page
 * reference for each counter added to (with the writable type unless GRANT_READONLY). GNTST_*;
 * *page on success.
 */
int16_t grant_pin(struct domain *owner, grant_ref_t ref, domid_t user, uint32_t pins,
                  unsigned int how, struct page_info **page);
/* Undoes the counting half of grant_pin; the page references are for grant_put_page. */
void grant_unpin(struct domain *owner, grant_ref_t ref, uint32_t pins);
/* Takes a reference to a frame a domain names (writable type too unless GRANT_READONLY). GNTST_*.
 */
int16_t grant_get_page(struct domain *owner, gfn_t gfn, unsigned int how, struct page_info **page);
void grant_put_page(struct page_info *page, unsigned int how);

/* --- maptrack.c --- */
/* A fresh handle, or HANDLE_NONE at the domain's limit or without memory. */
grant_handle_t grant_handle_take(struct grant_table *t);
/* Gives a taken handle its mapping, which takes over a reference to `owner` from the caller. */
void grant_handle_publish(struct grant_table *t, grant_handle_t handle, struct domain *owner,
                          grant_ref_t ref, unsigned int flags);
/* Makes a published handle the caller's, with its contents in *mapping. False: there is no such
 * mapping. */
bool grant_handle_claim(struct grant_table *t, grant_handle_t handle,
                        struct grant_mapping *mapping);
/* Gives a claimed or taken handle back: with what is left of its mapping, or, flags being 0, as
 * free. */
void grant_handle_return(struct grant_table *t, grant_handle_t handle, unsigned int flags);
void grant_handles_free(struct grant_table *t);

/* Room for entries of page tables that were cleared before their handles were unmapped. */
#define GRANT_LOST_SLOTS 2048u

/* Releases all mappings made by `d` (map.c); -ERESTART_HYPERCALL: call again. */
int grant_release_mappings(struct domain *d);

#endif
