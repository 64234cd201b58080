/* SPDX-License-Identifier: MIT */
/* request: a block request as a guest sent it, checked and in our own form. */
#ifndef BACKENDS_BLOCK_REQUEST_H
#define BACKENDS_BLOCK_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/io/blkif.h>

#define REQUEST_MAX_SEGMENTS       256u
#define REQUEST_PAGE_SIZE          4096u
#define REQUEST_SECTOR             512u
#define REQUEST_SEGMENTS_PER_PAGE  (REQUEST_PAGE_SIZE / sizeof(struct blkif_request_segment))
#define REQUEST_MAX_INDIRECT_PAGES 1u /* REQUEST_MAX_SEGMENTS of them fit one page */

_Static_assert(sizeof(struct blkif_request_segment) == 8, "blkif.h: segment");
_Static_assert(sizeof(struct blkif_request) == 112, "blkif.h: request of the x86-64 ABI");
_Static_assert(REQUEST_MAX_SEGMENTS <= REQUEST_SEGMENTS_PER_PAGE, "one indirect page");

enum request_kind { REQUEST_READ, REQUEST_WRITE, REQUEST_FLUSH, REQUEST_DISCARD };

/* A part of one granted page. */
struct request_segment {
    uint32_t gref;
    uint16_t offset; /* bytes in the page */
    uint16_t length; /* bytes, 512 to 4096 */
};

struct request {
    uint64_t id;       /* the guest's own, given back */
    uint8_t operation; /* given back too */
    enum request_kind kind;
    uint64_t sector;
    uint64_t sectors;
    bool indirect; /* the segments are in the page granted as indirect_gref */
    uint32_t indirect_gref;
    unsigned segment_count; /* for an indirect request: to be read there */
    struct request_segment segments[REQUEST_MAX_SEGMENTS];
};

/* What a request is held against. */
struct request_limits {
    uint64_t sectors; /* of the disk */
    bool read_only;
};

/*
 * Takes apart one ring slot that was copied out of shared memory. Returns BLKIF_RSP_OKAY, or the
 * status to answer with; id and operation are always set. An indirect request needs
 * request_parse_segments() next.
 */
int request_parse(const struct blkif_request *slot, const struct request_limits *limits,
                  struct request *out);

/* Takes apart an indirect page's segments, copied out of shared memory; `count` = segment_count. */
int request_parse_segments(const struct blkif_request_segment *segments, unsigned count,
                           const struct request_limits *limits, struct request *out);

#endif
