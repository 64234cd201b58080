/* SPDX-License-Identifier: MIT */
/* VMDK: descriptors written and parsed, and every way of being wrong; qemu-img's disks read. */
#include "block/disk.h"
#include "block/vmdk/descriptor.h"
#include "block/vmdk/encoding.h"
#include "block/vmdk/link.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const char good[] = "# Disk DescriptorFile\r\n"
                           "version=1\r\n"
                           "encoding=\"windows-1252\"\r\n"
                           "cid=0deadbee\r\n"
                           "parentCID=ffffffff\r\n"
                           "createType=\"twoGbMaxExtentFlat\"\r\n"
                           "RW 4192256 FLAT \"my disk-f001.vmdk\" 0\r\n"
                           "RDONLY 100 FLAT \"b.vmdk\" 7\r\n"
                           "NOACCESS 3 ZERO\r\n"
                           "ddb.adapterType = \"lsilogic\"\r\n"
                           "ddb.thinProvisioned = \"1\"\r\n";

static int parse(const char *text, struct vmdk_descriptor *out)
{
    char error[VMDK_ERROR_MAX] = "";

    return vmdk_descriptor_parse(text, strlen(text), out, error);
}

static void test_parse(void **state)
{
    struct vmdk_descriptor *d = malloc(sizeof(*d));

    (void)state;
    assert_int_equal(parse(good, d), 0);
    assert_int_equal(d->version, 1);
    assert_int_equal(d->cid, 0x0deadbee);
    assert_int_equal(d->parent_cid, VMDK_CID_NO_PARENT);
    assert_string_equal(d->encoding, "windows-1252");
    assert_string_equal(d->create_type, "twoGbMaxExtentFlat");
    assert_true(d->thin);
    assert_int_equal(d->extent_count, 3);
    assert_string_equal(d->extents[0].file, "my disk-f001.vmdk");
    assert_int_equal(d->extents[1].offset, 7);
    assert_int_equal(d->extents[1].access, VMDK_ACCESS_RDONLY);
    assert_int_equal(d->extents[2].type, VMDK_EXTENT_ZERO);
    assert_int_equal(d->sectors, 4192256 + 103);
    assert_string_equal(d->adapter, "lsilogic");
    vmdk_descriptor_free(d);
    free(d);
}

static void test_parse_wrong(void **state)
{
    static const char *const wrong[] = {
        "",
        "version=1\nCID=1\ncreateType=\"vmfs\"\n",
        "version=1\nCID=1\nRW 1 VMFS \"a\"\n",
        "version=1\ncreateType=\"vmfs\"\nRW 1 VMFS \"a\"\n",
        "CID=1\ncreateType=\"vmfs\"\nRW 1 VMFS \"a\"\n",
        "version=1\nCID=123456789\ncreateType=\"vmfs\"\nRW 1 VMFS \"a\"\n",
        "version=1\nCID=1\ncreateType=\"vmfs\"\nRW 0 VMFS \"a\"\n",
        "version=1\nCID=1\ncreateType=\"vmfs\"\nRW 99999999999999999999999 VMFS \"a\"\n",
        "version=1\nCID=1\ncreateType=\"vmfs\"\nRW 274877906944 VMFS \"a\"\n",
        "version=1\nCID=1\ncreateType=\"vmfs\"\nRW 1 NONSENSE \"a\"\n",
        "version=1\nCID=1\ncreateType=\"vmfs\"\nRW 1 VMFS a\n",
        "version=1\nCID=1\ncreateType=\"vmfs\"\nRW 1 VMFS \"a\n",
        "version=1\nCID=1\ncreateType=\"vmfs\"\nRW 1 VMFS \"\"\n",
        "version=1\nCID=1\ncreateType=\"vmfs\"\nRW 1 FLAT \"a\" -1\n",
        "version=1\nCID=1\ncreateType=\"vmfs\"\nRW\n",
        "version=1\nCID=1\ncreateType=\"vmfs\"\nnonsense\nRW 1 VMFS \"a\"\n",
    };
    struct vmdk_descriptor *d = malloc(sizeof(*d));

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        if (parse(wrong[i], d) == 0)
            fail_msg("accepted: %s", wrong[i]);
    }
    free(d);
}

