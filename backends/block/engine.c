/* SPDX-License-Identifier: MIT */
/* engine: from disk offsets to device transfers. */
#include "block/engine.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>

/* Transfers under way at once: an io has one for each run of neighbouring bytes on a device. */
#define MAX_PIECES 256u

struct piece {
    struct engine_io *io;
    struct piece *next_free;
    struct bdev *dev;
    uint64_t offset;
    size_t length;
    void *buffer;
};

struct engine {
    struct disk *disk;
    struct io_uring uring;
    unsigned busy;
    struct piece pieces[MAX_PIECES];
    struct piece *free_pieces;
};

int engine_open(struct disk *disk, struct engine **out)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    int rc;

    if (engine == NULL)
        return -ENOMEM;
    engine->disk = disk;
    for (unsigned i = 0; i < MAX_PIECES; i++) {
        engine->pieces[i].next_free = engine->free_pieces;
        engine->free_pieces = &engine->pieces[i];
    }
    rc = io_uring_queue_init(MAX_PIECES, &engine->uring, 0);
    if (rc != 0) {
        free(engine);
        return rc;
    }
    *out = engine;
    return 0;
}

/* One part of an io has come to its end. The last one tells the caller. */
static void finish_part(struct engine *engine, struct engine_io *io, int rc)
{
    if (rc != 0 && io->rc == 0)
        io->rc = rc;
    if (--io->pending > 0)
        return;
    if (io->op == ENGINE_FLUSH && io->rc == 0)
        io->rc = disk_flush(engine->disk);
    engine->busy--;
    io->in_use = false;
    io->done(io, io->rc);
}

/* Does a piece by plain system calls: after a short transfer, or when io_uring refuses it. */
static int piece_by_hand(struct piece *piece)
{
    return piece->io->op == ENGINE_READ
               ? bdev_read(piece->dev, piece->offset, piece->buffer, piece->length)
               : bdev_write(piece->dev, piece->offset, piece->buffer, piece->length);
}

static void piece_done(struct engine *engine, struct piece *piece, int result)
{
    struct engine_io *io = piece->io;
    int rc = result < 0 ? result : 0;

    if (result >= 0 && (size_t)result != piece->length)
        rc = piece_by_hand(piece);
    piece->next_free = engine->free_pieces;
    engine->free_pieces = piece;
    finish_part(engine, io, rc);
}

unsigned engine_reap(struct engine *engine)
{
    struct io_uring_cqe *cqe;
    unsigned completed = 0, before;

    while (io_uring_peek_cqe(&engine->uring, &cqe) == 0) {
        struct piece *piece = io_uring_cqe_get_data(cqe);
        int result = cqe->res;

        io_uring_cqe_seen(&engine->uring, cqe);
        before = engine->busy;
        piece_done(engine, piece, result);
        completed += before - engine->busy;
    }
    return completed;
}

/* A free piece; waits for one under way when all are taken. */
static struct piece *piece_get(struct engine *engine)
{
    struct piece *piece;

    while (engine->free_pieces == NULL) {
        struct io_uring_cqe *cqe;

        io_uring_submit(&engine->uring);
        if (io_uring_wait_cqe(&engine->uring, &cqe) != 0)
            return NULL;
        engine_reap(engine);
    }
    piece = engine->free_pieces;
    engine->free_pieces = piece->next_free;
    return piece;
}

static void piece_submit(struct engine *engine, struct piece *piece)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&engine->uring);

    if (sqe == NULL) {
        io_uring_submit(&engine->uring);
        sqe = io_uring_get_sqe(&engine->uring);
    }
    piece->io->pending++;
    if (sqe == NULL) {
        piece_done(engine, piece, piece_by_hand(piece) == 0 ? (int)piece->length : -EIO);
        return;
    }
    if (piece->io->op == ENGINE_READ)
        io_uring_prep_read(sqe, piece->dev->fd, piece->buffer, (unsigned)piece->length,
                           piece->offset);
    else
        io_uring_prep_write(sqe, piece->dev->fd, piece->buffer, (unsigned)piece->length,
                            piece->offset);
    io_uring_sqe_set_data(sqe, piece);
}

/* Sends `length` bytes at `buffer` to or from a device. */
static int transfer_stored(struct engine *engine, struct engine_io *io, char *buffer,
                           const struct bdev_extent *extent)
{
    struct piece *piece = piece_get(engine);

    if (piece == NULL)
        return -EIO;
    piece->io = io;
    piece->dev = extent->device;
    piece->offset = extent->device_offset;
    piece->length = extent->length;
    piece->buffer = buffer;
    piece_submit(engine, piece);
    return 0;
}

