/* SPDX-License-Identifier: MIT */
/*
 * LZMA2 decoder, written for speed: unpacking dom0's kernel is a good part of the boot.
 *
 * The range decoder lives in registers (struct rc is local and everything touching it is inlined),
 * bits of trees are decoded without branches, and input is checked once a symbol: no symbol takes
 * more than 20 bytes, and LZMA2_SOURCE_SLACK bytes are known to follow every chunk.
 */
#include <stdbool.h>
#include <xen/errno.h>

#include "lib/bytes.h"
#include "lib/lzma2.h"

#define INLINE static inline __attribute__((always_inline))

#define PROB_BITS  11
#define PROB_INIT  (1u << (PROB_BITS - 1))
#define PROB_SHIFT 5
#define RANGE_TOP  (1u << 24)

#define STATE_AFTER_MATCH  7
#define MATCH_LEN_MIN      2
#define DIST_SLOTS_SPECIAL 14
#define DIST_ALIGN_BITS    4
#define RC_INIT_BYTES      5

struct rc {
    uint32_t range;
    uint32_t code;
    const uint8_t *in;
};

/* Where one chunk's output goes. */
struct window {
    const uint8_t *dict; /* nothing before this may be referred to */
    uint8_t *out;
    uint8_t *out_end; /* of the chunk */
    uint8_t *dst_end; /* of the buffer: copies may run past out_end up to here */
};

INLINE void rc_normalize(struct rc *rc)
{
    if (rc->range < RANGE_TOP) {
        rc->range <<= 8;
        rc->code = rc->code << 8 | *rc->in++;
    }
}

/* One predicted bit that decides the program's way. */
INLINE bool rc_bit(struct rc *rc, uint16_t *prob)
{
    uint32_t bound;

    rc_normalize(rc);
    bound = (rc->range >> PROB_BITS) * *prob;
    if (rc->code < bound) {
        rc->range = bound;
        *prob += ((1u << PROB_BITS) - *prob) >> PROB_SHIFT;
        return false;
    }
    rc->range -= bound;
    rc->code -= bound;
    *prob -= *prob >> PROB_SHIFT;
    return true;
}

/* One predicted bit that only adds to a number: as good as random, so decoded without a branch. */
INLINE uint32_t rc_data_bit(struct rc *rc, uint16_t *prob)
{
    uint32_t p = *prob, bound, zero;

    rc_normalize(rc);
    bound = (rc->range >> PROB_BITS) * p;
    zero = -(uint32_t)(rc->code < bound); /* all ones when the bit is 0 */
    rc->range = zero ? bound : rc->range - bound;
    rc->code -= bound & ~zero;
    *prob = (uint16_t)(p + (uint32_t)((int32_t)((zero & 2017) + 31 - p) >> PROB_SHIFT));
    return zero + 1;
}

/* A number of `bits` bits, most significant first, each with a prediction that depends on those
 * before. */
INLINE uint32_t rc_tree(struct rc *rc, uint16_t *probs, int bits)
{
    uint32_t node = 1;

    for (int i = 0; i < bits; i++)
        node = node << 1 | rc_data_bit(rc, &probs[node]);
    return node - (1u << bits);
}

/* The same, least significant bit first. */
INLINE uint32_t rc_reverse_tree(struct rc *rc, uint16_t *probs, unsigned int bits)
{
    uint32_t node = 1, value = 0;

    for (unsigned int i = 0; i < bits; i++) {
        uint32_t bit = rc_data_bit(rc, &probs[node]);

        node = node << 1 | bit;
        value |= bit << i;
    }
    return value;
}

/* Bits without a prediction. */
INLINE uint32_t rc_direct(struct rc *rc, unsigned int bits)
{
    uint32_t value = 0;

    while (bits--) {
        uint32_t borrow;

        rc_normalize(rc);
        rc->range >>= 1;
        rc->code -= rc->range;
        borrow = -(rc->code >> 31); /* all ones when the bit is 0 */
        rc->code += rc->range & borrow;
        value = (value << 1) + borrow + 1;
    }
    return value;
}

INLINE uint32_t literal_plain(struct rc *rc, uint16_t *probs)
{
    return rc_tree(rc, probs, 8);
}

/* A literal after a match: predicted by the byte at rep0 too, for as long as the bits agree with
 * it. */
INLINE uint32_t literal_matched(struct rc *rc, uint16_t *probs, uint32_t match_byte)
{
    uint32_t node = 1, agree = 0x100;

    for (int i = 0; i < 8; i++) {
        uint32_t match_bit, bit;

        match_byte <<= 1;
        match_bit = match_byte & agree;
        bit = rc_data_bit(rc, &probs[agree + match_bit + node]);
        node = node << 1 | bit;
        agree &= bit ? match_bit : ~match_bit;
    }
    return node & 0xff;
}

