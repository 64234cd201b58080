/* SPDX-License-Identifier: MIT */
/*
 * One disk by two device nodes, whose own locks know nothing of each other, and two copies of a
 * volume: what the file of the host's locks is for.
 */
#include "memory_bdev.h"

#include "block/vmfs/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define MIB  (1ull << 20)
#define PAGE 4096u

/* Every node has its locks for itself, so nobody is ever in the way. */
static int own_lock(struct bdev *dev, uint64_t offset, uint64_t length, bool take, bool wait)
{
    (void)dev;
    (void)offset;
    (void)length;
    (void)take;
    (void)wait;
    return 0;
}

static struct bdev_ops node_ops;

static struct memory_bdev *make_disk(void)
{
    struct memory_bdev *memory = memory_bdev_new(600 * MIB);

    node_ops = *memory->dev.ops;
    node_ops.lock = own_lock;
    memory->dev.ops = &node_ops;
    return memory;
}

static struct memory_bdev *make_volume(void)
{
    const struct vmfs_mkfs options = {.label = "nodes"};
    struct memory_bdev *memory = make_disk();
    char error[VMFS_ERROR_MAX] = "";

    if (vmfs_mkfs(&memory->dev, &options, error) != 0)
        fail_msg("mkfs: %s", error);
    return memory;
}

static struct memory_bdev *copy_of(const struct memory_bdev *disk)
{
    static const uint8_t zeros[PAGE];
    struct memory_bdev *copy = make_disk();

    for (uint64_t at = 0; at < disk->dev.size; at += PAGE) {
        if (memcmp(disk->bytes + at, zeros, PAGE) != 0)
            memcpy(copy->bytes + at, disk->bytes + at, PAGE);
    }
    return copy;
}

/* A file of locks of this test's own; the name is in *state. */
static int make_locks(void **state)
{
    static char path[] = "/tmp/corbel-test-locks.XXXXXX";
    int fd = mkstemp(path);

    if (fd < 0)
        return -1;
    close(fd);
    *state = path;
    return 0;
}

static int drop_locks(void **state)
{
    return unlink(*state);
}

static struct vmfs_volume *open_node(struct memory_bdev *memory, const char *locks)
{
    const struct vmfs_host host = {.locks = locks};
    struct bdev *dev = &memory->dev;
    char error[VMFS_ERROR_MAX] = "";
    struct vmfs_volume *volume;

    if (vmfs_open_as(&dev, 1, VMFS_OPEN_WRITE, &host, &volume, error) != 0)
        fail_msg("open: %s", error);
    return volume;
}

static struct vmfs_file *create(struct vmfs_volume *volume)
{
    struct vmfs_file *file;

    assert_int_equal(vmfs_file_create(volume, "file", MIB, VMFS_THIN, NULL, NULL, &file), 0);
    return file;
}

/* A living process keeps its slot and its files whatever node the other has opened. */
static void test_two_nodes(void **state)
{
    struct memory_bdev *disk = make_volume();
    struct vmfs_volume *a = open_node(disk, *state), *b;
    struct vmfs_file *mine = create(a), *file;

    b = open_node(disk, *state);
    assert_int_not_equal(a->slot_address, b->slot_address);
    assert_int_equal(vmfs_file_open(b, "file", VMFS_SHARE_EXCLUSIVE, &file), -EBUSY);
    vmfs_file_close(mine);
    assert_int_equal(vmfs_file_open(b, "file", VMFS_SHARE_EXCLUSIVE, &file), 0);
    vmfs_file_close(file);
    vmfs_close(b);
    vmfs_close(a);
    memory_bdev_free(disk);
}

/* Whether somebody has his turn, seen from another process' open file. */
static bool turn_is_taken(const char *path)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)1 << 62};
    int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_OFD_GETLK, &all), 0);
    close(fd);
    return all.l_type != F_UNLCK;
}

static void test_turns(void **state)
{
    struct memory_bdev *disk = make_volume();
    struct vmfs_volume *volume = open_node(disk, *state);

    assert_false(turn_is_taken(*state));
    assert_int_equal(vmfs_begin(volume), 0);
    assert_true(turn_is_taken(*state));
    vmfs_end(volume);
    assert_false(turn_is_taken(*state));
    vmfs_close(volume);
    memory_bdev_free(disk);
}

/* A slot whose process ended is dead on a copy too, though the same slot lives on the original. */
static void test_copies(void **state)
{
    struct memory_bdev *original = make_volume(), *copy;
    struct vmfs_volume *a = open_node(original, *state), *b;
    struct vmfs_file *file = create(a);

    copy = copy_of(original);
    vmfs_file_close(file);
    vmfs_close(a);
    a = open_node(original, *state);
    b = open_node(copy, *state);
    assert_int_equal(a->slot_address, b->slot_address);
    assert_int_equal(vmfs_file_open(b, "file", VMFS_SHARE_EXCLUSIVE, &file), 0);
    vmfs_file_close(file);
    vmfs_close(b);
    vmfs_close(a);
    memory_bdev_free(copy);
    memory_bdev_free(original);
}

/* A file that others may write to, or none at all, is not used; the device's locks remain. */
static void test_no_file(void **state)
{
    struct memory_bdev *disk = make_volume();
    struct vmfs_volume *volume;

    assert_int_equal(chmod(*state, 0666), 0);
    volume = open_node(disk, *state);
    assert_int_equal(volume->host_locks, -1);
    vmfs_file_close(create(volume));
    vmfs_close(volume);
    assert_int_equal(chmod(*state, 0600), 0);
    volume = open_node(disk, "/nowhere/locks");
    assert_int_equal(volume->host_locks, -1);
    assert_int_equal(vmfs_remove(volume, "file"), 0);
    vmfs_close(volume);
    memory_bdev_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_nodes),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_no_file),
    };
    return cmocka_run_group_tests_name("vmfs nodes", tests, make_locks, drop_locks);
}
