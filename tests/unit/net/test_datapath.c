/* SPDX-License-Identifier: MIT */
/* Whole batches, guest to guest and to an uplink, among them hostile ones. */
#include "net/datapath.h"
#include "net/offload.h"

#include "fake_guest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <linux/virtio_net.h>

#include <cmocka.h>

#define HEADERS 54

static struct vswitch *vs;
static struct datapath *dp;
static struct uplink_port uplink;
static int far_side; /* of the uplink: what a tap would be to the kernel */
static uint8_t sent[FRAME_LEN_MAX], got[FRAME_LEN_MAX];
static uint16_t flags, gso_size;

static int setup(void **state)
{
    int pair[2];

    (void)state;
    vs = vswitch_new("test", 1500, 300000, 1);
    dp = datapath_new(NULL, NULL);
    fake_reset(vs);
    for (unsigned i = 0; i < FAKE_GUESTS; i++)
        fake_post_rx(&fake_guests[i], NETIF_RX_RING_SIZE, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair), 0);
    uplink = (struct uplink_port){.port = {NET_PORT_UPLINK, vs, 0}, .uplink.fd = pair[0]};
    uplink.port.number = vswitch_add_trunk(vs, "tap", 100, &uplink.port);
    far_side = pair[1];
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    close(far_side);
    close(uplink.uplink.fd);
    datapath_free(dp);
    vswitch_free(vs);
    return 0;
}

/* A TCP frame from guest `from` to guest `to` (0xff: everyone), in `sent`. */
static size_t build(unsigned to, unsigned from, size_t len)
{
    memset(sent, 0, HEADERS);
    memcpy(sent, "\x00\x16\x3e\x00\x00", 5);
    memcpy(sent + 6, "\x00\x16\x3e\x00\x00", 5);
    sent[5] = (uint8_t)to;
    sent[11] = (uint8_t)from;
    if (to == 0xff)
        memset(sent, 0xff, 6);
    frame_put16(sent + 12, 0x0800);
    sent[14] = 0x45;
    frame_put16(sent + 16, (uint16_t)(len - 14));
    sent[23] = 6;
    sent[46] = 5 << 4;
    for (size_t i = HEADERS; i < len; i++)
        sent[i] = (uint8_t)(i * 31 + i / 4096);
    return len;
}

static void serve(unsigned guest)
{
    while (datapath_serve_vif(dp, &fake_guests[guest].vif, 0) == DATAPATH_MORE)
        ;
}

static uint64_t drops(int port, enum vswitch_drop why)
{
    return vs->ports[port].counters.drops[why];
}

static void test_guest_to_guest(void **state)
{
    size_t len = build(1, 0, 1514);

    (void)state;
    fake_copy_calls = 0;
    fake_send(&fake_guests[0], sent, len, NETTXF_csum_blank | NETTXF_data_validated, 0, 300);
    serve(0);
    assert_int_equal(fake_copy_calls, 2); /* heads, then everything from guest to guest */
    assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), len);
    assert_memory_equal(got, sent, len);
    assert_int_equal(flags, NETRXF_csum_blank | NETRXF_data_validated);
    assert_int_equal(fake_receive(&fake_guests[2], got, &flags, &gso_size), 0);
    assert_int_equal(fake_guests[0].n_events, 1);
    assert_int_equal(fake_guests[1].n_events, 1);
    assert_int_equal(fake_guests[2].n_events, 0);
    assert_int_equal(fake_tx(&fake_guests[0])->rsp_prod, 1);
    assert_int_equal(fake_tx(&fake_guests[0])->ring[0].rsp.status, NETIF_RSP_OKAY);
}

static void test_a_batch_costs_one_event(void **state)
{
    size_t len = build(1, 0, 200);

    (void)state;
    for (unsigned i = 0; i < 32; i++)
        fake_send(&fake_guests[0], sent, len, 0, 0, 300 + i);
    assert_int_equal(datapath_serve_vif(dp, &fake_guests[0].vif, 0), DATAPATH_MORE);
    assert_int_equal(fake_guests[0].n_events, 1);
    assert_int_equal(fake_guests[1].n_events, 1);
    assert_int_equal(datapath_serve_vif(dp, &fake_guests[0].vif, 0), DATAPATH_IDLE);
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), len);
}

