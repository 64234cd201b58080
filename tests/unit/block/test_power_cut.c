/* SPDX-License-Identifier: MIT */
/*
 * Power cuts: a run of changes is recorded; then, for every point between two of its writes, the
 * disk is put together as a cut at that point could have left it: all writes up to there, or, of
 * those after the last flush, a random choice, the sectors of each chosen at random too. Every such
 * disk must open, be mended by the checker so that a second check finds nothing, hold all data that
 * had been acknowledged by then, and show nothing of what the disk held before.
 *
 * SEEDS=1000 in the environment adds so many random runs for each format, each cut at 24 points
 * (an hour; the fixed run of CI takes some 20 s of CPU time).
 */
#include "power_cut.h"

#include "block/vmfs/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TORN_RUNS 1

/* A file that outgrows its mappings and is cut again. */
static void live_growing(struct memory_bdev *memory, struct vmfs_volume *volume, unsigned version)
{
    const uint64_t one_level = (version == 6 ? 2048 : 200) * 1024 * MIB;
    struct vmfs_file *file;

    assert_int_equal(vmfs_file_create(volume, "d/grow", 700, VMFS_THIN, NULL, NULL, &file), 0);
    claim_write(memory, volume, file, "d/grow", 10, 690, 20);
    assert_int_equal(vmfs_file_truncate(file, 200 * MIB), 0); /* a file block */
    claim_write(memory, volume, file, "d/grow", MIB - 100, 1000, 21);
    claim_write(memory, volume, file, "d/grow", 150 * MIB, 512, 24);
    assert_int_equal(vmfs_file_truncate(file, one_level), 0); /* pointer blocks */
    claim_write(memory, volume, file, "d/grow", one_level - MIB, 512, 22);
    assert_int_equal(vmfs_file_truncate(file, 2 * one_level), 0); /* pointer blocks of those */
    claim_write(memory, volume, file, "d/grow", 2 * one_level - MIB, 512, 25);
    claims_end_behind(memory, "d/grow", 700);
    assert_int_equal(vmfs_file_truncate(file, 800), 0);
    assert_int_equal(vmfs_file_truncate(file, 2 * MIB), 0);
    claim_write(memory, volume, file, "d/grow", MIB + 4096, 512, 23);
    vmfs_file_close(file);
    assert_int_equal(vmfs_symlink(volume, "d/grow", "link"), 0);
    assert_int_equal(vmfs_set_label(volume, "other"), 0);
}

/* A directory that moves, with a file in it. */
static void live_moving(struct memory_bdev *memory, struct vmfs_volume *volume)
{
    struct vmfs_file *file;

    assert_int_equal(vmfs_mkdir(volume, "d/from"), 0);
    assert_int_equal(vmfs_mkdir(volume, "e"), 0);
    assert_int_equal(vmfs_file_create(volume, "d/from/x", 900, VMFS_THIN, NULL, NULL, &file), 0);
    claim_write(memory, volume, file, "d/from/x", 0, 900, 30);
    claims_end(memory, "d/from/x");
    vmfs_file_close(file);
    assert_int_equal(vmfs_rename(volume, "d/from", "e/to"), 0);
    assert_int_equal(vmfs_file_open(volume, "e/to/x", VMFS_SHARE_EXCLUSIVE, &file), 0);
    claim_write(memory, volume, file, "e/to/x", 0, 900, 31);
    vmfs_file_close(file);
}

