/* SPDX-License-Identifier: MIT */
/*
 * Devices that fail in the middle of a step and then work again. Every transfer of a step fails
 * once in its turn; the step, tried again as a paused guest's write is, must then have done what it
 * says, leave every other file alone, lose no block and no lock.
 */
#include "volume_fixture.h"

#include "block/vmfs/internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MIB (1ull << 20)
#define GIB (1ull << 30)

/* What is done to a file whose blocks `stored` (MiB) hold a 'D' each. */
struct step {
    const char *name;
    uint64_t length;
    unsigned stored[4];
    unsigned stored_count;
    int (*run)(struct vmfs_file *file);
    void (*verify)(struct vmfs_file *file);
    unsigned leaks; /* transfers that give items back: nobody's afterwards when one fails */
};

static struct vmfs_file *create(struct vmfs_volume *volume, const char *path, uint64_t length)
{
    struct vmfs_file *file;

    if (vmfs_file_create(volume, path, length, VMFS_THIN, NULL, NULL, &file) != 0)
        fail_msg("%s: %s", path, vmfs_error(volume));
    return file;
}

static void put(struct vmfs_file *file, uint64_t offset, char what)
{
    char bytes[512];

    memset(bytes, what, sizeof(bytes));
    assert_int_equal(vmfs_file_write(file, offset, bytes, sizeof(bytes)), 0);
}

static char get(struct vmfs_file *file, uint64_t offset)
{
    char bytes[512];

    assert_int_equal(vmfs_file_read(file, offset, bytes, sizeof(bytes)), 0);
    return bytes[0];
}

static void sort_finding(void *context, const char *finding)
{
    if (strstr(finding, "marked used that no file owns") == NULL)
        fail_msg("%s", finding);
    ++*(unsigned *)context;
}

/* How many clusters have items of nobody's; there must be no other fault. */
static unsigned count_leaks(struct vmfs_volume *volume)
{
    unsigned leaks = 0;
    struct vmfs_check check = {.report = sort_finding, .context = &leaks};

    assert_int_equal(vmfs_check(volume, &check), 0);
    return leaks;
}

/* A volume whose free pointer blocks name the blocks of a file "victim". */
static struct memory_bdev *make_volume(unsigned version, const struct step *step)
{
    struct memory_bdev *memory = memory_bdev_new(1500 * MIB);
    const struct vmfs_mkfs options = {.label = "errors", .version = version};
    char error[VMFS_ERROR_MAX] = "";
    struct vmfs_volume *volume;
    struct vmfs_file *file;

    memory_bdev_can_zero(memory);
    if (vmfs_mkfs(&memory->dev, &options, error) != 0)
        fail_msg("mkfs: %s", error);
    volume = fixture_open(memory, VMFS_OPEN_WRITE);
    file = create(volume, "old", 9 * 1024 * MIB);
    put(file, 0, 'o');
    put(file, MIB, 'o');
    vmfs_file_close(file);
    assert_int_equal(vmfs_remove(volume, "old"), 0);
    file = create(volume, "victim", 100 * MIB);
    put(file, 0, 'V');
    put(file, MIB, 'V');
    vmfs_file_close(file);
    file = create(volume, "file", step->length);
    for (unsigned i = 0; i < step->stored_count; i++)
        put(file, step->stored[i] * MIB, 'D');
    vmfs_file_close(file);
    vmfs_close(volume);
    return memory;
}