static void test_broadcast_reaches_guests_and_uplink(void **state)
{
    struct virtio_net_hdr header;
    struct iovec iov[2] = {{&header, sizeof(header)}, {got, sizeof(got)}};
    size_t len = build(0xff, 0, 300);

    (void)state;
    fake_send(&fake_guests[0], sent, len, NETTXF_csum_blank | NETTXF_data_validated, 0, 300);
    serve(0);
    for (unsigned i = 1; i < FAKE_GUESTS; i++) {
        assert_int_equal(fake_receive(&fake_guests[i], got, &flags, &gso_size), len);
        assert_memory_equal(got, sent, len);
    }
    assert_int_equal(readv(far_side, iov, 2), sizeof(header) + len);
    assert_int_equal(header.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    assert_int_equal(header.csum_start, 34);
    assert_memory_equal(got + HEADERS, sent + HEADERS, len - HEADERS);
}

static void test_segmentation_passes_to_those_who_can(void **state)
{
    size_t len = build(1, 0, 60000);

    (void)state;
    fake_send(&fake_guests[0], sent, len, NETTXF_csum_blank, 1448, 300);
    serve(0);
    assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), len);
    assert_memory_equal(got, sent, len);
    assert_int_equal(gso_size, 1448);
    assert_int_equal(fake_tx(&fake_guests[0])->rsp_prod, 16);
    assert_int_equal(fake_tx(&fake_guests[0])->ring[0].rsp.status, NETIF_RSP_OKAY);
    assert_int_equal(fake_tx(&fake_guests[0])->ring[1].rsp.status, NETIF_RSP_NULL);
    assert_int_equal(fake_tx(&fake_guests[0])->ring[2].rsp.status, NETIF_RSP_OKAY);
}

static void test_segmentation_is_done_for_those_who_cannot(void **state)
{
    size_t len = build(1, 0, 30000), done = HEADERS;
    int n;

    (void)state;
    fake_guests[1].vif.can_segment_tcp4 = fake_guests[1].vif.can_scatter = false;
    fake_send(&fake_guests[0], sent, len, NETTXF_csum_blank, 1448, 300);
    serve(0);
    while ((n = fake_receive(&fake_guests[1], got, &flags, &gso_size)) > 0) {
        assert_int_equal(flags, NETRXF_data_validated);
        assert_true(n <= HEADERS + 1448);
        assert_memory_equal(got + HEADERS, sent + done, n - HEADERS);
        done += (size_t)n - HEADERS;
    }
    assert_int_equal(done, len);
}

static void test_false_segmentation_goes_nowhere(void **state)
{
    size_t len = build(1, 0, 5000);

    (void)state;
    sent[23] = 17; /* UDP */
    fake_send(&fake_guests[0], sent, len, NETTXF_csum_blank, 1448, 300);
    serve(0);
    assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), 0);
    assert_int_equal(drops(0, VSWITCH_DROP_MALFORMED), 1);
}

/* Whoever segments it, a frame isn't to become a flood of tiny ones. */
static void test_tiny_segments_go_nowhere(void **state)
{
    size_t len = build(0xff, 0, 60000);

    (void)state;
    fake_send(&fake_guests[0], sent, len, NETTXF_csum_blank, 1, 300);
    fake_send(&fake_guests[0], sent, len, NETTXF_csum_blank, OFFLOAD_MSS_MIN - 1, 300);
    serve(0);
    assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), 0);
    assert_int_equal(recv(far_side, got, sizeof(got), MSG_DONTWAIT), -1);
    assert_int_equal(drops(0, VSWITCH_DROP_MALFORMED), 2);
    fake_send(&fake_guests[0], sent, len, NETTXF_csum_blank, OFFLOAD_MSS_MIN, 300);
    serve(0);
    assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), len);
}

/* Options count: with 12 bytes of them, 1448 bytes of payload fill the MTU. */
static void test_segments_fit_the_mtu(void **state)
{
    size_t len = build(1, 0, 5000);

    (void)state;
    sent[46] = 8 << 4;
    fake_send(&fake_guests[0], sent, len, NETTXF_csum_blank, 1449, 300);
    serve(0);
    assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), 0);
    assert_int_equal(drops(0, VSWITCH_DROP_GIANT), 1);
    fake_send(&fake_guests[0], sent, len, NETTXF_csum_blank, 1448, 300);
    serve(0);
    assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), len);
}

