/* SPDX-License-Identifier: MIT */
/* The memory of one batch. */
#include "net/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

int batch_init(struct batch *batch)
{
    *batch = (struct batch){0};
    batch->arena =
        mmap(NULL, BATCH_ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (batch->arena == MAP_FAILED) {
        batch->arena = NULL;
        return -1;
    }
    return 0;
}

void batch_destroy(struct batch *batch)
{
    if (batch->arena)
        munmap(batch->arena, BATCH_ARENA_SIZE);
    free(batch->copies);
    free(batch->deliveries);
}

void batch_begin(struct batch *batch, struct net_port *from)
{
    batch->from = from;
    batch->n_frames = batch->n_copies = batch->n_deliveries = 0;
    batch->arena_used = 0;
}

uint8_t *batch_alloc(struct batch *batch, size_t len)
{
    uint8_t *at = batch->arena + batch->arena_used;

    if (len > BATCH_ARENA_SIZE - batch->arena_used)
        return NULL;
    batch->arena_used += len;
    return at;
}

/* Grow an array to hold `n` items; the same array if it does already. NULL without memory. */
static void *grow(void *array, unsigned *cap, unsigned n, size_t item)
{
    unsigned want = *cap ? *cap : 256;
    void *bigger;

    if (n <= *cap)
        return array;
    while (want < n)
        want *= 2;
    bigger = reallocarray(array, want, item);
    if (bigger)
        *cap = want;
    return bigger;
}

struct xengnttab_grant_copy_segment *batch_reserve_copies(struct batch *batch, unsigned n)
{
    void *array =
        grow(batch->copies, &batch->copies_cap, batch->n_copies + n, sizeof(*batch->copies));

    if (!array)
        return NULL;
    batch->copies = array;
    return &batch->copies[batch->n_copies];
}

struct delivery *batch_reserve_delivery(struct batch *batch)
{
    void *array = grow(batch->deliveries, &batch->deliveries_cap, batch->n_deliveries + 1,
                       sizeof(*batch->deliveries));

    if (!array)
        return NULL;
    batch->deliveries = array;
    return &batch->deliveries[batch->n_deliveries];
}

void batch_run_copies(struct batch *batch, xengnttab_handle *gnttab)
{
    unsigned n = batch->n_copies;

    batch->n_copies = 0;
    if (n == 0 || xengnttab_grant_copy(gnttab, n, batch->copies) == 0)
        return;
    /* The call as a whole failed: no status can be believed. */
    for (unsigned i = 0; i < n; i++)
        batch->copies[i].status = GNTST_general_error;
}

bool batch_copied(const struct batch *batch, unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++)
        if (batch->copies[i].status != GNTST_okay)
            return false;
    return true;
}
