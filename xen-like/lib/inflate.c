/* SPDX-License-Identifier: MIT */
/* Deflate decoder: a 64-bit bit buffer, and one table look for most symbols. */
#include <stdbool.h>
#include <xen/errno.h>

#include "lib/bytes.h"
#include "lib/inflate.h"
#include "lib/string.h"

#define END_OF_BLOCK   256
#define LENGTH_SYMBOLS 29
#define DIST_SYMBOLS   30
#define CODE_LENGTHS   19

struct inflate {
    const uint8_t *in;
    const uint8_t *in_end;
    uint64_t bits; /* the next bits, lowest first */
    unsigned int
        n_bits; /* how many of them are real; those above are zero or repeat what in still holds */
    unsigned int n_missing; /* zero bytes made up past the end of the input */
    uint8_t *dst;
    uint8_t *out;
    uint8_t *dst_end;
};

static const uint16_t length_base[LENGTH_SYMBOLS] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                                     15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                                     67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t length_extra[LENGTH_SYMBOLS] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                                     2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t dist_base[DIST_SYMBOLS] = {
    1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
    193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
static const uint8_t dist_extra[DIST_SYMBOLS] = {0, 0, 0,  0,  1,  1,  2,  2,  3,  3,
                                                 4, 4, 5,  5,  6,  6,  7,  7,  8,  8,
                                                 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};

/* Makes at least 56 bits available; past the end of the input they are zeros and counted. */
static inline void refill(struct inflate *s)
{
    if (s->in_end - s->in >= 8) {
        unsigned int bytes = (63 - s->n_bits) / 8;

        s->bits |= load_le64(s->in) << s->n_bits;
        s->in += bytes;
        s->n_bits += bytes * 8;
        return;
    }
    while (s->n_bits <= 56) {
        if (s->in < s->in_end)
            s->bits |= (uint64_t)*s->in++ << s->n_bits;
        else
            s->n_missing++;
        s->n_bits += 8;
    }
}

/* Takes n bits (0..16) that a refill made available. */
static inline uint32_t take(struct inflate *s, unsigned int n)
{
    uint32_t value = (uint32_t)s->bits & ((1u << n) - 1);

    s->bits >>= n;
    s->n_bits -= n;
    return value;
}

/* True once bits that were not in the input have been used. */
static inline bool is_overrun(const struct inflate *s)
{
    return s->n_missing * 8 > s->n_bits;
}

/* Builds the code whose symbol i has lengths[i] bits. Refuses codes with too many or, but for one,
 * too few words. */
static bool build_code(struct inflate_code *code, const uint8_t *lengths, unsigned int n)
{
    uint16_t offset[INFLATE_MAX_BITS + 2] = {0};
    unsigned int word = 0, used = 0, left = 1;

    memset(code, 0, sizeof(*code));
    for (unsigned int i = 0; i < n; i++)
        code->count[lengths[i]]++;
    used = n - code->count[0];
    code->count[0] = 0;
    for (unsigned int len = 1; len <= INFLATE_MAX_BITS; len++) {
        left <<= 1;
        if (code->count[len] > left)
            return false;
        left -= code->count[len];
        offset[len + 1] = offset[len] + code->count[len];
    }
    if (left > 0 && !(used == 0 || (used == 1 && code->count[1] == 1)))
        return false;
    for (unsigned int i = 0; i < n; i++)
        if (lengths[i])
            code->symbol[offset[lengths[i]]++] = (uint16_t)i;

    used = 0;
    for (unsigned int len = 1; len <= INFLATE_FAST_BITS; len++, word <<= 1)
        for (unsigned int i = 0; i < code->count[len]; i++, word++) {
            /* The stream sends a word's highest bit first, at the lowest place of the buffer. */
            unsigned int reversed = 0;

            for (unsigned int bit = 0; bit < len; bit++)
                reversed |= (word >> bit & 1) << (len - 1 - bit);
            for (; reversed < 1u << INFLATE_FAST_BITS; reversed += 1u << len)
                code->fast[reversed] = (uint16_t)(code->symbol[used] << 4 | len);
            used++;
        }
    return true;
}

/* A symbol by walking the lengths; -1 when the bits are no word of the code. */
static int take_long_symbol(struct inflate *s, const struct inflate_code *code)
{
    unsigned int word = 0, first = 0, index = 0;

    for (unsigned int len = 1; len <= INFLATE_MAX_BITS; len++) {
        word |= s->bits >> (len - 1) & 1;
        if (word - first < code->count[len]) {
            take(s, len);
            return code->symbol[index + word - first];
        }
        index += code->count[len];
        first = (first + code->count[len]) << 1;
        word <<= 1;
    }
    return -1;
}

static inline int take_symbol(struct inflate *s, const struct inflate_code *code)
{
    unsigned int entry = code->fast[s->bits & ((1u << INFLATE_FAST_BITS) - 1)];

    if (entry) {
        take(s, entry & 15);
        return (int)(entry >> 4);
    }
    return take_long_symbol(s, code);
}

static int copy_back(struct inflate *s, size_t dist, size_t len)
{
    const uint8_t *from = s->out - dist;
    uint8_t *end;

    if (dist > (size_t)(s->out - s->dst))
        return -XEN_EINVAL;
    if (len > (size_t)(s->dst_end - s->out))
        return -XEN_ENOSPC;
    end = s->out + len;
    if (dist >= 8 && s->dst_end - end >= 8)
        for (; s->out < end; s->out += 8, from += 8)
            store_le64(s->out, load_le64(from));
    else
        while (s->out < end)
            *s->out++ = *from++;
    s->out = end;
    return 0;
}

static int decode_symbols(struct inflate *s, const struct inflate_codes *codes)
{
    for (;;) {
        int symbol, rc;
        size_t len;

        /* 56 bits: a length with its extra bits takes 20, a distance with its own 28. */
        refill(s);
        symbol = take_symbol(s, &codes->literal);
        if (is_overrun(s) || symbol < 0)
            return -XEN_EINVAL;
        if (symbol < END_OF_BLOCK) {
            if (s->out == s->dst_end)
                return -XEN_ENOSPC;
            *s->out++ = (uint8_t)symbol;
            continue;
        }
        if (symbol == END_OF_BLOCK)
            return 0;
        symbol -= END_OF_BLOCK + 1;
        if (symbol >= LENGTH_SYMBOLS)
            return -XEN_EINVAL;
        len = length_base[symbol] + take(s, length_extra[symbol]);
        symbol = take_symbol(s, &codes->distance);
        if (symbol < 0 || symbol >= DIST_SYMBOLS)
            return -XEN_EINVAL;
        rc = copy_back(s, dist_base[symbol] + take(s, dist_extra[symbol]), len);
        if (rc)
            return rc;
    }
}

static int decode_stored(struct inflate *s)
{
    size_t len, buffered;

    take(s, s->n_bits % 8);
    refill(s);
    len = take(s, 16);
    if (take(s, 16) != (len ^ 0xffff) || is_overrun(s))
        return -XEN_EINVAL;
    /* Whole bytes still in the buffer go back to the input. */
    buffered = s->n_bits / 8 - s->n_missing;
    s->in -= buffered;
    s->bits = 0;
    s->n_bits = 0;
    s->n_missing = 0;
    if (len > (size_t)(s->in_end - s->in))
        return -XEN_EINVAL;
    if (len > (size_t)(s->dst_end - s->out))
        return -XEN_ENOSPC;
    memcpy(s->out, s->in, len);
    s->in += len;
    s->out += len;
    return 0;
}

static void build_fixed_codes(struct inflate_codes *codes)
{
    uint8_t lengths[INFLATE_SYMBOLS];

    for (unsigned int i = 0; i < INFLATE_SYMBOLS; i++)
        lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    build_code(&codes->literal, lengths, INFLATE_SYMBOLS);
    /* 32 words, of which the last two have no meaning and are refused when they turn up. */
    memset(lengths, 5, 32);
    build_code(&codes->distance, lengths, 32);
}

/* Reads both codes' lengths, themselves run-length and Huffman coded. */
static int build_dynamic_codes(struct inflate *s, struct inflate_codes *codes)
{
    static const uint8_t order[CODE_LENGTHS] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                11, 4,  12, 3, 13, 2, 14, 1, 15};
    uint8_t lengths[INFLATE_SYMBOLS + 32] = {0}, previous = 0;
    unsigned int n_literal, n_distance, n_code, pos = 0;

    refill(s);
    n_literal = take(s, 5) + 257;
    n_distance = take(s, 5) + 1;
    n_code = take(s, 4) + 4;
    if (n_literal > 286 || n_distance > DIST_SYMBOLS)
        return -XEN_EINVAL;
    for (unsigned int i = 0; i < n_code; i++) {
        refill(s);
        lengths[order[i]] = (uint8_t)take(s, 3);
    }
    if (!build_code(&codes->literal, lengths, CODE_LENGTHS))
        return -XEN_EINVAL;
    memset(lengths, 0, CODE_LENGTHS);
    while (pos < n_literal + n_distance) {
        int symbol;
        unsigned int repeat = 1;

        refill(s);
        symbol = take_symbol(s, &codes->literal);
        if (symbol < 0 || is_overrun(s) || (symbol == 16 && pos == 0))
            return -XEN_EINVAL;
        if (symbol < 16)
            previous = (uint8_t)symbol;
        else if (symbol == 16)
            repeat = 3 + take(s, 2);
        else {
            repeat = symbol == 17 ? 3 + take(s, 3) : 11 + take(s, 7);
            previous = 0;
        }
        if (repeat > n_literal + n_distance - pos)
            return -XEN_EINVAL;
        memset(lengths + pos, previous, repeat);
        pos += repeat;
    }
    if (lengths[END_OF_BLOCK] == 0 || !build_code(&codes->literal, lengths, n_literal) ||
        !build_code(&codes->distance, lengths + n_literal, n_distance))
        return -XEN_EINVAL;
    return 0;
}

static int decode_block(struct inflate *s, struct inflate_codes *codes, bool *last)
{
    int rc = 0;

    refill(s);
    *last = take(s, 1);
    switch (take(s, 2)) {
    case 0:
        return decode_stored(s);
    case 1:
        build_fixed_codes(codes);
        break;
    case 2:
        rc = build_dynamic_codes(s, codes);
        break;
    default:
        return -XEN_EINVAL;
    }
    return rc ? rc : decode_symbols(s, codes);
}

int inflate_decode(struct inflate_codes *codes, const uint8_t *src, size_t src_len, size_t *in_len,
                   uint8_t *dst, size_t dst_cap, size_t *out_len)
{
    struct inflate s = {
        .in = src, .in_end = src + src_len, .dst = dst, .out = dst, .dst_end = dst + dst_cap};
    bool last = false;

    while (!last) {
        int rc = decode_block(&s, codes, &last);

        if (rc)
            return rc;
    }
    if (is_overrun(&s))
        return -XEN_EINVAL;
    *in_len = (size_t)(s.in - src) - (s.n_bits / 8 - s.n_missing);
    *out_len = (size_t)(s.out - dst);
    return 0;
}
