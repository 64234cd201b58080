/* SPDX-License-Identifier: MIT */
/* lzma2_decode and the x86 filter without the container, whose CRCs would keep most inputs out. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/bcj.h"
#include "lib/lzma2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct lzma2_decoder decoder;
    size_t cap = len ? (size_t)data[0] * 64 : 0, in_len, out_len;
    uint8_t *out = malloc(cap ? cap : 1);

    if (len > 0 && lzma2_decode(&decoder, data + 1, len - 1, &in_len, out, cap, &out_len) == 0) {
        if (in_len >= len || out_len > cap)
            abort();
        bcj_x86_decode(out, out_len, 0);
    }
    free(out);
    return 0;
}
