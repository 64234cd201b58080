/* SPDX-License-Identifier: MIT */
/* Disks as a power cut left them, and what must hold on them. */
#include "power_cut.h"

#include "block/vmfs/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct claim claims[MAX_CLAIMS];
unsigned claim_count;

uint32_t cut_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void fill(uint8_t *buffer, size_t length, uint32_t seed)
{
    uint32_t state = seed * 2654435761u + 1;

    for (size_t i = 0; i < length; i++)
        buffer[i] = (uint8_t)cut_random(&state);
}

void claim_write(struct memory_bdev *memory, struct vmfs_volume *volume, struct vmfs_file *file,
                 const char *path, uint64_t offset, size_t length, uint32_t seed)
{
    struct claim *claim = &claims[claim_count++];
    uint8_t *buffer = malloc(length);

    fill(buffer, length, seed);
    assert_int_equal(vmfs_file_write(file, offset, buffer, length), 0);
    assert_int_equal(vmfs_flush(volume), 0);
    free(buffer);
    *claim = (struct claim){
        .since = memory->log_count, .offset = offset, .length = length, .seed = seed};
    strcpy(claim->path, path);
}

void claims_end(const struct memory_bdev *memory, const char *path)
{
    for (unsigned i = 0; i < claim_count; i++) {
        if (strcmp(claims[i].path, path) == 0 && claims[i].until == 0)
            claims[i].until = memory->log_count;
    }
}

void claims_end_behind(const struct memory_bdev *memory, const char *path, uint64_t length)
{
    for (unsigned i = 0; i < claim_count; i++) {
        if (strcmp(claims[i].path, path) == 0 && claims[i].until == 0 &&
            claims[i].offset + claims[i].length > length)
            claims[i].until = memory->log_count;
    }
}

void cut_apply(struct memory_bdev *memory, const struct memory_write *entry)
{
    if (entry->length > 0)
        memory->dev.ops->write(&memory->dev, entry->offset, entry->data, entry->length);
}

void cut_apply_torn(struct memory_bdev *memory, const struct memory_write *entry, uint32_t *random)
{
    uint32_t choice = cut_random(random) % 3;

    if (choice == 0)
        return;
    for (size_t at = 0; at < entry->length; at += BDEV_SECTOR) {
        if (choice == 1 || cut_random(random) % 2 == 0)
            memory->dev.ops->write(&memory->dev, entry->offset + at, entry->data + at, BDEV_SECTOR);
    }
}

static void check_claims(struct vmfs_volume *volume, unsigned cut)
{
    static uint8_t want[8192], have[8192];

    for (unsigned i = 0; i < claim_count; i++) {
        const struct claim *claim = &claims[i];
        struct vmfs_file *file;

        if (cut < claim->since || (claim->until != 0 && cut > claim->until))
            continue;
        if (vmfs_file_open(volume, claim->path, VMFS_SHARE_NONE, &file) != 0)
            fail_msg("cut %u: %s: %s", cut, claim->path, vmfs_error(volume));
        fill(want, claim->length, claim->seed);
        if (vmfs_file_read(file, claim->offset, have, claim->length) != 0)
            fail_msg("cut %u: %s: %s", cut, claim->path, vmfs_error(volume));
        if (memcmp(want, have, claim->length) != 0)
            fail_msg("cut %u: %s lost acknowledged data at %llu", cut, claim->path,
                     (unsigned long long)claim->offset);
        vmfs_file_close(file);
    }
}

/* Blanks what this path's writes cover within the block. */
static void blank_claims(const char *path, uint64_t start, uint8_t *block)
{
    for (unsigned i = 0; i < claim_count; i++) {
        uint64_t from = claims[i].offset, to = from + claims[i].length;

        if (strcmp(claims[i].path, path) != 0 || to <= start || from >= start + MIB)
            continue;
        from = from < start ? start : from;
        to = to > start + MIB ? start + MIB : to;
        memset(block + (from - start), 0, to - from);
    }
}

/* Around what was written a file reads as zeros, never as what the disk held before. */
static void check_no_stale(struct vmfs_volume *volume, unsigned cut)
{
    static uint8_t block[MIB];

    for (unsigned i = 0; i < claim_count; i++) {
        uint64_t start = claims[i].offset / MIB * MIB, length;
        struct vmfs_file *file;

        if (vmfs_file_open(volume, claims[i].path, VMFS_SHARE_NONE, &file) != 0)
            continue;
        length = vmfs_file_length(file);
        length = start >= length ? 0 : length - start < MIB ? length - start : MIB;
        memset(block, 0, sizeof(block));
        if (length > 0 && vmfs_file_read(file, start, block, length) != 0)
            fail_msg("cut %u: %s: %s", cut, claims[i].path, vmfs_error(volume));
        vmfs_file_close(file);
        blank_claims(claims[i].path, start, block);
        if (block[0] != 0 || memcmp(block, block + 1, MIB - 1) != 0)
            fail_msg("cut %u: %s shows old contents of the disk near %llu", cut, claims[i].path,
                     (unsigned long long)claims[i].offset);
    }
}

void cut_print_finding(void *context, const char *finding)
{
    (void)context;
    print_message("left after repair: %s\n", finding);
}

void cut_survive(struct memory_bdev *memory, unsigned cut, bool look_around)
{
    struct vmfs_volume *volume = fixture_open(memory, VMFS_OPEN_WRITE);
    struct vmfs_check repair = {.repair = true}, again = {.report = cut_print_finding};

    if (vmfs_check(volume, &repair) != 0)
        fail_msg("cut %u: check: %s", cut, vmfs_error(volume));
    if (vmfs_check(volume, &again) != 0 || again.findings != 0)
        fail_msg("cut %u: %u findings left after repair", cut, again.findings);
    check_claims(volume, cut);
    if (look_around)
        check_no_stale(volume, cut);
    vmfs_close(volume);
}

struct memory_bdev *cut_make_larger(unsigned version, uint64_t size, uint64_t device)
{
    struct memory_bdev *memory = memory_bdev_new(device);
    const struct vmfs_mkfs options = {.label = "cut", .version = version};
    char error[VMFS_ERROR_MAX] = "";

    memset(memory->bytes, 0xA5, size);
    memory->dev.size = size;
    if (vmfs_mkfs(&memory->dev, &options, error) != 0)
        fail_msg("mkfs: %s", error);
    memory->dev.size = device;
    return memory;
}

struct memory_bdev *cut_make(unsigned version)
{
    return cut_make_larger(version, 280 * MIB, 280 * MIB);
}

void cut_once(struct memory_bdev *memory, unsigned cut, uint32_t *random)
{
    unsigned flushed = cut;

    while (flushed > 0 && memory->log[flushed - 1].length != 0)
        flushed--;
    memory_bdev_mark(memory);
    for (unsigned i = 0; i < flushed; i++)
        cut_apply(memory, &memory->log[i]);
    for (unsigned i = flushed; i < cut; i++)
        cut_apply_torn(memory, &memory->log[i], random);
    cut_survive(memory, cut, true);
    memory_bdev_rollback(memory);
}

void claims_end_overlapping(const struct memory_bdev *memory, const char *path, uint64_t offset,
                            uint64_t length)
{
    for (unsigned i = 0; i < claim_count; i++) {
        if (strcmp(claims[i].path, path) == 0 && claims[i].until == 0 &&
            claims[i].offset < offset + length && offset < claims[i].offset + claims[i].length)
            claims[i].until = memory->log_count;
    }
}
