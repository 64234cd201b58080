/* SPDX-License-Identifier: MIT */
/* Repeatable random numbers (xorshift64*). */
#ifndef GUESTS_RANDOM_H
#define GUESTS_RANDOM_H

#include <stdint.h>

/* The next number of a sequence whose state is not 0. */
static inline uint64_t random_from(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * 0x2545f4914f6cdd1dUL >> 8;
}

#endif