/* The recorded run: everything a datastore's life has, small. */
static void live(struct memory_bdev *memory, unsigned version)
{
    struct vmfs_volume *volume = fixture_open(memory, VMFS_OPEN_WRITE);
    struct vmfs_file *thin, *thick, *small, *large;

    assert_int_equal(vmfs_mkdir(volume, "d"), 0);
    assert_int_equal(vmfs_file_create(volume, "d/thin", 20 * MIB, VMFS_THIN, NULL, NULL, &thin), 0);
    claim_write(memory, volume, thin, "d/thin", 3 * MIB + 512, 1024, 1);
    claim_write(memory, volume, thin, "d/thin", 5 * MIB - 4096, 8192, 2);
    claim_write(memory, volume, thin, "d/thin", 9 * MIB + 100, 700, 3);
    assert_int_equal(
        vmfs_file_create(volume, "d/thick", 3 * MIB, VMFS_ZEROEDTHICK, NULL, NULL, &thick), 0);
    claim_write(memory, volume, thick, "d/thick", MIB + 4096, 4096, 4);
    assert_int_equal(vmfs_file_create(volume, "d/small", 600, VMFS_THIN, NULL, NULL, &small), 0);
    claim_write(memory, volume, small, "d/small", 0, 600, 5);
    vmfs_file_close(small);
    /* Mapped by pointer blocks. */
    assert_int_equal(vmfs_file_create(volume, "d/large", 3000 * MIB, VMFS_THIN, NULL, NULL, &large),
                     0);
    claim_write(memory, volume, large, "d/large", 2500 * MIB, 512, 6);
    claim_write(memory, volume, large, "d/large", 100 * MIB, 512, 7);
    claim_write(memory, volume, large, "d/large", 101 * MIB, 512, 8);
    vmfs_file_close(large);
    assert_int_equal(vmfs_file_extend(thin, 24 * MIB, VMFS_THIN, NULL, NULL), 0);
    claim_write(memory, volume, thin, "d/thin", 23 * MIB, 512, 9);
    vmfs_file_close(thin);
    vmfs_file_close(thick);
    claims_end(memory, "d/thick");
    assert_int_equal(vmfs_remove(volume, "d/thick"), 0);
    claims_end(memory, "d/small");
    assert_int_equal(vmfs_rename(volume, "d/small", "renamed"), 0);
    assert_int_equal(vmfs_mkdir(volume, "d/sub"), 0);
    assert_int_equal(vmfs_remove(volume, "d/sub"), 0);
    live_moving(memory, volume);
    live_growing(memory, volume, version);
    vmfs_close(volume);
}

/* Cuts after each entry of the log; `seed` chooses what of the writes in flight arrived. */
static void cut_everywhere(struct memory_bdev *memory, uint32_t seed, bool whole)
{
    uint32_t random = seed * 2654435761u + 12345;
    unsigned last_flush = 0;

    for (unsigned cut = 0; cut <= memory->log_count; cut++) {
        if (cut > 0 && memory->log[cut - 1].length == 0)
            last_flush = cut;
        for (unsigned run = whole ? 0 : 1; run < (whole ? 1 : 2); run++) {
            if (run > 0 && (last_flush == cut || cut % 3 != 0))
                break; /* nothing in flight, or left to the random runs */
            memory_bdev_mark(memory);
            for (unsigned i = 0; i < (run == 0 ? cut : last_flush); i++)
                cut_apply(memory, &memory->log[i]);
            for (unsigned i = last_flush; i < cut && run > 0; i++)
                cut_apply_torn(memory, &memory->log[i], &random);
            cut_survive(memory, cut, cut % 4 == run);
            memory_bdev_rollback(memory);
        }
    }
}

/* ---- random runs ---- */

#define MAX_FILES   8
#define RUN_STEPS   14
#define RANDOM_CUTS 24

struct run {
    struct memory_bdev *memory;
    struct vmfs_volume *volume;
    uint32_t random;
    unsigned names; /* given out: each name is used once */
    struct {
        char path[32];
        uint64_t length;
    } files[MAX_FILES];
    unsigned file_count;
};

static uint64_t pick_length(struct run *run)
{
    static const uint64_t lengths[] = {
        300, 5000, 100000, 3 * MIB, 40 * MIB, 400 * MIB, 3 * 1024 * 1024 * MIB};

    return lengths[cut_random(&run->random) % 7] + cut_random(&run->random) % 5000;
}

static void run_create(struct run *run)
{
    uint64_t length = pick_length(run);
    enum vmfs_allocation allocation = length < 4 * MIB ? cut_random(&run->random) % 3 : VMFS_THIN;
    struct vmfs_file *file;
    unsigned n = run->file_count;

    if (n == MAX_FILES)
        return;
    snprintf(run->files[n].path, sizeof(run->files[n].path), "%sf%u",
             cut_random(&run->random) % 2 ? "d/" : "", run->names++);
    assert_int_equal(
        vmfs_file_create(run->volume, run->files[n].path, length, allocation, NULL, NULL, &file),
        0);
    vmfs_file_close(file);
    run->files[n].length = length;
    run->file_count++;
}

