/* SPDX-License-Identifier: MIT */
/* Boot disks: partition tables, grub.cfg, and whole disks that mke2fs made (the fuzzers' seeds). */
#include "memory_disk.h"

#include "datastore/boot.h"
#include "datastore/partitions.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GIB  (1ull << 30)
#define SEED "tests/fuzz/corpus/datastore-"

/* ---- grub.cfg ---- */

static void test_grub_first(void **state)
{
    struct grub_entry entry;

    (void)state;
    assert_int_equal(grub_parse("menuentry 'a' {\n\tlinux\t/k root=/dev/sda1 ro\n initrd /i\n}\n"
                                "menuentry 'b' {\n linux /other\n}\n",
                                &entry),
                     0);
    assert_string_equal(entry.kernel, "/k");
    assert_string_equal(entry.args, "root=/dev/sda1 ro");
    assert_string_equal(entry.ramdisk, "/i");
}

static void test_grub_default(void **state)
{
    static const char text[] = "set default=\"${next_entry}\"\nset default=\"1\"\n"
                               "menuentry a {\nlinux /first\n}\n"
                               "submenu b {\nmenuentry c {\r\n linuxefi /second x\r\n}\n}\n";
    struct grub_entry entry;

    (void)state;
    assert_int_equal(grub_parse(text, &entry), 0);
    assert_string_equal(entry.kernel, "/second");
    assert_string_equal(entry.args, "x");
    assert_string_equal(entry.ramdisk, "");
}

/* A default that is not there is the first entry. */
static void test_grub_default_missing(void **state)
{
    struct grub_entry entry;

    (void)state;
    assert_int_equal(grub_parse("set default=\"7\"\nmenuentry a {\nlinux /k\n}\n", &entry), 0);
    assert_string_equal(entry.kernel, "/k");
}

static void test_grub_nothing(void **state)
{
    static const char *const texts[] = {"",
                                        "\n\n",
                                        "menuentry a {\n}\n",
                                        "linux /k\n",
                                        "menuentry a {\nchainloader +1\n}\n",
                                        "menuentry a {\nlinux\n}\n"};
    struct grub_entry entry;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_int_equal(grub_parse(texts[i], &entry), -1);
}

/* Paths and lines longer than any real one are cut or skipped, not run over. */
static void test_grub_long(void **state)
{
    struct grub_entry entry;
    char text[8192], word[3000];

    (void)state;
    memset(word, 'x', sizeof(word));
    word[sizeof(word) - 1] = '\0';
    snprintf(text, sizeof(text), "menuentry a {\nlinux /%.400s %.1500s\ninitrd /%s\n}\n", word,
             word, word);
    assert_int_equal(grub_parse(text, &entry), 0);
    assert_int_equal(strlen(entry.kernel), GRUB_PATH_MAX - 1);
    assert_int_equal(strlen(entry.args), GRUB_ARGS_MAX - 1);
    assert_string_equal(entry.ramdisk, "");
}

/* ---- files that tools made ---- */

static uint8_t *seed(const char *name, size_t *length)
{
    uint8_t *data = malloc(65536);
    char path[128];
    FILE *file;

    assert_non_null(data);
    snprintf(path, sizeof(path), SEED "%s", name);
    file = fopen(path, "rb");
    assert_non_null(file);
    *length = fread(data, 1, 65536, file);
    fclose(file);
    return data;
}

static unsigned read_table(const char *name, struct partition out[PARTITIONS_MAX])
{
    struct memory_disk memory;
    size_t length;
    uint8_t *data = seed(name, &length);
    unsigned n;

    memory_disk_init(&memory, data, length, GIB);
    n = partitions_read(&memory.disk, out);
    free(data);
    return n;
}

static void assert_partition(const struct partition *partition, unsigned number, uint64_t first,
                             uint64_t sectors)
{
    assert_int_equal(partition->number, number);
    assert_int_equal(partition->offset, first * 512);
    assert_int_equal(partition->length, sectors * 512);
}

/* What sfdisk was told in make-boot: a primary, an extended one with two logical, another primary.
 */
