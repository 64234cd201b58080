/* SPDX-License-Identifier: MIT */
/*
 * grant_table_op: arrays of operations are copied in, acted on and copied out a chunk at a time,
 * with a preemption point between chunks. The call continues with the rest of the array.
 */
#include "grant.h"
#include "guest.h"
#include "hypercall.h"

union grant_chunk {
    struct gnttab_map_grant_ref map[GRANT_BATCH];
    struct gnttab_unmap_grant_ref unmap[GRANT_BATCH];
    struct gnttab_unmap_and_replace replace[GRANT_BATCH];
    struct gnttab_transfer transfer[GRANT_BATCH];
    struct gnttab_copy copy[GRANT_BATCH];
    struct gnttab_swap_grant_ref swap[GRANT_BATCH];
    struct gnttab_cache_flush cache[GRANT_BATCH];
    struct gnttab_setup_table setup;
    struct gnttab_query_size query;
    struct gnttab_set_version set_version;
    struct gnttab_get_status_frames status_frames;
    struct gnttab_get_version get_version;
};

/* The domain a query names, in *out; GNTST_bad_domain, GNTST_permission_denied. */
static int16_t find_target(domid_t id, struct domain **out)
{
    struct domain *me = current->domain, *d = domain_find(id);

    if (!d || !d->grants)
        return GNTST_bad_domain;
    if (d != me && d != me->target && !me->is_control)
        return GNTST_permission_denied;
    *out = d;
    return GNTST_okay;
}

static int op_map(union grant_chunk *chunk, unsigned int n)
{
    grant_map_batch(chunk->map, n);
    return 0;
}

static int op_unmap(union grant_chunk *chunk, unsigned int n)
{
    struct grant_unmap ops[GRANT_BATCH];

    for (unsigned int i = 0; i < n; i++)
        ops[i] = (struct grant_unmap){.host_addr = chunk->unmap[i].host_addr,
                                      .dev_bus_addr = chunk->unmap[i].dev_bus_addr,
                                      .handle = chunk->unmap[i].handle};
    grant_unmap_batch(ops, n);
    for (unsigned int i = 0; i < n; i++)
        chunk->unmap[i].status = ops[i].status;
    return 0;
}

static int op_replace(union grant_chunk *chunk, unsigned int n)
{
    struct grant_unmap ops[GRANT_BATCH];

    for (unsigned int i = 0; i < n; i++)
        ops[i] = (struct grant_unmap){.host_addr = chunk->replace[i].host_addr,
                                      .new_addr = chunk->replace[i].new_addr,
                                      .handle = chunk->replace[i].handle};
    grant_unmap_batch(ops, n);
    for (unsigned int i = 0; i < n; i++)
        chunk->replace[i].status = ops[i].status;
    return 0;
}

static int op_copy(union grant_chunk *chunk, unsigned int n)
{
    grant_copy_batch(chunk->copy, n);
    return 0;
}

static int op_transfer(union grant_chunk *chunk, unsigned int n)
{
    grant_transfer_batch(chunk->transfer, n);
    return 0;
}

static int op_swap(union grant_chunk *chunk, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++)
        chunk->swap[i].status =
            grant_swap_refs(current->domain, chunk->swap[i].ref_a, chunk->swap[i].ref_b);
    return 0;
}

/* Caches are coherent on x86: all there is to do for a correct request is nothing, and Xen refuses
 * the others too. */
static int op_cache_flush(union grant_chunk *chunk, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++) {
        const struct gnttab_cache_flush *op = &chunk->cache[i];

        if (op->offset >= PAGE_SIZE || op->length > PAGE_SIZE ||
            op->offset + op->length > (int)PAGE_SIZE ||
            (op->op & ~(GNTTAB_CACHE_INVAL | GNTTAB_CACHE_CLEAN)))
            return -EINVAL;
        if (op->length != 0 && op->op != 0)
            return -EOPNOTSUPP;
    }
    return 0;
}

static int write_frame_list(struct domain *d, const struct gnttab_setup_table *op)
{
    for (unsigned int i = 0; i < op->nr_frames; i++) {
        xen_pfn_t pfn;
        mfn_t mfn;
        int rc = grant_table_get_frame(d, i, &mfn);

        if (rc)
            return rc;
        pfn = mfn.n;
        if (copy_to_guest_at(op->frame_list, i, &pfn, 1))
            return -EFAULT;
    }
    return 0;
}

static int op_setup_table(union grant_chunk *chunk, unsigned int n)
{
    struct gnttab_setup_table *op = &chunk->setup;
    struct domain *d;
    int rc;

    (void)n;
    op->status = find_target(op->dom, &d);
    if (op->status != GNTST_okay)
        return 0;
    rc = grant_table_grow(d, op->nr_frames);
    if (rc == -ERESTART_HYPERCALL)
        return rc;
    if (rc) {
        op->status = GNTST_general_error;
        return 0;
    }
    return write_frame_list(d, op);
}

