/* SPDX-License-Identifier: MIT */
/* The .xz container: stream, block and index headers around LZMA2 data. */
#include <stdbool.h>
#include <stdint.h>
#include <xen/errno.h>

#include "lib/bcj.h"
#include "lib/bytes.h"
#include "lib/crc.h"
#include "lib/lzma2.h"
#include "lib/string.h"
#include "lib/xz.h"

#define STREAM_HEADER_LEN 12
#define STREAM_FOOTER_LEN 12

#define FILTER_X86   0x04
#define FILTER_LZMA2 0x21

#define BLOCK_HAS_PACKED_LEN   0x40
#define BLOCK_HAS_UNPACKED_LEN 0x80
#define BLOCK_FLAGS_RESERVED   0x3c
#define LEN_UNKNOWN            UINT64_MAX

enum check {
    CHECK_NONE = 0x00,
    CHECK_CRC32 = 0x01,
    CHECK_CRC64 = 0x04,
};

struct scratch {
    struct lzma2_decoder lzma2;
    struct crc32_table crc32;
    struct crc64_table crc64;
};
_Static_assert(sizeof(struct scratch) <= XZ_SCRATCH_SIZE, "XZ_SCRATCH_SIZE is too small");

/* A read position in the file; all reads go through next_*, which never pass the end. */
struct reader {
    const uint8_t *data;
    size_t pos;
    size_t end;
};

struct xz {
    struct reader in;
    uint8_t *dst;
    size_t dst_cap;
    size_t dst_len;
    struct scratch *scratch;
    enum check check;
    bool crc64_ready;
    /* What the index must say. */
    uint64_t blocks;
    uint64_t sum_unpadded;
    uint64_t sum_unpacked;
};

struct block_header {
    uint64_t packed_len;
    uint64_t unpacked_len;
    bool x86;
    uint32_t x86_start;
};

static bool next_byte(struct reader *r, uint8_t *byte)
{
    if (r->pos >= r->end)
        return false;
    *byte = r->data[r->pos++];
    return true;
}

/* A variable-length integer: seven bits a byte, at most nine bytes, no padding. */
static bool next_number(struct reader *r, uint64_t *value)
{
    uint8_t byte;

    *value = 0;
    for (unsigned int shift = 0; shift < 63; shift += 7) {
        if (!next_byte(r, &byte))
            return false;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return byte != 0 || shift == 0;
    }
    return false;
}

/* Skips zero bytes up to a multiple of four from start. */
static bool skip_padding(struct reader *r, size_t start)
{
    uint8_t byte;

    while ((r->pos - start) % 4)
        if (!next_byte(r, &byte) || byte != 0)
            return false;
    return true;
}

static bool crc32_matches(const struct xz *xz, size_t from, size_t len, const uint8_t *stored)
{
    return crc32_update(&xz->scratch->crc32, 0, xz->in.data + from, len) == load_le32(stored);
}

static size_t check_len(enum check check)
{
    return check == CHECK_NONE ? 0 : check == CHECK_CRC32 ? 4 : 8;
}

static int parse_stream_header(struct xz *xz)
{
    static const uint8_t magic[6] = {0xfd, '7', 'z', 'X', 'Z', 0};
    const uint8_t *p = xz->in.data + xz->in.pos;

    if (xz->in.end - xz->in.pos < STREAM_HEADER_LEN || memcmp(p, magic, sizeof(magic)) ||
        !crc32_matches(xz, xz->in.pos + 6, 2, p + 8))
        return -XEN_EINVAL;
    if (p[6] != 0 || (p[7] != CHECK_NONE && p[7] != CHECK_CRC32 && p[7] != CHECK_CRC64))
        return -XEN_EOPNOTSUPP;
    xz->check = p[7];
    if (xz->check == CHECK_CRC64 && !xz->crc64_ready) {
        crc64_table_init(&xz->scratch->crc64);
        xz->crc64_ready = true;
    }
    xz->in.pos += STREAM_HEADER_LEN;
    xz->blocks = xz->sum_unpadded = xz->sum_unpacked = 0;
    return 0;
}

/* One filter's id and properties; the last of a chain is LZMA2, before it at most the x86 filter.
 */
static int parse_filter(struct reader *r, bool last, struct block_header *header)
{
    uint64_t id, properties_len;
    const uint8_t *properties;

    if (!next_number(r, &id) || !next_number(r, &properties_len) ||
        properties_len > r->end - r->pos)
        return -XEN_EINVAL;
    properties = r->data + r->pos;
    r->pos += properties_len;
    if (last) {
        if (id != FILTER_LZMA2)
            return -XEN_EOPNOTSUPP;
        /* The dictionary's size, which does not matter when the output is the dictionary. */
        return properties_len == 1 && properties[0] <= 40 ? 0 : -XEN_EINVAL;
    }
    if (id != FILTER_X86)
        return -XEN_EOPNOTSUPP;
    if (properties_len != 0 && properties_len != 4)
        return -XEN_EINVAL;
    header->x86 = true;
    header->x86_start = properties_len ? load_le32(properties) : 0;
    return 0;
}

