/* SPDX-License-Identifier: MIT */
/*
 * Two openers of one volume, the second of which is overtaken by the first at the worst moment:
 * between its look at the disk and the lock it takes. On a disk of one host's processes, who take
 * turns by the host lock, and on one that hosts share by COMPARE AND WRITE.
 */
#include "memory_bdev.h"

#include "block/vmfs/internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MIB (1ull << 20)

/* One opener's view of the disk. */
struct view {
    struct bdev dev;
    struct memory_bdev *memory;
};

#define LOCKS_MAX 32u

/* Two openers on a disk, and what happens when the second is about to take a lock. */
static struct {
    struct memory_bdev *memory;
    struct view views[2];
    struct vmfs_volume *volumes[2];
    struct bdev *holders[LOCKS_MAX]; /* of host locks */
    uint64_t held[LOCKS_MAX];
    void (*overtake)(void);
    uint64_t at;  /* device offset of the lock, or of the sector on a shared disk */
    bool reading; /* or when the second reads there */
} race;

static struct bdev *disk_of(struct bdev *dev)
{
    return &((struct view *)dev)->memory->dev;
}

static void overtaken(const struct bdev *dev, uint64_t offset)
{
    void (*overtake)(void) = race.overtake;

    if (dev != &race.views[1].dev || overtake == NULL || offset != race.at)
        return;
    race.overtake = NULL;
    overtake();
}

static int view_read(struct bdev *dev, uint64_t offset, void *buffer, size_t length)
{
    if (race.reading)
        overtaken(dev, offset);
    return bdev_read(disk_of(dev), offset, buffer, length);
}

static int view_write(struct bdev *dev, uint64_t offset, const void *buffer, size_t length)
{
    return bdev_write(disk_of(dev), offset, buffer, length);
}

static int view_flush(struct bdev *dev)
{
    return bdev_flush(disk_of(dev));
}

static int view_lock(struct bdev *dev, uint64_t offset, uint64_t length, bool take, bool wait)
{
    (void)length;
    if (take && wait)
        overtaken(dev, offset);
    for (unsigned i = 0; i < LOCKS_MAX; i++) {
        if (race.holders[i] == NULL || race.held[i] != offset)
            continue;
        if (!take && race.holders[i] == dev)
            race.holders[i] = NULL;
        else if (take && race.holders[i] != dev) {
            assert_false(wait);
            return -EAGAIN;
        }
    }
    for (unsigned i = 0; take && i < LOCKS_MAX; i++) {
        if (race.holders[i] != NULL)
            continue;
        race.holders[i] = dev;
        race.held[i] = offset;
        return 0;
    }
    return take ? -ENOLCK : 0;
}

static int view_swap(struct bdev *dev, uint64_t offset, const void *expected,
                     const void *replacement)
{
    overtaken(dev, offset);
    return bdev_compare_and_write(disk_of(dev), offset, expected, replacement);
}

static const struct bdev_ops turns_ops = {
    .read = view_read, .write = view_write, .flush = view_flush, .lock = view_lock};
static const struct bdev_ops sharing_ops = {
    .read = view_read, .write = view_write, .flush = view_flush, .compare_and_write = view_swap};

static void open_view(unsigned i)
{
    struct bdev *dev = &race.views[i].dev;
    struct vmfs_host host = {0};
    char error[VMFS_ERROR_MAX] = "";

    if (dev->ops == &sharing_ops)
        memset(host.uuid, (int)i + 1, sizeof(host.uuid));
    if (vmfs_open_as(&dev, 1, VMFS_OPEN_WRITE, &host, &race.volumes[i], error) != 0)
        fail_msg("open: %s", error);
}

static void start(const struct bdev_ops *ops, unsigned version)
{
    const struct vmfs_mkfs options = {.label = "races", .version = version};
    char error[VMFS_ERROR_MAX] = "";

    memset(&race, 0, sizeof(race));
    race.memory = memory_bdev_new(600 * MIB);
    memory_bdev_can_share(race.memory);
    if (vmfs_mkfs(&race.memory->dev, &options, error) != 0)
        fail_msg("mkfs: %s", error);
    for (unsigned i = 0; i < 2; i++) {
        race.views[i].dev = race.memory->dev;
        race.views[i].dev.ops = ops;
        race.views[i].memory = race.memory;
        open_view(i);
    }
}

