/* SPDX-License-Identifier: MIT */
/*
 * cell: the VMDK library by hand, on files of this host, for tests/system/vmdk/run.
 *
 *   cell create KIND BYTES DISK [PARENT|DEVICE]   cell snapshot PARENT DISK
 *   cell clone KIND SOURCE DISK                   cell grow BYTES DISK
 *   cell write DISK OFFSET BYTES SEED             cell raw DISK OUT
 *   cell check DISK [repair]                      cell adopt DISK
 *   cell rename FROM TO                           cell remove DISK
 *   cell bytes DISK OFFSET BYTES                  (sixteen a line, as qemu-io shows them)
 *   cell die DISK OFFSET BYTES SEED               (write, flush, exit without closing)
 *   cell bench DISK read|write BLOCK COUNT random|sequential
 */
#include "block/disk.h"
#include "block/store.h"
#include "block/vmdk/vmdk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (1u << 20)

static char error[DISK_ERROR_MAX];

static int complain(int rc)
{
    if (rc != 0)
        fprintf(stderr, "cell: %s\n", error);
    return rc == 0 ? 0 : 1;
}

static int open_disk(const char *path, bool read_only, struct disk **out)
{
    struct store *store;
    int rc = store_open_host(&store, error);

    if (rc != 0)
        return rc;
    rc = vmdk_open(store, path, read_only, out, error);
    if (rc != 0)
        store_close(store);
    return rc;
}

/* Bytes that differ everywhere, so that a piece in the wrong place is seen. */
static void fill(uint8_t *buffer, size_t length, uint64_t offset, uint64_t seed)
{
    for (size_t i = 0; i < length; i += 8) {
        uint64_t value = (offset + i + 1) * 0x9E3779B97F4A7C15ull + seed * 0xD1B54A32D192ED03ull;

        value ^= value >> 29;
        memcpy(buffer + i, &value, 8);
    }
}

static int write_disk(struct disk *disk, uint64_t offset, uint64_t length, uint64_t seed)
{
    uint8_t *buffer = malloc(CHUNK);
    int rc = 0;

    for (uint64_t done = 0; done < length && rc == 0;) {
        size_t piece = length - done < CHUNK ? (size_t)(length - done) : CHUNK;

        fill(buffer, piece, offset + done, seed);
        rc = disk_write(disk, offset + done, buffer, piece);
        done += piece;
    }
    if (rc == 0)
        rc = disk_flush(disk);
    if (rc != 0)
        snprintf(error, sizeof(error), "%s", disk->error);
    free(buffer);
    return rc;
}

static int command_write(char **argv, bool die)
{
    struct disk *disk;
    int rc = open_disk(argv[0], false, &disk);

    if (rc != 0)
        return rc;
    rc = write_disk(disk, strtoull(argv[1], NULL, 0), strtoull(argv[2], NULL, 0),
                    strtoull(argv[3], NULL, 0));
    if (die)
        _exit(rc == 0 ? 0 : 1);
    disk_close(disk);
    return rc;
}

static int command_raw(char **argv)
{
    uint8_t *buffer = malloc(CHUNK);
    struct disk *disk;
    int rc = open_disk(argv[0], true, &disk), fd;

    if (rc != 0) {
        free(buffer);
        return rc;
    }
    fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)disk->size) != 0) {
        snprintf(error, sizeof(error), "%s: %s", argv[1], strerror(errno));
        rc = -EIO;
    }
    for (uint64_t at = 0; at < disk->size && rc == 0; at += CHUNK) {
        size_t piece = disk->size - at < CHUNK ? (size_t)(disk->size - at) : CHUNK;

        rc = disk_read(disk, at, buffer, piece);
        if (rc != 0)
            snprintf(error, sizeof(error), "%s", disk->error);
        else if ((buffer[0] != 0 || memcmp(buffer, buffer + 1, piece - 1) != 0) &&
                 pwrite(fd, buffer, piece, (off_t)at) != (ssize_t)piece)
            rc = -EIO;
    }
    close(fd);
    disk_close(disk);
    free(buffer);
    return rc;
}

static int command_bytes(char **argv)
{
    uint64_t offset = strtoull(argv[1], NULL, 0);
    size_t length = strtoull(argv[2], NULL, 0);
    uint8_t *buffer = malloc(length);
    struct disk *disk;
    int rc = open_disk(argv[0], true, &disk);

    if (rc == 0) {
        rc = disk_read(disk, offset, buffer, length);
        if (rc != 0)
            snprintf(error, sizeof(error), "%s", disk->error);
        for (size_t i = 0; i < length && rc == 0; i++)
            printf("%02x%s", buffer[i], i % 16 == 15 ? " \n" : " ");
        disk_close(disk);
    }
    free(buffer);
    return rc;
}

static void show_finding(void *context, const char *finding)
{
    (void)context;
    printf("%s\n", finding);
}

