/* SPDX-License-Identifier: MIT */
/* Sets of 64-bit numbers kept as few sorted ranges [first, last], both included. Not locked. */
#ifndef LIB_RANGESET_H
#define LIB_RANGESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rangeset;

/* Where a set's memory comes from. */
struct rangeset_memory {
    void *(*alloc)(size_t size); /* NULL when there is none */
    void (*free)(void *p);
};

/* A new empty set, or NULL when out of memory. *memory must outlive it. Ends by rangeset_destroy.
 */
struct rangeset *rangeset_create(const struct rangeset_memory *memory);
void rangeset_destroy(struct rangeset *set); /* NULL is allowed */

/* Adds or removes [first, last]. Returns 0, -XEN_EINVAL (last < first) or -XEN_ENOMEM (nothing
 * changed). */
int rangeset_add(struct rangeset *set, uint64_t first, uint64_t last);
int rangeset_remove(struct rangeset *set, uint64_t first, uint64_t last);

/* True when all of [first, last], or any of it, is in the set; false when last < first. */
bool rangeset_contains(const struct rangeset *set, uint64_t first, uint64_t last);
bool rangeset_overlaps(const struct rangeset *set, uint64_t first, uint64_t last);

/* Called for each range in rising order; returning false ends the walk. The set must not change
 * meanwhile. */
typedef bool rangeset_visit(void *arg, uint64_t first, uint64_t last);
void rangeset_for_each(const struct rangeset *set, rangeset_visit *visit, void *arg);

#endif