static void assert_clean(void)
{
    struct vmfs_check check = {0};

    assert_int_equal(vmfs_check(race.volumes[0], &check), 0);
    assert_int_equal(check.findings, 0);
}

static void end(void)
{
    assert_null(race.overtake);
    assert_clean();
    for (unsigned i = 0; i < 2; i++)
        vmfs_close(race.volumes[i]);
    memory_bdev_free(race.memory);
}

static void put(unsigned who, const char *path, char what)
{
    struct vmfs_file *file;
    char bytes[512];

    memset(bytes, what, sizeof(bytes));
    assert_int_equal(
        vmfs_file_create(race.volumes[who], path, 3 * MIB, VMFS_THIN, NULL, NULL, &file), 0);
    assert_int_equal(vmfs_file_write(file, 0, bytes, sizeof(bytes)), 0);
    vmfs_file_close(file);
}

static void assert_unlocked(struct vmfs_volume *volume, const char *path)
{
    struct vmfs_inode inode;

    if (path_resolve(volume, path, &inode) == 0 && inode.fd.lock.mode != VMFS_LOCK_FREE)
        fail_msg("\"%s\" is still locked", path);
}

/* The file's first byte; nobody may have it locked. */
static char get(const char *path)
{
    struct vmfs_file *file;
    char bytes[512];

    assert_unlocked(race.volumes[0], path);
    assert_int_equal(vmfs_file_open(race.volumes[0], path, VMFS_SHARE_EXCLUSIVE, &file), 0);
    assert_int_equal(vmfs_file_read(file, 0, bytes, sizeof(bytes)), 0);
    vmfs_file_close(file);
    return bytes[0];
}

/* The first opener acts when the second takes the host lock, or the file's lock on disk. */
static void when_locking(const char *path, void (*overtake)(void))
{
    struct vmfs_volume *volume = race.volumes[0];
    uint64_t length = BDEV_SECTOR;
    struct vmfs_inode inode;
    struct bdev *dev;

    assert_int_equal(path_resolve(volume, path, &inode), 0);
    assert_int_equal(lvm_map(volume, volume->shared ? inode.offset : VMFS_SUPERBLOCK_OFFSET,
                             &length, &dev, &race.at),
                     0);
    race.overtake = overtake;
}

static void replace_file(void)
{
    struct vmfs_stat before, after;

    assert_int_equal(vmfs_stat(race.volumes[0], "file", &before), 0);
    assert_int_equal(vmfs_remove(race.volumes[0], "file"), 0);
    put(0, "other", 'O');
    assert_int_equal(vmfs_stat(race.volumes[0], "other", &after), 0);
    assert_int_equal(before.address, after.address);
}

static void replace_both(void)
{
    replace_file();
    put(0, "file", 'N');
}

/* The descriptor looked up is another file's when it is locked. */
static void test_open_another(void **state)
{
    struct vmfs_file *file;

    start(*state, 5);
    put(0, "file", 'F');
    when_locking("file", replace_file);
    assert_int_equal(vmfs_file_open(race.volumes[1], "file", VMFS_SHARE_EXCLUSIVE, &file), -ENOENT);
    assert_int_equal(get("other"), 'O');
    end();
}

/* Between a name and its descriptor: no damage, the file is gone. */
static void test_look_up_another(void **state)
{
    struct vmfs_stat stat;

    start(*state, 6);
    put(0, "file", 'F');
    when_locking("file", replace_file);
    race.reading = true;
    assert_int_equal(vmfs_stat(race.volumes[1], "file", &stat), -ENOENT);
    assert_int_equal(get("other"), 'O');
    end();
}

static void test_remove_another(void **state)
{
    int rc;

    start(*state, 5);
    /* The new name shall lie where the look-up before the lock would find it, too. */
    assert_int_equal(vmfs_mkdir(race.volumes[0], "dir"), 0);
    put(0, "first", 'x');
    put(0, "file", 'F');
    put(0, "last", 'y');
    assert_int_equal(vmfs_remove(race.volumes[0], "first"), 0);
    put(0, "dir/file", 'z');
    when_locking("file", replace_both);
    rc = vmfs_remove(race.volumes[1], "file");
    /* Who took his turn first may remove the new file of that name; nobody the other. */
    assert_int_equal(get("other"), 'O');
    if (rc != 0) {
        assert_int_equal(rc, -ENOENT);
        assert_int_equal(get("file"), 'N');
    }
    end();
}

