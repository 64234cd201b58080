/* SPDX-License-Identifier: MIT */
/* The netif wire format: transmit slots parsed, receive slots planned, ring indices distrusted. */
#include "net/netif_rx.h"
#include "net/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct netif_tx_request slots[64];
static struct tx_frame frame;
static const char *reason;

static struct netif_tx_request slot(uint16_t offset, uint16_t size, uint16_t flags)
{
    return (struct netif_tx_request){.gref = 100, .offset = offset, .size = size, .flags = flags};
}

static void put_extra(struct netif_tx_request *at, uint8_t type, uint8_t flags, uint16_t size)
{
    struct netif_extra_info extra = {.type = type, .flags = flags};

    extra.u.gso.size = size;
    extra.u.gso.type = XEN_NETIF_GSO_TYPE_TCPV4;
    memcpy(at, &extra, sizeof(extra));
}

static enum tx_parse_result parse(unsigned n)
{
    reason = NULL;
    return tx_parse(slots, n, &frame, &reason);
}

static void test_one_slot(void **state)
{
    (void)state;
    slots[0] = slot(64, 60, NETTXF_csum_blank | NETTXF_data_validated);
    assert_int_equal(parse(1), TX_PARSE_FRAME);
    assert_int_equal(frame.n_slots, 1);
    assert_int_equal(frame.len, 60);
    assert_int_equal(frame.n_pieces, 1);
    assert_int_equal(frame.pieces[0].offset, 64);
    assert_int_equal(frame.pieces[0].len, 60);
    assert_int_equal(frame.offload.csum, FRAME_CSUM_BLANK);
    slots[0].flags = NETTXF_data_validated;
    assert_int_equal(parse(1), TX_PARSE_FRAME);
    assert_int_equal(frame.offload.csum, FRAME_CSUM_VALID);
    slots[0].size = 13;
    assert_int_equal(parse(1), TX_PARSE_BAD);
    assert_int_equal(frame.n_slots, 1);
}

/* The first slot's size is the whole frame's: its own share is what the others leave. */
static void test_chain_with_segmentation(void **state)
{
    (void)state;
    slots[0] = slot(0, 9000, NETTXF_extra_info | NETTXF_more_data | NETTXF_csum_blank);
    put_extra(&slots[1], XEN_NETIF_EXTRA_TYPE_GSO, 0, 1448);
    slots[2] = slot(0, 4096, NETTXF_more_data);
    slots[3] = slot(96, 4000, 0);
    assert_int_equal(parse(10), TX_PARSE_FRAME);
    assert_int_equal(frame.n_slots, 4);
    assert_int_equal(frame.n_extras, 1);
    assert_int_equal(frame.n_pieces, 3);
    assert_int_equal(frame.pieces[0].len, 904);
    assert_int_equal(frame.pieces[2].offset, 96);
    assert_int_equal(frame.offload.gso_size, 1448);
    for (unsigned n = 1; n < 4; n++)
        assert_int_equal(parse(n), TX_PARSE_INCOMPLETE);
}

static void expect_broken(unsigned n, const char *why)
{
    assert_int_equal(parse(n), TX_PARSE_BROKEN);
    assert_string_equal(reason, why);
}

static void test_hostile_slots_break_the_ring(void **state)
{
    (void)state;
    slots[0] = slot(4000, 97, 0);
    expect_broken(1, "data crosses the end of its page");
    slots[0] = slot(0xffff, 60, 0);
    expect_broken(1, "data crosses the end of its page");
    slots[0] = slot(0, 5000, 0);
    expect_broken(1, "data crosses the end of its page");
    slots[0] = slot(0, 100, NETTXF_more_data);
    slots[1] = slot(0, 101, 0);
    expect_broken(2, "pieces longer than their frame");
    slots[0] = slot(0, 5000, NETTXF_more_data);
    slots[1] = slot(4096, 1, 0);
    expect_broken(2, "data crosses the end of its page");

    for (unsigned i = 0; i < 64; i++)
        slots[i] = slot(0, i ? 0 : 100, NETTXF_more_data);
    expect_broken(64, "too many slots for one frame");
    slots[0] = slot(0, 100, NETTXF_extra_info);
    for (unsigned i = 1; i < 64; i++)
        put_extra(&slots[i], XEN_NETIF_EXTRA_TYPE_GSO, XEN_NETIF_EXTRA_FLAG_MORE, 1448);
    expect_broken(64, "too many extra-info slots");
    put_extra(&slots[1], XEN_NETIF_EXTRA_TYPE_NONE, 0, 0);
    expect_broken(2, "unknown extra-info type");
    put_extra(&slots[1], XEN_NETIF_EXTRA_TYPE_MAX, 0, 0);
    expect_broken(2, "unknown extra-info type");
    put_extra(&slots[1], XEN_NETIF_EXTRA_TYPE_GSO, 0, 0);
    expect_broken(2, "bad segmentation request");
}

