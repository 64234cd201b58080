/* SPDX-License-Identifier: MIT */
/* Checksums (RFC 1071, 793, 768, 8200) and TCP segmentation in software. */
#include "net/offload.h"

#include <string.h>

#define IPV4_ADDRESSES 12 /* offset of source, then destination, in the IPv4 header */
#define IPV6_ADDRESSES 8
#define TCP_CHECKSUM   16
#define UDP_CHECKSUM   6
#define PROTO_TCP      6
#define PROTO_UDP      17

#define TCP_FIN 0x01
#define TCP_PSH 0x08
#define TCP_CWR 0x80

static uint64_t sum_bytes(uint64_t sum, const uint8_t *data, size_t len)
{
    for (; len >= 2; data += 2, len -= 2)
        sum += frame_get16(data);
    if (len)
        sum += (uint64_t)data[0] << 8;
    return sum;
}

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint64_t pseudo_header_sum(const uint8_t *frame, const struct frame_layers *layers)
{
    const uint8_t *ip = frame + layers->l3_offset;
    uint64_t sum = layers->l4_len + (layers->l4 == FRAME_L4_TCP ? PROTO_TCP : PROTO_UDP);

    if (layers->ip_version == 4)
        return sum_bytes(sum, ip + IPV4_ADDRESSES, 8);
    return sum_bytes(sum, ip + IPV6_ADDRESSES, 32);
}

static size_t checksum_offset(const struct frame_layers *layers)
{
    return layers->l4 == FRAME_L4_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
}

static bool find_transport(const uint8_t *frame, size_t len, struct frame_layers *layers)
{
    return frame_find_layers(frame, len, len, layers) && layers->l4 != FRAME_L4_NONE;
}

bool offload_fill_checksum(uint8_t *frame, size_t len)
{
    struct frame_layers layers;
    uint8_t *field;
    uint16_t sum;

    if (!find_transport(frame, len, &layers))
        return false;
    field = frame + layers.l4_offset + checksum_offset(&layers);
    frame_put16(field, 0);
    sum = (uint16_t)~fold(
        sum_bytes(pseudo_header_sum(frame, &layers), frame + layers.l4_offset, layers.l4_len));
    /* In UDP, zero means that there is no checksum (RFC 768). */
    if (sum == 0 && layers.l4 == FRAME_L4_UDP)
        sum = 0xffff;
    frame_put16(field, sum);
    return true;
}

bool offload_seed_checksum(uint8_t *frame, size_t len, uint16_t *start, uint16_t *offset)
{
    struct frame_layers layers;

    if (!find_transport(frame, len, &layers))
        return false;
    *start = (uint16_t)layers.l4_offset;
    *offset = (uint16_t)checksum_offset(&layers);
    frame_put16(frame + *start + *offset, fold(pseudo_header_sum(frame, &layers)));
    return true;
}

size_t offload_tcp4_headers(const uint8_t *frame, size_t have, size_t len)
{
    struct frame_layers layers;
    size_t tcp_header;

    if (!frame_find_layers(frame, have, len, &layers) || layers.ip_version != 4 ||
        layers.l4 != FRAME_L4_TCP || have < layers.l4_offset + 20)
        return 0;
    tcp_header = (size_t)(frame[layers.l4_offset + 12] >> 4) * 4;
    if (tcp_header < 20 || tcp_header > layers.l4_len)
        return 0;
    return layers.l4_offset + tcp_header;
}

size_t offload_segment(const uint8_t *frame, size_t len, unsigned mss, unsigned index, uint8_t *out)
{
    size_t headers = offload_tcp4_headers(frame, len, len);
    size_t skip = (size_t)index * mss, payload, end;
    struct frame_layers layers;
    uint8_t *ip, *tcp;

    if (headers == 0 || mss < OFFLOAD_MSS_MIN || !find_transport(frame, len, &layers))
        return 0;
    end = layers.l4_offset + layers.l4_len;
    if (headers + skip >= end)
        return 0;
    payload = end - headers - skip;
    if (payload > mss)
        payload = mss;

    memcpy(out, frame, headers);
    memcpy(out + headers, frame + headers + skip, payload);
    ip = out + layers.l3_offset;
    tcp = out + layers.l4_offset;
    frame_put16(ip + 2, (uint16_t)(headers - layers.l3_offset + payload));
    frame_put16(ip + 4, (uint16_t)(frame_get16(ip + 4) + index));
    frame_put16(ip + 10, 0);
    frame_put16(ip + 10, (uint16_t)~fold(sum_bytes(0, ip, layers.l4_offset - layers.l3_offset)));
    frame_put32(tcp + 4, frame_get32(tcp + 4) + (uint32_t)skip);
    if (headers + skip + payload < end)
        tcp[13] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
    if (index > 0)
        tcp[13] &= (uint8_t)~TCP_CWR;
    offload_fill_checksum(out, headers + payload);
    return headers + payload;
}
