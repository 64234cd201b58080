/* SPDX-License-Identifier: MIT */
/* gzip_decode against zlib. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <cmocka.h>

#include "lib/gzip.h"
#include "random.h"

/* Packs by zlib into a fresh buffer of exactly *packed_len bytes. */
static uint8_t *pack(const uint8_t *data, size_t len, int level, int strategy, gz_header *header,
                     size_t *packed_len)
{
    size_t cap = len + len / 8 + 1000;
    uint8_t *out = malloc(cap);
    z_stream s = {0};

    assert_int_equal(deflateInit2(&s, level, Z_DEFLATED, 16 + 15, 8, strategy), Z_OK);
    if (header)
        assert_int_equal(deflateSetHeader(&s, header), Z_OK);
    s.next_in = (uint8_t *)data;
    s.avail_in = (uInt)len;
    s.next_out = out;
    s.avail_out = (uInt)cap;
    assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
    *packed_len = cap - s.avail_out;
    deflateEnd(&s);
    return realloc(out, *packed_len);
}

/* Unpacks into a buffer of exactly cap bytes, so that ASan sees the first byte too far. */
static int unpack(const uint8_t *packed, size_t packed_len, uint8_t **out, size_t cap,
                  size_t *out_len)
{
    void *scratch = malloc(GZIP_SCRATCH_SIZE);
    int rc;

    *out = malloc(cap ? cap : 1);
    rc = gzip_decode(packed, packed_len, *out, cap, out_len, scratch, GZIP_SCRATCH_SIZE);
    free(scratch);
    return rc;
}

static void random_round_trips(void **state)
{
    static const int strategies[5] = {Z_DEFAULT_STRATEGY, Z_FILTERED, Z_HUFFMAN_ONLY, Z_RLE,
                                      Z_FIXED};
    uint64_t seed = 2;

    (void)state;
    for (int i = 0; i < 400; i++) {
        size_t len = random_below(&seed, i % 40 == 0 ? 1000000 : 40000), packed_len, out_len;
        uint8_t *data = malloc(len + 1), *packed, *out;

        random_fill(&seed, data, len, i % 4);
        packed = pack(data, len, (int)random_below(&seed, 10), strategies[random_below(&seed, 5)],
                      NULL, &packed_len);
        assert_int_equal(unpack(packed, packed_len, &out, len, &out_len), 0);
        assert_int_equal(out_len, len);
        assert_memory_equal(out, data, len);
        free(out);
        if (len > 0) {
            assert_int_equal(unpack(packed, packed_len, &out, len - 1, &out_len), -ENOSPC);
            free(out);
        }
        free(packed);
        free(data);
    }
}

static void header_fields_are_skipped(void **state)
{
    uint8_t extra[300] = "anything", *packed, *out;
    gz_header header = {.extra = extra,
                        .extra_len = sizeof(extra),
                        .name = (uint8_t *)"vmlinux",
                        .comment = (uint8_t *)"a comment",
                        .hcrc = 1};
    size_t len, out_len;

    (void)state;
    packed = pack((const uint8_t *)"data", 4, 9, Z_DEFAULT_STRATEGY, &header, &len);
    assert_int_equal(unpack(packed, len, &out, 4, &out_len), 0);
    assert_memory_equal(out, "data", 4);
    free(out);
    packed[20] ^= 1; /* in the extra field: only the header's own check sees it */
    assert_int_equal(unpack(packed, len, &out, 4, &out_len), -EINVAL);
    free(out);
    packed[20] ^= 1;
    packed[2] = 7;
    assert_int_equal(unpack(packed, len, &out, 4, &out_len), -EOPNOTSUPP);
    free(out);
    free(packed);
}

/* Cut anywhere a file is refused; with one byte changed it is refused or (flags, time, name) gives
 * the same data. */
static void damage_is_refused(void **state)
{
    uint8_t data[2000], *packed, *out;
    uint64_t seed = 5;
    size_t len, out_len;

    (void)state;
    random_fill(&seed, data, sizeof(data), 0);
    packed = pack(data, sizeof(data), 9, Z_DEFAULT_STRATEGY, NULL, &len);
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
        if (unpack(packed, len, &out, sizeof(data), &out_len) == 0) {
            assert_true(i >= 3 && i < 10);
            assert_memory_equal(out, data, sizeof(data));
        }
        packed[i] ^= flip;
        free(out);
    }
    free(packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_round_trips),
        cmocka_unit_test(header_fields_are_skipped),
        cmocka_unit_test(damage_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
