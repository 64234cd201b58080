/* SPDX-License-Identifier: MIT */
/* Mapping grants into the caller's address space and taking the mappings away again. */
#include "counters.h"
#include "trace.h"
#include "hypercall.h"
#include "internal.h"

#define MAP_PARTS (GNTMAP_host_map | GNTMAP_device_map)

/* The counters that a mapping with these GNTMAP_* flags is counted in. */
static uint32_t pins_of(unsigned int flags)
{
    bool readonly = flags & GNTMAP_readonly;
    uint32_t pins = 0;

    if (flags & GNTMAP_host_map)
        pins |= readonly ? PIN_HOST_READ : PIN_HOST_WRITE;
    if (flags & GNTMAP_device_map)
        pins |= readonly ? PIN_DEVICE_READ : PIN_DEVICE_WRITE;
    return pins;
}

static unsigned int how_of(unsigned int flags)
{
    return GRANT_MAPPING | (flags & GNTMAP_readonly ? GRANT_READONLY : 0);
}

/* Lets go what one mapping, or a part of one, was counted for. No TLB may hold it any more. */
static void release(struct domain *owner, grant_ref_t ref, unsigned int flags)
{
    struct page_info *page = mfn_to_page(grant_active(owner->grants, ref)->mfn);

    grant_unpin(owner, ref, pins_of(flags));
    if (flags & GNTMAP_host_map)
        grant_put_page(page, how_of(flags));
    if (flags & GNTMAP_device_map)
        grant_put_page(page, how_of(flags));
}

/* Pins the grant and makes the host mapping; `handle` is ours to publish, with the reference to
 * `owner` we came with. */
static int16_t map_into(struct grant_table *mine, grant_handle_t handle, struct domain *owner,
                        struct gnttab_map_grant_ref *op)
{
    struct page_info *page;
    int status = grant_pin(owner, op->ref, current->domain->id, pins_of(op->flags),
                           how_of(op->flags), &page);

    if (status != GNTST_okay) {
        domain_put(owner);
        return (int16_t)status;
    }
    page_flag_set(page, PGF_FOREIGN);
    if (op->flags & GNTMAP_host_map)
        status = arch_grant_map(op->host_addr, page_to_mfn(page), op->flags);
    if (status != GNTST_okay) {
        release(owner, op->ref, op->flags);
        domain_put(owner);
        return (int16_t)status;
    }
    grant_handle_publish(mine, handle, owner, op->ref, op->flags);
    COUNT(grants_mapped);
    TRACE(TRC_MEM_PAGE_GRANT_MAP, op->dom);
    op->handle = handle;
    /* Without an IOMMU a device sees machine addresses: a device mapping is but a pinned frame. */
    op->dev_bus_addr = mfn_to_paddr(page_to_mfn(page));
    return GNTST_okay;
}

static int16_t map_one(struct gnttab_map_grant_ref *op)
{
    struct grant_table *mine = current->domain->grants;
    struct domain *owner = op->dom == DOMID_SELF ? NULL : grant_find_domain(op->dom);
    grant_handle_t handle;
    int16_t status;

    if (!(op->flags & MAP_PARTS))
        return GNTST_bad_gntref;
    if (!owner)
        return GNTST_bad_domain;
    handle = grant_handle_take(mine);
    if (handle == HANDLE_NONE)
        return GNTST_no_space;
    /* The mapping's reference; a domain whose last one is gone is not mapped from any more. */
    status = domain_try_get(owner) ? map_into(mine, handle, owner, op) : GNTST_bad_domain;
    if (status != GNTST_okay)
        grant_handle_return(mine, handle, 0);
    return status;
}

void grant_map_batch(struct gnttab_map_grant_ref *ops, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++)
        ops[i].status = map_one(&ops[i]);
}

/* Removes what `op` asks for from page tables; the removed parts (GNTMAP_*_map) are in *removed. */
static int16_t remove_parts(const struct grant_unmap *op, const struct grant_mapping *m,
                            unsigned int *removed)
{
    mfn_t mfn = grant_active(m->owner->grants, m->ref)->mfn;
    int status;

    *removed = 0;
    if (op->dev_bus_addr && op->dev_bus_addr != mfn_to_paddr(mfn))
        return GNTST_general_error;
    if (op->host_addr && (m->flags & GNTMAP_host_map)) {
        status = arch_grant_unmap(op->host_addr, mfn, op->new_addr, m->flags);
        if (status != GNTST_okay)
            return (int16_t)status;
        *removed |= GNTMAP_host_map;
    }
    if (op->dev_bus_addr && (m->flags & GNTMAP_device_map))
        *removed |= GNTMAP_device_map;
    return GNTST_okay;
}

/* What one operation removed from page tables, still counted for until no TLB holds it. */
struct unmapped {
    struct grant_mapping m;
    grant_handle_t handle;
    unsigned int removed; /* GNTMAP_*_map */
    bool is_last;         /* nothing is left of the mapping: the handle becomes free */
};

static int16_t unmap_one(const struct grant_unmap *op, struct unmapped *u)
{
    struct grant_table *mine = current->domain->grants;
    int16_t status;

    u->removed = 0;
    u->handle = op->handle;
    u->is_last = false;
    if (!grant_handle_claim(mine, op->handle, &u->m))
        return GNTST_bad_handle;
    status = remove_parts(op, &u->m, &u->removed);
    COUNT(grants_unmapped);
    TRACE(TRC_MEM_PAGE_GRANT_UNMAP, u->m.owner->id);
    unsigned int left = u->m.flags & ~u->removed;

    u->is_last = !(left & MAP_PARTS);
    if (!u->is_last)
        grant_handle_return(mine, op->handle, left);
    return status;
}

static void unmap_finish(const struct unmapped *u)
{
    if (u->removed)
        release(u->m.owner, u->m.ref, u->removed | (u->m.flags & GNTMAP_readonly));
    if (u->is_last)
        grant_handle_return(current->domain->grants, u->handle, 0);
}

void grant_unmap_batch(struct grant_unmap *ops, unsigned int n)
{
    struct unmapped unmapped[GRANT_BATCH];
    unsigned int removed = 0;

    for (unsigned int i = 0; i < n; i++) {
        ops[i].status = unmap_one(&ops[i], &unmapped[i]);
        removed |= unmapped[i].removed;
    }
    if (removed & GNTMAP_host_map)
        arch_grant_flush(); /* once for all of them */
    for (unsigned int i = 0; i < n; i++)
        unmap_finish(&unmapped[i]);
}

int grant_release_mappings(struct domain *d)
{
    struct grant_table *t = d->grants;
    struct grant_mapping m;

    while (t && t->next_release < t->n_handles) {
        grant_handle_t h = t->next_release++;

        if (grant_handle_claim(t, h, &m)) {
            /* Page tables of a dying domain are never used again: no entry to remove, no TLB to
             * flush. */
            release(m.owner, m.ref, m.flags);
            grant_handle_return(t, h, 0);
        }
        if (h % 64 == 63 && hypercall_preempt_check())
            return -ERESTART_HYPERCALL;
    }
    return 0;
}
