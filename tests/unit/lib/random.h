/* SPDX-License-Identifier: MIT */
/* A small seeded generator, so that random tests repeat exactly. */
#ifndef TESTS_UNIT_LIB_RANDOM_H
#define TESTS_UNIT_LIB_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* splitmix64: any seed will do. */
static inline uint64_t random_next(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15ull;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/* A number below bound (not 0). */
static inline uint64_t random_below(uint64_t *seed, uint64_t bound)
{
    return random_next(seed) % bound;
}

/*
 * Fills data with bytes a packer finds work in: runs, repeats from near and far, noise, and x86
 * calls. kind 0 mixes all, 1 is noise only, 2 is long runs, 3 is mostly E8/E9 with small operands.
 */
static inline void random_fill(uint64_t *seed, uint8_t *data, size_t len, int kind)
{
    size_t pos = 0;

    while (pos < len) {
        size_t n = 1 + random_below(seed, kind == 2 ? 5000 : 60), left = len - pos;
        int what = kind == 1 ? 0 : kind == 2 ? 1 : kind == 3 ? 3 : (int)random_below(seed, 4);

        n = n < left ? n : left;
        if (what == 2 && pos > 0) {
            size_t dist =
                1 + random_below(seed, random_below(seed, 2) ? (pos < 20 ? pos : 20) : pos);

            for (size_t i = 0; i < n; i++)
                data[pos + i] = data[pos + i - dist];
        } else if (what == 3) {
            for (size_t i = 0; i < n; i++) {
                static const uint8_t common[8] = {0xe8, 0xe9, 0, 0xff, 0, 0xff, 1, 0xfe};

                data[pos + i] = random_below(seed, 4) ? common[random_below(seed, 8)]
                                                      : (uint8_t)random_next(seed);
            }
        } else {
            uint8_t byte = (uint8_t)random_next(seed);

            for (size_t i = 0; i < n; i++)
                data[pos + i] = what == 1 ? byte : (uint8_t)random_next(seed);
        }
        pos += n;
    }
}

#endif
