/* SPDX-License-Identifier: MIT */
/* xz_decode, the x86 filter and the CRCs against liblzma. */
#include <errno.h>
#include <lzma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/crc.h"
#include "lib/xz.h"
#include "random.h"

struct packing {
    lzma_check check;
    bool x86;
    uint32_t x86_start;
    uint32_t lc, lp, pb;
    size_t block_len; /* 0: one block */
};

static void code(lzma_stream *s, lzma_action action, lzma_ret expected)
{
    lzma_ret ret;

    do
        ret = lzma_code(s, action);
    while (ret == LZMA_OK && (s->avail_in || action != LZMA_RUN));
    assert_int_equal(ret, expected);
}

/* Packs data by liblzma into a fresh buffer of exactly *packed_len bytes. */
static uint8_t *pack(const struct packing *how, const uint8_t *data, size_t len, size_t *packed_len)
{
    lzma_options_bcj bcj = {.start_offset = how->x86_start};
    lzma_options_lzma options;
    lzma_filter filters[3] = {
        {LZMA_FILTER_X86, &bcj}, {LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
    size_t cap = len * 2 + 65536;
    uint8_t *out = malloc(cap);
    lzma_stream s = LZMA_STREAM_INIT;

    assert_false(lzma_lzma_preset(&options, 1));
    options.lc = how->lc;
    options.lp = how->lp;
    options.pb = how->pb;
    assert_int_equal(lzma_stream_encoder(&s, how->x86 ? filters : filters + 1, how->check),
                     LZMA_OK);
    s.next_out = out;
    s.avail_out = cap;
    s.next_in = data;
    if (how->block_len)
        for (size_t left = len; left > 0;) {
            size_t n = left < how->block_len ? left : how->block_len;

            s.avail_in = n;
            code(&s, LZMA_FULL_FLUSH, LZMA_STREAM_END);
            left -= n;
        }
    else
        s.avail_in = len;
    code(&s, LZMA_FINISH, LZMA_STREAM_END);
    lzma_end(&s);
    *packed_len = cap - s.avail_out;
    return realloc(out, *packed_len);
}

/* Unpacks into a buffer of exactly cap bytes, so that ASan sees the first byte too far. */
static int unpack(const uint8_t *packed, size_t packed_len, uint8_t **out, size_t cap,
                  size_t *out_len)
{
    void *scratch = malloc(XZ_SCRATCH_SIZE);
    int rc;

    *out = malloc(cap ? cap : 1);
    rc = xz_decode(packed, packed_len, *out, cap, out_len, scratch, XZ_SCRATCH_SIZE);
    free(scratch);
    return rc;
}

static void check_round_trip(const struct packing *how, const uint8_t *data, size_t len)
{
    size_t packed_len, out_len = 0;
    uint8_t *packed = pack(how, data, len, &packed_len), *out;

    assert_int_equal(unpack(packed, packed_len, &out, len, &out_len), 0);
    assert_int_equal(out_len, len);
    assert_memory_equal(out, data, len);
    free(out);
    if (len > 0) {
        assert_int_equal(unpack(packed, packed_len, &out, len - 1, &out_len), -ENOSPC);
        free(out);
    }
    free(packed);
}

static void random_round_trips(void **state)
{
    static const lzma_check checks[3] = {LZMA_CHECK_CRC32, LZMA_CHECK_CRC64, LZMA_CHECK_NONE};
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 250; i++) {
        size_t len = random_below(&seed, i % 25 == 0 ? 3000000 : 30000);
        uint8_t *data = malloc(len + 1);
        struct packing how = {
            .check = checks[random_below(&seed, 3)],
            .x86 = random_below(&seed, 2),
            .lc = (uint32_t)random_below(&seed, 5),
            .pb = (uint32_t)random_below(&seed, 5),
            .block_len = random_below(&seed, 3) ? 0 : 1 + len / (1 + random_below(&seed, 5)),
        };

        how.lp = (uint32_t)random_below(&seed, 5 - how.lc);
        how.x86_start = how.x86 && i % 4 == 0 ? (uint32_t)random_next(&seed) : 0;
        random_fill(&seed, data, len, i % 4);
        check_round_trip(&how, data, len);
        free(data);
    }
}

static void concatenated_streams_and_padding(void **state)
{
    const struct packing how = {.check = LZMA_CHECK_CRC64, .lc = 3, .pb = 2};
    const char text[] = "two streams are one file";
    size_t len, out_len;
    uint8_t *one = pack(&how, (const uint8_t *)text, sizeof(text), &len), *out;
    uint8_t *file = calloc(1, 2 * len + 8);

    (void)state;
    memcpy(file, one, len);
    memcpy(file + len + 4, one, len);
    assert_int_equal(unpack(file, 2 * len + 8, &out, 1000, &out_len), 0);
    assert_int_equal(out_len, 2 * sizeof(text));
    assert_string_equal((char *)out + sizeof(text), text);
    free(out);
    assert_int_equal(unpack(file, 2 * len + 7, &out, 1000, &out_len), -EINVAL);
    free(out);
    free(file);
    free(one);
}

/* Cut anywhere or with any one byte changed, a file is refused, and nothing is read or written out
 * of bounds. */
static void damage_is_refused(void **state)
{
    const struct packing how = {
        .check = LZMA_CHECK_CRC32, .x86 = true, .lc = 3, .pb = 2, .block_len = 900};
    uint8_t data[2000], *packed, *out;
    uint64_t seed = 7;
    size_t len, out_len;

    (void)state;
    random_fill(&seed, data, sizeof(data), 0);
    packed = pack(&how, data, sizeof(data), &len);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *part = malloc(cut ? cut : 1);

        memcpy(part, packed, cut);
        assert_int_not_equal(unpack(part, cut, &out, sizeof(data), &out_len), 0);
        free(out);
        free(part);
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t flip = (uint8_t)(1 + random_below(&seed, 255));

        packed[i] ^= flip;
        assert_int_not_equal(unpack(packed, len, &out, sizeof(data), &out_len), 0);
        packed[i] ^= flip;
        free(out);
    }
    free(packed);
}

