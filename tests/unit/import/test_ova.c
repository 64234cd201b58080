/* SPDX-License-Identifier: MIT */
/* OVA files: what is a package's table of contents, and what is refused. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <setjmp.h>
#include <cmocka.h>

#include "import/ova.h"

static char archive[16 * 512];
static size_t used;

/* Where the fields of a header lie (POSIX.1-1988 ustar). */
enum { SIZE_AT = 124, CHECKSUM_AT = 148, TYPE_AT = 156, MAGIC_AT = 257, PREFIX_AT = 345 };

static void seal(char *header)
{
    unsigned int sum = 0;

    memset(header + CHECKSUM_AT, ' ', 8);
    for (size_t i = 0; i < 512; i++)
        sum += (unsigned char)header[i];
    snprintf(header + CHECKSUM_AT, 8, "%06o", sum);
}

static char *add(const char *name, char type, const char *data)
{
    char *header = archive + used;

    memset(header, 0, 1024);
    memcpy(header, name, strlen(name));
    snprintf(header + SIZE_AT, 12, "%011o", (unsigned int)strlen(data) % 512);
    header[TYPE_AT] = type;
    memcpy(header + MAGIC_AT, "ustar\00000", 8);
    seal(header);
    used += 512;
    memcpy(archive + used, data, strlen(data));
    used += *data ? 512 : 0;
    return header;
}

static struct ova ova;
static char error[OVA_ERROR_MAX];

/* Reads what was added so far, and its end. */
static int read_archive(void)
{
    int fd = memfd_create("ova", MFD_CLOEXEC), rc;

    memset(archive + used, 0, 1024);
    assert_int_equal(write(fd, archive, used + 1024), (ssize_t)used + 1024);
    rc = ova_read(&ova, fd, error);
    close(fd);
    used = 0;
    return rc;
}

static void expect_refusal(const char *words)
{
    assert_int_equal(read_archive(), -1);
    if (!strstr(error, words))
        fail_msg("\"%s\" is not in: %s", words, error);
    ova_free(&ova);
}

static void files_lie_where_the_headers_say(void **state)
{
    char *header;

    (void)state;
    add("folder/", '5', "");
    add("./folder//a.ovf", '0', "one");
    header = add("b.vmdk", '\0', "three");
    memcpy(header + PREFIX_AT, "before", 6);
    seal(header);
    assert_int_equal(read_archive(), 0);
    assert_int_equal(ova.n_members, 2);
    assert_string_equal(ova.members[0].name, "folder/a.ovf");
    assert_int_equal(ova.members[0].offset, 1024);
    assert_int_equal(ova.members[0].length, 3);
    assert_string_equal(ova.members[1].name, "before/b.vmdk");
    assert_int_equal(ova.members[1].offset, 2048);
    assert_int_equal(ova.members[1].length, 5);
    ova_free(&ova);
}

static void headers_before_an_entry_count_for_that_alone(void **state)
{
    char *header;

    (void)state;
    add("pax", 'x', "filled in below");
    snprintf(archive + 512, 64, "18 path=long/name\n9 size=4\n");
    snprintf(archive + SIZE_AT, 12, "%011o", 27);
    seal(archive);
    header = add("short", '0', "data");
    snprintf(header + SIZE_AT, 12, "%011o", 0);
    seal(header);
    add("ignored", 'g', "18 path=wrong-one\n");
    add("gnu", 'L', "another/name");
    add("short", '0', "");
    add("own", '0', "");
    assert_int_equal(read_archive(), 0);
    assert_int_equal(ova.n_members, 3);
    assert_string_equal(ova.members[0].name, "long/name");
    assert_int_equal(ova.members[0].length, 4);
    assert_string_equal(ova.members[1].name, "another/name");
    assert_string_equal(ova.members[2].name, "own");
    ova_free(&ova);
}

static void lengths_beyond_octal_are_read(void **state)
{
    char *header = add("big", '0', "");

    (void)state;
    memset(header + SIZE_AT, 0, 12);
    header[SIZE_AT] = (char)0x80;
    header[SIZE_AT + 10] = 4; /* 1024 bytes: just what follows */
    seal(header);
    assert_int_equal(read_archive(), 0);
    assert_int_equal(ova.members[0].length, 1024);
    ova_free(&ova);
}

static void only_plain_files_within_are_taken(void **state)
{
    static const struct {
        char type;
        const char *name, *words;
    } bad[] = {{'1', "x", "hard link"},
               {'2', "x", "symbolic link"},
               {'3', "x", "device"},
               {'4', "x", "device"},
               {'6', "x", "FIFO"},
               {'S', "x", "of a kind"},
               {'0', "/x", "absolute"},
               {'0', "../x", "leads out"},
               {'5', "a/..", "leads out"},
               {'0', "./", "without"},
               {'0', "good", "\"good\" is in it twice"}};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        add("good", '0', "data");
        add(bad[i].name, bad[i].type, "");
        expect_refusal(bad[i].words);
    }
}

static void damage_is_refused(void **state)
{
    static const char *const records[] = {"99 path=x\n", "0 path=x\n",    "9 pathx\n\n",
                                          "path=x\n",    "10 path=xyz\n", "9 size=x\n"};
    char *header;

    (void)state;
    add("x", '0', "data")[3] = 'y';
    expect_refusal("damaged at byte 0");
    header = add("x", '0', "");
    snprintf(header + SIZE_AT, 12, "%011o", 1025);
    seal(header);
    expect_refusal("in the middle of \"x\"");
    header = add("x", '0', "");
    memset(header + SIZE_AT, 0xff, 12);
    seal(header);
    expect_refusal("no number");
    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        add("pax", 'x', records[i]);
        add("x", '0', "");
        expect_refusal("pax header");
    }
    add("folder", '5', "");
    expect_refusal("no file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_lie_where_the_headers_say),
        cmocka_unit_test(headers_before_an_entry_count_for_that_alone),
        cmocka_unit_test(lengths_beyond_octal_are_read),
        cmocka_unit_test(only_plain_files_within_are_taken),
        cmocka_unit_test(damage_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
