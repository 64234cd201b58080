/* SPDX-License-Identifier: MIT */
/* Finding headers, checksums and segmentation in software, and the virtio-net header. */
#include "net/offload.h"
#include "net/uplink/vnet_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define ETH  14
#define IP4  20
#define IP6  40
#define TCP  20
#define UDP  8
#define HEAD (ETH + IP4 + TCP)

/* An IPv4 frame with `payload` bytes after a header of protocol 6 or 17. Returns its length. */
static size_t build_ip4(uint8_t *f, unsigned protocol, size_t payload)
{
    size_t l4 = (protocol == 6 ? TCP : UDP) + payload;

    memset(f, 0, ETH + IP4 + l4);
    frame_put16(f + 12, 0x0800);
    f[ETH] = 0x45;
    frame_put16(f + ETH + 2, (uint16_t)(IP4 + l4));
    frame_put16(f + ETH + 4, 0x1234);
    f[ETH + 8] = 64;
    f[ETH + 9] = (uint8_t)protocol;
    frame_put32(f + ETH + 12, 0xc0a84d01);
    frame_put32(f + ETH + 16, 0xc0a84d32);
    frame_put16(f + ETH + IP4, 5000);
    frame_put16(f + ETH + IP4 + 2, 6000);
    if (protocol == 6) {
        frame_put32(f + ETH + IP4 + 4, 0xfffffff0);
        f[ETH + IP4 + 12] = 5 << 4;
        f[ETH + IP4 + 13] = 0x99; /* CWR ACK PSH FIN */
    } else {
        frame_put16(f + ETH + IP4 + 4, (uint16_t)l4);
    }
    for (size_t i = 0; i < payload; i++)
        f[ETH + IP4 + l4 - payload + i] = (uint8_t)(i * 7 + i / 256);
    return ETH + IP4 + l4;
}

