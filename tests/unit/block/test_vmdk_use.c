/* SPDX-License-Identifier: MIT */
/*
 * VMDK: what the users of a disk may do to it and to each other: parts that are not theirs to
 * write, one writer of one device, snapshots of what is in use, renaming, and what a repair may
 * take for granted.
 */
#include "block/disk.h"
#include "block/engine.h"
#include "block/vmdk/kdmv.h"
#include "block/vmdk/rdm.h"
#include "block/vmdk/sesparse.h"
#include "block/vmdk/vmdk.h"

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

static char directory[] = "/tmp/corbel-vmdk-use-XXXXXX", start[256];
static struct store *store;
static char error[DISK_ERROR_MAX];
static uint8_t buffer[65536];

/* Every test works in an empty folder. */
static int enter(void **state)
{
    (void)state;
    strcpy(directory + sizeof(directory) - 7, "XXXXXX");
    return mkdtemp(directory) != NULL && getcwd(start, sizeof(start)) != NULL &&
                   chdir(directory) == 0
               ? store_open_host(&store, error)
               : -1;
}

static int leave(void **state)
{
    char command[100];

    (void)state;
    store_close(store);
    unsetenv("CORBEL_RDM");
    snprintf(command, sizeof(command), "rm -r %s", directory);
    return chdir(start) != 0 || system(command) != 0;
}

static void put(const char *name, const void *bytes, size_t length)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    close(fd);
}

static void put_text(const char *name, const char *text)
{
    put(name, text, strlen(text));
}

static void patch(const char *name, uint64_t at, const void *bytes, size_t length)
{
    int fd = open(name, O_WRONLY);

    assert_int_equal(pwrite(fd, bytes, length, (off_t)at), length);
    close(fd);
}

static void peek(const char *name, uint64_t at, void *bytes, size_t length)
{
    int fd = open(name, O_RDONLY);

    assert_int_equal(pread(fd, bytes, length, (off_t)at), length);
    close(fd);
}

static void make(const char *path, enum vmdk_kind kind, uint64_t size, const char *parent)
{
    struct vmdk_create how = {.kind = kind, .size = size, .parent = parent};

    if (vmdk_create(store, path, &how, error) != 0)
        fail_msg("%s", error);
}

static struct disk *attach(const char *path, bool read_only)
{
    struct disk *disk;

    if (vmdk_open_in(store, path, read_only, &disk, error) != 0)
        fail_msg("%s", error);
    return disk;
}

static int try_attach(const char *path, bool read_only)
{
    struct disk *disk;
    int rc = vmdk_open_in(store, path, read_only, &disk, error);

    if (rc == 0)
        disk_close(disk);
    return rc;
}

static uint32_t cid_of(const char *path)
{
    struct vmdk_info info;

    assert_int_equal(vmdk_get_info(store, path, &info, error), 0);
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
    memset(buffer, 0x47, sizeof(buffer));
    put("gold-flat.vmdk", buffer, sizeof(buffer));
    put("clone-flat.vmdk", buffer, sizeof(buffer));
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
    struct engine_io io = {
        .op = op, .offset = offset, .length = 4096, .buffer = buffer, .done = note, .context = &rc};

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
    disk = attach("clone.vmdk", false);
    assert_int_equal(engine_open(disk, &engine), 0);
    assert_int_equal(engine_run(engine, ENGINE_READ, 65536), 0);
    memset(buffer, 0x66, sizeof(buffer));
    assert_int_equal(engine_run(engine, ENGINE_WRITE, 65536), -EROFS);
    assert_int_equal(engine_run(engine, ENGINE_FLUSH, 65536), -EROFS);
    assert_int_equal(disk_write(disk, 65536, buffer, 512), -EROFS);
    assert_int_equal(disk_map(disk, 65536, 512, DISK_TO_WRITE, &extent, &read_needed), -EROFS);
    peek("gold-flat.vmdk", 0, buffer, 512);
    assert_int_equal(buffer[0], 0x47);
    /* Nothing was written: children of the disk still match it. */
    assert_int_equal(engine_run(engine, ENGINE_READ, 0), 0);
    assert_int_equal(cid_of("clone.vmdk"), 0x12345678);
    assert_int_equal(engine_run(engine, ENGINE_WRITE, 0), 0);
    assert_int_not_equal(cid_of("clone.vmdk"), 0x12345678);
    engine_close(engine);
    disk_close(disk);
    disk = attach("clone.vmdk", true);
    assert_int_equal(disk_map(disk, 0, 512, DISK_TO_WRITE, &extent, &read_needed), -EROFS);
    disk_close(disk);
}

