/* SPDX-License-Identifier: MIT */
/* Serving a vbd's ring: batches of requests, their grants, their answers in order. */
#include "block/vbd_private.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* Passes over the ring before the event loop gets its turn again. */
#define MAX_PASSES 16u
/* A guest that makes errors must not fill the log. */
#define MAX_LOGGED_ERRORS 20u

_Static_assert(ENGINE_MAX_IO >= RING_SLOTS, "every slot can be under way");
_Static_assert(REQUEST_PAGE_SIZE <= VBD_BUFFER_SIZE, "a buffer holds an indirect page");

int vbd_get_buffers(struct vbd *vbd, uint32_t domid)
{
    int rc = grants_open(vbd->gnttab, domid, &vbd->grants);

    if (rc != 0)
        return rc;
    vbd->buffers = mmap(NULL, (size_t)RING_SLOTS * VBD_BUFFER_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (vbd->buffers == MAP_FAILED) {
        vbd->buffers = NULL;
        vbd_put_buffers(vbd);
        return -ENOMEM;
    }
    for (unsigned i = 0; i < RING_SLOTS; i++)
        vbd->slots[i].buffer = vbd->buffers + (size_t)i * VBD_BUFFER_SIZE;
    return 0;
}

void vbd_put_buffers(struct vbd *vbd)
{
    for (unsigned i = 0; i < RING_SLOTS; i++)
        vbd->slots[i].held = false;
    vbd->stats.held = 0;
    if (vbd->buffers != NULL)
        munmap(vbd->buffers, (size_t)RING_SLOTS * VBD_BUFFER_SIZE);
    vbd->buffers = NULL;
    grants_close(vbd->grants);
    vbd->grants = NULL;
}

static void finish(struct vbd_slot *slot, int status)
{
    struct vbd *vbd = slot->vbd;

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

/* The disk fails a request: it is held, or the guest hears of it. */
static void fail(struct vbd_slot *slot, int rc)
{
    if (rc != -EOPNOTSUPP && slot->vbd->errors++ < MAX_LOGGED_ERRORS)
        vbd_log(slot->vbd, "request at sector %llu failed: %s%s%s",
                (unsigned long long)slot->request.sector, strerror(-rc),
                slot->vbd->disk->error[0] != '\0' ? ": " : "", slot->vbd->disk->error);
    if (slot->vbd->on_error == VBD_PAUSE && may_pass(rc))
        hold(slot, rc);
    else
        finish(slot, status_of(rc));
}

static void io_done(struct engine_io *io, int rc)
{
    struct vbd_slot *slot = io->context;

    if (rc != 0)
        fail(slot, rc);
    else if (slot->request.kind == REQUEST_READ)
        slot->arrived = true;
    else if (slot->request.kind == REQUEST_WRITE)
        slot->written = true;
    else
        finish(slot, BLKIF_RSP_OKAY);
}

/* Lists the copies of all a request's bytes. */
static void list_copies(struct vbd_slot *slot, enum grant_direction direction)
{
    struct grant_bytes bytes = {.direction = direction, .local = slot->buffer};

    slot->copied = 0;
    for (unsigned i = 0; i < slot->request.segment_count; i++) {
        const struct request_segment *segment = &slot->request.segments[i];

        bytes.ref = segment->gref;
        bytes.offset = segment->offset;
        bytes.length = segment->length;
        grants_add(slot->vbd->grants, &bytes, &slot->copied);
        bytes.local = (char *)bytes.local + segment->length;
    }
}

/* For a request whose bytes could not be copied. */
static void finish_uncopied(struct vbd_slot *slot)
{
    if (slot->vbd->errors++ < MAX_LOGGED_ERRORS)
        vbd_log(slot->vbd, "the frontend named grants that do not allow what it asks for");
    finish(slot, BLKIF_RSP_ERROR);
}

/* Gives the guest what was read for it. */
static void hand_over(struct vbd *vbd)
{
    struct vbd_slot *given[RING_SLOTS];
    unsigned count = 0;

    for (unsigned i = 0; i < RING_SLOTS; i++) {
        struct vbd_slot *slot = &vbd->slots[i];

        if (!slot->arrived)
            continue;
        slot->arrived = false;
        list_copies(slot, GRANT_TO_GUEST);
        given[count++] = slot;
    }
    grants_copy(vbd->grants);
    for (unsigned i = 0; i < count; i++) {
        if (given[i]->copied != 0)
            finish_uncopied(given[i]);
        else
            finish(given[i], BLKIF_RSP_OKAY);
    }
}

/* Calls writes done, once for all that are, that neither we nor a successor can forget. */
static void commit(struct vbd *vbd)
{
    struct vbd_slot *written[RING_SLOTS];
    unsigned count = 0;
    int rc;

    for (unsigned i = 0; i < RING_SLOTS; i++) {
        if (vbd->slots[i].written)
            written[count++] = &vbd->slots[i];
    }
    if (count == 0)
        return;
    rc = disk_commit(vbd->disk);
    for (unsigned i = 0; i < count; i++) {
        written[i]->written = false;
        if (rc != 0)
            fail(written[i], rc);
        else
            finish(written[i], BLKIF_RSP_OKAY);
    }
}

void vbd_answer(struct vbd *vbd)
{
    struct ring *ring = &vbd->ring;

    hand_over(vbd);
    commit(vbd);
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

    while (!vbd->broken && count < RING_SLOTS && (rc = ring_take(&vbd->ring, &copy, &place)) != 0) {
        struct vbd_slot *slot = &vbd->slots[place];
        int status;

        if (rc < 0) {
            vbd_log(vbd, "the frontend's count of requests is not one its ring can have: cut off");
            vbd->broken = true;
            break;
        }
        slot->vbd = vbd;
        slot->done = false;
        slot->arrived = false;
        slot->written = false;
        slot->held = false;
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

/* Reads the segments of indirect requests: all copied at once. */
static void read_indirect(struct vbd *vbd, struct vbd_slot *const *batch, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        const struct request *request = &batch[i]->request;
        struct grant_bytes bytes = {.direction = GRANT_FROM_GUEST, .local = batch[i]->buffer};

        if (!request->indirect)
            continue;
        bytes.ref = request->indirect_gref;
        bytes.length = (uint16_t)(request->segment_count * sizeof(struct blkif_request_segment));
        batch[i]->copied = 0;
        grants_add(vbd->grants, &bytes, &batch[i]->copied);
    }
    grants_copy(vbd->grants);
    for (unsigned i = 0; i < count; i++) {
        struct vbd_slot *slot = batch[i];
        int status;

        if (!slot->request.indirect)
            continue;
        if (slot->copied != 0) {
            finish_uncopied(slot);
            continue;
        }
        status = request_parse_segments((const struct blkif_request_segment *)(void *)slot->buffer,
                                        slot->request.segment_count, &vbd->limits, &slot->request);
        if (status != BLKIF_RSP_OKAY)
            finish(slot, status);
    }
}

/* Copies what the batch's writes carry. */
static void take_data(struct vbd *vbd, struct vbd_slot *const *batch, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct vbd_slot *slot = batch[i];

        slot->copied = 0;
        if (!slot->done && slot->request.kind != REQUEST_READ)
            list_copies(slot, GRANT_FROM_GUEST);
    }
    grants_copy(vbd->grants);
    for (unsigned i = 0; i < count; i++) {
        if (!batch[i]->done && batch[i]->copied != 0)
            finish_uncopied(batch[i]);
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

    io->op = ops[request->kind];
    io->offset = request->sector * REQUEST_SECTOR;
    io->length = request->sectors * REQUEST_SECTOR;
    io->buffer = slot->buffer;
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
        take_data(vbd, batch, count);
        for (unsigned i = 0; i < count; i++) {
            if (!batch[i]->done)
                submit(vbd, batch[i]);
        }
        engine_kick(vbd->engine);
        /* What a file's page cache had is there already. */
        engine_reap(vbd->engine);
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
        if ((vbd->failed && slot->request.kind != REQUEST_READ) ||
            engine_submit(vbd->engine, &slot->io) != 0)
            finish(slot, BLKIF_RSP_ERROR);
    }
    engine_kick(vbd->engine);
    while (engine_busy(vbd->engine) > 0)
        engine_wait(vbd->engine);
    vbd_answer(vbd);
    if (vbd->stats.held == 0 && !vbd->failed) {
        vbd_log(vbd, "the disk has recovered");
        xenbus_write(vbd->bus.xs, vbd->bus.backend, "io-status", "ok");
    }
}
