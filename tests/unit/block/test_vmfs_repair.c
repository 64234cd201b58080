/* SPDX-License-Identifier: MIT */
/* Repairing volumes of which not everything can be read: what is there stays there. */
#include "volume_fixture.h"

#include "block/vmfs/internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MIB   (1ull << 20)
#define FILES 8u
/* More than a pointer block's worth of blocks is never stored: a sparse file that has one. */
#define DISK_LENGTH (400 * MIB)
#define DISK_BLOCKS 5u

static unsigned version; /* of the volumes the tests make */

static void put(struct vmfs_volume *volume, const char *path, uint64_t length, unsigned blocks)
{
    struct vmfs_file *file;

    assert_int_equal(vmfs_file_create(volume, path, length, VMFS_THIN, NULL, NULL, &file), 0);
    for (unsigned n = 0; n < blocks; n++)
        assert_int_equal(vmfs_file_write(file, n * MIB, path, strlen(path)), 0);
    vmfs_file_close(file);
}

/* "vm/disk" with a pointer block, and FILES files of one block in "vm". */
static struct memory_bdev *make(void)
{
    struct memory_bdev *memory = memory_bdev_new(290 * MIB);
    const struct vmfs_mkfs options = {.label = "repair", .version = version};
    char error[VMFS_ERROR_MAX] = "", path[32];
    struct vmfs_volume *volume;

    if (vmfs_mkfs(&memory->dev, &options, error) != 0)
        fail_msg("mkfs: %s", error);
    volume = fixture_open(memory, VMFS_OPEN_WRITE);
    assert_int_equal(vmfs_mkdir(volume, "vm"), 0);
    put(volume, "vm/disk", DISK_LENGTH, DISK_BLOCKS);
    for (unsigned n = 0; n < FILES; n++) {
        snprintf(path, sizeof(path), "vm/%u", n);
        put(volume, path, 3 * MIB, 1);
    }
    vmfs_close(volume);
    return memory;
}

/* Where a byte of a file lies on the device. */
static uint64_t place_of(struct vmfs_volume *volume, const char *path, uint64_t offset)
{
    struct bdev_extent extent = {0};
    struct vmfs_file *file;

    assert_int_equal(vmfs_file_open(volume, path, VMFS_SHARE_NONE, &file), 0);
    assert_int_equal(vmfs_file_map(file, offset, BDEV_SECTOR, &extent), 0);
    vmfs_file_close(file);
    return extent.device_offset;
}

/* Where a descriptor lies on the device. */
static uint64_t inode_place(struct vmfs_volume *volume, const char *path)
{
    struct vmfs_inode inode;

    assert_int_equal(path_resolve(volume, path, &inode), 0);
    return inode.offset + LVM_DATA_OFFSET;
}

static void keep_last(void *context, const char *finding)
{
    snprintf(context, VMFS_ERROR_MAX, "%s", finding);
}

static uint64_t blocks_free(struct vmfs_volume *volume)
{
    struct vmfs_info info;

    assert_int_equal(vmfs_get_info(volume, &info), 0);
    return info.blocks_free;
}

/* Repairs where not everything can be read: it says so, mends not all, and frees nothing. */
static void repair_unsure(struct vmfs_volume *volume)
{
    uint64_t before = blocks_free(volume);
    char last[VMFS_ERROR_MAX] = "";
    struct vmfs_check check = {.repair = true, .report = keep_last, .context = last};

    assert_int_equal(vmfs_check(volume, &check), 0);
    assert_true(check.unread > 0);
    assert_true(check.findings > check.repaired);
    if (strstr(last, "nothing was freed") == NULL)
        fail_msg("the last finding is \"%s\"", last);
    assert_int_equal(blocks_free(volume), before);
}

