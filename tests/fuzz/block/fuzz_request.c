/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as ring slots and indirect pages; what is accepted must lie inside disk and pages. And
 * any bytes as a frontend's counters: no slot may be taken again before it is answered.
 */
#include "block/request.h"
#include "block/ring.h"

#include <stdlib.h>
#include <string.h>

static void check(const struct request *request, const struct request_limits *limits)
{
    uint64_t sectors = 0;

    if (request->segment_count > REQUEST_MAX_SEGMENTS)
        abort();
    for (unsigned i = 0; i < request->segment_count; i++) {
        const struct request_segment *segment = &request->segments[i];

        if (segment->length == 0 || segment->length % REQUEST_SECTOR != 0 ||
            segment->offset + segment->length > REQUEST_PAGE_SIZE)
            abort();
        sectors += segment->length / REQUEST_SECTOR;
    }
    if (request->kind == REQUEST_DISCARD)
        sectors = request->sectors;
    if (sectors != request->sectors)
        abort();
    if (sectors > 0 &&
        (request->sector > limits->sectors || sectors > limits->sectors - request->sector))
        abort();
    if (limits->read_only && (request->kind == REQUEST_WRITE || request->kind == REQUEST_DISCARD))
        abort();
}

/* Each byte moves the frontend's counter, forth or back, or answers some requests. */
static void check_ring(const uint8_t *data, size_t size)
{
    static union {
        struct blkif_sring ring;
        uint8_t bytes[4096];
    } page;
    bool under_way[RING_SLOTS] = {false};
    struct blkif_request copy;
    struct ring ring;
    unsigned slot;

    page.ring.rsp_prod = page.ring.req_prod = size > 0 ? 0u - data[0] : 0;
    if (ring_attach(&ring, &page) != 0)
        abort();
    for (size_t i = 0; i < size; i++) {
        if (data[i] < 64) {
            for (unsigned n = 0; n < data[i] && ring.answered != ring.consumed; n++) {
                under_way[ring.answered % RING_SLOTS] = false;
                ring_answer(&ring, 0, BLKIF_OP_READ, BLKIF_RSP_OKAY);
            }
            ring_push(&ring);
            continue;
        }
        page.ring.req_prod = page.ring.req_prod + data[i] - 128u;
        while (ring_take(&ring, &copy, &slot) == 1) {
            if (under_way[slot])
                abort();
            under_way[slot] = true;
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct request request;
    struct request_limits limits = {.sectors = 1ull << 20};
    struct blkif_request slot;

    check_ring(data, size);
    if (size < sizeof(slot) + 1)
        return 0;
    limits.read_only = data[0] & 1;
    memcpy(&slot, data + 1, sizeof(slot));
    if (request_parse(&slot, &limits, &request) != BLKIF_RSP_OKAY)
        return 0;
    if (request.indirect) {
        struct blkif_request_segment segments[REQUEST_MAX_SEGMENTS] = {0};
        size_t left = size - sizeof(slot) - 1;

        memcpy(segments, data + 1 + sizeof(slot),
               left < sizeof(segments) ? left : sizeof(segments));
        if (request_parse_segments(segments, request.segment_count, &limits, &request) !=
            BLKIF_RSP_OKAY)
            return 0;
    }
    check(&request, &limits);
    return 0;
}
