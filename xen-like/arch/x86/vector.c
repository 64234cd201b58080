/* SPDX-License-Identifier: MIT */
/* Which interrupt vectors devices use. */
#include "irq_desc.h"

static uint64_t used[4]; /* a bit for each of the 256 vectors */

uint8_t vector_alloc(void)
{
    for (unsigned int v = VECTOR_FIRST_DEVICE; v <= VECTOR_LAST_DEVICE; v++) {
        if (used[v / 64] >> v % 64 & 1)
            continue;
        used[v / 64] |= 1ull << v % 64;
        return (uint8_t)v;
    }
    return 0;
}

void vector_free(uint8_t vector)
{
    used[vector / 64] &= ~(1ull << vector % 64);
}
