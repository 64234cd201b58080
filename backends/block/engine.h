/* SPDX-License-Identifier: MIT */
/* engine: carries out reads, writes and flushes of a disk by io_uring. */
#ifndef BACKENDS_BLOCK_ENGINE_H
#define BACKENDS_BLOCK_ENGINE_H

#include "block/disk.h"

#include <stdbool.h>
#include <stdint.h>

#define ENGINE_MAX_IO 32u /* under way at once */

struct engine;

/*
 * A flush makes everything durable that was completed before it; one with data then writes them
 * and makes them durable too, so that they never reach the disk before what they follow.
 */
enum engine_op { ENGINE_READ, ENGINE_WRITE, ENGINE_FLUSH, ENGINE_DISCARD };

/*
 * One piece of work. The caller fills in the first part and keeps it, and the buffer, until `done`
 * is called (perhaps from within engine_submit()).
 */
struct engine_io {
    enum engine_op op;
    uint64_t offset; /* bytes on the disk */
    uint64_t length; /* bytes; 0 for a flush without data */
    void *buffer; /* aligned as the disk's devices want it for direct transfers; not for discards */
    void (*done)(struct engine_io *io, int rc);
    void *context;
    /* The engine's own. */
    unsigned pending;
    int rc;
    bool in_use;
};

/* The disk stays the caller's. -ENOMEM, or what io_uring_queue_init() says. */
int engine_open(struct disk *disk, struct engine **out);
/* Waits for all work under way. */
void engine_close(struct engine *engine);

/*
 * Starts an io: pieces that are stored go to the device asynchronously, holes are read as zeros at
 * once, and writes to holes are carried out before it returns; zeros written to what reads as zeros
 * take no room. -EBUSY when ENGINE_MAX_IO are under
 * way. Call engine_kick() after a batch.
 */
int engine_submit(struct engine *engine, struct engine_io *io);
void engine_kick(struct engine *engine);

/* Readable when engine_reap() has something to do. */
int engine_fd(const struct engine *engine);
/* Handles what has finished; returns how many ios were completed. */
unsigned engine_reap(struct engine *engine);
/* Waits until at least one transfer has finished. */
void engine_wait(struct engine *engine);
/* Ios under way. */
unsigned engine_busy(const struct engine *engine);

#endif