static void test_remove_shared(void **state)
{
    (void)state;
    make_clone();
    assert_int_equal(vmdk_rename(store, "clone.vmdk", "other.vmdk", error), 0);
    assert_true(exists("other-flat.vmdk") && exists("gold-flat.vmdk"));
    mkdir("away", 0700);
    assert_int_equal(vmdk_rename(store, "other.vmdk", "away/other.vmdk", error), -EINVAL);
    assert_int_equal(vmdk_remove(store, "other.vmdk", error), 0);
    assert_false(exists("other.vmdk") || exists("other-flat.vmdk"));
    assert_true(exists("gold-flat.vmdk"));
}

/* A file cannot both hold the descriptor and be out of bounds. */
static void test_embedded_without_access(void **state)
{
    char text[2048], *row;

    (void)state;
    make("d.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, MIB, NULL);
    peek("d.vmdk", 512, text, sizeof(text));
    row = strstr(text, "RW ");
    assert_non_null(row);
    memmove(row + 6, row, sizeof(text) - (size_t)(row - text) - 6);
    memcpy(row, "NOACCESS", 8);
    patch("d.vmdk", 512, text, sizeof(text));
    assert_int_equal(try_attach("d.vmdk", false), -EINVAL);
    assert_int_equal(try_attach("d.vmdk", true), -EINVAL);
    assert_non_null(strstr(error, "NOACCESS"));
}

/* ---- one writer ---- */

static void test_raw_claim(void **state)
{
    struct disk *disk, *second;

    (void)state;
    put("raw.img", buffer, sizeof(buffer));
    assert_int_equal(disk_open_raw("raw.img", false, &disk, error), 0);
    assert_int_equal(disk_open_raw("raw.img", false, &second, error), -EBUSY);
    assert_non_null(strstr(error, "in use by another guest or program"));
    assert_int_equal(disk_open_raw("raw.img", true, &second, error), -EBUSY);
    disk_close(disk);
    assert_int_equal(disk_open_raw("raw.img", true, &disk, error), 0);
    assert_int_equal(disk_open_raw("raw.img", true, &second, error), 0);
    disk_close(second);
    assert_int_equal(disk_open_raw("raw.img", false, &second, error), -EBUSY);
    disk_close(disk);
}

/* The successor of a killed backend has the disk as soon as that is gone, and not before. */
static void test_raw_successor(void **state)
{
    struct disk *disk;
    int pipes[2], status;
    pid_t child;

    (void)state;
    put("raw.img", buffer, sizeof(buffer));
    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        alarm(20);
        if (disk_open_raw("raw.img", false, &disk, error) == 0 && write(pipes[1], "", 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(pipes[0], &status, 1), 1);
    assert_int_equal(disk_open_wait("raw", "raw.img", false, 60, &disk, error), -EBUSY);
    kill(child, SIGKILL);
    assert_int_equal(disk_open_wait("raw", "raw.img", false, 5000, &disk, error), 0);
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
    put(path, page, size + 8u);
    snprintf(path, sizeof(path), "rdm/%s/node", name);
    put(path, buffer, sizeof(buffer));
}

static void test_rdm_claim(void **state)
{
    static const uint8_t id[16] = {0x60, 0, 0xC2, 0x90, 7};
    struct vmdk_create how = {.kind = VMDK_KIND_RDM, .device = "rdm/sda/node"};
    struct disk *disk;

    (void)state;
    setenv("CORBEL_RDM", "rdm", 1);
    add_device("sda", id, sizeof(id));
    assert_int_equal(vmdk_create(store, "a.vmdk", &how, error), 0);
    assert_int_equal(vmdk_create(store, "b.vmdk", &how, error), 0);
    disk = attach("a.vmdk", false);
    assert_int_equal(try_attach("a.vmdk", false), -EBUSY);
    assert_int_equal(try_attach("b.vmdk", true), -EBUSY);
    assert_non_null(strstr(error, "rdm/sda/node"));
    assert_non_null(strstr(error, "in use by another guest or program"));
    assert_int_equal(vmdk_remove(store, "a.vmdk", error), -EBUSY);
    disk_close(disk);
    disk = attach("a.vmdk", true);
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
    assert_int_equal(vmdk_create(store, "t.vmdk", &how, error), 0);
    assert_true(shell("echo 'ddb.thinProvisioned = \"1\"' >>t.vmdk"));
    disk = attach("t.vmdk", false);
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
    put("rdm/sda/device/vpd_pg80", serial, 8);
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
        make("base.vmdk", kinds[i], MIB, NULL);
        disk = attach("base.vmdk", false);
        assert_int_equal(vmdk_snapshot(store, "base.vmdk", "child.vmdk", error), -EBUSY);
        assert_false(exists("child.vmdk"));
        disk_close(disk);
        disk = attach("base.vmdk", true);
        assert_int_equal(vmdk_snapshot(store, "base.vmdk", "child.vmdk", error), 0);
        disk_close(disk);
        assert_int_equal(try_attach("child.vmdk", false), 0);
        assert_int_equal(vmdk_remove(store, "child.vmdk", error), 0);
        assert_int_equal(vmdk_remove(store, "base.vmdk", error), 0);
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
    struct store_ops ops = *store->ops;
    const struct store_ops *real = store->ops;

    (void)state;
    real_rename = ops.rename;
    ops.rename = rename_some;
    renames_left = 100;
    assert_int_equal(vmdk_create(store, "l.vmdk", &latin, error), 0);
    assert_int_not_equal(vmdk_rename(store, "l.vmdk", "\xE6\x97\xA5.vmdk", error), 0);
    assert_int_equal(try_attach("l.vmdk", false), 0);
    make("p.vmdk", VMDK_KIND_TWO_GB_SPARSE, 5000ull << 20, NULL);
    put_text("q-s002.vmdk", "another's");
    store->ops = &ops;
    assert_int_equal(vmdk_rename(store, "p.vmdk", "q.vmdk", error), -EEXIST);
    store->ops = real;
    assert_int_equal(renames_left, 100);
    assert_int_equal(try_attach("p.vmdk", false), 0);
    assert_false(exists("q-s001.vmdk"));
    /* An error that nothing foretold: the descriptor's folder is not there. */
    assert_int_equal(unlink("q-s002.vmdk"), 0);
    assert_int_equal(vmdk_rename(store, "p.vmdk", "none/q.vmdk", error), -ENOENT);
    assert_int_equal(try_attach("p.vmdk", false), 0);
    assert_int_equal(vmdk_rename(store, "p.vmdk", "q.vmdk", error), 0);
    assert_int_equal(try_attach("q.vmdk", false), 0);
    assert_false(exists("p-s003.vmdk"));
}

/* The store's rename fails: what came before it comes back. */
static void test_rename_undone(void **state)
{
    struct store_ops ops = *store->ops;
    const struct store_ops *real = store->ops;

    (void)state;
    make("p.vmdk", VMDK_KIND_TWO_GB_SPARSE, 5000ull << 20, NULL);
    real_rename = ops.rename;
    ops.rename = rename_some;
    for (unsigned good = 0; good < 4; good++) {
        store->ops = &ops;
        renames_left = good;
        assert_int_equal(vmdk_rename(store, "p.vmdk", "q.vmdk", error), -EIO);
        store->ops = real;
        assert_non_null(strstr(error, "no luck"));
        assert_int_equal(try_attach("p.vmdk", false), 0);
    }
}

/* ---- what a repair may take for granted ---- */

/*
 * A killed writer left a grain in the redundant table alone: guests have read it as absent since. A
 * later writer that leaves in order must not hide that from the checker.
 */
static void test_unclean_stays(void **state)
{
    struct vmdk_check check = {.repair = true};
    struct kdmv_header header;
    uint32_t table, none = 0;
    struct disk *disk;

    (void)state;
    make("k.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, MIB, NULL);
    disk = attach("k.vmdk", false);
    memset(buffer, 0x77, sizeof(buffer));
    assert_int_equal(disk_write(disk, 0, buffer, sizeof(buffer)), 0);
    disk_close(disk);
    peek("k.vmdk", 0, &header, sizeof(header));
    assert_int_equal(header.unclean, 0);
    header.unclean = 1;
    patch("k.vmdk", 0, &header, sizeof(header));
    peek("k.vmdk", header.directory * 512, &table, sizeof(table));
    patch("k.vmdk", table * 512ull, &none, sizeof(none));
    disk = attach("k.vmdk", false);
    assert_int_equal(disk_write(disk, 512 * 1024, buffer, sizeof(buffer)), 0);
    disk_close(disk);
    peek("k.vmdk", 0, &header, sizeof(header));
    assert_int_equal(header.unclean, 1);
    assert_int_equal(vmdk_check(store, "k.vmdk", &check, error), 0);
    assert_int_equal(check.findings, check.repaired);
    peek("k.vmdk", 0, &header, sizeof(header));
    assert_int_equal(header.unclean, 0);
    assert_int_equal(vmdk_check(store, "k.vmdk", &check, error), 0);
    assert_int_equal(check.findings, 0);
    disk = attach("k.vmdk", true);
    assert_int_equal(disk_read(disk, 0, buffer, sizeof(buffer)), 0);
    assert_int_equal(buffer[0], 0);
    assert_int_equal(disk_read(disk, 512 * 1024, buffer, sizeof(buffer)), 0);
    assert_int_equal(buffer[0], 0x77);
    disk_close(disk);
}

/* The same for a whole table that the primary directory does not know. */
static void test_unclean_table(void **state)
{
    struct vmdk_check check = {.repair = true};
    struct kdmv_header header;
    struct disk *disk;
    uint32_t none = 0;

    (void)state;
    make("k.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, MIB, NULL);
    disk = attach("k.vmdk", false);
    memset(buffer, 0x77, sizeof(buffer));
    assert_int_equal(disk_write(disk, 0, buffer, sizeof(buffer)), 0);
    disk_close(disk);
    peek("k.vmdk", 0, &header, sizeof(header));
    header.unclean = 1;
    patch("k.vmdk", 0, &header, sizeof(header));
    patch("k.vmdk", header.directory * 512, &none, sizeof(none));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(vmdk_check(store, "k.vmdk", &check, error), 0);
        assert_int_equal(check.findings, check.repaired);
        disk = attach("k.vmdk", true);
        assert_int_equal(disk_read(disk, 0, buffer, sizeof(buffer)), 0);
        assert_int_equal(buffer[0], 0);
        disk_close(disk);
    }
    assert_int_equal(check.findings, 0);
}

/* Grains of a table that cannot be read are not free. */
static void test_sesparse_keeps_unread(void **state)
{
    struct vmdk_check check = {.repair = true};
    uint64_t entry, broken = UINT64_MAX, before, after;
    struct se_header header;
    struct disk *disk;

    (void)state;
    make("base.vmdk", VMDK_KIND_VMFS_THIN, MIB, NULL);
    make("s.vmdk", VMDK_KIND_SE_SPARSE, 0, "base.vmdk");
    disk = attach("s.vmdk", false);
    memset(buffer, 0x77, sizeof(buffer));
    assert_int_equal(disk_write(disk, 0, buffer, sizeof(buffer)), 0);
    disk_close(disk);
    peek("s-sesparse.vmdk", 0, &header, sizeof(header));
    peek("s-sesparse.vmdk", se_at(&header.directory), &entry, sizeof(entry));
    peek("s-sesparse.vmdk", se_at(&header.bitmap), &before, sizeof(before));
    assert_int_not_equal(before, 0);
    patch("s-sesparse.vmdk", se_at(&header.directory), &broken, sizeof(broken));
    assert_int_equal(vmdk_check(store, "s.vmdk", &check, error), 0);
    assert_true(check.findings > check.repaired);
    peek("s-sesparse.vmdk", se_at(&header.bitmap), &after, sizeof(after));
    assert_true(before == after);
    /* With the table back there is nothing to find. */
    patch("s-sesparse.vmdk", se_at(&header.directory), &entry, sizeof(entry));
    assert_int_equal(vmdk_check(store, "s.vmdk", &check, error), 0);
    assert_int_equal(check.findings, 0);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter, leave)

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
        IN_FOLDER(test_unclean_stays),
        IN_FOLDER(test_unclean_table),
        IN_FOLDER(test_sesparse_keeps_unread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
