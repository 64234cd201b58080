/* SPDX-License-Identifier: MIT */
/*
 * VMDK: what the users of a disk may do to it and to each other: parts that are not theirs to
 * write, one writer of one device, snapshots of what is in use, renaming.
 */
#include "block/disk.h"
#include "block/engine.h"
#include "block/vmdk/rdm.h"
#include "block/vmdk/vmdk.h"
#include "disk_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define MIB (1u << 20)

static void put_text(const char *name, const char *text)
{
    folder_put(name, text, strlen(text));
}

static int try_attach(const char *path, bool read_only)
{
    struct disk *disk;
    int rc = vmdk_open_in(folder.store, path, read_only, &disk, folder.error);

    if (rc == 0)
        disk_close(disk);
    return rc;
}

static uint32_t cid_of(const char *path)
{
    struct vmdk_info info;

    assert_int_equal(vmdk_get_info(folder.store, path, &info, folder.error), 0);
    return info.cid;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* ---- parts that are not to be written ---- */

/* A clone of its own megabyte before the one that it shares with others. */
static void make_clone(void)
{
    memset(folder.buffer, 0x47, sizeof(folder.buffer));
    folder_put("gold-flat.vmdk", folder.buffer, sizeof(folder.buffer));
    folder_put("clone-flat.vmdk", folder.buffer, sizeof(folder.buffer));
    put_text("clone.vmdk", "version=1\nCID=12345678\nparentCID=ffffffff\n"
                           "createType=\"twoGbMaxExtentFlat\"\nRW 128 FLAT \"clone-flat.vmdk\" 0\n"
                           "RDONLY 128 FLAT \"gold-flat.vmdk\" 0\n");
}

static void note(struct engine_io *io, int rc)
{
    *(int *)io->context = rc;
}

static int engine_run(struct engine *engine, enum engine_op op, uint64_t offset)
{
    int rc = 1;
    struct engine_io io = {.op = op,
                           .offset = offset,
                           .length = 4096,
                           .buffer = folder.buffer,
                           .done = note,
                           .context = &rc};

    assert_int_equal(engine_submit(engine, &io), 0);
    engine_kick(engine);
    while (engine_busy(engine) > 0)
        engine_wait(engine);
    return rc;
}

static void test_read_only_part(void **state)
{
    struct bdev_extent extent;
    struct engine *engine;
    struct disk *disk;
    bool read_needed;

    (void)state;
    make_clone();
    disk = folder_attach("clone.vmdk", false);
    assert_int_equal(engine_open(disk, &engine), 0);
    assert_int_equal(engine_run(engine, ENGINE_READ, 65536), 0);
    memset(folder.buffer, 0x66, sizeof(folder.buffer));
    assert_int_equal(engine_run(engine, ENGINE_WRITE, 65536), -EROFS);
    assert_int_equal(engine_run(engine, ENGINE_FLUSH, 65536), -EROFS);
    assert_int_equal(disk_write(disk, 65536, folder.buffer, 512), -EROFS);
    assert_int_equal(disk_map(disk, 65536, 512, DISK_TO_WRITE, &extent, &read_needed), -EROFS);
    folder_peek("gold-flat.vmdk", 0, folder.buffer, 512);
    assert_int_equal(folder.buffer[0], 0x47);
    /* Nothing was written: children of the disk still match it. */
    assert_int_equal(engine_run(engine, ENGINE_READ, 0), 0);
    assert_int_equal(cid_of("clone.vmdk"), 0x12345678);
    assert_int_equal(engine_run(engine, ENGINE_WRITE, 0), 0);
    assert_int_not_equal(cid_of("clone.vmdk"), 0x12345678);
    engine_close(engine);
    disk_close(disk);
    disk = folder_attach("clone.vmdk", true);
    assert_int_equal(disk_map(disk, 0, 512, DISK_TO_WRITE, &extent, &read_needed), -EROFS);
    disk_close(disk);
}

static void test_remove_shared(void **state)
{
    (void)state;
    make_clone();
    assert_int_equal(vmdk_rename(folder.store, "clone.vmdk", "other.vmdk", folder.error), 0);
    assert_true(exists("other-flat.vmdk") && exists("gold-flat.vmdk"));
    mkdir("away", 0700);
    assert_int_equal(vmdk_rename(folder.store, "other.vmdk", "away/other.vmdk", folder.error),
                     -EINVAL);
    assert_int_equal(vmdk_remove(folder.store, "other.vmdk", folder.error), 0);
    assert_false(exists("other.vmdk") || exists("other-flat.vmdk"));
    assert_true(exists("gold-flat.vmdk"));
}

/* A file cannot both hold the descriptor and be out of bounds. */
static void test_embedded_without_access(void **state)
{
    char text[2048], *row;

    (void)state;
    folder_make("d.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, MIB, NULL);
    folder_peek("d.vmdk", 512, text, sizeof(text));
    row = strstr(text, "RW ");
    assert_non_null(row);
    memmove(row + 6, row, sizeof(text) - (size_t)(row - text) - 6);
    memcpy(row, "NOACCESS", 8);
    folder_patch("d.vmdk", 512, text, sizeof(text));
    assert_int_equal(try_attach("d.vmdk", false), -EINVAL);
    assert_int_equal(try_attach("d.vmdk", true), -EINVAL);
    assert_non_null(strstr(folder.error, "NOACCESS"));
}

/* ---- one writer ---- */

static void test_raw_claim(void **state)
{
    struct disk *disk, *second;

    (void)state;
    folder_put("raw.img", folder.buffer, sizeof(folder.buffer));
    assert_int_equal(disk_open_raw("raw.img", false, &disk, folder.error), 0);
    assert_int_equal(disk_open_raw("raw.img", false, &second, folder.error), -EBUSY);
    assert_non_null(strstr(folder.error, "in use by another guest or program"));
    assert_int_equal(disk_open_raw("raw.img", true, &second, folder.error), -EBUSY);
    disk_close(disk);
    assert_int_equal(disk_open_raw("raw.img", true, &disk, folder.error), 0);
    assert_int_equal(disk_open_raw("raw.img", true, &second, folder.error), 0);
    disk_close(second);
    assert_int_equal(disk_open_raw("raw.img", false, &second, folder.error), -EBUSY);
    disk_close(disk);
}

/* The successor of a killed backend has the disk as soon as that is gone, and not before. */
static void test_raw_successor(void **state)
{
    struct disk *disk;
    int pipes[2], status;
    pid_t child;

    (void)state;
    folder_put("raw.img", folder.buffer, sizeof(folder.buffer));
    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        alarm(20);
        if (disk_open_raw("raw.img", false, &disk, folder.error) == 0 &&
            write(pipes[1], "", 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(pipes[0], &status, 1), 1);
    assert_int_equal(disk_open_wait("raw", "raw.img", false, 60, &disk, folder.error), -EBUSY);
    kill(child, SIGKILL);
    assert_int_equal(disk_open_wait("raw", "raw.img", false, 5000, &disk, folder.error), 0);
    disk_close(disk);
    waitpid(child, &status, 0);
    close(pipes[0]);
    close(pipes[1]);
}

static bool shell(const char *command)
{
    return system(command) == 0;
}

static int try_raw(const char *path, bool read_only, char why[DISK_ERROR_MAX])
{
    struct disk *disk;
    int rc = disk_open_raw(path, read_only, &disk, why);

    if (rc == 0)
        disk_close(disk);
    return rc;
}

/* A disk whose file system this host has mounted. Needs a loop device, and leaves none behind. */
static void test_raw_mounted(void **state)
{
    char node[64] = "", why[2][DISK_ERROR_MAX] = {"", ""};
    int to_write, to_read, later;
    FILE *pipe;

    (void)state;
    if (!shell("truncate -s 8M fs.img && mkfs.ext2 -q fs.img 2>/dev/null"))
        skip();
    pipe = popen("losetup -f --show fs.img 2>/dev/null", "r");
    if (pipe == NULL || fscanf(pipe, "%63s", node) != 1 || pclose(pipe) != 0)
        skip();
    assert_int_equal(setenv("NODE", node, 1), 0);
    if (!shell("mkdir m && mount -t ext2 $NODE m")) {
        assert_true(shell("losetup -d $NODE"));
        skip();
    }
    to_write = try_raw(node, false, why[0]);
    to_read = try_raw(node, true, why[1]);
    assert_true(shell("umount m"));
    later = try_raw(node, false, why[1]);
    assert_true(shell("losetup -d $NODE"));
    assert_int_equal(to_write, -EBUSY);
    assert_non_null(strstr(why[0], "mounted"));
    assert_int_equal(to_read, 0);
    assert_int_equal(later, 0);
}

/* ---- raw device mappings ---- */

/* A device of the machine: its id of page 0x83 (an NAA of `size` bytes), and a node of 1 MiB. */
static void add_device(const char *name, const uint8_t *id, uint8_t size)
{
    uint8_t page[64] = {0, 0x83, 0, (uint8_t)(size + 4), 1, 3, 0, size};
    char path[100];

    memcpy(page + 8, id, size);
    snprintf(path, sizeof(path), "mkdir -p rdm/%s/device rdm/%s/holders", name, name);
    assert_true(shell(path));
    snprintf(path, sizeof(path), "rdm/%s/device/vpd_pg83", name);
    folder_put(path, page, size + 8u);
    snprintf(path, sizeof(path), "rdm/%s/node", name);
    folder_put(path, folder.buffer, sizeof(folder.buffer));
}

static void test_rdm_claim(void **state)
{
    static const uint8_t id[16] = {0x60, 0, 0xC2, 0x90, 7};
    struct vmdk_create how = {.kind = VMDK_KIND_RDM, .device = "rdm/sda/node"};
    struct disk *disk;

    (void)state;
    setenv("CORBEL_RDM", "rdm", 1);
    add_device("sda", id, sizeof(id));
    assert_int_equal(vmdk_create(folder.store, "a.vmdk", &how, folder.error), 0);
    assert_int_equal(vmdk_create(folder.store, "b.vmdk", &how, folder.error), 0);
    disk = folder_attach("a.vmdk", false);
    assert_int_equal(try_attach("a.vmdk", false), -EBUSY);
    assert_int_equal(try_attach("b.vmdk", true), -EBUSY);
    assert_non_null(strstr(folder.error, "rdm/sda/node"));
    assert_non_null(strstr(folder.error, "in use by another guest or program"));
    assert_int_equal(vmdk_remove(folder.store, "a.vmdk", folder.error), -EBUSY);
    disk_close(disk);
    disk = folder_attach("a.vmdk", true);
    assert_int_equal(try_attach("b.vmdk", true), 0);
    assert_int_equal(try_attach("b.vmdk", false), -EBUSY);
    disk_close(disk);
    assert_int_equal(try_attach("b.vmdk", false), 0);
}

/* A mapped disk that its descriptor calls thin: its store knows no holes, and keeps everything. */
static void test_rdm_discard(void **state)
{
    static const uint8_t id[16] = {0x60, 0, 0xC2, 0x90, 8};
    struct vmdk_create how = {.kind = VMDK_KIND_RDM, .device = "rdm/sdt/node"};
    struct disk *disk;

    (void)state;
    setenv("CORBEL_RDM", "rdm", 1);
    add_device("sdt", id, sizeof(id));
    assert_int_equal(vmdk_create(folder.store, "t.vmdk", &how, folder.error), 0);
    assert_true(shell("echo 'ddb.thinProvisioned = \"1\"' >>t.vmdk"));
    disk = folder_attach("t.vmdk", false);
    assert_int_not_equal(disk->discard_unit, 0);
    assert_int_equal(disk_discard(disk, 0, disk->size), 0);
    assert_int_equal(disk_close(disk), 0);
}

static int find(const uint8_t *id, uint8_t length, const char *model, char out[64])
{
    struct rdm_id wanted = {.length = length};

    memcpy(wanted.id, id, length);
    memcpy(wanted.model, model, strlen(model));
    return rdm_find(&wanted, out, 64);
}

static void test_rdm_identity(void **state)
{
    static const uint8_t id[22] = {0x60, 0,  0xC2, 0x90, 7,  8,   9,   10,  11,  12,  13,
                                   14,   15, 16,   17,   18, 'D', 'I', 'S', 'K', '0', '1'};
    static const char serial[] = "\0\x80\0\x04"
                                 "S123";
    char out[64];

    (void)state;
    setenv("CORBEL_RDM", "rdm", 1);
    add_device("sda", id, 8);
    folder_put("rdm/sda/device/vpd_pg80", serial, 8);
    assert_int_equal(find(id, 8, "", out), 0);
    assert_int_equal(find((const uint8_t *)"S123", 4, "", out), 0);
    /* A longer id is another disk's. */
    assert_int_equal(find(id, 16, "", out), -ENODEV);
    assert_int_equal(find((const uint8_t *)"S1234", 5, "", out), -ENODEV);
    add_device("sdb", id, 16);
    assert_int_equal(find(id, 16, "", out), 0);
    assert_string_equal(out, "rdm/sdb/node");
    assert_int_equal(find(id, 22, "DISK01 model", out), 0);
    assert_string_equal(out, "rdm/sdb/node");
    assert_int_equal(find(id, 22, "OTHER", out), -ENODEV);
    assert_true(
        shell("mkdir -p rdm/sdb/holders/dm-3 rdm/dm-3/dm && echo mpath-36 >rdm/dm-3/dm/uuid"));
    assert_int_equal(find(id, 16, "", out), 0);
    assert_string_equal(out, "rdm/dm-3/node");
    assert_true(shell("echo LVM-36 >rdm/dm-3/dm/uuid"));
    assert_int_equal(find(id, 16, "", out), 0);
    assert_string_equal(out, "rdm/sdb/node");
}

/* ---- snapshots and names ---- */

static void test_snapshot_in_use(void **state)
{
    static const enum vmdk_kind kinds[] = {VMDK_KIND_VMFS_THIN, VMDK_KIND_MONOLITHIC_SPARSE,
                                           VMDK_KIND_TWO_GB_FLAT};
    struct disk *disk;

    (void)state;
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        folder_make("base.vmdk", kinds[i], MIB, NULL);
        disk = folder_attach("base.vmdk", false);
        assert_int_equal(vmdk_snapshot(folder.store, "base.vmdk", "child.vmdk", folder.error),
                         -EBUSY);
        assert_false(exists("child.vmdk"));
        disk_close(disk);
        disk = folder_attach("base.vmdk", true);
        assert_int_equal(vmdk_snapshot(folder.store, "base.vmdk", "child.vmdk", folder.error), 0);
        disk_close(disk);
        assert_int_equal(try_attach("child.vmdk", false), 0);
        assert_int_equal(vmdk_remove(folder.store, "child.vmdk", folder.error), 0);
        assert_int_equal(vmdk_remove(folder.store, "base.vmdk", folder.error), 0);
    }
}

/* A rename that fails once, after so many that do not. */
static int (*real_rename)(struct store *, const char *, const char *);
static unsigned renames_left;

static int rename_some(struct store *where, const char *from, const char *to)
{
    if (renames_left == 0) {
        renames_left = 100;
        snprintf(where->error, sizeof(where->error), "%s: no luck", from);
        return -EIO;
    }
    renames_left--;
    return real_rename(where, from, to);
}

/* A renaming that cannot be done to its end leaves the disk as it was. */
static void test_rename_all_or_nothing(void **state)
{
    struct vmdk_create latin = {
        .kind = VMDK_KIND_VMFS_THIN, .size = MIB, .encoding = "windows-1252"};
    struct store_ops ops = *folder.store->ops;
    const struct store_ops *real = folder.store->ops;

    (void)state;
    real_rename = ops.rename;
    ops.rename = rename_some;
    renames_left = 100;
    assert_int_equal(vmdk_create(folder.store, "l.vmdk", &latin, folder.error), 0);
    assert_int_not_equal(vmdk_rename(folder.store, "l.vmdk", "\xE6\x97\xA5.vmdk", folder.error), 0);
    assert_int_equal(try_attach("l.vmdk", false), 0);
    folder_make("p.vmdk", VMDK_KIND_TWO_GB_SPARSE, 5000ull << 20, NULL);
    put_text("q-s002.vmdk", "another's");
    folder.store->ops = &ops;
    assert_int_equal(vmdk_rename(folder.store, "p.vmdk", "q.vmdk", folder.error), -EEXIST);
    folder.store->ops = real;
    assert_int_equal(renames_left, 100);
    assert_int_equal(try_attach("p.vmdk", false), 0);
    assert_false(exists("q-s001.vmdk"));
    /* An error that nothing foretold: the descriptor's folder is not there. */
    assert_int_equal(unlink("q-s002.vmdk"), 0);
    assert_int_equal(vmdk_rename(folder.store, "p.vmdk", "none/q.vmdk", folder.error), -ENOENT);
    assert_int_equal(try_attach("p.vmdk", false), 0);
    assert_int_equal(vmdk_rename(folder.store, "p.vmdk", "q.vmdk", folder.error), 0);
    assert_int_equal(try_attach("q.vmdk", false), 0);
    assert_false(exists("p-s003.vmdk"));
}

/* The store's rename fails: what came before it comes back. */
static void test_rename_undone(void **state)
{
    struct store_ops ops = *folder.store->ops;
    const struct store_ops *real = folder.store->ops;

    (void)state;
    folder_make("p.vmdk", VMDK_KIND_TWO_GB_SPARSE, 5000ull << 20, NULL);
    real_rename = ops.rename;
    ops.rename = rename_some;
    for (unsigned good = 0; good < 4; good++) {
        folder.store->ops = &ops;
        renames_left = good;
        assert_int_equal(vmdk_rename(folder.store, "p.vmdk", "q.vmdk", folder.error), -EIO);
        folder.store->ops = real;
        assert_non_null(strstr(folder.error, "no luck"));
        assert_int_equal(try_attach("p.vmdk", false), 0);
    }
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_enter, folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_read_only_part),
        IN_FOLDER(test_remove_shared),
        IN_FOLDER(test_embedded_without_access),
        IN_FOLDER(test_raw_claim),
        IN_FOLDER(test_raw_successor),
        IN_FOLDER(test_raw_mounted),
        IN_FOLDER(test_rdm_claim),
        IN_FOLDER(test_rdm_discard),
        IN_FOLDER(test_rdm_identity),
        IN_FOLDER(test_snapshot_in_use),
        IN_FOLDER(test_rename_all_or_nothing),
        IN_FOLDER(test_rename_undone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