static void test_longest_chain_is_taken(void **state)
{
    (void)state;
    slots[0] = slot(0, 65535, NETTXF_more_data);
    for (unsigned i = 1; i < TX_DATA_SLOTS_MAX; i++)
        slots[i] = slot(0, 3855, i + 1 < TX_DATA_SLOTS_MAX ? NETTXF_more_data : 0);
    assert_int_equal(parse(64), TX_PARSE_FRAME);
    assert_int_equal(frame.n_pieces, TX_DATA_SLOTS_MAX);
    assert_int_equal(frame.pieces[0].len, 0);
}

static void test_unasked_multicast_control_is_refused(void **state)
{
    (void)state;
    slots[0] = slot(0, 0, NETTXF_extra_info);
    put_extra(&slots[1], XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 0, 0);
    assert_int_equal(parse(2), TX_PARSE_BAD);
    assert_int_equal(frame.n_slots, 2);
}

/* Carry out planned copies among ordinary buffers: "domain 1" sends, "domain 2" receives. */
static uint8_t source_pages[TX_DATA_SLOTS_MAX][4096], target_pages[RX_FRAME_SLOTS_MAX][4096];

static void carry_out(const struct xengnttab_grant_copy_segment *seg, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *from = seg[i].source.virt;

        assert_true(seg[i].flags & GNTCOPY_dest_gref);
        assert_int_equal(seg[i].dest.foreign.domid, 2);
        assert_true(seg[i].len > 0);
        assert_true(seg[i].dest.foreign.offset + seg[i].len <= 4096);
        if (seg[i].flags & GNTCOPY_source_gref) {
            assert_int_equal(seg[i].source.foreign.domid, 1);
            assert_true(seg[i].source.foreign.offset + seg[i].len <= 4096);
            from = source_pages[seg[i].source.foreign.ref] + seg[i].source.foreign.offset;
        }
        memcpy(target_pages[seg[i].dest.foreign.ref] + seg[i].dest.foreign.offset, from,
               seg[i].len);
    }
}

/* Put the frame together again from the responses, as a frontend does. */
static size_t reassemble(const struct netif_rx_response *rsp, unsigned n_slots, uint8_t *out)
{
    size_t len = 0;
    unsigned flags = rsp[0].flags;

    for (unsigned i = 0; i < n_slots; i++) {
        if (i == 1 && flags & NETRXF_extra_info)
            continue;
        assert_true(rsp[i].status > 0);
        memcpy(out + len, target_pages[i] + rsp[i].offset, (size_t)rsp[i].status);
        len += (size_t)rsp[i].status;
        assert_int_equal(!!(rsp[i].flags & NETRXF_more_data),
                         i + 1 < n_slots && !(n_slots == 2 && flags & NETRXF_extra_info));
    }
    return len;
}

/* Random cuts of random frames arrive as they were sent, wherever the cuts are. */
static void test_copies_keep_every_byte(void **state)
{
    static uint8_t sent[FRAME_LEN_MAX], got[FRAME_LEN_MAX];
    struct xengnttab_grant_copy_segment seg[RX_COPIES_MAX];

    (void)state;
    srandom(2);
    for (unsigned round = 0; round < 3000; round++) {
        struct tx_piece pieces[TX_DATA_SLOTS_MAX];
        unsigned n_pieces = 1 + (unsigned)random() % TX_DATA_SLOTS_MAX, n_slots;
        struct frame_offload offload = {.gso_size = random() % 2 ? 1448 : 0,
                                        .csum = FRAME_CSUM_BLANK};
        struct frame_source source = {.domid = 1, .pieces = pieces, .n_pieces = n_pieces};
        struct netif_rx_request requests[RX_FRAME_SLOTS_MAX];
        struct netif_rx_response responses[RX_FRAME_SLOTS_MAX];
        size_t len = 0;

        for (unsigned i = 0; i < n_pieces; i++) {
            size_t here = (size_t)random() % 3600;

            if (len + here > FRAME_LEN_MAX)
                here = 0;
            pieces[i] =
                (struct tx_piece){i, (uint16_t)((size_t)random() % (4097 - here)), (uint16_t)here};
            for (size_t b = 0; b < here; b++)
                sent[len + b] = source_pages[i][pieces[i].offset + b] = (uint8_t)random();
            len += here;
        }
        if (len == 0)
            continue;
        source.local = sent;
        source.local_len = random() % 4 == 0 ? len : (size_t)random() % 129;
        if (source.local_len > len)
            source.local_len = len;
        n_slots = rx_slots_needed(len, &offload);
        assert_true(n_slots <= RX_FRAME_SLOTS_MAX);
        for (unsigned i = 0; i < n_slots; i++)
            requests[i] = (struct netif_rx_request){.id = (uint16_t)(i + 7), .gref = i};
        memset(target_pages, 0, sizeof(target_pages));
        n_pieces = rx_plan_copies(&source, len, &offload, 2, requests, seg);
        assert_true(n_pieces <= RX_COPIES_MAX);
        carry_out(seg, n_pieces);
        rx_fill_responses(len, &offload, true, requests, responses);
        assert_int_equal(responses[0].id, 7);
        assert_int_equal(reassemble(responses, n_slots, got), len);
        assert_memory_equal(got, sent, len);
    }
}