static void test_write_and_parse(void **state)
{
    struct vmdk_extent extent = {
        .type = VMDK_EXTENT_VMFS, .sectors = 196608, .file = "x-flat.vmdk"};
    struct vmdk_new disk = {.create_type = "vmfs",
                            .extents = &extent,
                            .extent_count = 1,
                            .sectors = 196608,
                            .thin = true,
                            .cid = 0xFFFFFFFE};
    struct vmdk_descriptor *d = malloc(sizeof(*d));
    char text[2048];
    int length = vmdk_descriptor_format(&disk, text, sizeof(text));

    (void)state;
    assert_true(length > 0);
    assert_int_equal(parse(text, d), 0);
    assert_int_equal(d->sectors, 196608);
    assert_string_equal(d->extents[0].file, "x-flat.vmdk");
    assert_int_equal(d->extents[0].type, VMDK_EXTENT_VMFS);
    assert_int_equal(d->cid, VMDK_CID_UNWRITTEN);
    assert_true(d->thin);
    assert_int_equal(vmdk_descriptor_format(&disk, text, 100), -28);
    vmdk_descriptor_free(d);
    free(d);
}

/* Bytes written by qemu-io into each kind of image qemu-img makes must come back through us. */
static void read_back(const char *kind, bool writable)
{
    char directory[] = "/tmp/corbel-vmdk-XXXXXX", command[600], path[64],
         error[DISK_ERROR_MAX] = "";
    uint8_t buffer[4096];
    struct disk *disk;

    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/d.vmdk", directory);
    snprintf(command, sizeof(command),
             "qemu-img create -q -f vmdk -o subformat=%s %s 3G && "
             "qemu-io -f vmdk -c 'write -q -P 0x5A 1M 8k' -c 'write -q -P 0x77 2560M 64k' %s",
             kind, path, path);
    if (system(command) != 0)
        fail_msg("qemu-img cannot make a %s image", kind);
    if (disk_open("vmdk", path, !writable, &disk, error) != 0)
        fail_msg("%s: %s", kind, error);
    assert_int_equal(disk->size, 3ull << 30);
    assert_int_equal(disk_read(disk, (1 << 20) + 4096, buffer, sizeof(buffer)), 0);
    assert_int_equal(buffer[0], 0x5A);
    assert_int_equal(buffer[4095], 0x5A);
    assert_int_equal(disk_read(disk, 2560ull << 20, buffer, sizeof(buffer)), 0);
    assert_int_equal(buffer[17], 0x77);
    assert_int_equal(disk_read(disk, 200ull << 20, buffer, sizeof(buffer)), 0);
    assert_int_equal(buffer[0], 0);
    assert_int_not_equal(disk_read(disk, disk->size - 512, buffer, 1024), 0);
    if (writable) {
        memset(buffer, 0x33, sizeof(buffer));
        assert_int_equal(disk_write(disk, 8192, buffer, sizeof(buffer)), 0);
        assert_int_equal(disk_flush(disk), 0);
    }
    disk_close(disk);
    if (writable) {
        snprintf(command, sizeof(command),
                 "qemu-io -r -f vmdk -c 'read -P 0x33 8k 4k' %s | grep -q '^read 4096/4096'", path);
        assert_int_equal(system(command), 0);
    }
    snprintf(command, sizeof(command), "rm -r %s", directory);
    assert_int_equal(system(command), 0);
}

static void test_qemu_images(void **state)
{
    (void)state;
    if (system("qemu-img --version >/dev/null") != 0)
        skip();
    read_back("monolithicSparse", true);
    read_back("twoGbMaxExtentSparse", true);
    read_back("monolithicFlat", true);
    read_back("twoGbMaxExtentFlat", true);
}

/* What is not supported says so, and a broken disk is an error, not data. */
static void test_refusals(void **state)
{
    static const char *const texts[] = {
        "version=1\nCID=1\nparentCID=2\ncreateType=\"vmfs\"\nRW 1 VMFS \"a\"\n",
        "version=1\nCID=1\ncreateType=\"seSparse\"\nRW 1 SESPARSE \"a\"\n",
        "version=1\nCID=1\ncreateType=\"vmfs\"\nRW 1 VMFS \"missing\"\n",
        "version=1\nCID=1\ncreateType=\"vmfs\"\nRW 100000 VMFS \"/etc/hostname\"\n",
    };
    char path[] = "/tmp/corbel-vmdk-XXXXXX", error[DISK_ERROR_MAX];
    int fd = mkstemp(path);

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct disk *disk;

        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, texts[i], strlen(texts[i]), 0), strlen(texts[i]));
        error[0] = '\0';
        assert_int_not_equal(disk_open("vmdk", path, true, &disk, error), 0);
        assert_true(strlen(error) > 10);
    }
    close(fd);
    unlink(path);
}