static int op_query_size(union grant_chunk *chunk, unsigned int n)
{
    struct gnttab_query_size *op = &chunk->query;
    struct domain *d;

    (void)n;
    op->status = find_target(op->dom, &d);
    if (op->status == GNTST_okay) {
        op->nr_frames = grant_table_frames(d);
        op->max_nr_frames = grant_table_max_frames(d);
    }
    return 0;
}

/* As Xen with gnttab=max-ver:1: the version in force is told even when another is refused. */
static int op_set_version(union grant_chunk *chunk, unsigned int n)
{
    uint32_t wanted = chunk->set_version.version;

    (void)n;
    chunk->set_version.version = 1;
    if (wanted == 1)
        return 0;
    return wanted == 2 ? -ENOSYS : -EINVAL;
}

/* Only version 2 has status frames. */
static int op_status_frames(union grant_chunk *chunk, unsigned int n)
{
    struct gnttab_get_status_frames *op = &chunk->status_frames;
    struct domain *d;

    (void)n;
    op->status = find_target(op->dom, &d);
    if (op->status == GNTST_okay && op->nr_frames > 0)
        op->status = GNTST_general_error;
    return 0;
}

static int op_get_version(union grant_chunk *chunk, unsigned int n)
{
    struct domain *d;
    int16_t status = find_target(chunk->get_version.dom, &d);

    (void)n;
    if (status != GNTST_okay)
        return status == GNTST_bad_domain ? -ESRCH : -EPERM;
    chunk->get_version.version = 1;
    return 0;
}

enum grant_op_kind {
    OP_ARRAY,     /* any number, a status in each */
    OP_SINGLE,    /* exactly one */
    OP_UNCOUNTED, /* one, whatever the count says */
};

#define GRANT_OP(name, fn, kind, type) [GNTTABOP_##name] = {fn, sizeof(struct gnttab_##type), kind}

static const struct grant_op {
    int (*act)(union grant_chunk *chunk, unsigned int n);
    uint16_t size;
    uint8_t kind;
} grant_ops[] = {
    GRANT_OP(map_grant_ref, op_map, OP_ARRAY, map_grant_ref),
    GRANT_OP(unmap_grant_ref, op_unmap, OP_ARRAY, unmap_grant_ref),
    GRANT_OP(unmap_and_replace, op_replace, OP_ARRAY, unmap_and_replace),
    GRANT_OP(copy, op_copy, OP_ARRAY, copy),
    GRANT_OP(transfer, op_transfer, OP_ARRAY, transfer),
    GRANT_OP(swap_grant_ref, op_swap, OP_ARRAY, swap_grant_ref),
    GRANT_OP(cache_flush, op_cache_flush, OP_ARRAY, cache_flush),
    GRANT_OP(setup_table, op_setup_table, OP_SINGLE, setup_table),
    GRANT_OP(query_size, op_query_size, OP_SINGLE, query_size),
    GRANT_OP(get_status_frames, op_status_frames, OP_SINGLE, get_status_frames),
    GRANT_OP(set_version, op_set_version, OP_UNCOUNTED, set_version),
    GRANT_OP(get_version, op_get_version, OP_UNCOUNTED, get_version),
};

/* One chunk at guest address `at`. A refused version is written back too. */
static int run_chunk(const struct grant_op *op, uint64_t at, unsigned int n)
{
    union grant_chunk chunk;
    int rc;

    if (guest_read(&chunk, at, (size_t)n * op->size))
        return -EFAULT;
    rc = op->act(&chunk, n);
    if ((rc == 0 || op->act == op_set_version) && guest_write(at, &chunk, (size_t)n * op->size))
        return -EFAULT;
    return rc;
}

int64_t hc_grant_table_op(HC_ARGS)
{
    unsigned int cmd = (unsigned int)a1, count = (unsigned int)a3, n;
    const struct grant_op *op;
    int rc;

    if ((int)count < 0)
        return -EINVAL;
    if (cmd >= ARRAY_SIZE(grant_ops) || !grant_ops[cmd].act)
        return -ENOSYS;
    op = &grant_ops[cmd];
    if (op->kind == OP_SINGLE && count != 1)
        return -EINVAL;
    if (op->kind != OP_ARRAY) {
        rc = run_chunk(op, a2, 1);
        return rc == -ERESTART_HYPERCALL
                   ? hypercall_restart(__HYPERVISOR_grant_table_op, a1, a2, a3, a4, a5)
                   : rc;
    }
    while (count > 0) {
        n = MIN(count, (unsigned int)GRANT_BATCH);
        rc = run_chunk(op, a2, n);
        if (rc)
            return rc;
        a2 += (uint64_t)n * op->size;
        count -= n;
        if (count > 0 && hypercall_preempt_check())
            return hypercall_restart(__HYPERVISOR_grant_table_op, cmd, a2, count, a4, a5);
    }
    return 0;
}