static int parse_block_header(struct xz *xz, struct block_header *header)
{
    size_t start = xz->in.pos, len = ((size_t)xz->in.data[start] + 1) * 4;
    struct reader r = {xz->in.data, start + 1, start + len - 4};
    unsigned int n_filters;
    uint8_t flags, byte;

    *header = (struct block_header){LEN_UNKNOWN, LEN_UNKNOWN, false, 0};
    if (len > xz->in.end - start || !crc32_matches(xz, start, len - 4, r.data + r.end))
        return -XEN_EINVAL;
    if (!next_byte(&r, &flags))
        return -XEN_EINVAL;
    n_filters = (flags & 3) + 1;
    if ((flags & BLOCK_FLAGS_RESERVED) || n_filters > 2)
        return -XEN_EOPNOTSUPP;
    if ((flags & BLOCK_HAS_PACKED_LEN) && !next_number(&r, &header->packed_len))
        return -XEN_EINVAL;
    if ((flags & BLOCK_HAS_UNPACKED_LEN) && !next_number(&r, &header->unpacked_len))
        return -XEN_EINVAL;
    for (unsigned int i = 0; i < n_filters; i++) {
        int rc = parse_filter(&r, i == n_filters - 1, header);

        if (rc)
            return rc;
    }
    while (next_byte(&r, &byte))
        if (byte != 0)
            return -XEN_EOPNOTSUPP;
    xz->in.pos = start + len;
    return 0;
}

static bool check_matches(const struct xz *xz, const uint8_t *data, size_t len,
                          const uint8_t *stored)
{
    if (xz->check == CHECK_CRC32)
        return crc32_update(&xz->scratch->crc32, 0, data, len) == load_le32(stored);
    if (xz->check == CHECK_CRC64)
        return crc64_update(&xz->scratch->crc64, 0, data, len) == load_le64(stored);
    return true;
}

static int decode_block(struct xz *xz)
{
    size_t start = xz->in.pos, in_len, out_len, unpadded;
    uint8_t *out = xz->dst + xz->dst_len;
    struct block_header header;
    int rc = parse_block_header(xz, &header);

    if (rc)
        return rc;
    rc = lzma2_decode(&xz->scratch->lzma2, xz->in.data + xz->in.pos, xz->in.end - xz->in.pos,
                      &in_len, out, xz->dst_cap - xz->dst_len, &out_len);
    if (rc)
        return rc;
    if ((header.packed_len != LEN_UNKNOWN && header.packed_len != in_len) ||
        (header.unpacked_len != LEN_UNKNOWN && header.unpacked_len != out_len))
        return -XEN_EINVAL;
    xz->in.pos += in_len;
    unpadded = xz->in.pos - start + check_len(xz->check);
    if (!skip_padding(&xz->in, start) || xz->in.end - xz->in.pos < check_len(xz->check))
        return -XEN_EINVAL;
    if (header.x86)
        bcj_x86_decode(out, out_len, header.x86_start);
    if (!check_matches(xz, out, out_len, xz->in.data + xz->in.pos))
        return -XEN_EINVAL;
    xz->in.pos += check_len(xz->check);
    xz->dst_len += out_len;
    xz->blocks++;
    xz->sum_unpadded += unpadded;
    xz->sum_unpacked += out_len;
    return 0;
}

/* The index lists every block; its sums must be those of the blocks we saw. */
static int parse_index(struct xz *xz)
{
    struct reader *r = &xz->in;
    size_t start = r->pos;
    uint64_t n_records, unpadded, unpacked;

    r->pos++; /* the zero byte that told it from a block */
    if (!next_number(r, &n_records) || n_records != xz->blocks)
        return -XEN_EINVAL;
    for (uint64_t i = 0; i < n_records; i++) {
        if (!next_number(r, &unpadded) || !next_number(r, &unpacked) ||
            unpadded > xz->sum_unpadded || unpacked > xz->sum_unpacked)
            return -XEN_EINVAL;
        xz->sum_unpadded -= unpadded;
        xz->sum_unpacked -= unpacked;
    }
    if (xz->sum_unpadded || xz->sum_unpacked || !skip_padding(r, start) || r->end - r->pos < 4 ||
        !crc32_matches(xz, start, r->pos - start, r->data + r->pos))
        return -XEN_EINVAL;
    r->pos += 4;
    return 0;
}

static int parse_stream_footer(struct xz *xz, size_t index_len)
{
    const uint8_t *p = xz->in.data + xz->in.pos;

    if (xz->in.end - xz->in.pos < STREAM_FOOTER_LEN || !crc32_matches(xz, xz->in.pos + 4, 6, p) ||
        ((uint64_t)load_le32(p + 4) + 1) * 4 != index_len || p[8] != 0 || p[9] != xz->check ||
        p[10] != 'Y' || p[11] != 'Z')
        return -XEN_EINVAL;
    xz->in.pos += STREAM_FOOTER_LEN;
    return 0;
}

static int decode_stream(struct xz *xz)
{
    size_t index;
    int rc = parse_stream_header(xz);

    if (rc)
        return rc;
    while (xz->in.pos < xz->in.end && xz->in.data[xz->in.pos] != 0) {
        rc = decode_block(xz);
        if (rc)
            return rc;
    }
    index = xz->in.pos;
    if (index >= xz->in.end)
        return -XEN_EINVAL;
    rc = parse_index(xz);
    return rc ? rc : parse_stream_footer(xz, xz->in.pos - index);
}

int xz_decode(const void *src, size_t src_len, void *dst, size_t dst_cap, size_t *out_len,
              void *scratch, size_t scratch_len)
{
    struct xz xz = {.in = {src, 0, src_len}, .dst = dst, .dst_cap = dst_cap, .scratch = scratch};

    if (scratch_len < sizeof(struct scratch))
        return -XEN_ENOMEM;
    crc32_table_init(&xz.scratch->crc32);
    do {
        int rc = decode_stream(&xz);

        if (rc)
            return rc;
        /* Between and after streams: zero bytes, in groups of four. */
        while (xz.in.end - xz.in.pos >= 4 && load_le32(xz.in.data + xz.in.pos) == 0)
            xz.in.pos += 4;
    } while (xz.in.pos < xz.in.end);
    *out_len = xz.dst_len;
    return 0;
}