static void unknown_parts_are_named(void **state)
{
    const struct packing how = {.check = LZMA_CHECK_SHA256, .lc = 3, .pb = 2};
    lzma_options_delta delta_options = {.type = LZMA_DELTA_TYPE_BYTE, .dist = 1};
    lzma_options_lzma options;
    lzma_filter delta[3] = {{LZMA_FILTER_DELTA, &delta_options},
                            {LZMA_FILTER_LZMA2, &options},
                            {LZMA_VLI_UNKNOWN, NULL}};
    uint8_t small[1], buffer[1000], *packed, *out;
    size_t len, out_len;

    (void)state;
    packed = pack(&how, (const uint8_t *)"abc", 3, &len);
    assert_int_equal(unpack(packed, len, &out, 3, &out_len), -EOPNOTSUPP);
    free(out);
    assert_int_equal(xz_decode(packed, len, buffer, sizeof(buffer), &out_len, small, sizeof(small)),
                     -ENOMEM);
    free(packed);
    lzma_lzma_preset(&options, 0);
    len = 0;
    assert_int_equal(lzma_stream_buffer_encode(delta, LZMA_CHECK_CRC32, NULL,
                                               (const uint8_t *)"abc", 3, buffer, &len,
                                               sizeof(buffer)),
                     LZMA_OK);
    assert_int_equal(unpack(buffer, len, &out, 3, &out_len), -EOPNOTSUPP);
    free(out);
}

static void crcs_match_liblzma(void **state)
{
    struct crc32_table *t32 = malloc(sizeof(*t32));
    struct crc64_table *t64 = malloc(sizeof(*t64));
    uint64_t seed = 3;
    uint8_t data[300];

    (void)state;
    crc32_table_init(t32);
    crc64_table_init(t64);
    for (int i = 0; i < 1000; i++) {
        size_t from = random_below(&seed, 20), len = random_below(&seed, sizeof(data) - from);
        size_t half = random_below(&seed, len + 1);
        uint32_t crc32;
        uint64_t crc64;

        random_fill(&seed, data, sizeof(data), 1);
        crc32 = crc32_update(t32, 0, data + from, half);
        assert_int_equal(crc32_update(t32, crc32, data + from + half, len - half),
                         lzma_crc32(data + from, len, 0));
        crc64 = crc64_update(t64, 0, data + from, half);
        assert_true(crc64_update(t64, crc64, data + from + half, len - half) ==
                    lzma_crc64(data + from, len, 0));
    }
    free(t32);
    free(t64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crcs_match_liblzma),
        cmocka_unit_test(random_round_trips),
        cmocka_unit_test(concatenated_streams_and_padding),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(unknown_parts_are_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
