/* SPDX-License-Identifier: MIT */
/* memory_store: a few files in memory behind the store interface, which may crash and damage. */
#ifndef TESTS_UNIT_BLOCK_MEMORY_STORE_H
#define TESTS_UNIT_BLOCK_MEMORY_STORE_H

#include "block/store.h"

#define MEMORY_FILES    8u
#define MEMORY_FILE_MAX (64u << 20) /* growing past this is -ENOSPC */

struct memory_blob {
    char name[64];
    uint8_t *bytes;
    uint64_t length;
};

/*
 * One write since the last flush. What a power cut then leaves of it is the test's choice, sector
 * by sector.
 */
struct memory_write {
    unsigned blob;
    uint64_t offset;
    size_t length;
    uint8_t *before; /* what the bytes were */
};

struct memory_store {
    struct store store;
    struct memory_blob blobs[MEMORY_FILES];
    /* With `record`, writes not yet flushed; each flush empties the list. */
    bool record;
    struct memory_write *writes;
    size_t write_count, write_room;
    uint64_t calls;   /* writes and flushes so far */
    uint64_t fail_at; /* the call from which on everything fails with -EIO; 0: never */
};

void memory_store_init(struct memory_store *store);
void memory_store_free(struct memory_store *store);
/* Puts a file there; the bytes are copied. */
void memory_store_put(struct memory_store *store, const char *name, const void *bytes,
                      uint64_t length);

/*
 * The power goes: of every write not flushed each sector is kept or lost as `keep` (called once a
 * sector) says, later writes after earlier ones. Recording ends.
 */
void memory_store_cut(struct memory_store *store, bool (*keep)(void *context), void *context);

#endif
