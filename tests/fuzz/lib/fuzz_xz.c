/* SPDX-License-Identifier: MIT */
/* xz_decode on anything, with its CRCs and LZMA2 alike: no access out of bounds, and liblzma agrees
 * on what is valid. */
#include <lzma.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/xz.h"

#define OUT_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint64_t scratch[XZ_SCRATCH_SIZE / sizeof(uint64_t)];
    uint8_t *out = malloc(OUT_MAX), *theirs = malloc(OUT_MAX);
    size_t out_len, in_pos = 0, their_len = 0;
    uint64_t memory = 256 << 20;

    if (xz_decode(data, len, out, OUT_MAX, &out_len, scratch, sizeof(scratch)) == 0 &&
        lzma_stream_buffer_decode(&memory, LZMA_CONCATENATED, NULL, data, &in_pos, len, theirs,
                                  &their_len, OUT_MAX) == LZMA_OK &&
        (out_len != their_len || memcmp(out, theirs, out_len)))
        abort();
    free(out);
    free(theirs);
    return 0;
}
