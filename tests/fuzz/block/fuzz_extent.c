/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an extent file of the type EXTENT_TYPE: opened, read, checked, repaired, written and
 * read again. What is accepted must be served within its bounds, and a write must read back.
 */
#include "../../unit/block/memory_store.h"
#include "block/vmdk/vmdk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTORS "2048" /* of the disk, as its descriptor says */
#define SIZE    (2048u * 512u)

static uint8_t buffer[SIZE];

static void read_all(struct disk *disk)
{
    for (uint64_t at = 0; at < disk->size; at += 65536)
        disk_read(disk, at, buffer, 65536);
}

/* A disk that takes a write gives it back. */
static void write_some(struct disk *disk)
{
    static const uint64_t places[] = {0, 4096 - 512, 65536, 300 * 512, SIZE - 1024};
    uint8_t wrote[1024], back[1024];

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        memset(wrote, (int)(0xA0 + i), sizeof(wrote));
        if (disk_write(disk, places[i], wrote, sizeof(wrote)) != 0 ||
            disk_read(disk, places[i], back, sizeof(back)) != 0)
            continue;
        if (memcmp(wrote, back, sizeof(back)) != 0)
            abort();
    }
    disk_flush(disk);
}

static void check(struct store *store, bool repair)
{
    struct vmdk_check check = {.repair = repair};
    char error[DISK_ERROR_MAX];

    vmdk_check(store, "d.vmdk", &check, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char text[] = "version=1\nCID=12345678\nparentCID=ffffffff\ncreateType=\"x\"\n"
                               "RW " SECTORS " " EXTENT_TYPE " \"extent\"\n";
    struct memory_store memory;
    char error[DISK_ERROR_MAX];
    struct disk *disk;

    if (size > 4u << 20)
        return 0;
    memory_store_init(&memory);
    memory_store_put(&memory, "d.vmdk", text, sizeof(text) - 1);
    memory_store_put(&memory, "extent", data, size);
    if (vmdk_open_in(&memory.store, "d.vmdk", true, &disk, error) == 0) {
        if (disk->size != SIZE)
            abort();
        read_all(disk);
        disk_close(disk);
    }
    check(&memory.store, false);
    if (vmdk_open_in(&memory.store, "d.vmdk", false, &disk, error) == 0) {
        write_some(disk);
        disk_close(disk);
    }
    check(&memory.store, true);
    /* The file with a descriptor of its own, if there is one. */
    if (vmdk_open_in(&memory.store, "extent", true, &disk, error) == 0)
        disk_close(disk);
    memory_store_free(&memory);
    return 0;
}