static void test_checksum_is_filled_for_those_who_cannot(void **state)
{
    size_t len = build(1, 0, 1000);

    (void)state;
    fake_guests[1].vif.can_blank_csum4 = false;
    fake_send(&fake_guests[0], sent, len, NETTXF_csum_blank, 0, 300);
    serve(0);
    assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), len);
    assert_int_equal(flags, NETRXF_data_validated);
    assert_true(offload_fill_checksum(sent, len));
    assert_memory_equal(got, sent, len);
}

static void scribble(void)
{
    /* The sender redirects its frame and claims another's address, again and again. */
    fake_guests[0].grants[300][5] ^= 3;
    fake_guests[0].grants[300][11] ^= 7;
}

static void test_what_was_checked_is_what_is_delivered(void **state)
{
    struct virtio_net_hdr header;
    struct iovec iov[2] = {{&header, sizeof(header)}, {got, sizeof(got)}};
    size_t len = build(0xff, 0, 1000);

    (void)state;
    fake_send(&fake_guests[0], sent, len, 0, 0, 300);
    fake_before_copy = scribble;
    serve(0);
    fake_before_copy = NULL;
    assert_int_equal(vs->ports[0].counters.in_frames, 1);
    assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), len);
    memcpy(sent, got, 12); /* whatever it was at the first look ... */
    assert_int_equal(fake_receive(&fake_guests[2], got, &flags, &gso_size), len);
    assert_memory_equal(got, sent, 12); /* ... is what everybody got */
    assert_int_equal(readv(far_side, iov, 2), sizeof(header) + len);
    assert_memory_equal(got, sent, 12);
}

static void test_full_receiver_loses_and_sender_goes_on(void **state)
{
    size_t len = build(1, 0, 60000);

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        fake_send(&fake_guests[0], sent, len, NETTXF_csum_blank, 1448, 300);
        serve(0);
        assert_int_equal(fake_tx(&fake_guests[0])->rsp_prod, 16 * (i + 1));
    }
    assert_int_equal(vs->ports[1].counters.out_frames, 16); /* 256 slots, 16 each */
    assert_int_equal(drops(1, VSWITCH_DROP_FULL), 4);
}

static void test_bad_reference_of_the_sender(void **state)
{
    struct netif_tx_request slot = {.gref = FAKE_GRANTS + 5, .size = 100, .id = 9};
    size_t len = build(1, 0, 100);

    (void)state;
    fake_put_slot(&fake_guests[0], &slot);
    fake_send(&fake_guests[0], sent, len, 0, 0, 300);
    serve(0);
    assert_int_equal(fake_tx(&fake_guests[0])->ring[0].rsp.status, NETIF_RSP_ERROR);
    assert_int_equal(fake_tx(&fake_guests[0])->ring[1].rsp.status, NETIF_RSP_OKAY);
    assert_int_equal(drops(0, VSWITCH_DROP_COPY), 1);
    assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), len);
    assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), 0);
}

static void test_bad_reference_of_a_receiver_hurts_only_itself(void **state)
{
    size_t len = build(0xff, 0, 500);

    (void)state;
    fake_rx(&fake_guests[1])->ring[0].req.gref = FAKE_GRANTS;
    fake_send(&fake_guests[0], sent, len, 0, 0, 300);
    serve(0);
    assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), -1);
    assert_int_equal(drops(1, VSWITCH_DROP_COPY), 1);
    assert_int_equal(fake_receive(&fake_guests[2], got, &flags, &gso_size), len);
    assert_int_equal(fake_tx(&fake_guests[0])->ring[0].rsp.status, NETIF_RSP_OKAY);
}

