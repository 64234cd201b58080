/* SPDX-License-Identifier: MIT */
/* Serving a vbd's ring: batches of requests, their grants, their answers in order. */
#include "block/vbd_private.h"

#include <errno.h>
#include <string.h>

/* Passes over the ring before the event loop gets its turn again. */
#define MAX_PASSES 16u
/* A guest that makes errors must not fill the log. */
#define MAX_LOGGED_ERRORS 20u

_Static_assert(ENGINE_MAX_IO >= RING_SLOTS, "every slot can be under way");
_Static_assert(ENGINE_MAX_SEGMENTS >= REQUEST_MAX_SEGMENTS, "an io holds a request");
_Static_assert(GRANTS_PER_WANT >= REQUEST_MAX_SEGMENTS, "a want holds a request");

static void finish(struct vbd_slot *slot, int status)
{
    struct vbd *vbd = slot->vbd;

    grants_release(vbd->grants, slot->want.chunk);
    slot->want.chunk = NULL;
    slot->status = (int16_t)status;
    slot->done = true;
    vbd_stats_count(vbd, &slot->request, status);
}

/* What the guest hears. */
static int status_of(int rc)
{
    return rc == 0 ? BLKIF_RSP_OKAY : rc == -EOPNOTSUPP ? BLKIF_RSP_EOPNOTSUPP : BLKIF_RSP_ERROR;
}

/* Whether time, or the administrator, can mend it. */
static bool may_pass(int rc)
{
    return rc == -ENOSPC || rc == -EDQUOT || rc == -EIO || rc == -ETIMEDOUT || rc == -ENODEV ||
           rc == -EREMOTEIO || rc == -EAGAIN;
}

static void hold(struct vbd_slot *slot, int rc)
{
    struct vbd *vbd = slot->vbd;

    slot->held = true;
    if (vbd->stats.held++ == 0) {
        vbd_log(vbd, "the disk fails (%s); the guest waits until it recovers", strerror(-rc));
        xenbus_write(vbd->bus.xs, vbd->bus.backend, "io-status", "waiting: %s", strerror(-rc));
    }
}

static void io_done(struct engine_io *io, int rc)
{
    struct vbd_slot *slot = io->context;

    if (rc != 0 && rc != -EOPNOTSUPP && slot->vbd->errors++ < MAX_LOGGED_ERRORS)
        vbd_log(slot->vbd, "request at sector %llu failed: %s%s%s",
                (unsigned long long)slot->request.sector, strerror(-rc),
                slot->vbd->disk->error[0] != '\0' ? ": " : "", slot->vbd->disk->error);
    if (slot->vbd->on_error == VBD_PAUSE && may_pass(rc))
        hold(slot, rc);
    else
        finish(slot, status_of(rc));
}

void vbd_answer(struct vbd *vbd)
{
    struct ring *ring = &vbd->ring;

    while (ring->answered != ring->consumed) {
        struct vbd_slot *slot = &vbd->slots[ring->answered % RING_SLOTS];

        if (!slot->done)
            break;
        slot->done = false;
        ring_answer(ring, slot->request.id, slot->request.operation, slot->status);
    }
    if (ring_push(ring))
        xenevtchn_notify(vbd->evtchn, vbd->port);
}

/* Takes what the ring offers; the slots of those that parse go into `batch`. */
static unsigned take_batch(struct vbd *vbd, struct vbd_slot **batch)
{
    struct blkif_request copy;
    unsigned count = 0, place;
    int rc;

    while (!vbd->broken && (rc = ring_take(&vbd->ring, &copy, &place)) != 0) {
        struct vbd_slot *slot = &vbd->slots[place];
        int status;

        if (rc < 0) {
            vbd_log(vbd, "the frontend claims more requests than its ring holds: cut off");
            vbd->broken = true;
            break;
        }
        slot->vbd = vbd;
        slot->done = false;
        slot->held = false;
        slot->want.chunk = NULL;
        status = request_parse(&copy, &vbd->limits, &slot->request);
        if (status == BLKIF_RSP_OKAY && vbd->failed && slot->request.kind != REQUEST_READ)
            status = BLKIF_RSP_ERROR;
        if (status != BLKIF_RSP_OKAY)
            finish(slot, status);
        else
            batch[count++] = slot;
    }
    return count;
}

/* Reads the segments of indirect requests: their pages mapped together, copied once. */
static void read_indirect(struct vbd *vbd, struct vbd_slot *const *batch, unsigned count)
{
    struct grant_want *wants[RING_SLOTS];
    unsigned n = 0;

    for (unsigned i = 0; i < count; i++) {
        struct vbd_slot *slot = batch[i];

        if (!slot->request.indirect)
            continue;
        slot->want.count = 1;
        slot->want.refs[0] = slot->request.indirect_gref;
        slot->want.writable = false;
        wants[n++] = &slot->want;
    }
    if (n > 0)
        grants_map(vbd->grants, wants, n);
    for (unsigned i = 0; i < count; i++) {
        struct blkif_request_segment segments[REQUEST_MAX_SEGMENTS];
        struct vbd_slot *slot = batch[i];
        int status = BLKIF_RSP_ERROR;

        if (!slot->request.indirect)
            continue;
        if (slot->want.rc == 0) {
            unsigned wanted = slot->request.segment_count;

            memcpy(segments, slot->want.pages[0], wanted * sizeof(segments[0]));
            __asm__ __volatile__("" : : : "memory");
            grants_release(vbd->grants, slot->want.chunk);
            slot->want.chunk = NULL;
            status = request_parse_segments(segments, wanted, &vbd->limits, &slot->request);
        }
        if (status != BLKIF_RSP_OKAY)
            finish(slot, status);
    }
}

