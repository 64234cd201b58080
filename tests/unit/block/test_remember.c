/* SPDX-License-Identifier: MIT */
/* Reading with VMFS_OPEN_REMEMBER: few requests, changes seen within the time that is promised. */
#include "volume_fixture.h"

#include "block/vmfs/vmfs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

#define MIB   (1ull << 20)
#define FILES 100u

static void create(struct vmfs_volume *volume, const char *path, uint64_t length)
{
    struct vmfs_file *file;

    assert_int_equal(vmfs_file_create(volume, path, length, VMFS_THIN, NULL, NULL, &file), 0);
    vmfs_file_close(file);
}

/* A volume whose directory "d" has FILES files of as many bytes as their numbers. */
static struct memory_bdev *make(unsigned version)
{
    struct memory_bdev *memory = memory_bdev_new(600 * MIB);
    const struct vmfs_mkfs options = {.label = "remember", .version = version};
    char error[VMFS_ERROR_MAX] = "", path[32];
    struct vmfs_volume *volume;

    if (vmfs_mkfs(&memory->dev, &options, error) != 0)
        fail_msg("mkfs: %s", error);
    volume = fixture_open(memory, VMFS_OPEN_WRITE);
    assert_int_equal(vmfs_mkdir(volume, "d"), 0);
    for (unsigned n = 0; n < FILES; n++) {
        snprintf(path, sizeof(path), "d/%u", n);
        create(volume, path, n);
    }
    vmfs_close(volume);
    return memory;
}

/* Device reads that it takes to look at every file. */
static unsigned look_at_all(struct memory_bdev *memory, struct vmfs_volume *volume)
{
    unsigned before = memory->read_count;
    struct vmfs_stat stat;
    char path[32];

    for (unsigned n = 0; n < FILES; n++) {
        snprintf(path, sizeof(path), "d/%u", n);
        assert_int_equal(vmfs_stat(volume, path, &stat), 0);
        assert_int_equal(stat.length, n);
    }
    return memory->read_count - before;
}

static void test_few_reads(void **state)
{
    struct memory_bdev *memory = make(*(unsigned *)*state);
    struct vmfs_volume *volume = fixture_open(memory, 0);

    assert_true(look_at_all(memory, volume) >= 3 * FILES);
    vmfs_close(volume);
    volume = fixture_open(memory, VMFS_OPEN_REMEMBER);
    assert_true(look_at_all(memory, volume) <= FILES / 4);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

static void test_changes_are_seen(void **state)
{
    struct memory_bdev *memory = make(*(unsigned *)*state);
    struct vmfs_volume *reader = fixture_open(memory, VMFS_OPEN_REMEMBER), *writer;
    struct vmfs_stat stat;

    assert_int_equal(vmfs_stat(reader, "d/new", &stat), -ENOENT);
    writer = fixture_open(memory, VMFS_OPEN_WRITE);
    create(writer, "d/new", 12345);
    assert_int_equal(vmfs_remove(writer, "d/7"), 0);
    vmfs_close(writer);
    usleep(1050000);
    assert_int_equal(vmfs_stat(reader, "d/new", &stat), 0);
    assert_int_equal(stat.length, 12345);
    assert_int_equal(vmfs_stat(reader, "d/7", &stat), -ENOENT);
    vmfs_close(reader);
    memory_bdev_free(memory);
}

/* A disk that fails is an error each time, not what a line held by chance. */
static void test_failing_disk(void **state)
{
    struct memory_bdev *memory = make(*(unsigned *)*state);
    struct vmfs_volume *volume = fixture_open(memory, VMFS_OPEN_REMEMBER);
    struct vmfs_stat stat;

    memory->fail_after = 0;
    usleep(1050000);
    assert_int_equal(vmfs_stat(volume, "d/1", &stat), -EIO);
    assert_int_equal(vmfs_stat(volume, "d/1", &stat), -EIO);
    memory->fail_after = -1;
    assert_int_equal(vmfs_stat(volume, "d/1", &stat), 0);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

int main(void)
{
    unsigned versions[] = {5, 6};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_few_reads, &versions[0]),
        cmocka_unit_test_prestate(test_few_reads, &versions[1]),
        cmocka_unit_test_prestate(test_changes_are_seen, &versions[0]),
        cmocka_unit_test_prestate(test_changes_are_seen, &versions[1]),
        cmocka_unit_test_prestate(test_failing_disk, &versions[0]),
        cmocka_unit_test_prestate(test_failing_disk, &versions[1]),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