/* Runs a step whose n-th transfer fails, and again; false: it has no so many transfers. */
static bool fails_and_recovers(struct memory_bdev *memory, const struct step *step, int n,
                               unsigned *leaks)
{
    struct vmfs_volume *volume = fixture_open(memory, VMFS_OPEN_WRITE);
    struct vmfs_file *file;
    bool failed;
    int rc;

    assert_int_equal(vmfs_file_open(volume, "file", VMFS_SHARE_EXCLUSIVE, &file), 0);
    memory->fail_after = n;
    memory->fail_once = true;
    rc = step->run(file);
    failed = memory->fail_after < 0;
    memory->fail_after = -1;
    if (rc != 0 && (rc = step->run(file)) != 0)
        fail_msg("%s, transfer %d: again %d, %s", step->name, n, rc, vmfs_error(volume));
    step->verify(file);
    vmfs_file_close(file);
    vmfs_close(volume);
    volume = fixture_open(memory, VMFS_OPEN_WRITE);
    assert_int_equal(vmfs_file_open(volume, "file", VMFS_SHARE_EXCLUSIVE, &file), 0);
    step->verify(file);
    vmfs_file_close(file);
    assert_int_equal(vmfs_file_open(volume, "victim", VMFS_SHARE_EXCLUSIVE, &file), 0);
    assert_int_equal(get(file, 0), 'V');
    assert_int_equal(get(file, MIB), 'V');
    vmfs_file_close(file);
    *leaks += count_leaks(volume) > 0;
    vmfs_close(volume);
    return failed;
}

static void every_transfer_fails_once(const struct step *steps, unsigned count, unsigned version)
{
    for (unsigned i = 0; i < count; i++) {
        struct memory_bdev *memory = make_volume(version, &steps[i]);
        unsigned leaks = 0;
        bool more = true;

        for (int n = 0; more; n++) {
            memory_bdev_mark(memory);
            more = fails_and_recovers(memory, &steps[i], n, &leaks);
            memory_bdev_rollback(memory);
        }
        memory_bdev_free(memory);
        if (leaks > steps[i].leaks)
            fail_msg("%s: items lost by %u transfers, not %u", steps[i].name, leaks,
                     steps[i].leaks);
    }
}

static int write_first(struct vmfs_file *file)
{
    char bytes[4096];

    memset(bytes, 'N', sizeof(bytes));
    return vmfs_file_write(file, 0, bytes, sizeof(bytes));
}

static void verify_first(struct vmfs_file *file)
{
    assert_int_equal(get(file, 0), 'N');
}

/* Two lowest pointer blocks of VMFS-5. */
static int write_across(struct vmfs_file *file)
{
    static char bytes[2 * MIB];

    memset(bytes, 'N', sizeof(bytes));
    return vmfs_file_write(file, 1023 * MIB, bytes, sizeof(bytes));
}

static void verify_across(struct vmfs_file *file)
{
    assert_int_equal(get(file, 1023 * MIB), 'N');
    assert_int_equal(get(file, 1025 * MIB - 512), 'N');
}

static void test_write(void **state)
{
    const struct step steps[] = {
        {"write, sub-block", 6000, {0}, 0, write_first, verify_first, 0},
        {"write, file block", 200 * MIB, {0}, 0, write_first, verify_first, 0},
        {"write, pointer block", 9 * 1024 * MIB, {0}, 0, write_first, verify_first, 0},
        {"write, two pointer blocks", 9 * 1024 * MIB, {0}, 0, write_across, verify_across, 0},
        {"write, two levels", 9 * 1024 * GIB, {0}, 0, write_first, verify_first, 0},
    };

    every_transfer_fails_once(steps, sizeof(steps) / sizeof(steps[0]), *(unsigned *)*state);
}

static int extend_small(struct vmfs_file *file)
{
    return vmfs_file_extend(file, 10 * MIB, VMFS_THIN, NULL, NULL);
}

static int extend_blocks(struct vmfs_file *file)
{
    return vmfs_file_extend(file, 9 * 1024 * MIB, VMFS_THIN, NULL, NULL);
}

static int extend_pointers(struct vmfs_file *file)
{
    return vmfs_file_extend(file, 9 * 1024 * GIB, VMFS_THIN, NULL, NULL);
}

static int extend_thick(struct vmfs_file *file)
{
    return vmfs_file_extend(file, 120 * MIB, VMFS_ZEROEDTHICK, NULL, NULL);
}

static void verify_data(struct vmfs_file *file)
{
    assert_int_equal(get(file, 0), 'D');
    if (vmfs_file_length(file) < 100 * MIB)
        return;
    assert_int_equal(get(file, 7 * MIB), 'D');
    assert_int_equal(get(file, 50 * MIB), 'D');
    assert_int_equal(get(file, 51 * MIB), 0);
}