/* One byte of the volume is wrong during a repair, and right again after it: nothing is lost. */
static void damage(uint64_t (*find)(struct vmfs_volume *volume), uint8_t value)
{
    struct memory_bdev *memory = make();
    struct vmfs_volume *volume = fixture_open(memory, VMFS_OPEN_WRITE);
    uint64_t at = find(volume);
    uint8_t right = memory->bytes[at];

    memory->bytes[at] = value;
    repair_unsure(volume);
    memory->bytes[at] = right;
    assert_clean(volume);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

static uint64_t record_block_type(struct vmfs_volume *volume)
{
    return place_of(volume, "vm", VMFS6_DIR_BLOCKS_AT + VMFS6_MD) + 2;
}

/* The low byte of the length: it is no multiple of a record any more. */
static uint64_t directory_length(struct vmfs_volume *volume)
{
    return inode_place(volume, "vm") + volume->md - VMFS_LOCK_SIZE +
           offsetof(struct vmfs_fd, length);
}

static void test_unreadable_directory(void **state)
{
    (void)state;
    if (version == 6) {
        damage(record_block_type, 9);
        damage(record_block_type, VMFS6_DIR_LINKS);
    } else
        damage(directory_length, 1);
}

/* The type in the root's record of "vm": a file, it says. */
static uint64_t record_type(struct vmfs_volume *volume)
{
    struct vmfs_inode root;
    struct vmfs_entry entry;
    uint64_t position;

    assert_int_equal(path_resolve(volume, "", &root), 0);
    assert_int_equal(dir_find(volume, &root, "vm", &entry, &position), 0);
    return place_of(volume, "", position);
}

static void test_wrong_type(void **state)
{
    (void)state;
    damage(record_type, VMFS_TYPE_FILE);
}

static uint64_t inode_type(struct vmfs_volume *volume)
{
    return inode_place(volume, "vm") + volume->md - VMFS_LOCK_SIZE + offsetof(struct vmfs_fd, type);
}

/* What a directory's descriptor says may be wrong too. */
static void test_wrong_inode_type(void **state)
{
    (void)state;
    damage(inode_type, VMFS_TYPE_FILE);
}

static uint64_t inode_mapping(struct vmfs_volume *volume)
{
    return inode_place(volume, "vm/5") + volume->md - VMFS_LOCK_SIZE +
           offsetof(struct vmfs_fd, zla);
}

static void test_unreadable_inode(void **state)
{
    (void)state;
    damage(inode_mapping, 0x7f);
}

static uint64_t pointer(struct vmfs_volume *volume)
{
    struct vmfs_inode inode;
    uint64_t place;

    assert_int_equal(path_resolve(volume, "vm/disk", &inode), 0);
    assert_int_equal(map_locate_pb(volume, inode.addresses[0], &place), 0);
    return place + LVM_DATA_OFFSET;
}

/* A block that does not exist stands where one of the disk's did. */
static void test_wrong_pointer(void **state)
{
    (void)state;
    if (version == 6) {
        struct memory_bdev *memory = make();
        struct vmfs_volume *volume = fixture_open(memory, VMFS_OPEN_WRITE);
        uint64_t right, *entry = (uint64_t *)(memory->bytes + pointer(volume));

        right = *entry;
        *entry = right | 1ull << 60;
        repair_unsure(volume);
        *entry = right;
        assert_clean(volume);
        vmfs_close(volume);
        memory_bdev_free(memory);
        return;
    }
    damage(pointer, 0x7); /* no kind of address */
}

/* A sector that cannot be read: of a directory, a pointer block, a cluster of descriptors. */
static void test_bad_sector(void **state)
{
    struct memory_bdev *memory = make();
    struct vmfs_volume *volume = fixture_open(memory, VMFS_OPEN_WRITE);
    struct vmfs_cluster cluster;
    uint64_t bad[4];

    (void)state;
    bad[0] = place_of(volume, "vm", 0);
    bad[1] = pointer(volume);
    bad[2] = inode_place(volume, "vm/7");
    assert_int_equal(cluster_read(volume, &volume->fdc, 0, &cluster, &bad[3]), 0);
    bad[3] += LVM_DATA_OFFSET;
    for (unsigned n = 0; n < 4; n++) {
        struct vmfs_check check = {.repair = true};

        memory->bad_at = bad[n];
        assert_int_equal(vmfs_check(volume, &check), 0);
        assert_true(check.unread > 0);
        assert_true(check.findings > check.repaired);
        memory->bad_at = 0;
        assert_clean(volume);
    }
    vmfs_close(volume);
    memory_bdev_free(memory);
}

/* Transfers of a repair between two that are tried: all would take minutes. */
#define STRIDE 61

/* Any one transfer of a repair may fail, and no later one. */
static void test_each_transfer_once(void **state)
{
    struct memory_bdev *memory = make();
    struct vmfs_volume *volume = fixture_open(memory, VMFS_OPEN_WRITE);
    unsigned failures = 0;

    (void)state;
    memory->fail_once = true;
    for (int n = 0;; n += STRIDE) {
        struct vmfs_check check = {.repair = true};
        int rc;

        memory->fail_after = n;
        rc = vmfs_check(volume, &check);
        if (memory->fail_after >= 0)
            break;
        failures++;
        /* What failed in the first walk only shows as the one finding about it. */
        if (rc == 0 && check.findings <= check.repaired)
            fail_msg("nothing said of failed transfer %d", n);
        assert_clean(volume);
    }
    memory->fail_after = -1;
    assert_true(failures > 20);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

/* Directories may nest as deep as paths reach. */
static void test_deep_tree(void **state)
{
    struct memory_bdev *memory = make();
    struct vmfs_volume *volume = fixture_open(memory, VMFS_OPEN_WRITE);
    struct vmfs_check check = {.repair = true};
    struct vmfs_stat stat;
    char path[400] = "vm";

    (void)state;
    for (unsigned n = 0; n < 100; n++) {
        strcat(path, "/d");
        assert_int_equal(vmfs_mkdir(volume, path), 0);
    }
    strcat(path, "/f");
    put(volume, path, 3 * MIB, 1);
    assert_int_equal(vmfs_check(volume, &check), 0);
    assert_int_equal(check.findings, 0);
    assert_int_equal(vmfs_stat(volume, path, &stat), 0);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

/* Uses blocks that nobody owns, and calls one free that somebody does. */
static void upset_bitmap(struct vmfs_volume *volume)
{
    struct vmfs_resource *resource;
    struct vmfs_inode inode;
    uint64_t item;
    uint32_t got;

    assert_int_equal(resource_alloc(volume, &volume->fbb, 3, &item, &got, NULL), 0);
    assert_int_equal(path_resolve(volume, "vm/3", &inode), 0);
    resource = resource_of_address(volume, inode.addresses[0], &item);
    assert_int_equal(resource_free(volume, resource, item, 1), 0);
}

/* Where all can be read, what a crash left is given back, and every finding counts as mended. */
static void test_mend_all(void **state)
{
    struct memory_bdev *memory = make();
    struct vmfs_volume *volume = fixture_open(memory, VMFS_OPEN_WRITE);
    struct vmfs_check check = {.repair = true};
    uint64_t before = blocks_free(volume);

    (void)state;
    upset_bitmap(volume);
    assert_int_equal(vmfs_check(volume, &check), 0);
    assert_true(check.findings > 0);
    assert_int_equal(check.findings, check.repaired);
    assert_int_equal(check.unread, 0);
    assert_int_equal(blocks_free(volume), before);
    assert_clean(volume);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

/* Where not all can be read, a block in use is still kept from being given out again. */
static void test_mend_some(void **state)
{
    struct memory_bdev *memory = make();
    struct vmfs_volume *volume = fixture_open(memory, VMFS_OPEN_WRITE);
    struct vmfs_check check = {.repair = true};
    uint64_t before = blocks_free(volume);

    (void)state;
    upset_bitmap(volume);
    memory->bad_at = pointer(volume);
    assert_int_equal(vmfs_check(volume, &check), 0);
    assert_true(check.repaired > 0);
    assert_true(check.findings > check.repaired);
    assert_int_equal(blocks_free(volume), before - 3);
    memory->bad_at = 0;
    assert_int_equal(vmfs_check(volume, &check), 0);
    assert_int_equal(check.findings, check.repaired);
    assert_int_equal(blocks_free(volume), before);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unreadable_directory),
        cmocka_unit_test(test_wrong_type),
        cmocka_unit_test(test_wrong_inode_type),
        cmocka_unit_test(test_unreadable_inode),
        cmocka_unit_test(test_wrong_pointer),
        cmocka_unit_test(test_bad_sector),
        cmocka_unit_test(test_each_transfer_once),
        cmocka_unit_test(test_deep_tree),
        cmocka_unit_test(test_mend_all),
        cmocka_unit_test(test_mend_some),
    };
    int failed = 0;

    for (version = 5; version <= 6; version++)
        failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed;
}