/* Maps the data pages of the whole batch. */
static void map_batch(struct vbd *vbd, struct vbd_slot *const *batch, unsigned count)
{
    struct grant_want *wants[RING_SLOTS];
    unsigned n = 0;

    for (unsigned i = 0; i < count; i++) {
        struct vbd_slot *slot = batch[i];

        if (slot->done || slot->request.segment_count == 0)
            continue;
        slot->want.count = slot->request.segment_count;
        slot->want.writable = slot->request.kind == REQUEST_READ;
        for (unsigned k = 0; k < slot->want.count; k++)
            slot->want.refs[k] = slot->request.segments[k].gref;
        wants[n++] = &slot->want;
    }
    if (n > 0)
        grants_map(vbd->grants, wants, n);
    for (unsigned i = 0; i < n; i++) {
        if (wants[i]->rc == 0)
            continue;
        if (vbd->errors++ < MAX_LOGGED_ERRORS)
            vbd_log(vbd, "the frontend named grants that cannot be mapped");
    }
}

static void submit(struct vbd *vbd, struct vbd_slot *slot)
{
    static const enum engine_op ops[] = {[REQUEST_READ] = ENGINE_READ,
                                         [REQUEST_WRITE] = ENGINE_WRITE,
                                         [REQUEST_FLUSH] = ENGINE_FLUSH,
                                         [REQUEST_DISCARD] = ENGINE_DISCARD};
    const struct request *request = &slot->request;
    struct engine_io *io = &slot->io;

    if (request->segment_count > 0 && slot->want.rc != 0) {
        finish(slot, BLKIF_RSP_ERROR);
        return;
    }
    io->op = ops[request->kind];
    io->offset = request->sector * REQUEST_SECTOR;
    io->length = request->sectors * REQUEST_SECTOR;
    io->segment_count = request->segment_count;
    for (unsigned i = 0; i < request->segment_count; i++) {
        io->segments[i].iov_base = (char *)slot->want.pages[i] + request->segments[i].offset;
        io->segments[i].iov_len = request->segments[i].length;
    }
    io->done = io_done;
    io->context = slot;
    if (engine_submit(vbd->engine, io) != 0)
        finish(slot, BLKIF_RSP_ERROR);
}

void vbd_serve(struct vbd *vbd)
{
    struct vbd_slot *batch[RING_SLOTS];

    vbd->more = false;
    for (unsigned pass = 0; pass < MAX_PASSES; pass++) {
        unsigned count = take_batch(vbd, batch);

        if (vbd->ring.consumed - vbd->ring.answered == RING_SLOTS && count > 0)
            vbd->stats.full_rings++;
        read_indirect(vbd, batch, count);
        map_batch(vbd, batch, count);
        for (unsigned i = 0; i < count; i++) {
            if (!batch[i]->done)
                submit(vbd, batch[i]);
        }
        engine_kick(vbd->engine);
        vbd_answer(vbd);
        if (vbd->broken || !ring_sleep(&vbd->ring))
            return;
    }
    vbd->more = true;
}

void vbd_retry(struct vbd *vbd)
{
    const struct ring *ring = &vbd->ring;
    uint32_t was = vbd->stats.held;

    if (vbd->page == NULL || was == 0)
        return;
    vbd->stats.held = 0;
    for (uint32_t at = ring->answered; at != ring->consumed; at++) {
        struct vbd_slot *slot = &vbd->slots[at % RING_SLOTS];

        if (!slot->held)
            continue;
        slot->held = false;
        if (engine_submit(vbd->engine, &slot->io) != 0)
            finish(slot, BLKIF_RSP_ERROR);
    }
    engine_kick(vbd->engine);
    while (engine_busy(vbd->engine) > 0)
        engine_wait(vbd->engine);
    vbd_answer(vbd);
    if (vbd->stats.held == 0) {
        vbd_log(vbd, "the disk has recovered");
        xenbus_write(vbd->bus.xs, vbd->bus.backend, "io-status", "ok");
    }
}

void vbd_drop_held(struct vbd *vbd)
{
    for (unsigned i = 0; i < RING_SLOTS; i++) {
        struct vbd_slot *slot = &vbd->slots[i];

        if (!slot->held)
            continue;
        slot->held = false;
        grants_release(vbd->grants, slot->want.chunk);
        slot->want.chunk = NULL;
    }
    vbd->stats.held = 0;
}