static void test_mbr(void **state)
{
    struct partition partitions[PARTITIONS_MAX];

    (void)state;
    assert_int_equal(read_table("partitions/mbr", partitions), 5);
    assert_partition(&partitions[0], 0, 0, GIB / 512);
    assert_partition(&partitions[1], 1, 1, 4);
    assert_partition(&partitions[2], 5, 10, 4);
    assert_partition(&partitions[3], 6, 16, 4);
    assert_partition(&partitions[4], 3, 40, GIB / 512 - 40);
}

static void test_gpt(void **state)
{
    struct partition partitions[PARTITIONS_MAX];

    (void)state;
    assert_int_equal(read_table("partitions/gpt", partitions), 3);
    assert_partition(&partitions[1], 1, 2048, 2048);
    assert_int_equal(partitions[2].number, 2);
    assert_int_equal(partitions[2].offset, 8192 * 512);
}

/* A chain of logical partitions that leads back to itself ends. */
static void test_mbr_loop(void **state)
{
    static const uint8_t primary[] = {[4] = 5, [8] = 1, [12] = 100};
    static const uint8_t logical[] = {[4] = 0x83, [8] = 2, [12] = 3, [20] = 5, [28] = 100};
    struct partition partitions[PARTITIONS_MAX];
    struct memory_disk memory;
    uint8_t data[1024] = {0};

    (void)state;
    memcpy(data + 446, primary, sizeof(primary));
    memcpy(data + 512 + 446, logical, sizeof(logical));
    data[512 + 446 + 24] = 0; /* the next table: the same one */
    data[510] = data[1022] = 0x55;
    data[511] = data[1023] = 0xAA;
    memory_disk_init(&memory, data, sizeof(data), GIB);
    assert_in_range(partitions_read(&memory.disk, partitions), 2, PARTITIONS_MAX);
    assert_partition(&partitions[1], 5, 3, 3);
}

static int boot_from(const char *name, bool contents, struct boot *boot, char error[BOOT_ERROR_MAX])
{
    struct memory_disk memory;
    size_t length;
    uint8_t *data = seed(name, &length);
    int rc;

    memory_disk_init(&memory, data, length, 256u << 10);
    rc = boot_read(&memory.disk, contents, boot, error);
    free(data);
    return rc;
}

/* The second entry's submenu is the default: links in the root lead nowhere for it, paths do. */
static void test_boot(void **state)
{
    static const struct {
        const char *name;
        unsigned partition;
        const char *args;
    } disks[] = {{"boot/ext2", 0, "root=UUID=12 console=ttyS0 console=hvc0"},
                 {"boot/ext4", 0, "root=UUID=12 console=ttyS0 console=hvc0"},
                 {"boot/mbr-ext4", 1, "root=UUID=12 console=ttyS0 console=hvc0"},
                 {"boot/no-grub", 0, "root=/dev/xvda ro console=hvc0"}};
    char error[BOOT_ERROR_MAX];
    struct boot boot;

    (void)state;
    for (size_t i = 0; i < sizeof(disks) / sizeof(disks[0]); i++) {
        assert_int_equal(boot_from(disks[i].name, true, &boot, error), 0);
        assert_string_equal(boot.entry.kernel, "/boot/vmlinuz-1");
        assert_string_equal(boot.entry.args, disks[i].args);
        assert_int_equal(boot.partition, disks[i].partition);
        assert_int_equal(boot.kernel_length, 1500);
        assert_memory_equal(boot.kernel, "1\n2\n3\n", 6);
        assert_int_equal(boot.ramdisk_length, 1500);
        boot_free(&boot);
    }
}

static void test_boot_nothing(void **state)
{
    char error[BOOT_ERROR_MAX];
    struct boot boot;

    (void)state;
    assert_int_equal(boot_from("partitions/mbr", false, &boot, error), -ENOENT);
    assert_non_null(strstr(error, "no ext2/3/4 file system"));
    boot_free(&boot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grub_first),
        cmocka_unit_test(test_grub_default),
        cmocka_unit_test(test_grub_default_missing),
        cmocka_unit_test(test_grub_nothing),
        cmocka_unit_test(test_grub_long),
        cmocka_unit_test(test_mbr),
        cmocka_unit_test(test_gpt),
        cmocka_unit_test(test_mbr_loop),
        cmocka_unit_test(test_boot),
        cmocka_unit_test(test_boot_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
