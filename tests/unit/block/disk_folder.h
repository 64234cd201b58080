/* SPDX-License-Identifier: MIT */
/* disk_folder: an empty folder of this host for each test, and disks in it. */
#ifndef TESTS_UNIT_BLOCK_DISK_FOLDER_H
#define TESTS_UNIT_BLOCK_DISK_FOLDER_H

#include "block/disk.h"
#include "block/vmdk/vmdk.h"

struct disk_folder {
    struct store *store; /* this host's files; names are in the folder */
    char error[DISK_ERROR_MAX];
    uint8_t buffer[65536]; /* the test's own */
};

extern struct disk_folder folder;

/* Setup and teardown of a test: makes the folder and works in it; removes it. */
int folder_enter(void **state);
int folder_leave(void **state);

/* A whole file, bytes of a file changed, bytes of a file read. */
void folder_put(const char *name, const void *bytes, size_t length);
void folder_patch(const char *name, uint64_t at, const void *bytes, size_t length);
void folder_peek(const char *name, uint64_t at, void *bytes, size_t length);

/* Make and open disks; the test fails when that does. */
void folder_make(const char *path, enum vmdk_kind kind, uint64_t size, const char *parent);
struct disk *folder_attach(const char *path, bool read_only);

#endif