INLINE uint32_t decode_length(struct rc *rc, struct lzma_lengths *len, uint32_t pos_state)
{
    if (!rc_bit(rc, &len->choice))
        return MATCH_LEN_MIN + rc_tree(rc, len->low[pos_state], 3);
    if (!rc_bit(rc, &len->choice2))
        return MATCH_LEN_MIN + 8 + rc_tree(rc, len->mid[pos_state], 3);
    return MATCH_LEN_MIN + 16 + rc_tree(rc, len->high, 8);
}

/* The distance of a match, less one. */
INLINE uint32_t decode_distance(struct rc *rc, struct lzma_model *m, uint32_t len)
{
    uint32_t len_state = len - MATCH_LEN_MIN < 3 ? len - MATCH_LEN_MIN : 3;
    uint32_t slot = rc_tree(rc, m->dist_slot[len_state], 6), dist, extra;

    if (slot < 4)
        return slot;
    extra = (slot >> 1) - 1;
    dist = (2 | (slot & 1)) << extra;
    /* dist - slot is at least 0, and trees leave their element 0 unused. */
    if (slot < DIST_SLOTS_SPECIAL)
        return dist + rc_reverse_tree(rc, &m->dist_special[dist - slot], extra);
    dist += rc_direct(rc, extra - DIST_ALIGN_BITS) << DIST_ALIGN_BITS;
    return dist + rc_reverse_tree(rc, m->dist_align, DIST_ALIGN_BITS);
}

/* Copies len bytes from dist back, where source and target may overlap; returns the new end. */
INLINE uint8_t *copy_match(uint8_t *out, size_t dist, uint32_t len, const uint8_t *dst_end)
{
    uint8_t *end = out + len;
    const uint8_t *from = out - dist;

    if ((size_t)(dst_end - end) < 8) {
        while (out < end)
            *out++ = *from++;
        return end;
    }
    if (dist < 8) {
        size_t period = dist;

        /* The bytes repeat: eight singly, the rest from the smallest multiple of dist that is 8 or
         * more. */
        for (int i = 0; i < 8; i++)
            *out++ = *from++;
        while (period < 8)
            period += dist;
        from = out - period;
    }
    for (; out < end; out += 8, from += 8)
        store_le64(out, load_le64(from));
    return end;
}

/* Decodes one of the four kinds of repeated match; 0 stands for the one-byte kind. */
INLINE uint32_t decode_rep(struct rc *rc, struct lzma_model *m, uint32_t *state, uint32_t rep[4],
                           uint32_t pos_state)
{
    uint32_t dist;

    if (!rc_bit(rc, &m->is_rep0[*state])) {
        if (!rc_bit(rc, &m->is_rep0_long[*state][pos_state])) {
            *state = *state < STATE_AFTER_MATCH ? 9 : 11;
            return 1;
        }
    } else {
        if (!rc_bit(rc, &m->is_rep1[*state])) {
            dist = rep[1];
        } else {
            if (!rc_bit(rc, &m->is_rep2[*state])) {
                dist = rep[2];
            } else {
                dist = rep[3];
                rep[3] = rep[2];
            }
            rep[2] = rep[1];
        }
        rep[1] = rep[0];
        rep[0] = dist;
    }
    *state = *state < STATE_AFTER_MATCH ? 8 : 11;
    return decode_length(rc, &m->rep_len, pos_state);
}

/* Decodes one LZMA chunk: in..in_end gives exactly w->out..w->out_end. */
static int decode_chunk(struct lzma2_decoder *d, struct window *w, const uint8_t *in,
                        const uint8_t *in_end)
{
    struct lzma_model *m = &d->model;
    const uint8_t *const dict = w->dict;
    uint8_t *out = w->out, *const out_end = w->out_end;
    const uint32_t literal_shift = d->literal_shift, literal_mask = d->literal_mask;
    uint32_t state = d->state;
    uint32_t rep[4] = {d->rep[0], d->rep[1], d->rep[2], d->rep[3]};
    struct rc rc = {
        .range = UINT32_MAX, .code = __builtin_bswap32(load_le32(in + 1)), .in = in + 5};

    if (in[0] != 0)
        return -XEN_EINVAL;
    while (out < out_end && rc.in <= in_end) {
        uint32_t pos = (uint32_t)(out - dict), pos_state = pos & d->align_mask, len;

        if (!rc_bit(&rc, &m->is_match[state][pos_state])) {
            uint32_t before = pos ? out[-1] : 0;
            uint32_t context =
                ((pos & literal_mask) << literal_shift) + (before >> (8 - literal_shift));
            uint16_t *probs = &m->literal[0x300 * context];

            if (state < STATE_AFTER_MATCH) {
                *out++ = (uint8_t)literal_plain(&rc, probs);
                state = state < 4 ? 0 : state - 3;
            } else {
                /* A match came before in this dictionary, so rep[0] was checked and is still
                 * inside. */
                *out = (uint8_t)literal_matched(&rc, probs, out[-(size_t)rep[0] - 1]);
                out++;
                state -= state < 10 ? 3 : 6;
            }
            continue;
        }
        if (rc_bit(&rc, &m->is_rep[state])) {
            len = decode_rep(&rc, m, &state, rep, pos_state);
        } else {
            rep[3] = rep[2];
            rep[2] = rep[1];
            rep[1] = rep[0];
            len = decode_length(&rc, &m->match_len, pos_state);
            rep[0] = decode_distance(&rc, m, len);
            state = state < STATE_AFTER_MATCH ? 7 : 10;
        }
        if (rep[0] >= pos || len > (size_t)(out_end - out))
            return -XEN_EINVAL;
        out = copy_match(out, (size_t)rep[0] + 1, len, w->dst_end);
    }
    rc_normalize(&rc);
    if (out != out_end || rc.in != in_end || rc.code != 0)
        return -XEN_EINVAL;
    d->state = state;
    for (int i = 0; i < 4; i++)
        d->rep[i] = rep[i];
    w->out = out;
    return 0;
}

