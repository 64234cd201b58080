/* SPDX-License-Identifier: MIT */
/* Volumes opened for writing that say what no writer of theirs would have: refused, never believed.
 */
#include "memory_bdev.h"

#include "block/vmfs/internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define MIB (1ull << 20)

static unsigned version; /* of the volumes the tests make */

static struct memory_bdev *make(uint64_t size)
{
    struct memory_bdev *memory = memory_bdev_new(size);
    const struct vmfs_mkfs options = {.label = "hostile", .version = version};
    char error[VMFS_ERROR_MAX] = "";

    if (vmfs_mkfs(&memory->dev, &options, error) != 0)
        fail_msg("mkfs: %s", error);
    return memory;
}

static int try_open(struct memory_bdev *memory, unsigned flags, uint8_t host,
                    struct vmfs_volume **out)
{
    const struct vmfs_host options = {.lease_ms = 800, .uuid = {host}};
    struct bdev *dev = &memory->dev;
    char error[VMFS_ERROR_MAX] = "";

    return vmfs_open_as(&dev, 1, flags | VMFS_OPEN_WRITE, &options, out, error);
}

static struct vmfs_volume *open_volume(struct memory_bdev *memory)
{
    struct vmfs_volume *volume;

    assert_int_equal(try_open(memory, 0, 0, &volume), 0);
    return volume;
}

static void put(struct vmfs_volume *volume, const char *path, uint64_t length)
{
    struct vmfs_file *file;

    assert_int_equal(vmfs_file_create(volume, path, length, VMFS_THIN, NULL, NULL, &file), 0);
    vmfs_file_close(file);
}

/* A descriptor as it lies on the device. */
static uint8_t *raw_inode(struct memory_bdev *memory, struct vmfs_volume *volume, const char *path)
{
    struct vmfs_inode inode;

    assert_int_equal(path_resolve(volume, path, &inode), 0);
    return memory->bytes + LVM_DATA_OFFSET + inode.offset;
}

/* Locks that count more holders than fit: free ones, those of the dead, shared ones. */
static void test_holders(void **state)
{
    static const enum vmfs_lock_mode modes[] = {VMFS_LOCK_FREE, VMFS_LOCK_EXCLUSIVE};
    struct memory_bdev *memory = make(290 * MIB);
    struct vmfs_volume *volume = open_volume(memory);
    struct vmfs_file *file, *other;
    struct vmfs_lock *lock;

    (void)state;
    put(volume, "f", MIB);
    lock = (struct vmfs_lock *)raw_inode(memory, volume, "f");
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        lock->mode = modes[i];
        lock->slot_address = volume->slot_address;
        lock->slot_generation = volume->slot_generation - 1; /* whoever had our slot is gone */
        lock->holder_count = 200;
        assert_int_equal(vmfs_file_open(volume, "f", VMFS_SHARE_READ, &file), 0);
        assert_int_equal(lock->holder_count, 1);
        assert_int_equal(vmfs_file_open(volume, "f", VMFS_SHARE_READ, &other), 0);
        vmfs_file_close(other);
        vmfs_file_close(file);
        assert_int_equal(lock->mode, VMFS_LOCK_FREE);
    }
    lock->mode = VMFS_LOCK_READ;
    lock->holder_count = 200;
    assert_int_equal(vmfs_file_open(volume, "f", VMFS_SHARE_READ, &file), -EUCLEAN);
    /* One that changes while we hold it stays as it is. */
    lock->mode = VMFS_LOCK_FREE;
    assert_int_equal(vmfs_file_open(volume, "f", VMFS_SHARE_READ, &file), 0);
    lock->holder_count = 9;
    vmfs_file_close(file);
    assert_int_equal(lock->mode, VMFS_LOCK_READ);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

/* Descriptors that hold their data have no unit to divide by. */
static void test_resident(void **state)
{
    struct memory_bdev *memory = make(290 * MIB);
    struct vmfs_volume *volume = open_volume(memory);
    struct vmfs_file *file;
    struct vmfs_fd *fd;

    (void)state;
    put(volume, "f", 0);
    fd = (struct vmfs_fd *)(raw_inode(memory, volume, "f") + volume->md - VMFS_LOCK_SIZE);
    fd->zla = VMFS_ZLA_RESIDENT;
    fd->unit_size = 0;
    assert_int_equal(vmfs_file_open(volume, "f", VMFS_SHARE_EXCLUSIVE, &file), 0);
    assert_int_equal(vmfs_file_truncate(file, 0), -ENOTSUP);
    assert_int_equal(vmfs_file_extend(file, MIB, VMFS_THIN, NULL, NULL), -ENOTSUP);
    vmfs_file_close(file);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

/* Clusters of large blocks, which growing fills in, have one form. */
static void test_large_blocks(void **state)
{
    static const struct {
        uint32_t bits, per_cluster;
    } wrong[] = {{1, 712}, {3, 257}, {2, 256}};
    struct memory_bdev *memory = make(290 * MIB);
    struct vmfs_volume *volume = open_volume(memory);
    struct vmfs_resource_header *header, right;
    uint64_t address, place;

    (void)state;
    assert_int_equal(map_block(volume, NULL, &volume->lfb.inode, 0, &address), 0);
    assert_int_equal(map_place(volume, &volume->lfb.inode, address, 0, &place), 0);
    vmfs_close(volume);
    header = (struct vmfs_resource_header *)(memory->bytes + LVM_DATA_OFFSET + place);
    right = *header;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        header->bits = wrong[i].bits;
        header->per_cluster = wrong[i].per_cluster;
        assert_int_equal(try_open(memory, 0, 0, &volume), -EUCLEAN);
        *header = right;
    }
    volume = open_volume(memory);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

/* A dead host of another make is cleared though a host of ours beats on the same volume. */
static void test_dead_among_ours(void **state)
{
    struct memory_bdev *memory = make(290 * MIB);
    uint32_t stride = version == 6 ? VMFS6_MD : VMFS_SLOT_SIZE;
    struct vmfs_slot *slot =
        (struct vmfs_slot *)(memory->bytes + LVM_DATA_OFFSET + VMFS_SLOTS_OFFSET + 984 * stride);
    struct vmfs_volume *ours, *newcomer;
    struct vmfs_slot mine;

    (void)state;
    memory_bdev_can_share(memory);
    assert_int_equal(try_open(memory, 0, 1, &ours), 0);
    assert_true(vmfs_is_shared(ours));
    slot->state = VMFS_SLOT_IN_USE;
    slot->generation = 9;
    slot->host.time_lo = 1;
    strcpy(slot->host_text, "esx");
    assert_int_equal(try_open(memory, VMFS_OPEN_BREAK_DEAD, 2, &newcomer), 0);
    assert_int_equal(slot->state, VMFS_SLOT_FREE);
    /* Ours has not beaten either, and is not judged by that here. */
    assert_int_equal(volume_read(newcomer, ours->slot_address, &mine, sizeof(mine)), 0);
    assert_int_equal(mine.state, VMFS_SLOT_IN_USE);
    assert_int_equal(mine.generation, ours->slot_generation);
    vmfs_close(newcomer);
    vmfs_close(ours);
    memory_bdev_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holders),
        cmocka_unit_test(test_resident),
        cmocka_unit_test(test_dead_among_ours),
    };
    const struct CMUnitTest six[] = {
        cmocka_unit_test(test_large_blocks),
    };
    int failed = 0;

    for (version = 5; version <= 6; version++)
        failed += cmocka_run_group_tests(tests, NULL, NULL);
    version = 6;
    return failed + cmocka_run_group_tests(six, NULL, NULL);
}