static bool is_zero(const char *bytes, size_t length)
{
    return length == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0);
}

/*
 * Whether a transfer is of whole sectors of the device, in memory too: what O_DIRECT wants. Sectors
 * of 512 bytes are what every request is made of.
 */
static bool fits_sectors(const char *buffer, const struct bdev_extent *extent)
{
    uint64_t ragged = extent->device_offset | extent->length | (uintptr_t)buffer;

    return !extent->device->direct || (ragged & (extent->device->sector - 1)) == 0;
}

/*
 * Sends what is queued before something that takes its time: what was mapped must be written while
 * the lease it was mapped under lasts.
 */
static void send_queued(struct engine *engine)
{
    if (io_uring_sq_ready(&engine->uring) > 0)
        io_uring_submit(&engine->uring);
}

/*
 * The slow path: through the disk, which knows how to read, or allocates for a write. Zeros that
 * are written where there are zeros already (`blank`) stay where they are.
 */
static int transfer_through_disk(struct engine *engine, struct engine_io *io, char *buffer,
                                 uint64_t offset, size_t length, bool blank)
{
    send_queued(engine);
    if (io->op == ENGINE_READ)
        return disk_read(engine->disk, offset, buffer, length);
    return blank && is_zero(buffer, length) ? 0 : disk_write(engine->disk, offset, buffer, length);
}

/* Parts of a device's sectors: read and written back whole, with nothing else under way there. */
static int transfer_ragged(struct engine *engine, struct engine_io *io, char *buffer,
                           uint64_t offset, size_t length)
{
    while (engine->busy > 1)
        engine_wait(engine);
    return transfer_through_disk(engine, io, buffer, offset, length, false);
}

/* Maps and starts everything an io covers. */
static int start(struct engine *engine, struct engine_io *io)
{
    uint64_t offset = io->offset, length = io->length;
    char *buffer = io->buffer;
    enum disk_use use = io->op == ENGINE_READ ? DISK_TO_READ : DISK_TO_WRITE;

    while (length > 0) {
        struct bdev_extent extent;
        bool read_needed;
        int rc = disk_map(engine->disk, offset, length, use, &extent, &read_needed);

        if (rc != 0)
            return rc;
        if (extent.stored && fits_sectors(buffer, &extent))
            rc = transfer_stored(engine, io, buffer, &extent);
        else if (extent.stored)
            rc = transfer_ragged(engine, io, buffer, offset, extent.length);
        else if (io->op == ENGINE_READ && !read_needed)
            memset(buffer, 0, extent.length);
        else
            rc = transfer_through_disk(engine, io, buffer, offset, extent.length, !read_needed);
        if (rc != 0)
            return rc;
        buffer += extent.length;
        offset += extent.length;
        length -= extent.length;
    }
    return 0;
}

/* What must be done before an io's transfers: only discards and flushes with data need anything. */
static int prepare(struct engine *engine, struct engine_io *io)
{
    if (io->op != ENGINE_DISCARD && (io->op != ENGINE_FLUSH || io->length == 0))
        return 0;
    /* Neither blocks that are given back nor what the flush covers may still be under way. */
    while (engine->busy > 1)
        engine_wait(engine);
    return io->op == ENGINE_DISCARD ? disk_discard(engine->disk, io->offset, io->length)
                                    : disk_flush(engine->disk);
}

int engine_submit(struct engine *engine, struct engine_io *io)
{
    int rc;

    if (engine->busy == ENGINE_MAX_IO)
        return -EBUSY;
    engine->busy++;
    io->in_use = true;
    io->rc = 0;
    io->pending = 1; /* ours, so that `done` waits until all pieces are sent */
    rc = prepare(engine, io);
    if (rc == 0 && io->op != ENGINE_DISCARD)
        rc = start(engine, io);
    finish_part(engine, io, rc);
    return 0;
}

void engine_kick(struct engine *engine)
{
    io_uring_submit(&engine->uring);
}

int engine_fd(const struct engine *engine)
{
    return engine->uring.ring_fd;
}

void engine_wait(struct engine *engine)
{
    struct io_uring_cqe *cqe;

    io_uring_submit(&engine->uring);
    if (io_uring_wait_cqe(&engine->uring, &cqe) == 0)
        engine_reap(engine);
}

unsigned engine_busy(const struct engine *engine)
{
    return engine->busy;
}

void engine_close(struct engine *engine)
{
    if (engine == NULL)
        return;
    while (engine->busy > 0)
        engine_wait(engine);
    io_uring_queue_exit(&engine->uring);
    free(engine);
}
