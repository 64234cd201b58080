/* SPDX-License-Identifier: MIT */
/*
 * Ranges in a sorted list, never touching one another. Sets hold tens of ranges (ports, device
 * memory), so a walk is cheap.
 */
#include "compiler.h"

#include <xen/errno.h>

#include "lib/list.h"
#include "lib/rangeset.h"

struct range {
    struct list_node link;
    uint64_t first;
    uint64_t last;
};

struct rangeset {
    const struct rangeset_memory *memory;
    struct list_node ranges;
};

static struct range *range_of(struct list_node *node)
{
    return list_entry(node, struct range, link);
}

static struct range *new_range(const struct rangeset *set, uint64_t first, uint64_t last)
{
    struct range *r = set->memory->alloc(sizeof(*r));

    if (r) {
        r->first = first;
        r->last = last;
    }
    return r;
}

static void drop_range(const struct rangeset *set, struct range *r)
{
    list_remove(&r->link);
    set->memory->free(r);
}

struct rangeset *rangeset_create(const struct rangeset_memory *memory)
{
    struct rangeset *set = memory->alloc(sizeof(*set));

    if (set) {
        set->memory = memory;
        list_init(&set->ranges);
    }
    return set;
}

void rangeset_destroy(struct rangeset *set)
{
    struct list_node *node, *after;

    if (!set)
        return;
    list_for_each_safe (node, after, &set->ranges)
        drop_range(set, range_of(node));
    set->memory->free(set);
}

int rangeset_add(struct rangeset *set, uint64_t first, uint64_t last)
{
    struct list_node *node, *after;
    struct range *r;

    if (last < first)
        return -XEN_EINVAL;
    r = new_range(set, first, last);
    if (!r)
        return -XEN_ENOMEM;
    /* Swallows every range it overlaps or touches, and ends before the first one that lies beyond.
     */
    list_for_each_safe (node, after, &set->ranges) {
        struct range *old = range_of(node);

        if (old->first > r->last && old->first - 1 > r->last)
            break;
        if (old->last < r->first && old->last + 1 < r->first)
            continue;
        r->first = old->first < r->first ? old->first : r->first;
        r->last = old->last > r->last ? old->last : r->last;
        drop_range(set, old);
    }
    list_insert_before(node, &r->link);
    return 0;
}

int rangeset_remove(struct rangeset *set, uint64_t first, uint64_t last)
{
    struct list_node *node, *after;

    if (last < first)
        return -XEN_EINVAL;
    list_for_each_safe (node, after, &set->ranges) {
        struct range *r = range_of(node);

        if (r->last < first)
            continue;
        if (r->first > last)
            break;
        if (r->first < first && r->last > last) {
            struct range *upper = new_range(set, last + 1, r->last);

            if (!upper)
                return -XEN_ENOMEM;
            r->last = first - 1;
            list_insert_after(&r->link, &upper->link);
            break;
        }
        if (r->first < first)
            r->last = first - 1;
        else if (r->last > last)
            r->first = last + 1;
        else
            drop_range(set, r);
    }
    return 0;
}

bool rangeset_contains(const struct rangeset *set, uint64_t first, uint64_t last)
{
    struct list_node *node;

    if (last < first)
        return false;
    list_for_each (node, &set->ranges)
        if (last <= range_of(node)->last)
            return first >= range_of(node)->first;
    return false;
}

bool rangeset_overlaps(const struct rangeset *set, uint64_t first, uint64_t last)
{
    struct list_node *node;

    if (last < first)
        return false;
    list_for_each (node, &set->ranges)
        if (first <= range_of(node)->last)
            return last >= range_of(node)->first;
    return false;
}

void rangeset_for_each(const struct rangeset *set, rangeset_visit *visit, void *arg)
{
    struct list_node *node;

    list_for_each (node, &set->ranges)
        if (!visit(arg, range_of(node)->first, range_of(node)->last))
            return;
}
