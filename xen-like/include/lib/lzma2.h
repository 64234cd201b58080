/* SPDX-License-Identifier: MIT */
/* LZMA2 decoder: the compressed data of one .xz block, straight into its final place. */
#ifndef LIB_LZMA2_H
#define LIB_LZMA2_H

#include <stddef.h>
#include <stdint.h>

/* After the last chunk of a whole .xz file there are an end mark, an index and a footer: this much.
 */
#define LZMA2_SOURCE_SLACK 21

/* Probabilities of every bit the LZMA model predicts, in 1/2048. */
struct lzma_lengths {
    uint16_t choice;
    uint16_t choice2;
    uint16_t low[16][8];
    uint16_t mid[16][8];
    uint16_t high[256];
};

struct lzma_model {
    uint16_t is_match[12][16];
    uint16_t is_rep[12];
    uint16_t is_rep0[12];
    uint16_t is_rep1[12];
    uint16_t is_rep2[12];
    uint16_t is_rep0_long[12][16];
    uint16_t dist_slot[4][64];
    uint16_t dist_special[128];
    uint16_t dist_align[16];
    struct lzma_lengths match_len;
    struct lzma_lengths rep_len;
    uint16_t literal[16 * 0x300];
};

/* A decoder's memory, about 28 KiB; the caller lends it and need not clear it. */
struct lzma2_decoder {
    struct lzma_model model;
    uint32_t rep[4]; /* the last four match distances */
    uint32_t state;  /* what the last symbols were: 0..6 ended in a literal, 7..11 in a match */
    uint32_t literal_shift; /* lc */
    uint32_t literal_mask;  /* 2^lp - 1 */
    uint32_t align_mask;    /* 2^pb - 1 */
};

/*
 * Decodes LZMA2 chunks from src until their end mark. The output itself serves as the dictionary.
 *
 * Of the src_len bytes the last LZMA2_SOURCE_SLACK must not belong to a chunk (in an .xz file they
 * never do); this lets the decoder check its input once a symbol and not once a byte. Bytes of dst
 * between *out_len and dst_cap may be scribbled over.
 *
 * Returns 0, -XEN_EINVAL for corrupt or cut data, -XEN_ENOSPC when dst is too small. On success
 * *in_len and *out_len hold how much was read and written.
 */
int lzma2_decode(struct lzma2_decoder *decoder, const uint8_t *src, size_t src_len, size_t *in_len,
                 uint8_t *dst, size_t dst_cap, size_t *out_len);

#endif