static int command_check(struct store *store, int argc, char **argv)
{
    struct vmdk_check check = {.repair = argc > 1, .report = show_finding};
    int rc = vmdk_check(store, argv[0], &check, error);

    if (rc == 0)
        printf("%u findings, %u repaired\n", check.findings, check.repaired);
    return rc;
}

static int command_clone(struct store *store, char **argv)
{
    struct vmdk_create how = {0};
    struct disk *source;
    int rc = vmdk_kind_parse(argv[0], &how.kind);

    if (rc == 0)
        rc = open_disk(argv[1], true, &source);
    if (rc != 0)
        return rc;
    rc = vmdk_clone(source, store, argv[2], &how, error);
    disk_close(source);
    return rc;
}

static int command_create(struct store *store, int argc, char **argv)
{
    struct vmdk_create how = {.size = strtoull(argv[1], NULL, 0)};

    if (vmdk_kind_parse(argv[0], &how.kind) != 0) {
        snprintf(error, sizeof(error), "no kind of disk is called %s", argv[0]);
        return -EINVAL;
    }
    if (how.kind == VMDK_KIND_RDM || how.kind == VMDK_KIND_RDMP)
        how.device = argc > 3 ? argv[3] : NULL;
    else
        how.parent = argc > 3 ? argv[3] : NULL;
    how.encoding = getenv("CELL_ENCODING");
    how.adapter = getenv("CELL_ADAPTER");
    how.hw_version = getenv("CELL_HW") == NULL ? 0 : (unsigned)atoi(getenv("CELL_HW"));
    return vmdk_create(store, argv[2], &how, error);
}

static int command_bench(char **argv)
{
    bool is_write = strcmp(argv[1], "write") == 0, is_random = strcmp(argv[4], "random") == 0;
    size_t block = strtoull(argv[2], NULL, 0);
    uint64_t count = strtoull(argv[3], NULL, 0), state = 1;
    uint8_t *buffer = aligned_alloc(4096, block);
    struct timespec start, end;
    struct disk *disk;
    int rc = open_disk(argv[0], !is_write, &disk);

    if (rc != 0) {
        free(buffer);
        return rc;
    }
    memset(buffer, 0x5A, block);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (uint64_t i = 0; i < count && rc == 0; i++) {
        uint64_t blocks = disk->size / block, at;

        state = state * 6364136223846793005ull + 1442695040888963407ull;
        at = (is_random ? (state >> 20) % blocks : i % blocks) * block;
        rc = is_write ? disk_write(disk, at, buffer, block) : disk_read(disk, at, buffer, block);
    }
    /* Without a last flush, as qemu-img bench counts. */
    clock_gettime(CLOCK_MONOTONIC, &end);
    if (rc != 0)
        snprintf(error, sizeof(error), "%s", disk->error);
    else
        printf("%.3f\n",
               (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9);
    disk_close(disk);
    free(buffer);
    return rc;
}

int main(int argc, char **argv)
{
    struct store *store;
    int rc = store_open_host(&store, error), n = argc - 2;
    char **args = argv + 2;
    const char *verb = argc > 1 ? argv[1] : "";

    if (rc != 0)
        return complain(rc);
    if (strcmp(verb, "create") == 0 && n >= 3)
        rc = command_create(store, n, args);
    else if (strcmp(verb, "snapshot") == 0 && n == 2)
        rc = vmdk_snapshot(store, args[0], args[1], error);
    else if (strcmp(verb, "clone") == 0 && n == 3)
        rc = command_clone(store, args);
    else if (strcmp(verb, "grow") == 0 && n == 2)
        rc = vmdk_grow(store, args[1], &(struct store_create){.length = strtoull(args[0], NULL, 0)},
                       error);
    else if ((strcmp(verb, "write") == 0 || strcmp(verb, "die") == 0) && n == 4)
        rc = command_write(args, verb[0] == 'd');
    else if (strcmp(verb, "bytes") == 0 && n == 3)
        rc = command_bytes(args);
    else if (strcmp(verb, "raw") == 0 && n == 2)
        rc = command_raw(args);
    else if (strcmp(verb, "check") == 0 && n >= 1)
        rc = command_check(store, n, args);
    else if (strcmp(verb, "adopt") == 0 && n == 1)
        rc = vmdk_adopt(store, args[0], error);
    else if (strcmp(verb, "rename") == 0 && n == 2)
        rc = vmdk_rename(store, args[0], args[1], error);
    else if (strcmp(verb, "remove") == 0 && n == 1)
        rc = vmdk_remove(store, args[0], error);
    else if (strcmp(verb, "bench") == 0 && n == 5)
        rc = command_bench(args);
    else
        rc = snprintf(error, sizeof(error), "see the head of tests/system/vmdk/cell.c");
    store_close(store);
    return complain(rc);
}