static void test_rename_another(void **state)
{
    struct vmfs_stat stat;

    start(*state, 5);
    put(0, "file", 'F');
    when_locking("file", replace_file);
    assert_int_equal(vmfs_rename(race.volumes[1], "file", "new"), -ENOENT);
    assert_int_equal(get("other"), 'O');
    assert_int_equal(vmfs_stat(race.volumes[0], "new", &stat), -ENOENT);
    end();
}

static void rename_file(void)
{
    assert_int_equal(vmfs_rename(race.volumes[0], "file", "other"), 0);
}

/* The loser must not keep the lock of what it did not get. */
static void test_remove_renamed(void **state)
{
    start(*state, 6);
    put(0, "file", 'F');
    when_locking("file", rename_file);
    assert_int_equal(vmfs_remove(race.volumes[1], "file"), -ENOENT);
    assert_int_equal(get("other"), 'F');
    end();
}

static void fill_directory(void)
{
    put(0, "dir/file", 'F');
}

static void test_remove_filled(void **state)
{
    start(*state, 6);
    assert_int_equal(vmfs_mkdir(race.volumes[0], "dir"), 0);
    when_locking("dir", fill_directory);
    assert_int_equal(vmfs_remove(race.volumes[1], "dir"), -ENOTEMPTY);
    assert_int_equal(get("dir/file"), 'F');
    end();
}

static void replace_directory(void)
{
    struct vmfs_stat before, after;

    assert_int_equal(vmfs_stat(race.volumes[0], "dir", &before), 0);
    assert_int_equal(vmfs_remove(race.volumes[0], "dir"), 0);
    assert_int_equal(vmfs_mkdir(race.volumes[0], "other"), 0);
    assert_int_equal(vmfs_stat(race.volumes[0], "other", &after), 0);
    assert_int_equal(before.address, after.address);
}

/* A name is not added to what was another directory when it was looked up. */
static void test_create_in_another(void **state)
{
    struct vmfs_file *file;
    struct vmfs_stat stat;

    start(*state, 5);
    assert_int_equal(vmfs_mkdir(race.volumes[0], "dir"), 0);
    when_locking("dir", replace_directory);
    assert_int_equal(
        vmfs_file_create(race.volumes[1], "dir/file", MIB, VMFS_THIN, NULL, NULL, &file), -ENOENT);
    assert_int_equal(vmfs_stat(race.volumes[0], "other/file", &stat), -ENOENT);
    assert_int_equal(vmfs_remove(race.volumes[0], "other"), 0);
    end();
}

/* ---- being alone ---- */

static void grow_descriptors(void)
{
    struct vmfs_volume *volume = race.volumes[0];

    assert_int_equal(vmfs_begin(volume), 0);
    assert_int_equal(resource_extend(volume, &volume->fdc), 0);
    vmfs_end(volume);
}

/* What a newcomer knows of the volume it reads when it has its slot. */
static void test_grown_before_slot(void **state)
{
    const bool shared = *state == (const void *)&sharing_ops;
    uint64_t length = BDEV_SECTOR;
    struct bdev *dev;

    start(*state, 5);
    assert_int_equal(lvm_map(race.volumes[0],
                             shared ? race.volumes[1]->slot_address : VMFS_SUPERBLOCK_OFFSET,
                             &length, &dev, &race.at),
                     0);
    vmfs_close(race.volumes[1]);
    race.overtake = grow_descriptors;
    open_view(1);
    assert_int_equal(race.volumes[1]->fdc.item_count, race.volumes[0]->fdc.item_count);
    end();
}

/* While one host is alone no other gets in; and none is alone while another is in. */
static void test_alone(void **state)
{
    struct bdev *dev = &race.views[1].dev;
    struct vmfs_host host = {.uuid = {2}};
    char error[VMFS_ERROR_MAX] = "";
    struct vmfs_check check = {.repair = true};

    start(*state, 6);
    assert_int_equal(alone_begin(race.volumes[0]), -EBUSY);
    assert_int_equal(vmfs_check(race.volumes[0], &check), -EBUSY);
    assert_int_equal(vmfs_grow(race.volumes[0]), -EBUSY);
    vmfs_close(race.volumes[1]);
    assert_int_equal(alone_begin(race.volumes[0]), 0);
    assert_int_equal(vmfs_check(race.volumes[0], &check), 0);
    assert_int_equal(
        vmfs_open_as(&dev, 1, VMFS_OPEN_WRITE | VMFS_OPEN_NO_WAIT, &host, &race.volumes[1], error),
        -EBUSY);
    assert_non_null(strstr(error, "repaired or grown"));
    alone_end(race.volumes[0]);
    assert_unlocked(race.volumes[0], ".vh.sf");
    open_view(1);
    put(1, "file", 'F');
    end();
}

