/* SPDX-License-Identifier: MIT */
/* inflate_decode against zlib, and gzip_decode for its header: no access out of bounds, same data.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "lib/gzip.h"
#include "lib/inflate.h"

#define OUT_MAX 16384

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int zlib_inflate(const uint8_t *data, size_t len, uint8_t *out, size_t *out_len)
{
    z_stream z = {
        .next_in = (uint8_t *)data, .avail_in = (uInt)len, .next_out = out, .avail_out = OUT_MAX};
    int ret;

    if (inflateInit2(&z, -15) != Z_OK)
        abort();
    ret = inflate(&z, Z_FINISH);
    *out_len = z.total_out;
    inflateEnd(&z);
    return ret == Z_STREAM_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint64_t scratch[GZIP_SCRATCH_SIZE / sizeof(uint64_t)];
    uint8_t *out = malloc(OUT_MAX), *theirs = malloc(OUT_MAX);
    size_t out_len, in_len, their_len;

    gzip_decode(data, len, out, OUT_MAX, &out_len, scratch, sizeof(scratch));
    if (inflate_decode((struct inflate_codes *)scratch, data, len, &in_len, out, OUT_MAX,
                       &out_len) == 0 &&
        (!zlib_inflate(data, len, theirs, &their_len) || out_len != their_len ||
         memcmp(out, theirs, out_len)))
        abort();
    free(out);
    free(theirs);
    return 0;
}
