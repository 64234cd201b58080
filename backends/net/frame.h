/* SPDX-License-Identifier: MIT */
/* A frame as the data path sees it, and where its protocol headers are. */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_LEN_MAX  0xffff /* a netif transmit request counts the whole frame in 16 bits */
#define FRAME_HEAD_MAX 128    /* bytes of a guest's frame that are copied before forwarding */

/* What is known of the TCP or UDP checksum. */
enum frame_csum {
    FRAME_CSUM_NONE,  /* nothing: the receiver must verify it */
    FRAME_CSUM_VALID, /* verified on the way */
    FRAME_CSUM_BLANK, /* not filled in: holds at most the pseudo-header's sum */
};

struct frame_offload {
    enum frame_csum csum;
    uint16_t gso_size; /* TCPv4 payload per segment; 0: not to be segmented */
};

enum frame_l4 { FRAME_L4_NONE, FRAME_L4_TCP, FRAME_L4_UDP };

/* Offsets from the first byte of the frame. */
struct frame_layers {
    unsigned ip_version; /* 4, 6, or 0 if it isn't IP */
    enum frame_l4 l4;
    size_t l3_offset, l4_offset;
    size_t l4_len; /* bytes of TCP or UDP, header included, by the IP header's own count */
};

/*
 * Find the headers in the first `have` bytes of a frame `len` bytes long (have <= len). Every
 * length found in the packet is checked against `len`. False if an IP header is malformed or cut
 * off; fragments and other protocols are well formed with l4 == FRAME_L4_NONE.
 */
bool frame_find_layers(const uint8_t *data, size_t have, size_t len, struct frame_layers *out);

static inline uint16_t frame_get16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void frame_put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline uint32_t frame_get32(const uint8_t *at)
{
    return (uint32_t)frame_get16(at) << 16 | frame_get16(at + 2);
}

static inline void frame_put32(uint8_t *at, uint32_t value)
{
    frame_put16(at, (uint16_t)(value >> 16));
    frame_put16(at + 2, (uint16_t)value);
}

#endif
