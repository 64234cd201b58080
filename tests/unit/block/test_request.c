/* SPDX-License-Identifier: MIT */
/* Ring and requests: what a guest may send, and what it may not. */
#include "block/request.h"
#include "block/ring.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct request_limits limits = {.sectors = 1000};
static const struct request_limits read_only = {.sectors = 1000, .read_only = true};

static struct blkif_request slot(uint8_t operation, uint64_t sector, unsigned segments)
{
    struct blkif_request r = {.operation = operation,
                              .nr_segments = (uint8_t)segments,
                              .id = 77,
                              .sector_number = sector};

    for (unsigned i = 0; i < segments && i < BLKIF_MAX_SEGMENTS_PER_REQUEST; i++)
        r.seg[i] = (struct blkif_request_segment){.gref = i + 5, .first_sect = 0, .last_sect = 7};
    return r;
}

static int parse(struct blkif_request r, const struct request_limits *with, struct request *out)
{
    return request_parse(&r, with, out);
}

static void test_good(void **state)
{
    struct blkif_request r = slot(BLKIF_OP_WRITE, 984, 2);
    struct request out;

    (void)state;
    r.seg[1].first_sect = 3;
    r.seg[1].last_sect = 3;
    assert_int_equal(parse(r, &limits, &out), BLKIF_RSP_OKAY);
    assert_int_equal(out.id, 77);
    assert_int_equal(out.kind, REQUEST_WRITE);
    assert_int_equal(out.sectors, 9);
    assert_int_equal(out.segments[1].gref, 6);
    assert_int_equal(out.segments[1].offset, 1536);
    assert_int_equal(out.segments[1].length, 512);
    assert_int_equal(parse(slot(BLKIF_OP_READ, 1000 - 88, 11), &limits, &out), BLKIF_RSP_OKAY);
    assert_int_equal(parse(slot(BLKIF_OP_FLUSH_DISKCACHE, UINT64_MAX, 0), &limits, &out),
                     BLKIF_RSP_OKAY);
    assert_int_equal(out.segment_count, 0);
}

static void test_bad(void **state)
{
    struct blkif_request r;
    struct request out;

    (void)state;
    assert_int_equal(parse(slot(BLKIF_OP_READ, 993, 1), &limits, &out), BLKIF_RSP_ERROR);
    assert_int_equal(parse(slot(BLKIF_OP_READ, 1001, 1), &limits, &out), BLKIF_RSP_ERROR);
    assert_int_equal(parse(slot(BLKIF_OP_READ, UINT64_MAX - 7, 1), &limits, &out), BLKIF_RSP_ERROR);
    assert_int_equal(parse(slot(BLKIF_OP_READ, 0, 0), &limits, &out), BLKIF_RSP_ERROR);
    assert_int_equal(parse(slot(BLKIF_OP_READ, 0, 12), &limits, &out), BLKIF_RSP_ERROR);
    assert_int_equal(parse(slot(BLKIF_OP_READ, 0, 255), &limits, &out), BLKIF_RSP_ERROR);
    assert_int_equal(parse(slot(BLKIF_OP_WRITE, 0, 1), &read_only, &out), BLKIF_RSP_ERROR);
    assert_int_equal(parse(slot(BLKIF_OP_FLUSH_DISKCACHE, 0, 1), &read_only, &out),
                     BLKIF_RSP_ERROR);
    r = slot(BLKIF_OP_READ, 0, 1);
    r.seg[0].last_sect = 8;
    assert_int_equal(parse(r, &limits, &out), BLKIF_RSP_ERROR);
    r.seg[0].first_sect = 5;
    r.seg[0].last_sect = 4;
    assert_int_equal(parse(r, &limits, &out), BLKIF_RSP_ERROR);
    for (unsigned operation = 0; operation < 256; operation++) {
        if (operation == BLKIF_OP_READ || operation == BLKIF_OP_WRITE ||
            operation == BLKIF_OP_FLUSH_DISKCACHE || operation == BLKIF_OP_INDIRECT)
            continue;
        assert_int_equal(parse(slot((uint8_t)operation, 0, 1), &limits, &out),
                         BLKIF_RSP_EOPNOTSUPP);
        assert_int_equal(out.id, 77);
    }
}

static int parse_indirect(struct blkif_request_indirect indirect, struct request *out)
{
    struct blkif_request r;

    memset(&r, 0, sizeof(r));
    memcpy(&r, &indirect, sizeof(indirect));
    return request_parse(&r, &limits, out);
}