static void test_extend(void **state)
{
    const struct step steps[] = {
        {"extend, sub-block to file block", 6000, {0}, 1, extend_small, verify_data, 2},
        {"extend, to a pointer block", 60 * MIB, {0, 7, 50}, 3, extend_blocks, verify_data, 0},
        {"extend, to two levels", 9 * 1024 * MIB, {0, 7, 50}, 3, extend_pointers, verify_data, 0},
        {"extend, thick", 60 * MIB, {0, 7, 50}, 3, extend_thick, verify_data, 0},
    };

    every_transfer_fails_once(steps, sizeof(steps) / sizeof(steps[0]), *(unsigned *)*state);
}

static int cut(struct vmfs_file *file)
{
    return vmfs_file_truncate(file, 10 * MIB + 512);
}

static void verify_cut(struct vmfs_file *file)
{
    assert_int_equal(vmfs_file_length(file), 10 * MIB + 512);
    assert_int_equal(get(file, 0), 'D');
    assert_int_equal(get(file, 7 * MIB), 'D');
    assert_int_equal(get(file, 10 * MIB), 'D');
}

static int punch(struct vmfs_file *file)
{
    return vmfs_file_discard(file, 5 * MIB, 20 * MIB);
}

static void verify_punched(struct vmfs_file *file)
{
    assert_int_equal(get(file, 0), 'D');
    assert_int_equal(get(file, 7 * MIB), 0);
    assert_int_equal(get(file, 10 * MIB), 0);
    assert_int_equal(get(file, 1500 * MIB), 'D');
}

static void test_cut_and_discard(void **state)
{
    const struct step steps[] = {
        {"truncate, file blocks", 100 * MIB, {0, 7, 10, 60}, 4, cut, verify_cut, 2},
        {"truncate, pointer blocks", 9 * 1024 * MIB, {0, 7, 10, 1500}, 4, cut, verify_cut, 4},
        {"discard, pointer blocks", 9 * 1024 * MIB, {0, 7, 10, 1500}, 4, punch, verify_punched, 4},
    };

    every_transfer_fails_once(steps, sizeof(steps) / sizeof(steps[0]), *(unsigned *)*state);
}

/* ---- out of pointer blocks ---- */

static void test_no_pointer_blocks(void **state)
{
    const struct step step = {.length = 400 * MIB};
    struct memory_bdev *memory = make_volume(5, &step);
    struct vmfs_volume *volume = fixture_open(memory, VMFS_OPEN_WRITE);
    struct vmfs_info before, after;
    struct vmfs_file *file;
    uint64_t item;
    uint32_t got;

    (void)state;
    while (resource_alloc(volume, &volume->pbc, 16, &item, &got, NULL) == 0)
        ;
    assert_int_equal(vmfs_get_info(volume, &before), 0);
    assert_int_equal(vmfs_file_open(volume, "file", VMFS_SHARE_EXCLUSIVE, &file), 0);
    assert_int_equal(write_first(file), -ENOSPC);
    assert_int_equal(vmfs_get_info(volume, &after), 0);
    assert_int_equal(after.blocks_free, before.blocks_free);
    assert_non_null(strstr(vmfs_error(volume), "pointer blocks"));
    assert_int_equal(resource_free(volume, &volume->pbc, item, 1), 0);
    assert_int_equal(write_first(file), 0);
    verify_first(file);
    vmfs_file_close(file);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

int main(void)
{
    static unsigned versions[] = {5, 6};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_write, &versions[0]),
        cmocka_unit_test_prestate(test_write, &versions[1]),
        cmocka_unit_test_prestate(test_extend, &versions[0]),
        cmocka_unit_test_prestate(test_extend, &versions[1]),
        cmocka_unit_test_prestate(test_cut_and_discard, &versions[0]),
        cmocka_unit_test_prestate(test_cut_and_discard, &versions[1]),
        cmocka_unit_test(test_no_pointer_blocks),
    };

    return cmocka_run_group_tests_name("vmfs errors", tests, NULL, NULL);
}
