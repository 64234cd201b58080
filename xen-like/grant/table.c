/* SPDX-License-Identifier: MIT */
/* Each domain's grant table: limits, shared frames, growth, dump, end. */
#include "console.h"
#include "hypercall.h"
#include "internal.h"

/* Frames added between two looks at what else waits. */
#define GROW_STEP 64

static int grant_create(struct domain *d)
{
    struct grant_table *t = mm_alloc(sizeof(*t));

    if (!t)
        return -ENOMEM;
    spin_lock_init(&t->lock, RANK_GRANT);
    spin_lock_init(&t->handle_lock, RANK_GRANT2);
    t->free_handle = HANDLE_NONE;
    d->grants = t;
    return 0;
}

int grant_table_set_limits(struct domain *d, unsigned int max_frames,
                           unsigned int max_maptrack_frames)
{
    struct grant_table *t = d->grants;

    if (max_frames == 0 || max_frames > GRANT_MAX_FRAMES ||
        max_maptrack_frames > GRANT_DEFAULT_MAPTRACK_FRAMES)
        return -EINVAL;
    /* One more, so that a domain allowed no mappings gets an array too. */
    t->handles = mm_alloc((max_maptrack_frames + 1) * sizeof(t->handles[0]));
    t->shared = mm_alloc(max_frames * sizeof(t->shared[0]));
    t->active = mm_alloc(max_frames * sizeof(t->active[0]));
    if (!t->handles || !t->shared || !t->active)
        return -ENOMEM;
    if (d->is_control)
        t->lost = mm_alloc(GRANT_LOST_SLOTS * sizeof(t->lost[0]));
    t->max_handles = max_maptrack_frames * GRANT_HANDLES_PER_FRAME;
    t->max_frames = max_frames;
    return grant_table_grow(d, 1);
}

static int add_frame(struct domain *d, struct grant_table *t)
{
    struct grant_active *active = mm_alloc(GRANTS_PER_FRAME * sizeof(*active));
    grant_entry_v1_t *shared = active ? mm_alloc_pages(0) : NULL;

    if (!shared) {
        mm_free(active);
        return -ENOMEM;
    }
    page_share(virt_to_page(shared), d, true);
    t->active[t->n_frames] = active;
    t->shared[t->n_frames] = shared;
    t->n_frames++;
    return 0;
}

int grant_table_grow(struct domain *d, unsigned int n)
{
    struct grant_table *t = d->grants;
    int rc = 0;

    if (n > t->max_frames)
        return -EINVAL;
    while (rc == 0 && t->n_frames < n) {
        spin_lock(&t->lock);
        for (unsigned int i = 0; i < GROW_STEP && t->n_frames < n && rc == 0; i++)
            rc = add_frame(d, t);
        spin_unlock(&t->lock);
        if (rc == 0 && t->n_frames < n && hypercall_preempt_check())
            rc = -ERESTART_HYPERCALL;
    }
    return rc;
}

int grant_table_get_frame(struct domain *d, unsigned int idx, mfn_t *mfn)
{
    int rc;

    do {
        rc = idx < GRANT_MAX_FRAMES ? grant_table_grow(d, idx + 1) : -EINVAL;
    } while (rc == -ERESTART_HYPERCALL);
    if (rc == 0)
        *mfn = virt_to_mfn(d->grants->shared[idx]);
    return rc;
}

unsigned int grant_table_frames(const struct domain *d)
{
    return d->grants->n_frames;
}

unsigned int grant_table_max_frames(const struct domain *d)
{
    return d->grants->max_frames;
}

static int16_t swap_locked(struct grant_table *t, grant_ref_t a, grant_ref_t b)
{
    grant_entry_v1_t entry;

    if (!grant_ref_valid(t, a) || !grant_ref_valid(t, b))
        return GNTST_bad_gntref;
    if (a == b)
        return GNTST_okay;
    if (grant_active(t, a)->pins || grant_active(t, b)->pins)
        return GNTST_eagain;
    entry = *grant_shared(t, a);
    *grant_shared(t, a) = *grant_shared(t, b);
    *grant_shared(t, b) = entry;
    return GNTST_okay;
}

int16_t grant_swap_refs(struct domain *d, grant_ref_t a, grant_ref_t b)
{
    int16_t status;

    spin_lock(&d->grants->lock);
    status = swap_locked(d->grants, a, b);
    spin_unlock(&d->grants->lock);
    return status;
}

/* The domain's last reference is gone, so nobody holds its grants; only a stray mapping of a table
 * frame may be left. */
static void grant_free(struct domain *d)
{
    struct grant_table *t = d->grants;

    if (!t)
        return;
    for (unsigned int i = 0; i < t->n_frames; i++) {
        mm_free(t->active[i]);
        if (page_unshare(virt_to_page(t->shared[i])))
            mm_free_pages(t->shared[i], 0);
        else
            printk(LOG_WARN, "d%u: grant table frame %u is still mapped, leaving it\n", d->id, i);
    }
    mm_free(t->active);
    mm_free(t->shared);
    mm_free(t->lost);
    grant_handles_free(t);
    mm_free(t);
    d->grants = NULL;
}

static void grant_dump(const struct domain *d)
{
    const struct grant_table *t = d->grants;

    if (!t)
        return;
    printk(LOG_INFO, " grants: %u of %u frames, %u of %u handles; in use (ref, pins, user, mfn):\n",
           t->n_frames, t->max_frames, t->n_handles, t->max_handles);
    for (grant_ref_t ref = 0; grant_ref_valid(t, ref); ref++) {
        const struct grant_active *act = grant_active(t, ref);

        if (act->pins)
            printk(LOG_INFO, "  %5u %08x d%u %lx\n", ref, act->pins, act->user, act->mfn.n);
    }
}

const struct domain_room grant_room = {
    .name = "grant",
    .create = grant_create,
    .teardown = grant_release_mappings,
    .free = grant_free,
    .dump = grant_dump,
};