static void test_failed_copy_is_told_in_every_slot(void **state)
{
    struct netif_rx_request requests[4] = {{.id = 1}, {.id = 2}, {.id = 3}, {.id = 4}};
    struct netif_rx_response responses[4];
    struct frame_offload offload = {.csum = FRAME_CSUM_VALID};

    (void)state;
    rx_fill_responses(9000, &offload, false, requests, responses);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(responses[i].status, NETIF_RSP_ERROR);
        assert_int_equal(responses[i].id, i + 1);
        assert_int_equal(!!(responses[i].flags & NETRXF_more_data), i < 2);
    }
    assert_int_equal(responses[0].flags & NETRXF_data_validated, NETRXF_data_validated);
}

static void test_ring_indices_are_distrusted(void **state)
{
    static union {
        struct netif_tx_sring ring;
        uint8_t page[4096];
    } shared;
    struct tx_ring ring;

    (void)state;
    assert_int_equal(NETIF_TX_RING_SIZE, 256);
    assert_int_equal(NETIF_RX_RING_SIZE, 256);
    shared.ring.rsp_prod = 0xfffffff0; /* a ring that is about to wrap */
    shared.ring.req_prod = 0xfffffff0 + 256;
    assert_true(tx_ring_attach(&ring, &shared));
    assert_int_equal(tx_ring_waiting(&ring), 256);
    shared.ring.req_prod++;
    assert_int_equal(tx_ring_waiting(&ring), -1);
    shared.ring.req_prod = 0xffffffef; /* going backwards */
    assert_int_equal(tx_ring_waiting(&ring), -1);
    assert_false(tx_ring_attach(&ring, &shared));
}

static void test_events_are_asked_for_and_given(void **state)
{
    static union {
        struct netif_tx_sring ring;
        uint8_t page[4096];
    } shared;
    struct netif_tx_request copy[2];
    struct tx_ring ring;

    (void)state;
    shared.ring.ring[0].req = slot(1, 2, 3);
    shared.ring.req_prod = 1;
    shared.ring.rsp_event = 1;
    assert_true(tx_ring_attach(&ring, &shared));
    tx_ring_copy(&ring, copy, 1);
    assert_memory_equal(copy, &shared.ring.ring[0].req, sizeof(copy[0]));
    ring.req_cons = 1;
    assert_false(tx_ring_arm(&ring));
    assert_int_equal(shared.ring.req_event, 2);
    shared.ring.req_prod = 2;
    assert_true(tx_ring_arm(&ring)); /* one came meanwhile */
    assert_false(tx_ring_publish(&ring));
    tx_ring_respond(&ring, 77, NETIF_RSP_OKAY);
    assert_int_equal(shared.ring.rsp_prod, 0); /* not shown yet */
    assert_true(tx_ring_publish(&ring));
    assert_int_equal(shared.ring.rsp_prod, 1);
    assert_int_equal(shared.ring.ring[0].rsp.id, 77);
    tx_ring_respond(&ring, 78, NETIF_RSP_OKAY);
    assert_false(tx_ring_publish(&ring)); /* rsp_event is behind: no event wanted */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_slot),
        cmocka_unit_test(test_chain_with_segmentation),
        cmocka_unit_test(test_hostile_slots_break_the_ring),
        cmocka_unit_test(test_longest_chain_is_taken),
        cmocka_unit_test(test_unasked_multicast_control_is_refused),
        cmocka_unit_test(test_copies_keep_every_byte),
        cmocka_unit_test(test_failed_copy_is_told_in_every_slot),
        cmocka_unit_test(test_ring_indices_are_distrusted),
        cmocka_unit_test(test_events_are_asked_for_and_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
