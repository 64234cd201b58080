/* SPDX-License-Identifier: MIT */
/*
 * Grant copy: bytes from one frame to another, each named by a grant of anybody's or as a frame of
 * the caller's own. Frames are reached through the direct map. Both ends of the last operation stay
 * held, since batches often fill one page from several, or spread one over several.
 */
#include "counters.h"
#include "internal.h"
#include "lib/string.h"

struct copy_end {
    struct gnttab_copy_ptr ptr; /* what is held (its offset is not part of that) */
    bool is_held;
    bool is_ref;
    unsigned int how;
    struct domain *owner;
    struct page_info *page;
};

static void end_release(struct copy_end *end)
{
    if (!end->is_held)
        return;
    if (end->is_ref)
        grant_unpin(end->owner, end->ptr.u.ref,
                    end->how & GRANT_READONLY ? PIN_HOST_READ : PIN_HOST_WRITE);
    grant_put_page(end->page, end->how);
    end->is_held = false;
}

static bool end_holds(const struct copy_end *end, const struct gnttab_copy_ptr *ptr, bool is_ref)
{
    if (!end->is_held || end->ptr.domid != ptr->domid || end->is_ref != is_ref)
        return false;
    return is_ref ? end->ptr.u.ref == ptr->u.ref : end->ptr.u.gmfn == ptr->u.gmfn;
}

static int16_t end_acquire(struct copy_end *end, const struct gnttab_copy_ptr *ptr, bool is_ref)
{
    int16_t status;

    if (end_holds(end, ptr, is_ref))
        return GNTST_okay;
    end_release(end);
    end->owner = grant_find_domain(ptr->domid);
    if (!end->owner) /* check_domain() found it, but it may have gone since */
        return GNTST_bad_domain;
    end->ptr = *ptr;
    end->is_ref = is_ref;
    if (is_ref)
        status = grant_pin(end->owner, ptr->u.ref, current->domain->id,
                           end->how & GRANT_READONLY ? PIN_HOST_READ : PIN_HOST_WRITE, end->how,
                           &end->page);
    else
        status = grant_get_page(end->owner, GFN(ptr->u.gmfn), end->how, &end->page);
    end->is_held = status == GNTST_okay;
    return status;
}

/* Only the caller's own frames may be named as such. */
static int16_t check_domain(const struct gnttab_copy_ptr *ptr, bool is_ref)
{
    if (ptr->domid != DOMID_SELF && !is_ref)
        return GNTST_permission_denied;
    return grant_find_domain(ptr->domid) ? GNTST_okay : GNTST_bad_domain;
}

static int16_t copy_one(const struct gnttab_copy *op, struct copy_end *from, struct copy_end *to)
{
    bool from_ref = op->flags & GNTCOPY_source_gref, to_ref = op->flags & GNTCOPY_dest_gref;
    int16_t status = check_domain(&op->source, from_ref);

    if (status == GNTST_okay)
        status = check_domain(&op->dest, to_ref);
    if (status == GNTST_okay)
        status = end_acquire(from, &op->source, from_ref);
    if (status == GNTST_okay)
        status = end_acquire(to, &op->dest, to_ref);
    if (status != GNTST_okay)
        return status;
    if (op->source.offset + op->len > PAGE_SIZE || op->dest.offset + op->len > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    if (from->page == to->page)
        memmove((char *)page_to_virt(to->page) + op->dest.offset,
                (char *)page_to_virt(from->page) + op->source.offset, op->len);
    else
        memcpy((char *)page_to_virt(to->page) + op->dest.offset,
               (char *)page_to_virt(from->page) + op->source.offset, op->len);
    return GNTST_okay;
}

void grant_copy_batch(struct gnttab_copy *ops, unsigned int n)
{
    struct copy_end from = {.how = GRANT_READONLY}, to = {.how = 0};

    for (unsigned int i = 0; i < n; i++) {
        COUNT(grant_copies);
        ops[i].status = copy_one(&ops[i], &from, &to);
    }
    end_release(&from);
    end_release(&to);
}
