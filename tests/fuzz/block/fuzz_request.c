/* SPDX-License-Identifier: MIT */
/* Any bytes as ring slots and indirect pages; what is accepted must lie inside disk and pages. */
#include "block/request.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct request request;
    struct request_limits limits = {.sectors = 1ull << 20};
    struct blkif_request slot;

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
