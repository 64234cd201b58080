/* SPDX-License-Identifier: MIT */
/* Bitmaps in 64-bit words, bit 0 the lowest. Positions are the caller's to check; bits past the
 * last are never set. */
#ifndef LIB_BITMAP_H
#define LIB_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Words needed for n bits. */
#define BITMAP_WORDS(n) (((n) + 63) / 64)

static inline void bitmap_set(uint64_t *map, size_t bit)
{
    map[bit / 64] |= 1ull << (bit % 64);
}

static inline void bitmap_clear(uint64_t *map, size_t bit)
{
    map[bit / 64] &= ~(1ull << (bit % 64));
}

static inline bool bitmap_test(const uint64_t *map, size_t bit)
{
    return map[bit / 64] >> (bit % 64) & 1;
}

/* Sets or clears n bits from first on. */
void bitmap_set_range(uint64_t *map, size_t first, size_t n);
void bitmap_clear_range(uint64_t *map, size_t first, size_t n);

/* The first set (clear) bit at or after `from` in a map of n_bits bits; n_bits when there is none.
 */
size_t bitmap_find_set(const uint64_t *map, size_t n_bits, size_t from);
size_t bitmap_find_clear(const uint64_t *map, size_t n_bits, size_t from);

/* How many of the n_bits bits are set. */
size_t bitmap_weight(const uint64_t *map, size_t n_bits);

#endif
