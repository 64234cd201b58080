/* SPDX-License-Identifier: MIT */
/* bdev: requests in units of 512 bytes on disks of 4 KiB sectors. */
#include "memory_bdev.h"

#include "block/vmfs/vmfs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SIZE (1u << 20)

static uint8_t model[SIZE];

static struct memory_bdev *disk_of_4k(void)
{
    struct memory_bdev *memory = memory_bdev_new(SIZE);

    memory->dev.sector = BDEV_SECTOR_MAX;
    for (unsigned i = 0; i < SIZE; i++)
        model[i] = memory->bytes[i] = (uint8_t)(i / BDEV_SECTOR * 7 + i);
    return memory;
}

/* Ranges with every kind of start and end: inside one sector, across two, whole ones between. */
static void test_ragged_ranges(void **state)
{
    struct memory_bdev *memory = disk_of_4k();
    uint8_t *data = malloc(SIZE), *back = malloc(SIZE);

    (void)state;
    for (unsigned start = 0; start < 17; start++) {
        for (unsigned count = 0; count < 40; count++) {
            uint64_t at = 8192 + start * BDEV_SECTOR;
            size_t length = count * BDEV_SECTOR;

            memset(data, (int)(start * 40 + count), length);
            memcpy(model + at, data, length);
            assert_int_equal(bdev_write(&memory->dev, at, data, length), 0);
            assert_memory_equal(memory->bytes, model, SIZE);
            assert_int_equal(bdev_read(&memory->dev, at, back, length), 0);
            assert_memory_equal(back, data, length);
        }
    }
    free(data);
    free(back);
    memory_bdev_free(memory);
}

static void test_zeros(void **state)
{
    struct memory_bdev *memory = disk_of_4k();

    (void)state;
    for (unsigned zeroing = 0; zeroing < 2; zeroing++) {
        uint64_t at = (zeroing * 100 + 3) * BDEV_SECTOR;

        memset(model + at, 0, 50 * BDEV_SECTOR);
        assert_int_equal(bdev_write_zeros(&memory->dev, at, 50 * BDEV_SECTOR), 0);
        assert_memory_equal(memory->bytes, model, SIZE);
        memory_bdev_can_zero(memory);
    }
    memory_bdev_free(memory);
}

/* A failing device fails the request, and what it did not reach stays as it was. */
static void test_errors(void **state)
{
    struct memory_bdev *memory = disk_of_4k();
    uint8_t data[3 * BDEV_SECTOR] = {1};

    (void)state;
    assert_int_equal(bdev_write(&memory->dev, SIZE - BDEV_SECTOR, data, 2 * BDEV_SECTOR), -EINVAL);
    assert_int_equal(bdev_read(&memory->dev, 1, data, BDEV_SECTOR), -EINVAL);
    memory->fail_after = 1; /* the read of the first sector, not its write */
    assert_int_equal(bdev_write(&memory->dev, 7 * BDEV_SECTOR, data, sizeof(data)), -EIO);
    assert_memory_equal(memory->bytes, model, SIZE);
    memory->fail_after = -1;
    memory->dev.read_only = true;
    assert_int_equal(bdev_write(&memory->dev, 0, data, sizeof(data)), -EROFS);
    assert_int_equal(bdev_write_zeros(&memory->dev, 0, BDEV_SECTOR), -EROFS);
    assert_memory_equal(memory->bytes, model, SIZE);
    memory_bdev_free(memory);
}

/* VMFS-5 keeps locks of several owners in 4 KiB: it is not made there, and only read. */
static void test_vmfs5(void **state)
{
    struct memory_bdev *memory = memory_bdev_new(290ull << 20);
    struct vmfs_mkfs options = {.label = "five", .version = 5};
    struct bdev *dev = &memory->dev;
    char error[VMFS_ERROR_MAX] = "";
    struct vmfs_volume *volume;

    (void)state;
    dev->sector = BDEV_SECTOR_MAX;
    assert_int_equal(vmfs_mkfs(dev, &options, error), -ENOTSUP);
    assert_non_null(strstr(error, "VMFS-6"));
    dev->sector = BDEV_SECTOR;
    assert_int_equal(vmfs_mkfs(dev, &options, error), 0);
    dev->sector = BDEV_SECTOR_MAX;
    assert_int_equal(vmfs_open(&dev, 1, VMFS_OPEN_WRITE, &volume, error), -EROFS);
    assert_int_equal(vmfs_open(&dev, 1, 0, &volume, error), 0);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ragged_ranges),
        cmocka_unit_test(test_zeros),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_vmfs5),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
