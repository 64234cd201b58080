/* SPDX-License-Identifier: MIT */
/* Where a frame's protocol headers are (Ethernet, 802.1Q, IPv4 RFC 791, IPv6 RFC 8200). */
#include "net/frame.h"

#include <string.h>

#define ETH_HEADER     14
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88a8
#define VLAN_TAGS_MAX  2

#define IPV4_HEADER_MIN 20
#define IPV4_FRAG_MASK  0x3fff /* more-fragments bit and offset */
#define IPV6_HEADER     40
#define IPV6_EXTENSIONS 8 /* more of them than that is no honest packet */
#define IP_NEXT_HOPOPTS 0
#define IP_NEXT_TCP     6
#define IP_NEXT_UDP     17
#define IP_NEXT_ROUTING 43
#define IP_NEXT_DSTOPTS 60

#define TCP_HEADER_MIN 20
#define UDP_HEADER     8

/* The transport header at l4_offset, `l4_len` bytes long by the IP header's count. */
static bool set_l4(unsigned protocol, size_t l4_len, struct frame_layers *out)
{
    size_t min = protocol == IP_NEXT_TCP ? TCP_HEADER_MIN : UDP_HEADER;

    if (protocol != IP_NEXT_TCP && protocol != IP_NEXT_UDP)
        return true;
    if (l4_len < min)
        return false;
    out->l4 = protocol == IP_NEXT_TCP ? FRAME_L4_TCP : FRAME_L4_UDP;
    out->l4_len = l4_len;
    return true;
}

static bool find_ipv4(const uint8_t *data, size_t have, size_t len, struct frame_layers *out)
{
    const uint8_t *ip = data + out->l3_offset;
    size_t header, total;

    if (have < out->l3_offset + IPV4_HEADER_MIN || ip[0] >> 4 != 4)
        return false;
    header = (size_t)(ip[0] & 15) * 4;
    total = frame_get16(ip + 2);
    if (header < IPV4_HEADER_MIN || total < header || total > len - out->l3_offset)
        return false;
    out->ip_version = 4;
    out->l4_offset = out->l3_offset + header;
    if (frame_get16(ip + 6) & IPV4_FRAG_MASK)
        return true;
    return set_l4(ip[9], total - header, out);
}

static bool find_ipv6(const uint8_t *data, size_t have, size_t len, struct frame_layers *out)
{
    const uint8_t *ip = data + out->l3_offset;
    size_t at = out->l3_offset + IPV6_HEADER, end;
    unsigned next;

    if (have < at || ip[0] >> 4 != 6)
        return false;
    end = at + frame_get16(ip + 4);
    if (end > len)
        return false;
    out->ip_version = 6;
    next = ip[6];
    for (int i = 0; i < IPV6_EXTENSIONS; i++) {
        if (next != IP_NEXT_HOPOPTS && next != IP_NEXT_ROUTING && next != IP_NEXT_DSTOPTS) {
            out->l4_offset = at;
            return set_l4(next, end - at, out);
        }
        if (at + 8 > end || at + 8 > have)
            return false;
        next = data[at];
        at += ((size_t)data[at + 1] + 1) * 8;
        if (at > end)
            return false;
    }
    return false;
}

bool frame_find_layers(const uint8_t *data, size_t have, size_t len, struct frame_layers *out)
{
    size_t at = ETH_HEADER;
    uint16_t type;

    memset(out, 0, sizeof(*out));
    if (have < ETH_HEADER)
        return false;
    type = frame_get16(data + 12);
    for (int i = 0; i < VLAN_TAGS_MAX && (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ); i++) {
        if (have < at + 4)
            return false;
        type = frame_get16(data + at + 2);
        at += 4;
    }
    out->l3_offset = at;
    if (type == ETHERTYPE_IPV4)
        return find_ipv4(data, have, len, out);
    if (type == ETHERTYPE_IPV6)
        return find_ipv6(data, have, len, out);
    return true;
}