static void reset_state(struct lzma2_decoder *d)
{
    uint16_t *prob = (uint16_t *)&d->model;

    for (size_t i = 0; i < sizeof(d->model) / sizeof(*prob); i++)
        prob[i] = PROB_INIT;
    d->state = 0;
    for (int i = 0; i < 4; i++)
        d->rep[i] = 0;
}

/* Takes the byte (pb * 5 + lp) * 9 + lc apart. */
static int set_properties(struct lzma2_decoder *d, uint8_t properties)
{
    unsigned int lc = properties % 9, lp = properties / 9 % 5, pb = properties / 45;

    if (pb > 4 || lc + lp > 4)
        return -XEN_EINVAL;
    d->literal_shift = lc;
    d->literal_mask = (1u << lp) - 1;
    d->align_mask = (1u << pb) - 1;
    return 0;
}

/* What a chunk's control byte asks for. */
struct chunk {
    bool compressed;
    bool reset_dict;
    bool reset_state;
    bool new_properties;
    uint8_t properties;
    size_t header_len;
    size_t in_len;
    size_t out_len;
};

static int parse_chunk_header(const uint8_t *p, struct chunk *chunk)
{
    uint8_t control = p[0];

    *chunk = (struct chunk){.compressed = control >= 0x80};
    if (chunk->compressed) {
        unsigned int reset = (control >> 5) & 3;

        chunk->reset_state = reset >= 1;
        chunk->new_properties = reset >= 2;
        chunk->reset_dict = reset == 3;
        chunk->header_len = chunk->new_properties ? 6 : 5;
        chunk->properties = p[5];
        chunk->out_len = ((size_t)(control & 0x1f) << 16) + ((size_t)p[1] << 8) + p[2] + 1;
        chunk->in_len = ((size_t)p[3] << 8) + p[4] + 1;
        return chunk->in_len < RC_INIT_BYTES ? -XEN_EINVAL : 0;
    }
    if (control > 2)
        return -XEN_EINVAL;
    chunk->reset_dict = control == 1;
    chunk->header_len = 3;
    chunk->in_len = chunk->out_len = ((size_t)p[1] << 8) + p[2] + 1;
    return 0;
}

int lzma2_decode(struct lzma2_decoder *decoder, const uint8_t *src, size_t src_len, size_t *in_len,
                 uint8_t *dst, size_t dst_cap, size_t *out_len)
{
    struct window w = {.out = dst, .dst_end = dst + dst_cap};
    bool need_dict = true, need_properties = true;
    size_t pos = 0, limit; /* no chunk may reach beyond limit; the end mark may lie there */

    if (src_len <= LZMA2_SOURCE_SLACK)
        return -XEN_EINVAL;
    limit = src_len - LZMA2_SOURCE_SLACK;
    while (pos < limit && src[pos] != 0) {
        struct chunk chunk;
        int rc = parse_chunk_header(src + pos, &chunk);

        if (rc)
            return rc;
        need_dict = need_dict && !chunk.reset_dict;
        need_properties = (need_properties || chunk.reset_dict) && !chunk.new_properties;
        if (need_dict || (chunk.compressed && need_properties) || chunk.in_len > limit - pos ||
            chunk.header_len > limit - pos - chunk.in_len)
            return -XEN_EINVAL;
        if (chunk.out_len > (size_t)(w.dst_end - w.out))
            return -XEN_ENOSPC;
        if (chunk.reset_dict)
            w.dict = w.out;
        pos += chunk.header_len;
        w.out_end = w.out + chunk.out_len;
        if (chunk.compressed) {
            if (chunk.new_properties && set_properties(decoder, chunk.properties))
                return -XEN_EINVAL;
            if (chunk.reset_state)
                reset_state(decoder);
            rc = decode_chunk(decoder, &w, src + pos, src + pos + chunk.in_len);
            if (rc)
                return rc;
        } else {
            __builtin_memcpy(w.out, src + pos, chunk.in_len);
            w.out = w.out_end;
        }
        pos += chunk.in_len;
    }
    if (pos > limit || src[pos] != 0)
        return -XEN_EINVAL;
    *in_len = pos + 1;
    *out_len = (size_t)(w.out - dst);
    return 0;
}
