/* SPDX-License-Identifier: MIT */
/* Bitmap ranges and searches, a word at a time. */
#include "lib/bitmap.h"

/* Mask of the bits of word `word` that lie in [first, first + n). */
static uint64_t range_mask(size_t word, size_t first, size_t n)
{
    size_t base = word * 64, low = first > base ? first - base : 0, end = first + n - base;
    uint64_t mask = UINT64_MAX << low;

    return end < 64 ? mask & ((1ull << end) - 1) : mask;
}

void bitmap_set_range(uint64_t *map, size_t first, size_t n)
{
    if (n > 0)
        for (size_t word = first / 64; word <= (first + n - 1) / 64; word++)
            map[word] |= range_mask(word, first, n);
}

void bitmap_clear_range(uint64_t *map, size_t first, size_t n)
{
    if (n > 0)
        for (size_t word = first / 64; word <= (first + n - 1) / 64; word++)
            map[word] &= ~range_mask(word, first, n);
}

/* The first bit at or after `from` that differs from the bits of `skip` (all zeros or all ones). */
static size_t find_other(const uint64_t *map, size_t n_bits, size_t from, uint64_t skip)
{
    while (from < n_bits) {
        uint64_t word = (map[from / 64] ^ skip) >> (from % 64);

        if (word) {
            from += (size_t)__builtin_ctzll(word);
            return from < n_bits ? from : n_bits;
        }
        from = (from / 64 + 1) * 64;
    }
    return n_bits;
}

size_t bitmap_find_set(const uint64_t *map, size_t n_bits, size_t from)
{
    return find_other(map, n_bits, from, 0);
}

size_t bitmap_find_clear(const uint64_t *map, size_t n_bits, size_t from)
{
    return find_other(map, n_bits, from, UINT64_MAX);
}

/* Bits set in a word, by adding neighbours: the popcnt instruction may be missing. */
static size_t word_weight(uint64_t v)
{
    v -= (v >> 1) & 0x5555555555555555ull;
    v = (v & 0x3333333333333333ull) + ((v >> 2) & 0x3333333333333333ull);
    v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0full;
    return (size_t)((v * 0x0101010101010101ull) >> 56);
}

size_t bitmap_weight(const uint64_t *map, size_t n_bits)
{
    size_t weight = 0;

    for (size_t word = 0; word < BITMAP_WORDS(n_bits); word++)
        weight += word_weight(map[word] & range_mask(word, 0, n_bits));
    return weight;
}