static void test_broken_rings_are_named(void **state)
{
    size_t len = build(1, 0, 100);

    (void)state;
    fake_tx(&fake_guests[0])->req_prod = 257;
    assert_int_equal(datapath_serve_vif(dp, &fake_guests[0].vif, 0), DATAPATH_BROKEN);
    assert_string_equal(fake_guests[0].vif.broken, "transmit ring indices out of range");
    fake_rx(&fake_guests[1])->req_prod += 1; /* a receiver's */
    fake_tx(&fake_guests[2])->rsp_event = 1;
    sent[11] = 2;
    fake_send(&fake_guests[2], sent, len, 0, 0, 300);
    serve(2);
    assert_string_equal(fake_guests[1].vif.broken, "receive ring indices out of range");
    assert_int_equal(fake_tx(&fake_guests[2])->ring[0].rsp.status, NETIF_RSP_OKAY);
}

static void test_uplink_to_guest(void **state)
{
    struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                    .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
                                    .gso_size = 1448};
    size_t len = build(1, 9, 20000);
    struct iovec iov[2] = {{&header, sizeof(header)}, {sent, len}};

    (void)state;
    assert_int_equal(writev(far_side, iov, 2), sizeof(header) + len);
    assert_int_equal(datapath_serve_uplink(dp, &uplink, 0), DATAPATH_IDLE);
    assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), len);
    assert_memory_equal(got, sent, len);
    assert_int_equal(gso_size, 1448);
    assert_int_equal(flags & NETRXF_csum_blank, NETRXF_csum_blank);
}

/* What a batch of an uplink costs is its receivers', by their frames; what nobody got is nobody's.
 */
static void test_receivers_are_charged(void **state)
{
    struct virtio_net_hdr header = {0};
    unsigned to[] = {1, 1, 1, 2};
    uint64_t before[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        before[i] = fake_guests[i].vif.cpu_ns;
    for (unsigned i = 0; i < sizeof(to) / sizeof(to[0]); i++) {
        struct iovec iov[2] = {{&header, sizeof(header)}, {sent, build(to[i], 9, 200)}};

        assert_int_equal(writev(far_side, iov, 2), sizeof(header) + 200);
    }
    assert_int_equal(datapath_serve_uplink(dp, &uplink, 0), DATAPATH_IDLE);
    assert_int_equal(datapath_charge_receivers(dp, 4000), 0);
    assert_int_equal(fake_guests[1].vif.cpu_ns - before[1], 3000);
    assert_int_equal(fake_guests[2].vif.cpu_ns - before[2], 1000);
    assert_int_equal(fake_guests[0].vif.cpu_ns - before[0], 0);
    assert_int_equal(datapath_serve_uplink(dp, &uplink, 0), DATAPATH_IDLE);
    assert_int_equal(datapath_charge_receivers(dp, 500), 500);
}

/* In a group with a VLAN, guests send and receive without tags, the uplink with them. */
static void test_vlan_tags_are_put_in_and_taken_out(void **state)
{
    struct vswitch_group red = {.name = "red", .vlan = 10};
    struct virtio_net_hdr header = {0};
    struct iovec iov[2] = {{&header, sizeof(header)}, {got, sizeof(got)}};
    size_t len = build(0xff, 0, 1514);
    static const uint8_t mac[6] = {0x00, 0x16, 0x3e, 0, 0, 0};

    (void)state;
    vswitch_add_group(vs, &red);
    vswitch_remove_port(vs, 0);
    assert_int_equal(vswitch_add_access(vs, "red", 1, mac, 16, &fake_guests[0].vif.port), 0);
    fake_send(&fake_guests[0], sent, len, NETTXF_csum_blank, 0, 300);
    serve(0);
    assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), 0);
    assert_int_equal(readv(far_side, iov, 2), sizeof(header) + len + 4);
    assert_memory_equal(got, sent, 12);
    assert_memory_equal(got + 12, "\x81\x00\x00\x0a\x08\x00", 6);
    assert_int_equal(header.csum_start, 38);
    assert_memory_equal(got + HEADERS + 4, sent + HEADERS, len - HEADERS);

    got[0] = 0x00, got[1] = 0x16, got[2] = 0x3e, got[3] = got[4] = got[5] = 0; /* and back */
    got[11] = 9;
    iov[1].iov_len = len + 4;
    assert_int_equal(writev(far_side, iov, 2), sizeof(header) + len + 4);
    assert_int_equal(datapath_serve_uplink(dp, &uplink, 0), DATAPATH_IDLE);
    assert_int_equal(fake_receive(&fake_guests[0], got, &flags, &gso_size), len);
    assert_memory_equal(got + 12, sent + 12, 38);
    assert_memory_equal(got + HEADERS, sent + HEADERS, len - HEADERS);
}

