/* SPDX-License-Identifier: MIT */
/* Deflate decoder (RFC 1951), straight into its final place. */
#ifndef LIB_INFLATE_H
#define LIB_INFLATE_H

#include <stddef.h>
#include <stdint.h>

#define INFLATE_MAX_BITS  15
#define INFLATE_FAST_BITS 10
#define INFLATE_SYMBOLS   288

/*
 * One canonical Huffman code. Codes up to INFLATE_FAST_BITS are found by one look into fast (symbol
 * << 4 | length, 0 where the code is longer or none); longer ones by walking the lengths.
 */
struct inflate_code {
    uint16_t fast[1 << INFLATE_FAST_BITS];
    uint16_t count[INFLATE_MAX_BITS + 1]; /* codes of each length */
    uint16_t symbol[INFLATE_SYMBOLS];     /* in the order of their codes */
};

/* The decoder's memory, lent by the caller; need not be cleared. */
struct inflate_codes {
    struct inflate_code literal;
    struct inflate_code distance;
};

/*
 * Decodes one deflate stream. Returns 0 with *in_len and *out_len set, -XEN_EINVAL (corrupt or cut)
 * or -XEN_ENOSPC.
 */
int inflate_decode(struct inflate_codes *codes, const uint8_t *src, size_t src_len, size_t *in_len,
                   uint8_t *dst, size_t dst_cap, size_t *out_len);

#endif
