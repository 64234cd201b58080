/* SPDX-License-Identifier: MIT */
/* Which block devices have their disk's own sector numbers: folders as sysfs has them. */
#include "block/ats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[] = "/tmp/ats-XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void test_disk_and_partition(void **state)
{
    uint64_t start = 99;

    (void)state;
    assert_true(ats_read_start(folder, &start));
    assert_int_equal(start, 0);
    write_file("start", "2048\n");
    assert_true(ats_read_start(folder, &start));
    assert_int_equal(start, 2048);
    write_file("start", "none\n");
    assert_false(ats_read_start(folder, &start));
}

/* Device mapper's: only the paths to one whole disk have its numbers. */
static void test_mapped(void **state)
{
    static const char *const elsewhere[] = {"part1-mpath-3600140\n", "LVM-abc\n", "\n",
                                            "CRYPT-LUKS2-abc\n"};
    char path[64];
    uint64_t start;

    (void)state;
    snprintf(path, sizeof(path), "%s/start", folder);
    unlink(path);
    snprintf(path, sizeof(path), "%s/dm", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        write_file("dm/uuid", elsewhere[i]);
        assert_false(ats_read_start(folder, &start));
    }
    write_file("dm/uuid", "mpath-36001405\n");
    assert_true(ats_read_start(folder, &start));
    assert_int_equal(start, 0);
}

static int clean(void **state)
{
    static const char *const names[] = {"start", "dm/uuid", "dm", ""};
    char path[64];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        remove(path);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disk_and_partition),
        cmocka_unit_test(test_mapped),
    };

    if (mkdtemp(folder) == NULL)
        return 1;
    return cmocka_run_group_tests(tests, NULL, clean);
}
