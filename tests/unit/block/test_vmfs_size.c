/* SPDX-License-Identifier: MIT */
/* Volumes that grow, volumes of several devices, and the largest there are. */
#include "volume_fixture.h"

#include "block/vmfs/ondisk.h"
#include "block/vmfs/vmfs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MIB (1ull << 20)
#define TIB (1ull << 40)

static void make(struct memory_bdev *memory, unsigned version)
{
    const struct vmfs_mkfs options = {.label = "size", .version = version};
    char error[VMFS_ERROR_MAX] = "";

    if (vmfs_mkfs(&memory->dev, &options, error) != 0)
        fail_msg("mkfs: %s", error);
}

static struct vmfs_volume *open_all(struct bdev *const *devices, unsigned count)
{
    struct vmfs_volume *volume;
    char error[VMFS_ERROR_MAX] = "";

    if (vmfs_open(devices, count, VMFS_OPEN_WRITE, &volume, error) != 0)
        fail_msg("open: %s", error);
    return volume;
}

static uint64_t size_of(struct vmfs_volume *volume)
{
    struct vmfs_info info;

    assert_int_equal(vmfs_get_info(volume, &info), 0);
    assert_true(info.blocks == info.size / MIB);
    return info.size;
}

static void put(struct vmfs_volume *volume, const char *path, uint64_t length, uint64_t at)
{
    struct vmfs_file *file;

    assert_int_equal(vmfs_file_create(volume, path, length, VMFS_THIN, NULL, NULL, &file), 0);
    assert_int_equal(vmfs_file_write(file, at, &at, sizeof(at)), 0);
    vmfs_file_close(file);
}

static void get(struct vmfs_volume *volume, const char *path, uint64_t at)
{
    struct vmfs_file *file;
    uint64_t have = 0;

    assert_int_equal(vmfs_file_open(volume, path, VMFS_SHARE_NONE, &file), 0);
    assert_int_equal(vmfs_file_read(file, at, &have, sizeof(have)), 0);
    assert_int_equal(have, at);
    vmfs_file_close(file);
}

