/* SPDX-License-Identifier: MIT */
/* Handles: what a domain has mapped from others. */
#include "internal.h"

static struct grant_mapping *mapping_of(const struct grant_table *t, grant_handle_t handle)
{
    return &t->handles[handle / GRANT_HANDLES_PER_FRAME][handle % GRANT_HANDLES_PER_FRAME];
}

/* Puts a new frame of handles on the free list, lowest first. False: the limit is reached, or no
 * memory. */
static bool add_handles(struct grant_table *t)
{
    unsigned int first = t->n_handles;
    struct grant_mapping *frame;

    if (first >= t->max_handles)
        return false;
    frame = mm_alloc(GRANT_HANDLES_PER_FRAME * sizeof(*frame));
    if (!frame)
        return false;
    for (unsigned int i = 0; i < GRANT_HANDLES_PER_FRAME; i++)
        frame[i].ref = first + i + 1;
    frame[GRANT_HANDLES_PER_FRAME - 1].ref = t->free_handle;
    t->handles[first / GRANT_HANDLES_PER_FRAME] = frame;
    t->free_handle = first;
    t->n_handles = first + GRANT_HANDLES_PER_FRAME;
    return true;
}

grant_handle_t grant_handle_take(struct grant_table *t)
{
    grant_handle_t handle = HANDLE_NONE;

    spin_lock(&t->handle_lock);
    if (t->free_handle != HANDLE_NONE || add_handles(t)) {
        handle = t->free_handle;
        t->free_handle = mapping_of(t, handle)->ref;
    }
    spin_unlock(&t->handle_lock);
    return handle;
}

void grant_handle_publish(struct grant_table *t, grant_handle_t handle, struct domain *owner,
                          grant_ref_t ref, unsigned int flags)
{
    spin_lock(&t->handle_lock);
    *mapping_of(t, handle) =
        (struct grant_mapping){.owner = owner, .ref = ref, .flags = (uint16_t)flags};
    spin_unlock(&t->handle_lock);
}

bool grant_handle_claim(struct grant_table *t, grant_handle_t handle, struct grant_mapping *mapping)
{
    bool found = false;

    spin_lock(&t->handle_lock);
    if (handle < t->n_handles && mapping_of(t, handle)->flags) {
        *mapping = *mapping_of(t, handle);
        mapping_of(t, handle)->flags = 0;
        found = true;
    }
    spin_unlock(&t->handle_lock);
    return found;
}

void grant_handle_return(struct grant_table *t, grant_handle_t handle, unsigned int flags)
{
    struct grant_mapping *m = mapping_of(t, handle);
    struct domain *released = NULL;

    spin_lock(&t->handle_lock);
    if (flags) {
        m->flags = (uint16_t)flags;
    } else {
        released = m->owner;
        *m = (struct grant_mapping){.ref = t->free_handle};
        t->free_handle = handle;
    }
    spin_unlock(&t->handle_lock);
    if (released)
        domain_put(released);
}

void grant_handles_free(struct grant_table *t)
{
    for (unsigned int i = 0; i < t->n_handles / GRANT_HANDLES_PER_FRAME; i++)
        mm_free(t->handles[i]);
    mm_free(t->handles);
}