static void run_write(struct run *run, unsigned n)
{
    uint64_t offset = cut_random(&run->random) % run->files[n].length;
    uint64_t length = 1 + cut_random(&run->random) % 8000;
    struct vmfs_file *file;

    if (length > run->files[n].length - offset)
        length = run->files[n].length - offset;
    assert_int_equal(vmfs_file_open(run->volume, run->files[n].path, VMFS_SHARE_EXCLUSIVE, &file),
                     0);
    claims_end_overlapping(run->memory, run->files[n].path, offset, length);
    claim_write(run->memory, run->volume, file, run->files[n].path, offset, length,
                cut_random(&run->random) | 1);
    vmfs_file_close(file);
}

/* Writes one block after the other, which takes blocks ahead; zeros but for the last. */
static void run_fill(struct run *run, unsigned n)
{
    static const uint8_t zeros[512];
    uint64_t at = cut_random(&run->random) % 8 * MIB, last = at + 9 * MIB;
    struct vmfs_file *file;

    if (run->files[n].length < last + 4096)
        return;
    assert_int_equal(vmfs_file_open(run->volume, run->files[n].path, VMFS_SHARE_EXCLUSIVE, &file),
                     0);
    for (; at < last; at += MIB) {
        claims_end_overlapping(run->memory, run->files[n].path, at, sizeof(zeros));
        assert_int_equal(vmfs_file_write(file, at, zeros, sizeof(zeros)), 0);
    }
    claims_end_overlapping(run->memory, run->files[n].path, last, 4096);
    claim_write(run->memory, run->volume, file, run->files[n].path, last, 4096,
                cut_random(&run->random) | 1);
    vmfs_file_close(file);
}

static void run_resize(struct run *run, unsigned n)
{
    uint64_t length = pick_length(run);
    struct vmfs_file *file;

    assert_int_equal(vmfs_file_open(run->volume, run->files[n].path, VMFS_SHARE_EXCLUSIVE, &file),
                     0);
    claims_end_behind(run->memory, run->files[n].path, length);
    assert_int_equal(vmfs_file_truncate(file, length), 0);
    vmfs_file_close(file);
    run->files[n].length = length;
}

static void run_remove(struct run *run, unsigned n)
{
    claims_end(run->memory, run->files[n].path);
    assert_int_equal(vmfs_remove(run->volume, run->files[n].path), 0);
    run->files[n] = run->files[--run->file_count];
}

/* The claims go with the file, those that have ended as places that are not zeros. */
static void run_rename(struct run *run, unsigned n)
{
    unsigned count = claim_count;
    char to[32];

    if (claim_count > MAX_CLAIMS / 2)
        return;
    snprintf(to, sizeof(to), "d/f%u", run->names++);
    for (unsigned i = 0; i < count; i++) {
        struct claim *moved = &claims[claim_count];

        if (strcmp(claims[i].path, run->files[n].path) != 0)
            continue;
        *moved = claims[i];
        strcpy(moved->path, to);
        moved->since = claims[i].until == 0 ? 0 : UINT32_MAX;
        claims[i].until = claims[i].until == 0 ? run->memory->log_count : claims[i].until;
        claim_count++;
    }
    assert_int_equal(vmfs_rename(run->volume, run->files[n].path, to), 0);
    for (unsigned i = count; i < claim_count; i++)
        claims[i].since = claims[i].since == 0 ? run->memory->log_count : UINT32_MAX;
    strcpy(run->files[n].path, to);
}

static void random_live(struct memory_bdev *memory, uint32_t seed)
{
    struct run run = {.memory = memory, .random = seed * 2654435761u + 7};

    run.volume = fixture_open(memory, VMFS_OPEN_WRITE);
    assert_int_equal(vmfs_mkdir(run.volume, "d"), 0);
    run_create(&run);
    for (unsigned step = 0; step < RUN_STEPS; step++) {
        unsigned what = cut_random(&run.random) % 10;
        unsigned n = run.file_count == 0 ? 0 : cut_random(&run.random) % run.file_count;

        if (run.file_count == 0 || what < 2)
            run_create(&run);
        else if (what < 5 && claim_count < MAX_CLAIMS)
            run_write(&run, n);
        else if (what == 5 && claim_count < MAX_CLAIMS)
            run_fill(&run, n);
        else if (what < 8)
            run_resize(&run, n);
        else if (what == 8)
            run_remove(&run, n);
        else
            run_rename(&run, n);
    }
    vmfs_close(run.volume);
}