/* A full volume on a device that has grown, twice: within the last cluster, and by many. */
static void test_grow(void **state)
{
    struct memory_bdev *memory = memory_bdev_new(100 * 1024 * MIB);
    struct bdev *dev = &memory->dev;
    struct vmfs_volume *volume;
    struct vmfs_file *file;

    memory_bdev_can_share(memory);
    dev->size = 300 * MIB;
    make(memory, *(unsigned *)*state);
    volume = open_all(&dev, 1);
    put(volume, "first", 50 * MIB, 49 * MIB);
    assert_int_equal(vmfs_grow(volume), 0);
    assert_int_equal(size_of(volume), 256 * MIB);
    while (vmfs_file_create(volume, "full", 400 * MIB, VMFS_ZEROEDTHICK, NULL, NULL, &file) !=
           -ENOSPC)
        fail_msg("400 MiB fit");
    dev->size = 600 * MIB;
    assert_int_equal(vmfs_grow(volume), 0);
    assert_int_equal(size_of(volume), 512 * MIB);
    assert_clean(volume);
    dev->size = 100 * 1024 * MIB;
    assert_int_equal(vmfs_grow(volume), 0);
    assert_int_equal(size_of(volume), (100 * 1024 - 256) * MIB);
    assert_clean(volume);
    assert_int_equal(
        vmfs_file_create(volume, "thick", 9000 * MIB, VMFS_ZEROEDTHICK, NULL, NULL, &file), 0);
    vmfs_file_close(file);
    assert_clean(volume);
    vmfs_close(volume);
    volume = open_all(&dev, 1);
    get(volume, "first", 49 * MIB);
    assert_int_equal(size_of(volume), (100 * 1024 - 256) * MIB);
    assert_clean(volume);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

/* Growth past 16 TiB takes VMFS-6 another entry; the header that counts it may not have arrived. */
static void test_late_header(void **state)
{
    struct memory_bdev *memory = memory_bdev_new(18 * TIB);
    struct bdev *dev = &memory->dev;
    struct vmfs_volume *volume;
    uint8_t header[512];
    uint64_t grown;

    (void)state;
    dev->size = 15 * TIB;
    make(memory, 6);
    memcpy(header, memory->bytes + LVM_HEADER_OFFSET, sizeof(header));
    dev->size = 18 * TIB;
    volume = open_all(&dev, 1);
    assert_int_equal(vmfs_grow(volume), 0);
    grown = size_of(volume);
    assert_true(grown > 17 * TIB);
    vmfs_close(volume);
    memcpy(memory->bytes + LVM_HEADER_OFFSET, header, sizeof(header));
    volume = open_all(&dev, 1);
    assert_int_equal(size_of(volume), grown);
    put(volume, "thin", 50 * MIB, 7 * MIB);
    get(volume, "thin", 7 * MIB);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

/* ---- partitions ---- */

struct gpt_sectors {
    uint8_t mbr[512], header[512], entries[512];
};

static uint32_t crc32_of(const uint8_t *bytes, size_t length)
{
    uint32_t crc = ~0u;

    for (size_t i = 0; i < length * 8; i++) {
        uint32_t bit = (crc ^ (uint32_t)(bytes[i / 8] >> i % 8)) & 1;

        crc = crc >> 1 ^ (bit ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static void put64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof(value));
}

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

/* A GPT with a volume's partition, number 2, from sector 2048 to `last`; one from `other` on. */
static void put_gpt(struct memory_bdev *memory, uint64_t last, uint64_t other)
{
    static const uint8_t vmfs[16] = {0x2A, 0xE0, 0x31, 0xAA, 0x0F, 0x40, 0xDB, 0x11,
                                     0x95, 0x90, 0x00, 0x0C, 0x29, 0x11, 0xD1, 0xB8};
    struct gpt_sectors *gpt = (struct gpt_sectors *)memory->bytes;

    memset(gpt, 0, sizeof(*gpt));
    memset(gpt->entries, 0x11, 16);
    put64(gpt->entries + 32, other);
    put64(gpt->entries + 40, other + 2047);
    memcpy(gpt->entries + 128, vmfs, sizeof(vmfs));
    put64(gpt->entries + 128 + 32, 2048);
    put64(gpt->entries + 128 + 40, last);
    memcpy(gpt->header, "EFI PART", 8);
    put32(gpt->header + 12, 92);
    put64(gpt->header + 72, 2);
    put32(gpt->header + 80, 4);
    put32(gpt->header + 84, 128);
    put32(gpt->header + 88, crc32_of(gpt->entries, 512));
    put32(gpt->header + 16, crc32_of(gpt->header, 92));
}

/* An MBR with a volume's partition, number 3, from sector 2048 on. */
static void put_mbr(struct memory_bdev *memory, uint64_t last)
{
    uint8_t *entry = memory->bytes + 0x1BE + 2 * 16;

    memset(memory->bytes, 0, sizeof(struct gpt_sectors));
    entry[4] = 0xFB;
    put32(entry + 8, 2048);
    put32(entry + 12, (uint32_t)(last - 2047));
    memory->bytes[510] = 0x55;
    memory->bytes[511] = 0xAA;
}

static uint64_t last_sector(uint64_t partition)
{
    return (MIB + partition) / 512 - 1;
}

/* Grows and tells the size, in MiB; 0 with the reason in `why` where it is refused. */
static unsigned grow_there(struct memory_bdev *memory, char why[VMFS_ERROR_MAX])
{
    struct bdev *dev = &memory->dev;
    struct vmfs_volume *volume = open_all(&dev, 1);
    int rc = vmfs_grow(volume);
    unsigned size = (unsigned)(size_of(volume) / MIB);

    strcpy(why, rc == 0 ? "" : vmfs_error(volume));
    assert_clean(volume);
    get(volume, "first", 49 * MIB);
    vmfs_close(volume);
    return rc == 0 ? size : 0;
}

/* A volume fills its partition, and not what lies behind, whatever the table claims. */
static void test_partition(void **state)
{
    struct memory_bdev *memory = memory_bdev_new(1400 * MIB);
    struct bdev *dev = &memory->dev;
    struct vmfs_volume *volume;
    char why[VMFS_ERROR_MAX];

    dev->size = 300 * MIB;
    make(memory, *(unsigned *)*state);
    volume = open_all(&dev, 1);
    put(volume, "first", 50 * MIB, 49 * MIB);
    vmfs_close(volume);
    memmove(memory->bytes + MIB, memory->bytes, 300 * MIB);
    dev->size = 1400 * MIB;
    put_gpt(memory, last_sector(300 * MIB), last_sector(1100 * MIB));
    assert_int_equal(grow_there(memory, why), 0);
    assert_non_null(strstr(why, "partition 2, and 799 MiB behind"));
    put_gpt(memory, last_sector(600 * MIB), last_sector(1100 * MIB));
    assert_int_equal(grow_there(memory, why), 512);
    put_gpt(memory, last_sector(900 * MIB), last_sector(700 * MIB)); /* both at one place */
    assert_int_equal(grow_there(memory, why), 0);
    put_gpt(memory, last_sector(1400 * MIB), last_sector(1500 * MIB)); /* past the device */
    assert_int_equal(grow_there(memory, why), 0);
    put_gpt(memory, last_sector(900 * MIB), last_sector(1100 * MIB));
    memory->bytes[1024 + 128 + 42] ^= 1;
    assert_int_equal(grow_there(memory, why), 0);
    assert_non_null(strstr(why, "damaged"));
    memory->bytes[1024 + 128 + 42] ^= 1;
    assert_int_equal(grow_there(memory, why), 768);
    put_mbr(memory, last_sector(1300 * MIB));
    assert_int_equal(grow_there(memory, why), 1280);
    put_mbr(memory, last_sector(1400 * MIB));
    assert_int_equal(grow_there(memory, why), 0);
    memory_bdev_free(memory);
}

/* Extents are found by their headers in any order; one that is missing is named. */
static void test_extents(void **state)
{
    struct memory_bdev *memory[3];
    struct bdev *devices[3], *mixed[3];
    char error[VMFS_ERROR_MAX] = "";
    struct vmfs_volume *volume;
    struct vmfs_file *file;

    for (unsigned i = 0; i < 3; i++) {
        memory[i] = memory_bdev_new((300 + 300 * i) * MIB);
        devices[i] = &memory[i]->dev;
        mixed[(i + 2) % 3] = devices[i];
    }
    make(memory[0], *(unsigned *)*state);
    volume = open_all(devices, 1);
    put(volume, "first", 50 * MIB, 3 * MIB);
    assert_int_equal(vmfs_add_extent(volume, devices[1]), 0);
    assert_int_equal(vmfs_add_extent(volume, devices[1]), -EEXIST);
    assert_int_equal(vmfs_add_extent(volume, devices[2]), 0);
    assert_int_equal(size_of(volume), (256 + 512 + 768) * MIB);
    assert_clean(volume);
    assert_int_equal(
        vmfs_file_create(volume, "wide", 1200 * MIB, VMFS_ZEROEDTHICK, NULL, NULL, &file), 0);
    for (uint64_t at = 0; at < 1200 * MIB; at += 97 * MIB)
        assert_int_equal(vmfs_file_write(file, at, &at, sizeof(at)), 0);
    vmfs_file_close(file);
    vmfs_close(volume);
    volume = open_all(mixed, 3);
    for (uint64_t at = 0; at < 1200 * MIB; at += 97 * MIB)
        get(volume, "wide", at);
    get(volume, "first", 3 * MIB);
    assert_clean(volume);
    vmfs_close(volume);
    assert_int_equal(vmfs_open(mixed, 2, 0, &volume, error), -ENXIO);
    assert_non_null(strstr(error, "3 extents"));
    for (unsigned i = 0; i < 3; i++)
        memory_bdev_free(memory[i]);
}

/* 64 TiB, on one device (VMFS-6) or four of 16 TiB (VMFS-5), with a disk of 62 TB. */
static void test_largest(void **state)
{
    unsigned version = *(unsigned *)*state, count = version == 6 ? 1 : 4;
    const uint64_t length = 62ull * 1000 * 1000 * 1000 * 1000;
    const uint64_t places[] = {0, 5 * TIB + 512, 40 * TIB, length - 8};
    struct memory_bdev *memory[4];
    struct bdev *devices[4];
    struct vmfs_volume *volume;
    struct vmfs_file *file;

    for (unsigned i = 0; i < count; i++) {
        memory[i] =
            memory_bdev_new(64 * TIB / count + (17 + 256 - (i + 1 == count ? 256 : 0)) * MIB);
        devices[i] = &memory[i]->dev;
    }
    make(memory[0], version);
    volume = open_all(devices, 1);
    for (unsigned i = 1; i < count; i++)
        assert_int_equal(vmfs_add_extent(volume, devices[i]), 0);
    assert_int_equal(size_of(volume), 64 * TIB);
    assert_int_equal(vmfs_file_create(volume, "huge", length, VMFS_THIN, NULL, NULL, &file), 0);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(vmfs_file_write(file, places[i], &places[i], 8), 0);
    vmfs_file_close(file);
    vmfs_close(volume);
    volume = open_all(devices, count);
    for (unsigned i = 0; i < 4; i++)
        get(volume, "huge", places[i]);
    assert_clean(volume);
    assert_int_equal(vmfs_remove(volume, "huge"), 0);
    vmfs_close(volume);
    for (unsigned i = 0; i < count; i++)
        memory_bdev_free(memory[i]);
}

/* Creates small files until there are `count`; an error ends it. */
static int create_files(struct vmfs_volume *volume, unsigned first, unsigned count)
{
    int rc = 0;

    for (unsigned i = first; i < count && rc == 0; i++) {
        struct vmfs_file *file;
        char path[32];

        snprintf(path, sizeof(path), "d%u", i / 128);
        if (i % 128 == 0)
            rc = vmfs_mkdir(volume, path);
        snprintf(path, sizeof(path), "d%u/f%u", i / 128, i);
        if (rc == 0)
            rc = vmfs_file_create(volume, path, 600, VMFS_EAGERTHICK, NULL, NULL, &file);
        if (rc == 0)
            vmfs_file_close(file);
    }
    return rc;
}

/* More files than a small volume begins with; not while others would not know of them. */
static void test_many_files(void **state)
{
    struct memory_bdev *memory = memory_bdev_new(600 * MIB);
    struct bdev *dev = &memory->dev;
    const struct vmfs_host another = {.uuid = {9}};
    struct vmfs_volume *volume, *other;
    char error[VMFS_ERROR_MAX];
    struct vmfs_stat stat;

    memory_bdev_can_share(memory);
    make(memory, *(unsigned *)*state);
    volume = open_all(&dev, 1);
    assert_int_equal(create_files(volume, 0, 400), 0); /* sub-blocks for that many there are */
    assert_int_equal(vmfs_open_as(&dev, 1, VMFS_OPEN_WRITE, &another, &other, error), 0);
    assert_int_equal(create_files(volume, 400, 2200), -ENOSPC);
    assert_non_null(strstr(vmfs_error(volume), "no free sub-blocks"));
    vmfs_close(other);
    assert_clean(volume);
    vmfs_close(volume);
    volume = open_all(&dev, 1);
    if (create_files(volume, 1024, 2300) != 0)
        fail_msg("%s", vmfs_error(volume));
    assert_clean(volume);
    vmfs_close(volume);
    volume = open_all(&dev, 1);
    assert_int_equal(vmfs_stat(volume, "d17/f2299", &stat), 0);
    assert_int_equal(stat.length, 600);
    assert_clean(volume);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

/* From nothing to 62 TB through every mapping: what was written at each length stays. */
static void test_extend(void **state)
{
    const uint64_t lengths[] = {600,     100 * MIB, 200 * 1024 * MIB,
                                2 * TIB, 20 * TIB,  62ull * 1000 * 1000 * 1000 * 1000};
    struct memory_bdev *memory = memory_bdev_new(600 * MIB);
    struct bdev *dev = &memory->dev;
    struct vmfs_volume *volume;
    struct vmfs_file *file;

    make(memory, *(unsigned *)*state);
    volume = open_all(&dev, 1);
    assert_int_equal(vmfs_file_create(volume, "disk", 0, VMFS_THIN, NULL, NULL, &file), 0);
    for (unsigned i = 0; i < 6; i++) {
        uint64_t before = i == 0 ? 0 : lengths[i - 1], last = lengths[i] - 8;
        uint64_t middle = (before + lengths[i]) / 2;

        assert_int_equal(vmfs_file_extend(file, lengths[i], VMFS_THIN, NULL, NULL), 0);
        assert_int_equal(vmfs_file_write(file, middle, &middle, sizeof(middle)), 0);
        assert_int_equal(vmfs_file_write(file, last, &last, sizeof(last)), 0);
        assert_clean(volume);
    }
    vmfs_file_close(file);
    vmfs_close(volume);
    volume = open_all(&dev, 1);
    for (unsigned i = 0; i < 6; i++) {
        get(volume, "disk", ((i == 0 ? 0 : lengths[i - 1]) + lengths[i]) / 2);
        get(volume, "disk", lengths[i] - 8);
    }
    assert_int_equal(vmfs_file_open(volume, "disk", VMFS_SHARE_EXCLUSIVE, &file), 0);
    assert_int_equal(vmfs_file_truncate(file, lengths[2]), 0);
    vmfs_file_close(file);
    get(volume, "disk", lengths[2] - 8);
    assert_clean(volume);
    assert_int_equal(vmfs_remove(volume, "disk"), 0);
    assert_clean(volume);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

static uint64_t blocks_free(struct vmfs_volume *volume)
{
    struct vmfs_info info;

    assert_int_equal(vmfs_get_info(volume, &info), 0);
    return info.blocks_free;
}

/* Thick growth beyond what the volume has: no block is lost by trying, and the data stays. */
static void test_extend_too_far(void **state)
{
    static const enum vmfs_allocation kinds[] = {VMFS_ZEROEDTHICK, VMFS_EAGERTHICK};
    struct memory_bdev *memory = memory_bdev_new(600 * MIB);
    struct bdev *dev = &memory->dev;
    struct vmfs_volume *volume;
    struct vmfs_file *file;
    uint64_t before;

    make(memory, *(unsigned *)*state);
    volume = open_all(&dev, 1);
    put(volume, "disk", 20 * MIB + 700, 20 * MIB);
    before = blocks_free(volume);
    assert_int_equal(vmfs_file_open(volume, "disk", VMFS_SHARE_EXCLUSIVE, &file), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(vmfs_file_extend(file, 900 * MIB, kinds[i], NULL, NULL), -ENOSPC);
        assert_non_null(strstr(vmfs_error(volume), "no free file blocks"));
        assert_int_equal(vmfs_file_length(file), 20 * MIB + 700);
        assert_int_equal(blocks_free(volume), before);
        assert_clean(volume);
    }
    vmfs_file_close(file);
    get(volume, "disk", 20 * MIB);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

/* A thin disk that fills up in order: at most one write of metadata for each 64 MiB. */
static void test_thin_growth(void **state)
{
    const uint64_t length = 8192 * MIB;
    struct memory_bdev *memory = memory_bdev_new(10000 * MIB);
    struct bdev *dev = &memory->dev;
    struct vmfs_volume *volume;
    struct vmfs_file *file;
    unsigned before, metadata;

    memory_bdev_can_zero(memory);
    make(memory, *(unsigned *)*state);
    volume = open_all(&dev, 1);
    assert_int_equal(vmfs_file_create(volume, "thin", length, VMFS_THIN, NULL, NULL, &file), 0);
    before = memory->write_count;
    for (uint64_t at = 0; at < length; at += MIB) {
        uint64_t words[64] = {at};

        assert_int_equal(vmfs_file_write(file, at, words, sizeof(words)), 0);
    }
    metadata = memory->write_count - before - (unsigned)(length / MIB);
    print_message("%u writes of metadata for 128 x 64 MiB\n", metadata);
    assert_true(metadata <= 128);
    vmfs_file_close(file);
    for (uint64_t at = 0; at < length; at += 513 * MIB)
        get(volume, "thin", at);
    assert_clean(volume);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

int main(void)
{
    unsigned versions[] = {5, 6};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_thin_growth, &versions[0]),
        cmocka_unit_test_prestate(test_thin_growth, &versions[1]),
        cmocka_unit_test_prestate(test_grow, &versions[0]),
        cmocka_unit_test_prestate(test_grow, &versions[1]),
        cmocka_unit_test(test_late_header),
        cmocka_unit_test_prestate(test_partition, &versions[0]),
        cmocka_unit_test_prestate(test_partition, &versions[1]),
        cmocka_unit_test_prestate(test_extents, &versions[0]),
        cmocka_unit_test_prestate(test_extents, &versions[1]),
        cmocka_unit_test_prestate(test_many_files, &versions[0]),
        cmocka_unit_test_prestate(test_many_files, &versions[1]),
        cmocka_unit_test_prestate(test_extend, &versions[0]),
        cmocka_unit_test_prestate(test_extend, &versions[1]),
        cmocka_unit_test_prestate(test_extend_too_far, &versions[0]),
        cmocka_unit_test_prestate(test_extend_too_far, &versions[1]),
        cmocka_unit_test_prestate(test_largest, &versions[0]),
        cmocka_unit_test_prestate(test_largest, &versions[1]),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
