/* SPDX-License-Identifier: MIT */
/* The gzip container around deflate data. */
#include <stdbool.h>
#include <stdint.h>
#include <xen/errno.h>

#include "lib/bytes.h"
#include "lib/crc.h"
#include "lib/gzip.h"
#include "lib/inflate.h"
#include "lib/string.h"

#define HEADER_LEN  10
#define TRAILER_LEN 8
#define DEFLATE     8

enum flag {
    FLAG_HEADER_CRC = 0x02,
    FLAG_EXTRA = 0x04,
    FLAG_NAME = 0x08,
    FLAG_COMMENT = 0x10,
    FLAGS_RESERVED = 0xe0,
};

struct scratch {
    struct inflate_codes codes;
    struct crc32_table crc32;
};
_Static_assert(sizeof(struct scratch) <= GZIP_SCRATCH_SIZE, "GZIP_SCRATCH_SIZE is too small");

/* Moves *pos past a string and its end mark. */
static bool skip_string(const uint8_t *src, size_t len, size_t *pos)
{
    const uint8_t *end = *pos < len ? memchr(src + *pos, 0, len - *pos) : NULL;

    if (!end)
        return false;
    *pos = (size_t)(end - src) + 1;
    return true;
}

static int parse_header(const struct crc32_table *crc32, const uint8_t *src, size_t len,
                        size_t *pos)
{
    uint8_t flags;

    if (len < HEADER_LEN || src[0] != 0x1f || src[1] != 0x8b)
        return -XEN_EINVAL;
    flags = src[3];
    if (src[2] != DEFLATE || (flags & FLAGS_RESERVED))
        return -XEN_EOPNOTSUPP;
    *pos = HEADER_LEN;
    if (flags & FLAG_EXTRA) {
        if (len - *pos < 2 || load_le16(src + *pos) > len - *pos - 2)
            return -XEN_EINVAL;
        *pos += 2u + load_le16(src + *pos);
    }
    if (((flags & FLAG_NAME) && !skip_string(src, len, pos)) ||
        ((flags & FLAG_COMMENT) && !skip_string(src, len, pos)))
        return -XEN_EINVAL;
    if (flags & FLAG_HEADER_CRC) {
        if (len - *pos < 2 || (uint16_t)crc32_update(crc32, 0, src, *pos) != load_le16(src + *pos))
            return -XEN_EINVAL;
        *pos += 2;
    }
    return 0;
}

int gzip_decode(const void *src, size_t src_len, void *dst, size_t dst_cap, size_t *out_len,
                void *scratch, size_t scratch_len)
{
    struct scratch *s = scratch;
    const uint8_t *in = src;
    size_t pos = 0, packed_len, len;
    int rc;

    if (scratch_len < sizeof(*s))
        return -XEN_ENOMEM;
    crc32_table_init(&s->crc32);
    rc = parse_header(&s->crc32, in, src_len, &pos);
    if (rc)
        return rc;
    rc = inflate_decode(&s->codes, in + pos, src_len - pos, &packed_len, dst, dst_cap, &len);
    if (rc)
        return rc;
    pos += packed_len;
    if (src_len - pos < TRAILER_LEN || load_le32(in + pos + 4) != (uint32_t)len ||
        load_le32(in + pos) != crc32_update(&s->crc32, 0, dst, len))
        return -XEN_EINVAL;
    for (pos += TRAILER_LEN; pos < src_len; pos++)
        if (in[pos] != 0)
            return -XEN_EINVAL;
    *out_len = len;
    return 0;
}
