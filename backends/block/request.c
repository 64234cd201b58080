/* SPDX-License-Identifier: MIT */
/* request: parsing, a pure function of the bytes. */
#include "block/request.h"

#include <string.h>

/* Checks segments and the range they cover, and takes them over. */
static int take_segments(const struct blkif_request_segment *segments, unsigned count,
                         const struct request_limits *limits, struct request *out)
{
    uint64_t sectors = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct blkif_request_segment *segment = &segments[i];

        if (segment->last_sect >= REQUEST_PAGE_SIZE / REQUEST_SECTOR ||
            segment->first_sect > segment->last_sect)
            return BLKIF_RSP_ERROR;
        out->segments[i].gref = segment->gref;
        out->segments[i].offset = (uint16_t)(segment->first_sect * REQUEST_SECTOR);
        out->segments[i].length =
            (uint16_t)((segment->last_sect - segment->first_sect + 1) * REQUEST_SECTOR);
        sectors += segment->last_sect - segment->first_sect + 1u;
    }
    if (out->sector > limits->sectors || sectors > limits->sectors - out->sector)
        return BLKIF_RSP_ERROR;
    out->segment_count = count;
    out->sectors = sectors;
    return BLKIF_RSP_OKAY;
}

static int check_kind(uint8_t operation, const struct request_limits *limits, struct request *out)
{
    if (operation == BLKIF_OP_READ)
        out->kind = REQUEST_READ;
    else if (operation == BLKIF_OP_WRITE)
        out->kind = REQUEST_WRITE;
    else if (operation == BLKIF_OP_FLUSH_DISKCACHE)
        out->kind = REQUEST_FLUSH;
    else
        return BLKIF_RSP_EOPNOTSUPP;
    return out->kind == REQUEST_WRITE && limits->read_only ? BLKIF_RSP_ERROR : BLKIF_RSP_OKAY;
}

/* A discard has a layout of its own: no segments, but a count of sectors. */
static int parse_discard(const struct blkif_request *slot, const struct request_limits *limits,
                         struct request *out)
{
    struct blkif_request_discard discard;

    _Static_assert(sizeof(discard) <= sizeof(*slot), "a discard fits a slot");
    memcpy(&discard, slot, sizeof(discard));
    out->id = discard.id;
    out->kind = REQUEST_DISCARD;
    out->sector = discard.sector_number;
    /* Nothing here can promise that no copy of the data is left anywhere. */
    if ((discard.flag & BLKIF_DISCARD_SECURE) != 0)
        return BLKIF_RSP_EOPNOTSUPP;
    if (limits->read_only || discard.sector_number > limits->sectors ||
        discard.nr_sectors > limits->sectors - discard.sector_number)
        return BLKIF_RSP_ERROR;
    out->sectors = discard.nr_sectors;
    return BLKIF_RSP_OKAY;
}

static int parse_indirect(const struct blkif_request *slot, const struct request_limits *limits,
                          struct request *out)
{
    struct blkif_request_indirect indirect;
    int status;

    memcpy(&indirect, slot, sizeof(indirect));
    out->id = indirect.id;
    out->operation = indirect.indirect_op; /* the operation Linux's frontend expects back */
    out->sector = indirect.sector_number;
    out->indirect = true;
    out->indirect_gref = indirect.indirect_grefs[0];
    out->segment_count = indirect.nr_segments;
    status = check_kind(indirect.indirect_op, limits, out);
    if (status != BLKIF_RSP_OKAY || out->kind == REQUEST_FLUSH)
        return BLKIF_RSP_ERROR;
    return indirect.nr_segments == 0 || indirect.nr_segments > REQUEST_MAX_SEGMENTS
               ? BLKIF_RSP_ERROR
               : BLKIF_RSP_OKAY;
}

int request_parse(const struct blkif_request *slot, const struct request_limits *limits,
                  struct request *out)
{
    int status;

    _Static_assert(sizeof(struct blkif_request_indirect) <= sizeof(struct blkif_request),
                   "an indirect request fits a slot");
    out->operation = slot->operation;
    out->indirect = false;
    out->sectors = 0;
    out->segment_count = 0;
    if (slot->operation == BLKIF_OP_INDIRECT)
        return parse_indirect(slot, limits, out);
    if (slot->operation == BLKIF_OP_DISCARD)
        return parse_discard(slot, limits, out);
    out->id = slot->id;
    out->sector = slot->sector_number;
    status = check_kind(slot->operation, limits, out);
    if (status != BLKIF_RSP_OKAY)
        return status;
    if (slot->nr_segments > BLKIF_MAX_SEGMENTS_PER_REQUEST)
        return BLKIF_RSP_ERROR;
    if (out->kind == REQUEST_FLUSH) {
        if (slot->nr_segments == 0)
            return BLKIF_RSP_OKAY;
        if (limits->read_only)
            return BLKIF_RSP_ERROR;
    } else if (slot->nr_segments == 0) {
        return BLKIF_RSP_ERROR;
    }
    return take_segments(slot->seg, slot->nr_segments, limits, out);
}

int request_parse_segments(const struct blkif_request_segment *segments, unsigned count,
                           const struct request_limits *limits, struct request *out)
{
    return take_segments(segments, count, limits, out);
}