static void test_indirect(void **state)
{
    struct blkif_request_indirect indirect = {.operation = BLKIF_OP_INDIRECT,
                                              .indirect_op = BLKIF_OP_READ,
                                              .nr_segments = 100,
                                              .id = 9,
                                              .sector_number = 300,
                                              .indirect_grefs = {42}};
    struct blkif_request_segment segments[REQUEST_MAX_SEGMENTS] = {0};
    struct request out;

    (void)state;
    assert_int_equal(parse_indirect(indirect, &out), BLKIF_RSP_OKAY);
    assert_true(out.indirect);
    assert_int_equal(out.indirect_gref, 42);
    assert_int_equal(out.operation, BLKIF_OP_READ); /* what Linux's frontend expects back */
    assert_int_equal(request_parse_segments(segments, 100, &limits, &out), BLKIF_RSP_OKAY);
    assert_int_equal(out.sectors, 100);
    segments[99].last_sect = 7;
    out.sector = 900;
    assert_int_equal(request_parse_segments(segments, 100, &limits, &out), BLKIF_RSP_ERROR);
    indirect.nr_segments = REQUEST_MAX_SEGMENTS + 1;
    assert_int_equal(parse_indirect(indirect, &out), BLKIF_RSP_ERROR);
    indirect.nr_segments = 0;
    assert_int_equal(parse_indirect(indirect, &out), BLKIF_RSP_ERROR);
    indirect.nr_segments = 1;
    indirect.indirect_op = BLKIF_OP_INDIRECT;
    assert_int_equal(parse_indirect(indirect, &out), BLKIF_RSP_ERROR);
    indirect.indirect_op = BLKIF_OP_FLUSH_DISKCACHE;
    assert_int_equal(parse_indirect(indirect, &out), BLKIF_RSP_ERROR);
}

static void test_ring(void **state)
{
    struct blkif_sring *page = aligned_alloc(4096, 4096);
    struct blkif_request copy;
    struct ring ring;
    unsigned place;

    (void)state;
    memset(page, 0, 4096);
    /* Counters near their wrap, with three requests nobody answered. */
    page->rsp_prod = UINT32_MAX - 1;
    page->req_prod = 1;
    page->rsp_event = UINT32_MAX;
    assert_int_equal(ring_attach(&ring, page), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ring_take(&ring, &copy, &place), 1);
        assert_int_equal(place, (UINT32_MAX - 1 + i) % RING_SLOTS);
    }
    assert_int_equal(ring_take(&ring, &copy, &place), 0);
    ring_answer(&ring, 123, BLKIF_OP_READ, BLKIF_RSP_ERROR);
    assert_int_equal(page->rsp_prod, UINT32_MAX - 1);
    assert_true(ring_push(&ring));
    assert_int_equal(page->rsp_prod, UINT32_MAX);
    assert_int_equal(page->ring[(UINT32_MAX - 1) % RING_SLOTS].rsp.id, 123);
    assert_int_equal(page->ring[(UINT32_MAX - 1) % RING_SLOTS].rsp.status, BLKIF_RSP_ERROR);
    ring_answer(&ring, 124, BLKIF_OP_READ, BLKIF_RSP_OKAY);
    assert_false(ring_push(&ring)); /* the frontend did not ask for this one */
    assert_false(ring_sleep(&ring));
    page->req_prod = 2;
    assert_true(ring_sleep(&ring));
    /* More than the ring holds. */
    page->req_prod = ring.answered + RING_SLOTS + 1;
    assert_int_equal(ring_take(&ring, &copy, &place), -EINVAL);
    assert_int_equal(ring_attach(&ring, page), -EINVAL);
    free(page);
}

/* A count that goes back over requests under way is as wrong as one beyond the ring. */
static void test_ring_backwards(void **state)
{
    struct blkif_sring *page = aligned_alloc(4096, 4096);
    struct blkif_request copy;
    struct ring ring;
    unsigned place;

    (void)state;
    memset(page, 0, 4096);
    page->rsp_prod = page->req_prod = UINT32_MAX - 3;
    assert_int_equal(ring_attach(&ring, page), 0);
    page->req_prod += 16;
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(ring_take(&ring, &copy, &place), 1);
    ring_answer(&ring, 1, BLKIF_OP_READ, BLKIF_RSP_OKAY);
    ring_push(&ring);
    for (unsigned back = 1; back < 16 + 3; back++) {
        page->req_prod = ring.consumed - back;
        assert_int_equal(ring_take(&ring, &copy, &place), -EINVAL);
    }
    page->req_prod = ring.answered + RING_SLOTS;
    for (unsigned i = 0; i < RING_SLOTS - 15; i++)
        assert_int_equal(ring_take(&ring, &copy, &place), 1);
    assert_int_equal(ring_take(&ring, &copy, &place), 0);
    page->req_prod++;
    assert_int_equal(ring_take(&ring, &copy, &place), -EINVAL);
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),           cmocka_unit_test(test_bad),
        cmocka_unit_test(test_indirect),       cmocka_unit_test(test_ring),
        cmocka_unit_test(test_ring_backwards),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