/* One's-complement sum of 16-bit words, the slow and obvious way. */
static uint16_t plain_sum(const uint8_t *data, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 ? data[i] : (uint32_t)data[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}

/* Whether the TCP or UDP checksum of an IPv4 frame is right: all summed up gives 0xffff. */
static bool l4_is_right(const uint8_t *f)
{
    size_t l4_len = (size_t)frame_get16(f + ETH + 2) - IP4;
    uint32_t pseudo = plain_sum(f + ETH + 12, 8, (uint32_t)(f[ETH + 9] + l4_len));

    return plain_sum(f + ETH + IP4, l4_len, pseudo) == 0xffff;
}

static void test_finds_headers(void **state)
{
    struct frame_layers layers;
    uint8_t f[256];
    size_t len = build_ip4(f, 6, 30);

    (void)state;
    assert_true(frame_find_layers(f, len, len, &layers));
    assert_int_equal(layers.ip_version, 4);
    assert_int_equal(layers.l4, FRAME_L4_TCP);
    assert_int_equal(layers.l3_offset, ETH);
    assert_int_equal(layers.l4_offset, ETH + IP4);
    assert_int_equal(layers.l4_len, TCP + 30);

    memmove(f + ETH + 4, f + ETH, len - ETH); /* with a VLAN tag */
    frame_put16(f + 12, 0x8100);
    frame_put16(f + 14, 7);
    frame_put16(f + 16, 0x0800);
    assert_true(frame_find_layers(f, len + 4, len + 4, &layers));
    assert_int_equal(layers.l4_offset, ETH + 4 + IP4);
}

static void test_finds_ipv6_past_extensions(void **state)
{
    uint8_t f[ETH + IP6 + 8 + UDP + 2] = {0};
    struct frame_layers layers;

    (void)state;
    frame_put16(f + 12, 0x86dd);
    f[ETH] = 0x60;
    frame_put16(f + ETH + 4, 8 + UDP + 2);
    f[ETH + 6] = 0;       /* hop-by-hop */
    f[ETH + IP6] = 17;    /* then UDP */
    f[ETH + IP6 + 1] = 0; /* 8 bytes */
    assert_true(frame_find_layers(f, sizeof(f), sizeof(f), &layers));
    assert_int_equal(layers.ip_version, 6);
    assert_int_equal(layers.l4, FRAME_L4_UDP);
    assert_int_equal(layers.l4_offset, ETH + IP6 + 8);
    f[ETH + IP6 + 1] = 200; /* the extension runs out of the packet */
    assert_false(frame_find_layers(f, sizeof(f), sizeof(f), &layers));
    assert_true(offload_fill_checksum(f, sizeof(f)) == false);
}

static void test_lying_lengths_are_refused(void **state)
{
    struct frame_layers layers;
    uint8_t f[256];
    size_t len = build_ip4(f, 6, 10);

    (void)state;
    for (size_t have = 0; have < ETH + IP4; have++)
        assert_true(!frame_find_layers(f, have, len, &layers) || layers.l4 == FRAME_L4_NONE);
    frame_put16(f + ETH + 2, (uint16_t)(len - ETH + 1)); /* longer than the frame */
    assert_false(frame_find_layers(f, len, len, &layers));
    frame_put16(f + ETH + 2, IP4 + TCP - 1); /* no room for a TCP header */
    assert_false(frame_find_layers(f, len, len, &layers));
    build_ip4(f, 6, 10);
    f[ETH] = 0x44; /* header of 16 bytes */
    assert_false(frame_find_layers(f, len, len, &layers));
    build_ip4(f, 6, 10);
    frame_put16(f + ETH + 6, 0x2000); /* a fragment has no transport header to touch */
    assert_true(frame_find_layers(f, len, len, &layers));
    assert_int_equal(layers.l4, FRAME_L4_NONE);
}

static void test_fills_checksums(void **state)
{
    uint8_t f[2048];

    (void)state;
    for (size_t payload = 0; payload < 1460; payload += 73) {
        size_t len = build_ip4(f, 6, payload);

        assert_true(offload_fill_checksum(f, len));
        assert_true(l4_is_right(f));
        len = build_ip4(f, 17, payload);
        assert_true(offload_fill_checksum(f, len));
        assert_true(l4_is_right(f));
    }
}

/* RFC 768: a UDP checksum that comes out as zero is sent as all ones. */
static void test_udp_zero_is_sent_as_ones(void **state)
{
    uint8_t f[64];
    size_t len = build_ip4(f, 17, 2);
    uint16_t missing;

    (void)state;
    frame_put16(f + len - 2, 0);
    offload_fill_checksum(f, len);
    missing = frame_get16(f + ETH + IP4 + 6);
    frame_put16(f + len - 2, missing); /* now the sum is 0xffff, its complement 0 */
    assert_true(offload_fill_checksum(f, len));
    assert_int_equal(frame_get16(f + ETH + IP4 + 6), 0xffff);
}

static void test_seed_is_completed_by_summing(void **state)
{
    uint16_t start, offset;
    uint8_t f[256];
    size_t len = build_ip4(f, 6, 100);

    (void)state;
    assert_true(offload_seed_checksum(f, len, &start, &offset));
    assert_int_equal(start, ETH + IP4);
    assert_int_equal(offset, 16);
    /* What the kernel or a card does with it: */
    frame_put16(f + start + offset, (uint16_t)~plain_sum(f + start, len - start, 0));
    assert_true(l4_is_right(f));
}

static void test_segments_add_up(void **state)
{
    static uint8_t f[65535], out[2048];
    size_t payload = 60000, len = build_ip4(f, 6, payload), done = 0, n;

    (void)state;
    for (unsigned i = 0; (n = offload_segment(f, len, 1448, i, out)) > 0; i++) {
        bool last = done + (n - HEAD) == payload;

        assert_true(n <= HEAD + 1448);
        assert_int_equal(frame_get16(out + ETH + 2), n - ETH);
        assert_int_equal(frame_get16(out + ETH + 4), 0x1234 + i);
        assert_int_equal(frame_get32(out + ETH + IP4 + 4), (uint32_t)(0xfffffff0 + done));
        assert_int_equal(out[ETH + IP4 + 13], 0x10 | (i == 0 ? 0x80 : 0) | (last ? 0x09 : 0));
        assert_int_equal(plain_sum(out + ETH, IP4, 0), 0xffff);
        assert_true(l4_is_right(out));
        assert_memory_equal(out + HEAD, f + HEAD + done, n - HEAD);
        done += n - HEAD;
    }
    assert_int_equal(done, payload);
}

static void test_hostile_segmentation_is_refused(void **state)
{
    uint8_t f[4096], out[4096];
    size_t len = build_ip4(f, 6, 3000);

    (void)state;
    assert_int_equal(offload_segment(f, len, 1, 0, out), 0);
    assert_int_equal(offload_segment(f, len, OFFLOAD_MSS_MIN - 1, 0, out), 0);
    f[ETH + IP4 + 12] = 4 << 4; /* TCP header of 16 bytes */
    assert_int_equal(offload_segment(f, len, 1000, 0, out), 0);
    f[ETH + IP4 + 12] = 0xf0;
    frame_put16(f + ETH + 2, IP4 + TCP); /* header longer than the packet */
    assert_int_equal(offload_segment(f, len, 1000, 0, out), 0);
    len = build_ip4(f, 17, 3000);
    assert_int_equal(offload_segment(f, len, 1000, 0, out), 0);
}

static void test_vnet_header_both_ways(void **state)
{
    struct frame_offload in = {.csum = FRAME_CSUM_BLANK, .gso_size = 1448}, back;
    struct virtio_net_hdr header;
    uint8_t f[4096];
    size_t len = build_ip4(f, 6, 3000);

    (void)state;
    assert_true(vnet_header_from_offload(f, len, &in, &header));
    assert_int_equal(header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    assert_int_equal(header.gso_type, VIRTIO_NET_HDR_GSO_TCPV4);
    assert_int_equal(header.gso_size, 1448);
    assert_int_equal(header.hdr_len, HEAD);
    assert_int_equal(header.csum_start, ETH + IP4);
    assert_int_equal(header.csum_offset, 16);
    assert_true(vnet_header_to_offload(&header, &back));
    assert_memory_equal(&back, &in, sizeof(in));

    header.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
    assert_false(vnet_header_to_offload(&header, &back));
    len = build_ip4(f, 17, 100); /* segmentation of what isn't TCP */
    assert_false(vnet_header_from_offload(f, len, &in, &header));
    in = (struct frame_offload){.csum = FRAME_CSUM_BLANK};
    f[12] = 0x12; /* a blank checksum of what isn't IP */
    assert_false(vnet_header_from_offload(f, len, &in, &header));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_headers),
        cmocka_unit_test(test_finds_ipv6_past_extensions),
        cmocka_unit_test(test_lying_lengths_are_refused),
        cmocka_unit_test(test_fills_checksums),
        cmocka_unit_test(test_udp_zero_is_sent_as_ones),
        cmocka_unit_test(test_seed_is_completed_by_summing),
        cmocka_unit_test(test_segments_add_up),
        cmocka_unit_test(test_hostile_segmentation_is_refused),
        cmocka_unit_test(test_vnet_header_both_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