static void test_random_runs(void **state)
{
    const char *seeds = getenv("SEEDS");
    unsigned count = seeds == NULL ? 1 : (unsigned)atoi(seeds);
    unsigned first = getenv("FIRST_SEED") == NULL ? 1 : (unsigned)atoi(getenv("FIRST_SEED"));
    struct memory_bdev *memory = cut_make(*(unsigned *)*state);

    for (unsigned seed = first; seed < first + count; seed++) {
        uint32_t random = seed * 40503u + 1;

        if (seed % 50 == 0 || count == 1)
            print_message("seed %u\n", seed);
        claim_count = 0;
        memory_bdev_can_zero(memory);
        memory_bdev_mark(memory);
        memory_bdev_record(memory);
        random_live(memory, seed);
        memory->recording = false;
        memory_bdev_rollback(memory);
        for (unsigned n = 0; n < RANDOM_CUTS; n++)
            cut_once(memory, cut_random(&random) % (memory->log_count + 1), &random);
    }
    memory_bdev_free(memory);
}

static void test_every_cut(void **state)
{
    struct memory_bdev *memory = cut_make(*(unsigned *)*state);

    claim_count = 0;
    memory_bdev_mark(memory);
    memory_bdev_record(memory);
    live(memory, *(unsigned *)*state);
    memory->recording = false;
    memory_bdev_rollback(memory);
    print_message("%u writes and flushes\n", memory->log_count);
    cut_everywhere(memory, 0, true);
    for (uint32_t seed = 1; seed <= TORN_RUNS; seed++)
        cut_everywhere(memory, seed, false);
    memory_bdev_free(memory);
}

/* ---- torn descriptors ---- */

/* Leaves of all writes between two flushes those sectors that the mask names, of each four. */
static void apply_masked(struct memory_bdev *memory, const struct memory_write *entry,
                         unsigned mask)
{
    for (size_t at = 0; at < entry->length; at += BDEV_SECTOR) {
        if (mask >> at / BDEV_SECTOR % 4 & 1)
            memory->dev.ops->write(&memory->dev, entry->offset + at, entry->data + at, BDEV_SECTOR);
    }
}

static void tear_everywhere(struct memory_bdev *memory)
{
    unsigned flushed = 0;

    for (unsigned cut = 1; cut <= memory->log_count; cut++) {
        if (cut < memory->log_count && memory->log[cut - 1].length != 0)
            continue;
        for (unsigned mask = 1; mask < 15 && cut > flushed + 1; mask++) {
            memory_bdev_mark(memory);
            for (unsigned i = 0; i < flushed; i++)
                cut_apply(memory, &memory->log[i]);
            for (unsigned i = flushed; i < cut; i++)
                apply_masked(memory, &memory->log[i], mask);
            cut_survive(memory, cut, false);
            memory_bdev_rollback(memory);
        }
        flushed = cut;
    }
}

/* Records a change of mapping that names blocks in several sectors, and tears each of its writes.
 */
static void tear_growth(unsigned version, uint64_t before, uint64_t after)
{
    struct memory_bdev *memory = cut_make(version);
    struct vmfs_volume *volume = fixture_open(memory, VMFS_OPEN_WRITE);
    struct vmfs_file *file;

    claim_count = 0;
    assert_int_equal(vmfs_file_create(volume, "f", before, VMFS_THIN, NULL, NULL, &file), 0);
    claim_write(memory, volume, file, "f", 0, 512, 1);
    claim_write(memory, volume, file, "f", before / 4 * 3, 512, 2);
    memory_bdev_mark(memory);
    memory_bdev_record(memory);
    assert_int_equal(vmfs_file_extend(file, after, VMFS_THIN, NULL, NULL), 0);
    memory->recording = false;
    vmfs_file_close(file);
    vmfs_close(volume);
    memory_bdev_rollback(memory);
    tear_everywhere(memory);
    memory_bdev_free(memory);
}