/* A restarted backend attaches to the rings where they stand and nothing is lost or doubled. */
static void test_rings_outlive_the_backend(void **state)
{
    size_t len = build(1, 0, 100);

    (void)state;
    fake_send(&fake_guests[0], sent, len, 0, 0, 300);
    serve(0);
    fake_send(&fake_guests[0], sent, len, 0, 0, 301);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(tx_ring_attach(&fake_guests[i].vif.tx, fake_guests[i].tx_page));
        assert_true(rx_ring_attach(&fake_guests[i].vif.rx, fake_guests[i].rx_page));
    }
    serve(0);
    assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), len);
    assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), len);
    assert_int_equal(fake_receive(&fake_guests[1], got, &flags, &gso_size), 0);
}

/* Random slots, most of them plausible: whatever comes, each slot taken is answered once. */
static void test_random_slots(void **state)
{
    (void)state;
    srandom(3);
    for (unsigned round = 0; round < 20000; round++) {
        struct fake_guest *guest = &fake_guests[random() % FAKE_GUESTS];
        unsigned n = 1 + (unsigned)random() % 30;
        bool mean = random() % 8 == 0;

        for (unsigned i = 0; i < n; i++) {
            struct netif_tx_request slot = {
                .gref = (uint32_t)random() % (FAKE_GRANTS + (mean ? 20 : 0)),
                .offset = (uint16_t)(random() % (mean ? 4300 : 200)),
                .flags = (uint16_t)(random() % (mean ? 16 : 4)),
                .id = (uint16_t)i,
                .size = (uint16_t)(mean ? random() : random() % 1600),
            };

            build((unsigned)random() % 5, (unsigned)random() % 4, HEADERS);
            if (slot.gref < FAKE_GRANTS && slot.offset < 4000)
                memcpy(guest->grants[slot.gref] + slot.offset, sent, HEADERS);
            fake_put_slot(guest, &slot);
        }
        fake_kick(guest);
        serve((unsigned)(guest - fake_guests));
        while (read(far_side, got, sizeof(got)) > 0)
            ;
        if (!guest->vif.broken)
            assert_int_equal(fake_tx(guest)->rsp_prod, guest->tx_prod);
        guest->vif.broken = NULL; /* begin again, as after a new connection */
        fake_tx(guest)->rsp_prod = fake_tx(guest)->req_prod;
        assert_true(tx_ring_attach(&guest->vif.tx, guest->tx_page));
        for (unsigned i = 0; i < FAKE_GUESTS; i++) {
            assert_null(fake_guests[i].vif.broken);
            while (fake_receive(&fake_guests[i], got, &flags, &gso_size) != 0)
                ;
            fake_post_rx(&fake_guests[i],
                         NETIF_RX_RING_SIZE - (fake_guests[i].rx_prod - fake_guests[i].rx_cons),
                         (uint32_t)random() % 300);
        }
    }
    for (unsigned i = 0; i < FAKE_GUESTS; i++)
        assert_true(vs->ports[i].counters.out_frames > 10000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_guest_to_guest),
        TEST(test_a_batch_costs_one_event),
        TEST(test_broadcast_reaches_guests_and_uplink),
        TEST(test_segmentation_passes_to_those_who_can),
        TEST(test_segmentation_is_done_for_those_who_cannot),
        TEST(test_false_segmentation_goes_nowhere),
        TEST(test_tiny_segments_go_nowhere),
        TEST(test_segments_fit_the_mtu),
        TEST(test_checksum_is_filled_for_those_who_cannot),
        TEST(test_what_was_checked_is_what_is_delivered),
        TEST(test_full_receiver_loses_and_sender_goes_on),
        TEST(test_bad_reference_of_the_sender),
        TEST(test_bad_reference_of_a_receiver_hurts_only_itself),
        TEST(test_broken_rings_are_named),
        TEST(test_uplink_to_guest),
        TEST(test_receivers_are_charged),
        TEST(test_vlan_tags_are_put_in_and_taken_out),
        TEST(test_rings_outlive_the_backend),
        TEST(test_random_slots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