/* ---- errors must not leave locks ---- */

static int make_file(struct vmfs_volume *volume)
{
    struct vmfs_file *file;
    int rc = vmfs_file_create(volume, "dir/new", 3 * MIB, VMFS_THIN, NULL, NULL, &file);

    if (rc == 0)
        vmfs_file_close(file);
    return rc;
}

static int make_directory(struct vmfs_volume *volume)
{
    return vmfs_mkdir(volume, "dir/new");
}

static int make_link(struct vmfs_volume *volume)
{
    return vmfs_symlink(volume, "target", "dir/new");
}

static int remove_file(struct vmfs_volume *volume)
{
    return vmfs_remove(volume, "dir/file");
}

static int move_file(struct vmfs_volume *volume)
{
    return vmfs_rename(volume, "dir/file", "new");
}

/* Whether the n-th transfer of a step that changes names could be made to fail. */
static bool names_after_error(int (*step)(struct vmfs_volume *volume), int n)
{
    struct vmfs_volume *volume = race.volumes[1];
    bool failed;
    int rc;

    race.memory->fail_once = true;
    race.memory->fail_after = n;
    rc = step(volume);
    failed = race.memory->fail_after < 0;
    race.memory->fail_after = -1;
    assert_unlocked(race.volumes[0], "");
    assert_unlocked(race.volumes[0], "dir");
    assert_unlocked(race.volumes[0], "dir/file");
    if (rc != 0)
        rc = step(volume);
    /* It may have happened in spite of the error. */
    if (rc != 0 && rc != -EEXIST && rc != -ENOENT)
        fail_msg("transfer %d: again %d, %s", n, rc, vmfs_error(volume));
    return failed;
}

static void test_no_lock_is_left(void **state)
{
    int (*const steps[])(struct vmfs_volume * volume) = {make_file, make_directory, make_link,
                                                         remove_file, move_file};

    for (unsigned version = 5; version <= 6; version++) {
        start(*state, version);
        assert_int_equal(vmfs_mkdir(race.volumes[0], "dir"), 0);
        put(0, "dir/file", 'F');
        vmfs_close(race.volumes[1]);
        for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
            bool more = true;

            for (int n = 0; more; n++) {
                memory_bdev_mark(race.memory);
                open_view(1);
                more = names_after_error(steps[i], n);
                vmfs_close(race.volumes[1]);
                memory_bdev_rollback(race.memory);
            }
        }
        open_view(1);
        end();
    }
}

int main(void)
{
    void *turns = (void *)&turns_ops, *sharing = (void *)&sharing_ops;
    const struct CMUnitTest tests[] = {
        {"open, taking turns", test_open_another, NULL, NULL, turns},
        {"open, sharing", test_open_another, NULL, NULL, sharing},
        {"look up, sharing", test_look_up_another, NULL, NULL, sharing},
        {"remove, taking turns", test_remove_another, NULL, NULL, turns},
        {"remove, sharing", test_remove_another, NULL, NULL, sharing},
        {"rename, sharing", test_rename_another, NULL, NULL, sharing},
        {"remove against rename, sharing", test_remove_renamed, NULL, NULL, sharing},
        {"rmdir against create, sharing", test_remove_filled, NULL, NULL, sharing},
        {"create against rmdir, sharing", test_create_in_another, NULL, NULL, sharing},
        {"grown before a slot, taking turns", test_grown_before_slot, NULL, NULL, turns},
        {"grown before a slot, sharing", test_grown_before_slot, NULL, NULL, sharing},
        {"alone, sharing", test_alone, NULL, NULL, sharing},
        {"errors, taking turns", test_no_lock_is_left, NULL, NULL, turns},
        {"errors, sharing", test_no_lock_is_left, NULL, NULL, sharing},
    };

    return cmocka_run_group_tests_name("vmfs races", tests, NULL, NULL);
}