/* Where a parent may lie, on a volume and on this host. */
static void test_parent_paths(void **state)
{
    static const struct {
        bool closed_root;
        const char *child, *hint, *path; /* path NULL: refused */
    } cases[] = {
        {true, "vm/s.vmdk", "base.vmdk", "vm/base.vmdk"},
        {true, "s.vmdk", "base.vmdk", "base.vmdk"},
        {true, "vm/s.vmdk", "../gold/base.vmdk", "gold/base.vmdk"},
        {true, "vm/s.vmdk", "/vmfs/volumes/4e0b-12/gold/base.vmdk", "gold/base.vmdk"},
        {true, "vm/s.vmdk", "../../base.vmdk", NULL},
        {true, "vm/s.vmdk", "", NULL},
        {false, "/d/vm/s.vmdk", "base.vmdk", "/d/vm/base.vmdk"},
        {false, "/d/vm/s.vmdk", "/d/vm/base.vmdk", "/d/vm/base.vmdk"},
        {false, "/d/vm/s.vmdk", "/etc/passwd", NULL},
        {false, "/d/vm/s.vmdk", "../base.vmdk", NULL},
    };
    struct link *link = calloc(1, sizeof(*link));
    struct store store = {0};
    char path[LINK_PATH_MAX];

    (void)state;
    link->store = &store;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int rc;

        store.closed_root = cases[i].closed_root;
        strcpy(link->path, cases[i].child);
        strcpy(link->descriptor.parent_hint, cases[i].hint);
        rc = link_parent_path(link, path);
        if (cases[i].path == NULL)
            assert_true(rc < 0);
        else
            assert_string_equal(path, cases[i].path);
    }
    free(link);
}

static void test_encodings(void **state)
{
    static const struct {
        const char *encoding, *encoded, *utf8;
    } cases[] = {
        {"windows-1252",
         "Pr\xFC"
         "fung \x80.vmdk",
         "Pr\xC3\xBC"
         "fung \xE2\x82\xAC.vmdk"},
        {"ISO-8859-1", "\xE9t\xE9.vmdk", "\xC3\xA9t\xC3\xA9.vmdk"},
        {"UTF-8", "\xC3\xA9.vmdk", "\xC3\xA9.vmdk"},
        {"Shift_JIS", "\x83\x66.vmdk", "\xE3\x83\x87.vmdk"},
        {"GBK", "\xB4\xC5.vmdk", "\xE7\xA3\x81.vmdk"},
    };
    char out[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(encoding_to_utf8(cases[i].encoding, cases[i].encoded, out, sizeof(out)),
                         0);
        assert_string_equal(out, cases[i].utf8);
        assert_int_equal(encoding_from_utf8(cases[i].encoding, cases[i].utf8, out, sizeof(out)), 0);
        assert_string_equal(out, cases[i].encoded);
    }
    assert_true(encoding_to_utf8("UTF-8", "\xFC.vmdk", out, sizeof(out)) < 0);
    assert_true(encoding_from_utf8("windows-1252", "\xE7\xA3\x81", out, sizeof(out)) < 0);
    assert_true(encoding_to_utf8("Klingon", "\xFC", out, sizeof(out)) < 0);
    assert_true(encoding_to_utf8("windows-1252", "\xFC\xFC\xFC", out, 4) < 0);
    assert_int_equal(encoding_to_utf8("Klingon", "plain.vmdk", out, sizeof(out)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),           cmocka_unit_test(test_parse_wrong),
        cmocka_unit_test(test_write_and_parse), cmocka_unit_test(test_qemu_images),
        cmocka_unit_test(test_refusals),        cmocka_unit_test(test_parent_paths),
        cmocka_unit_test(test_encodings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
