/* SPDX-License-Identifier: MIT */
/* VMDK: what a repair may take for granted after a killed writer, and beside damage it cannot mend.
 */
#include "block/vmdk/kdmv.h"
#include "block/vmdk/sesparse.h"
#include "disk_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define MIB (1u << 20)

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
    folder_make("k.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, MIB, NULL);
    disk = folder_attach("k.vmdk", false);
    memset(folder.buffer, 0x77, sizeof(folder.buffer));
    assert_int_equal(disk_write(disk, 0, folder.buffer, sizeof(folder.buffer)), 0);
    disk_close(disk);
    folder_peek("k.vmdk", 0, &header, sizeof(header));
    assert_int_equal(header.unclean, 0);
    header.unclean = 1;
    folder_patch("k.vmdk", 0, &header, sizeof(header));
    folder_peek("k.vmdk", header.directory * 512, &table, sizeof(table));
    folder_patch("k.vmdk", table * 512ull, &none, sizeof(none));
    disk = folder_attach("k.vmdk", false);
    assert_int_equal(disk_write(disk, 512 * 1024, folder.buffer, sizeof(folder.buffer)), 0);
    disk_close(disk);
    folder_peek("k.vmdk", 0, &header, sizeof(header));
    assert_int_equal(header.unclean, 1);
    assert_int_equal(vmdk_check(folder.store, "k.vmdk", &check, folder.error), 0);
    assert_int_equal(check.findings, check.repaired);
    folder_peek("k.vmdk", 0, &header, sizeof(header));
    assert_int_equal(header.unclean, 0);
    assert_int_equal(vmdk_check(folder.store, "k.vmdk", &check, folder.error), 0);
    assert_int_equal(check.findings, 0);
    disk = folder_attach("k.vmdk", true);
    assert_int_equal(disk_read(disk, 0, folder.buffer, sizeof(folder.buffer)), 0);
    assert_int_equal(folder.buffer[0], 0);
    assert_int_equal(disk_read(disk, 512 * 1024, folder.buffer, sizeof(folder.buffer)), 0);
    assert_int_equal(folder.buffer[0], 0x77);
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
    folder_make("k.vmdk", VMDK_KIND_MONOLITHIC_SPARSE, MIB, NULL);
    disk = folder_attach("k.vmdk", false);
    memset(folder.buffer, 0x77, sizeof(folder.buffer));
    assert_int_equal(disk_write(disk, 0, folder.buffer, sizeof(folder.buffer)), 0);
    disk_close(disk);
    folder_peek("k.vmdk", 0, &header, sizeof(header));
    header.unclean = 1;
    folder_patch("k.vmdk", 0, &header, sizeof(header));
    folder_patch("k.vmdk", header.directory * 512, &none, sizeof(none));
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(vmdk_check(folder.store, "k.vmdk", &check, folder.error), 0);
        assert_int_equal(check.findings, check.repaired);
        disk = folder_attach("k.vmdk", true);
        assert_int_equal(disk_read(disk, 0, folder.buffer, sizeof(folder.buffer)), 0);
        assert_int_equal(folder.buffer[0], 0);
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
    folder_make("base.vmdk", VMDK_KIND_VMFS_THIN, MIB, NULL);
    folder_make("s.vmdk", VMDK_KIND_SE_SPARSE, 0, "base.vmdk");
    disk = folder_attach("s.vmdk", false);
    memset(folder.buffer, 0x77, sizeof(folder.buffer));
    assert_int_equal(disk_write(disk, 0, folder.buffer, sizeof(folder.buffer)), 0);
    disk_close(disk);
    folder_peek("s-sesparse.vmdk", 0, &header, sizeof(header));
    folder_peek("s-sesparse.vmdk", se_at(&header.directory), &entry, sizeof(entry));
    folder_peek("s-sesparse.vmdk", se_at(&header.bitmap), &before, sizeof(before));
    assert_int_not_equal(before, 0);
    folder_patch("s-sesparse.vmdk", se_at(&header.directory), &broken, sizeof(broken));
    assert_int_equal(vmdk_check(folder.store, "s.vmdk", &check, folder.error), 0);
    assert_true(check.findings > check.repaired);
    folder_peek("s-sesparse.vmdk", se_at(&header.bitmap), &after, sizeof(after));
    assert_true(before == after);
    /* With the table back there is nothing to find. */
    folder_patch("s-sesparse.vmdk", se_at(&header.directory), &entry, sizeof(entry));
    assert_int_equal(vmdk_check(folder.store, "s.vmdk", &check, folder.error), 0);
    assert_int_equal(check.findings, 0);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_enter, folder_leave)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_unclean_stays),
        IN_FOLDER(test_unclean_table),
        IN_FOLDER(test_sesparse_keeps_unread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
