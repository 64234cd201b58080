/* SPDX-License-Identifier: MIT */
/* Changing names on a device of which one transfer fails: no name dangles, no file has two. */
#include "volume_fixture.h"

#include "block/vmfs/internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define MIB (1ull << 20)

static unsigned version; /* of the volumes the tests make */

/* Two directories, "dir" with a file and a directory in it. */
static struct memory_bdev *make(void)
{
    struct memory_bdev *memory = memory_bdev_new(290 * MIB);
    const struct vmfs_mkfs options = {.label = "names", .version = version};
    char error[VMFS_ERROR_MAX] = "";
    struct vmfs_volume *volume;
    struct vmfs_file *file;

    if (vmfs_mkfs(&memory->dev, &options, error) != 0)
        fail_msg("mkfs: %s", error);
    volume = fixture_open(memory, VMFS_OPEN_WRITE);
    assert_int_equal(vmfs_mkdir(volume, "dir"), 0);
    assert_int_equal(vmfs_mkdir(volume, "dir2"), 0);
    assert_int_equal(vmfs_mkdir(volume, "dir/sub"), 0);
    assert_int_equal(vmfs_file_create(volume, "dir/keep", 5000, VMFS_THIN, NULL, NULL, &file), 0);
    vmfs_file_close(file);
    vmfs_close(volume);
    return memory;
}

static int create(struct vmfs_volume *volume)
{
    struct vmfs_file *file;
    int rc = vmfs_file_create(volume, "dir/new", 5000, VMFS_THIN, NULL, NULL, &file);

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

static int rename_here(struct vmfs_volume *volume)
{
    return vmfs_rename(volume, "dir/keep", "dir/new");
}

static int rename_elsewhere(struct vmfs_volume *volume)
{
    return vmfs_rename(volume, "dir/keep", "dir2/new");
}

static int rename_directory(struct vmfs_volume *volume)
{
    return vmfs_rename(volume, "dir/sub", "dir2/sub");
}

static int count_one(void *context, const char *name, const struct vmfs_stat *stat)
{
    (void)name;
    (void)stat;
    ++*(unsigned *)context;
    return 0;
}

/* What a failed change may leave: lost room, which no name leads to, and a link too many. */
static void judge(void *context, const char *finding)
{
    if (strstr(finding, "no file owns") == NULL &&
        strstr(finding, "marked used and is empty") == NULL &&
        strstr(finding, "has no name") == NULL && strstr(finding, " links, has ") == NULL)
        fail_msg("%s: %s", (const char *)context, finding);
}

/* Every name still leads to its file, and the change can be made now, or was made. */
static void check_after(struct vmfs_volume *volume, int (*change)(struct vmfs_volume *volume),
                        const char *what)
{
    struct vmfs_check check = {.report = judge, .context = (void *)what};
    unsigned count = 0;
    int rc;

    assert_int_equal(vmfs_list(volume, "dir", count_one, &count), 0);
    rc = change(volume);
    if (rc != 0 && rc != -EEXIST && rc != -ENOENT)
        fail_msg("%s: again %d: %s", what, rc, vmfs_error(volume));
    count = 0;
    assert_int_equal(vmfs_list(volume, "dir", count_one, &count), 0);
    assert_int_equal(vmfs_list(volume, "dir2", count_one, &count), 0);
    assert_in_range(count, 2, 3);
    assert_int_equal(vmfs_check(volume, &check), 0);
}

/* Each transfer of the change fails, then none does. */
static void fail_each(int (*change)(struct vmfs_volume *volume), const char *what)
{
    struct memory_bdev *memory = make();
    unsigned failures = 0;
    int rc, n = 0;

    memory->fail_once = true;
    do {
        struct vmfs_volume *volume;
        char where[64];

        memory_bdev_mark(memory);
        volume = fixture_open(memory, VMFS_OPEN_WRITE);
        memory->fail_after = n;
        rc = change(volume);
        failures += memory->fail_after < 0;
        if (memory->fail_after >= 0)
            n = -1;
        memory->fail_after = -1;
        snprintf(where, sizeof(where), "%s, transfer %d", what, n);
        check_after(volume, change, where);
        vmfs_close(volume);
        memory_bdev_rollback(memory);
    } while (n++ >= 0);
    assert_int_equal(rc, 0);
    assert_true(failures > 10);
    memory_bdev_free(memory);
}

static void test_one_fails(void **state)
{
    (void)state;
    fail_each(create, "create");
    fail_each(make_directory, "mkdir");
    fail_each(make_link, "symlink");
    fail_each(rename_here, "rename");
    fail_each(rename_elsewhere, "rename to elsewhere");
    fail_each(rename_directory, "rename a directory");
}

/* All transfers after one fail, too: what is left is whole, and losing a name loses no file. */
static void test_all_fail(void **state)
{
    struct memory_bdev *memory = make();
    bool twice = false;

    (void)state;
    for (int n = 0, left = 0; left >= 0; n++) {
        struct vmfs_volume *volume;
        struct vmfs_check repair = {.repair = true};
        struct vmfs_stat stat;

        memory_bdev_mark(memory);
        volume = fixture_open(memory, VMFS_OPEN_WRITE);
        memory->fail_after = n;
        rename_elsewhere(volume);
        left = memory->fail_after > 0 ? -1 : 0;
        memory->fail_after = -1;
        vmfs_close(volume);
        volume = fixture_open(memory, VMFS_OPEN_WRITE);
        if (vmfs_stat(volume, "dir/keep", &stat) == 0 &&
            vmfs_stat(volume, "dir2/new", &stat) == 0) {
            twice = true;
            assert_int_equal(vmfs_remove(volume, "dir/keep"), 0);
            assert_int_equal(vmfs_stat(volume, "dir2/new", &stat), 0);
        }
        assert_int_equal(vmfs_check(volume, &repair), 0);
        assert_int_equal(repair.findings, repair.repaired);
        assert_true(vmfs_stat(volume, "dir/keep", &stat) == 0 ||
                    vmfs_stat(volume, "dir2/new", &stat) == 0);
        vmfs_close(volume);
        memory_bdev_rollback(memory);
    }
    assert_true(twice);
    memory_bdev_free(memory);
}

/* A name that leads nowhere hides no others, and the checker drops it. */
static void test_dangling(void **state)
{
    struct memory_bdev *memory = make();
    struct vmfs_volume *volume = fixture_open(memory, VMFS_OPEN_WRITE);
    struct vmfs_check repair = {.repair = true};
    struct vmfs_inode inode;
    unsigned count = 0;

    (void)state;
    assert_int_equal(path_resolve(volume, "dir/keep", &inode), 0);
    assert_int_equal(inode_destroy(volume, &inode), 0);
    assert_int_equal(vmfs_list(volume, "dir", count_one, &count), 0);
    assert_int_equal(count, 1);
    /* Its descriptor becomes another file's. */
    assert_int_equal(create(volume), 0);
    count = 0;
    assert_int_equal(vmfs_list(volume, "dir", count_one, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(vmfs_check(volume, &repair), 0);
    assert_int_equal(repair.findings, 1);
    assert_int_equal(repair.repaired, 1);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_fails),
        cmocka_unit_test(test_all_fail),
        cmocka_unit_test(test_dangling),
    };
    int failed = 0;

    for (version = 5; version <= 6; version++)
        failed += cmocka_run_group_tests(tests, NULL, NULL);
    return failed;
}