static void test_torn_growth(void **state)
{
    unsigned version = *(unsigned *)*state;

    tear_growth(version, 200 * MIB, 400 * MIB);
    tear_growth(version, (version == 6 ? 2048 : 200) * 1024 * MIB, 4096 * 1024 * MIB);
}

/* ---- resource files that grow ---- */

/* Descriptors and sub-blocks get another group: cut here and there, and at each of the last writes.
 */
static void test_cut_extension(void **state)
{
    struct memory_bdev *memory = cut_make(*(unsigned *)*state);
    struct vmfs_volume *volume = fixture_open(memory, VMFS_OPEN_WRITE);
    uint32_t random = 7;

    claim_count = 0;
    memory_bdev_mark(memory);
    memory_bdev_record(memory);
    assert_int_equal(vmfs_begin(volume), 0);
    assert_int_equal(resource_extend(volume, &volume->sbc), 0);
    assert_int_equal(resource_extend(volume, &volume->fdc), 0);
    vmfs_end(volume);
    memory->recording = false;
    vmfs_close(volume);
    memory_bdev_rollback(memory);
    print_message("%u writes and flushes\n", memory->log_count);
    for (unsigned cut = 0; cut <= memory->log_count; cut++) {
        if (cut % 500 == 0 || (cut > 8 && memory->log[cut - 8].length == 0))
            cut_once(memory, cut, &random);
    }
    memory_bdev_free(memory);
}

/* The size of the volume once what a cut left of its growth has been mended and grown again. */
static uint64_t grow_again(struct memory_bdev *memory)
{
    struct vmfs_volume *volume = fixture_open(memory, VMFS_OPEN_WRITE);
    struct vmfs_check check = {.report = cut_print_finding};
    struct vmfs_info info;

    assert_int_equal(vmfs_grow(volume), 0);
    assert_int_equal(vmfs_get_info(volume, &info), 0);
    assert_int_equal(vmfs_check(volume, &check), 0);
    assert_int_equal(check.findings, 0);
    vmfs_close(volume);
    return info.size;
}

/* A volume grows onto what its device has gained; wherever that is cut, it can go on. */
static void test_cut_growth(void **state)
{
    struct memory_bdev *memory = cut_make_larger(*(unsigned *)*state, 300 * MIB, 600 * MIB);
    struct vmfs_volume *volume = fixture_open(memory, VMFS_OPEN_WRITE);
    struct vmfs_file *file;
    uint32_t random = 11;

    claim_count = 0;
    assert_int_equal(vmfs_file_create(volume, "f", 9 * MIB, VMFS_THIN, NULL, NULL, &file), 0);
    claim_write(memory, volume, file, "f", 7 * MIB, 512, 1);
    vmfs_file_close(file);
    memory_bdev_mark(memory);
    memory_bdev_record(memory);
    assert_int_equal(vmfs_grow(volume), 0);
    memory->recording = false;
    vmfs_close(volume);
    memory_bdev_rollback(memory);
    print_message("%u writes and flushes\n", memory->log_count);
    for (unsigned cut = 0; cut <= memory->log_count; cut++) {
        if (cut % 3 == 0)
            cut_once(memory, cut, &random);
        memory_bdev_mark(memory);
        for (unsigned i = 0; i < cut; i++)
            cut_apply(memory, &memory->log[i]);
        cut_survive(memory, cut, false);
        assert_int_equal(grow_again(memory), 512 * MIB);
        memory_bdev_rollback(memory);
    }
    memory_bdev_free(memory);
}

int main(void)
{
    unsigned versions[] = {5, 6};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_every_cut, &versions[0]),
        cmocka_unit_test_prestate(test_every_cut, &versions[1]),
        cmocka_unit_test_prestate(test_torn_growth, &versions[0]),
        cmocka_unit_test_prestate(test_torn_growth, &versions[1]),
        cmocka_unit_test_prestate(test_cut_growth, &versions[0]),
        cmocka_unit_test_prestate(test_cut_growth, &versions[1]),
        cmocka_unit_test_prestate(test_cut_extension, &versions[0]),
        cmocka_unit_test_prestate(test_cut_extension, &versions[1]),
        cmocka_unit_test_prestate(test_random_runs, &versions[0]),
        cmocka_unit_test_prestate(test_random_runs, &versions[1]),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
