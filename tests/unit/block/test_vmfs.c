/* SPDX-License-Identifier: MIT */
/* The vmfs library: what it makes, what it refuses, and devices that fail under it. */
#include "volume_fixture.h"

#include "block/vmfs/internal.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MIB (1ull << 20)

static unsigned version; /* of the volumes the tests make */
static uint32_t sector;  /* of the disks they are made on */

static struct memory_bdev *make(uint64_t size, uint32_t block_size)
{
    struct memory_bdev *memory = memory_bdev_new(size);
    struct vmfs_mkfs options = {.label = "unit", .block_size = block_size, .version = version};
    char error[VMFS_ERROR_MAX] = "";

    memory->dev.sector = sector;
    if (vmfs_mkfs(&memory->dev, &options, error) != 0)
        fail_msg("mkfs: %s", error);
    return memory;
}

static int try_open(struct memory_bdev *memory, unsigned flags, struct vmfs_volume **out)
{
    const struct vmfs_host host = {.lease_ms = 800}; /* others are watched for so long */
    struct bdev *dev = &memory->dev;
    char error[VMFS_ERROR_MAX] = "";

    return vmfs_open_as(&dev, 1, flags, &host, out, error);
}

/* Values seen on real volumes: reference/vmfs-format.md section 6. */
static void test_addresses(void **state)
{
    struct vmfs_addr a = vmfs_addr_decode(VMFS_FORMAT_5, 0x341);

    (void)state;
    assert_int_equal(a.type, VMFS_ADDR_FB);
    assert_int_equal(a.cluster, 13);
    a = vmfs_addr_decode(VMFS_FORMAT_5, 0x02000004);
    assert_int_equal(a.type, VMFS_ADDR_FD);
    assert_int_equal(a.item, 8);
    for (uint32_t item = 0; item < 32; item++) {
        a = vmfs_addr_decode(
            VMFS_FORMAT_5, vmfs_addr_encode(VMFS_FORMAT_5, (struct vmfs_addr){.type = VMFS_ADDR_SB,
                                                                              .cluster = 1234,
                                                                              .item = item}));
        assert_int_equal(a.cluster, 1234);
        assert_int_equal(a.item, item);
    }
    a = vmfs_addr_decode(
        VMFS_FORMAT_5,
        vmfs_addr_encode(
            VMFS_FORMAT_5,
            (struct vmfs_addr){.type = VMFS_ADDR_FB, .tbz = true, .cluster = (1u << 26) - 1}));
    assert_int_equal(a.cluster, (1u << 26) - 1);
    assert_true(a.tbz);
}

static void test_block_sizes(void **state)
{
    static const uint32_t sizes[] = {1, 2, 4, 8};

    (void)state;
    for (unsigned i = 0; i < (version == 6 ? 1 : 4); i++) {
        struct memory_bdev *memory = make(600 * MIB, (uint32_t)(sizes[i] * MIB));
        struct vmfs_volume *volume;
        struct vmfs_file *file;
        struct vmfs_info info;
        char text[6] = "hello";

        assert_int_equal(try_open(memory, VMFS_OPEN_WRITE, &volume), 0);
        assert_int_equal(vmfs_get_info(volume, &info), 0);
        assert_int_equal(info.size, 512 * MIB);
        assert_string_equal(info.label, "unit");
        assert_int_equal(vmfs_file_create(volume, "f", 50 * MIB, VMFS_THIN, NULL, NULL, &file), 0);
        assert_int_equal(vmfs_file_write(file, 17 * MIB + 3, text, 6), 0);
        memset(text, 0, sizeof(text));
        assert_int_equal(vmfs_file_read(file, 17 * MIB + 3, text, 6), 0);
        assert_string_equal(text, "hello");
        vmfs_file_close(file);
        assert_clean(volume);
        vmfs_close(volume);
        memory_bdev_free(memory);
    }
}

static void test_locks(void **state)
{
    struct memory_bdev *memory = make(290 * MIB, 0);
    struct vmfs_volume *volume;
    struct vmfs_file *one, *two;

    (void)state;
    assert_int_equal(try_open(memory, VMFS_OPEN_WRITE, &volume), 0);
    assert_int_equal(vmfs_file_create(volume, "f", MIB, VMFS_THIN, NULL, NULL, &one), 0);
    assert_int_equal(vmfs_file_open(volume, "f", VMFS_SHARE_EXCLUSIVE, &two), -EBUSY);
    assert_int_equal(vmfs_file_open(volume, "f", VMFS_SHARE_READ, &two), -EBUSY);
    assert_int_equal(vmfs_remove(volume, "f"), -EBUSY);
    vmfs_file_close(one);
    assert_int_equal(vmfs_file_open(volume, "f", VMFS_SHARE_READ, &one), 0);
    assert_int_equal(vmfs_file_open(volume, "f", VMFS_SHARE_READ, &two), 0);
    assert_int_equal(vmfs_file_write(two, 0, "x", 1), -EBADF);
    vmfs_file_close(one);
    assert_int_equal(vmfs_file_open(volume, "f", VMFS_SHARE_EXCLUSIVE, &one), -EBUSY);
    vmfs_file_close(two);
    assert_int_equal(vmfs_remove(volume, "f"), 0);
    assert_clean(volume);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

static int count_names(void *context, const char *name, const struct vmfs_stat *stat)
{
    (void)name;
    (void)stat;
    ++*(unsigned *)context;
    return 0;
}

static void test_names(void **state)
{
    struct memory_bdev *memory = make(290 * MIB, 0);
    struct vmfs_volume *volume;
    struct vmfs_file *file;
    char path[200];
    unsigned count = 0;

    (void)state;
    assert_int_equal(try_open(memory, VMFS_OPEN_WRITE, &volume), 0);
    assert_int_equal(vmfs_mkdir(volume, "many"), 0);
    assert_int_equal(vmfs_mkdir(volume, "many"), -EEXIST);
    /* More than one sub-block of records. */
    for (unsigned i = 0; i < 130; i++) {
        snprintf(path, sizeof(path), "many/file-%u", i);
        assert_int_equal(vmfs_file_create(volume, path, 10, VMFS_THIN, NULL, NULL, &file), 0);
        vmfs_file_close(file);
    }
    for (unsigned i = 0; i < 130; i += 2) {
        snprintf(path, sizeof(path), "many/file-%u", i);
        assert_int_equal(vmfs_remove(volume, path), 0);
    }
    assert_int_equal(vmfs_list(volume, "many", count_names, &count), 0);
    assert_int_equal(count, 65);
    assert_int_equal(vmfs_remove(volume, "many"), -ENOTEMPTY);
    assert_int_equal(vmfs_remove(volume, ".fbb.sf"), -EPERM);
    assert_int_equal(vmfs_remove(volume, "absent/x"), -ENOENT);
    memset(path, 'n', 128);
    path[128] = '\0';
    assert_int_equal(vmfs_mkdir(volume, path), -ENAMETOOLONG);
    assert_clean(volume);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

/* A full volume says so and stays whole. */
static void test_full(void **state)
{
    struct memory_bdev *memory = make(290 * MIB, 0);
    struct vmfs_volume *volume;
    struct vmfs_file *file;
    struct vmfs_info before, after;

    (void)state;
    assert_int_equal(try_open(memory, VMFS_OPEN_WRITE, &volume), 0);
    assert_int_equal(vmfs_get_info(volume, &before), 0);
    assert_int_equal(
        vmfs_file_create(volume, "big", 400 * MIB, VMFS_ZEROEDTHICK, NULL, NULL, &file), -ENOSPC);
    assert_int_equal(vmfs_get_info(volume, &after), 0);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_clean(volume);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

/* Above 256 GiB (VMFS-6: 2.5 TiB) a file is mapped by two levels of pointer blocks. */
static void test_double_indirect(void **state)
{
    struct memory_bdev *memory = make(290 * MIB, 0);
    const uint64_t gib = (version == 6 ? 10 : 1) * 1024 * MIB;
    const uint64_t places[] = {0, 255 * gib, 300 * gib + 512, 700 * gib - 512};
    struct vmfs_volume *volume;
    struct vmfs_file *file;

    (void)state;
    assert_int_equal(try_open(memory, VMFS_OPEN_WRITE, &volume), 0);
    assert_int_equal(vmfs_file_create(volume, "huge", 700 * gib, VMFS_THIN, NULL, NULL, &file), 0);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(vmfs_file_write(file, places[i], &places[i], 8), 0);
    vmfs_file_close(file);
    assert_int_equal(vmfs_file_open(volume, "huge", VMFS_SHARE_NONE, &file), 0);
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t have = 1;

        assert_int_equal(vmfs_file_read(file, places[i], &have, 8), 0);
        assert_int_equal(have, places[i]);
    }
    vmfs_file_close(file);
    assert_clean(volume);
    assert_int_equal(vmfs_remove(volume, "huge"), 0);
    assert_clean(volume);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

static void check_byte(struct vmfs_file *file, uint64_t offset, char want)
{
    char have = 99;

    assert_int_equal(vmfs_file_read(file, offset, &have, 1), 0);
    assert_int_equal(have, want);
}

/* A file grows through every mapping and is cut through them again. */
static void test_grow_and_cut(void **state)
{
    static const uint64_t lengths[] = {10, 3000, MIB, 200 * MIB, 400 * MIB, 9000 * MIB};
    struct memory_bdev *memory = make(290 * MIB, 0);
    struct vmfs_info before, after;
    struct vmfs_volume *volume;
    struct vmfs_file *file;

    (void)state;
    assert_int_equal(try_open(memory, VMFS_OPEN_WRITE, &volume), 0);
    assert_int_equal(vmfs_file_create(volume, "f", 1, VMFS_THIN, NULL, NULL, &file), 0);
    assert_int_equal(vmfs_get_info(volume, &before), 0);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        assert_int_equal(vmfs_file_extend(file, lengths[i], VMFS_THIN, NULL, NULL), 0);
        assert_int_equal(vmfs_file_write(file, lengths[i] - 1, "x", 1), 0);
    }
    for (size_t i = sizeof(lengths) / sizeof(lengths[0]); i-- > 0;) {
        for (size_t k = 0; k <= i; k++) {
            check_byte(file, lengths[k] - 1, 'x');
            if (k > 0)
                check_byte(file, lengths[k] - 2, 0);
        }
        assert_clean(volume);
        assert_int_equal(vmfs_file_truncate(file, lengths[i] - 1), 0);
        assert_int_equal(vmfs_file_truncate(file, lengths[i]), 0);
        check_byte(file, lengths[i] - 1, 0);
        assert_int_equal(vmfs_file_truncate(file, lengths[i] - 1), 0);
    }
    assert_int_equal(vmfs_file_truncate(file, 0), 0);
    assert_int_equal(vmfs_get_info(volume, &after), 0);
    assert_memory_equal(&before, &after, sizeof(before));
    assert_int_equal(vmfs_file_truncate(file, 1ull << 60), -EFBIG);
    vmfs_file_close(file);
    assert_clean(volume);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

/* Makes a file of `length` bytes of 0x5A and says where its first and its third MiB lie. */
static void write_file(struct memory_bdev *memory, struct vmfs_volume *volume, const char *name,
                       size_t length, const uint8_t *places[2])
{
    uint8_t *data = malloc(length);
    struct bdev_extent extent;
    struct vmfs_file *file;

    memset(data, 0x5A, length);
    assert_int_equal(vmfs_file_create(volume, name, length, VMFS_EAGERTHICK, NULL, NULL, &file), 0);
    assert_int_equal(vmfs_file_write(file, 0, data, length), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(vmfs_file_map(file, i * 2 * MIB, MIB, &extent), 0);
        assert_int_equal(extent.length, MIB);
        places[i] = memory->bytes + extent.device_offset;
    }
    vmfs_file_close(file);
    free(data);
}

static void assert_all(const uint8_t *bytes, uint8_t value)
{
    assert_int_equal(bytes[0], value);
    assert_memory_equal(bytes, bytes + 1, MIB - 1);
}

/* What files lose, the device hears of, and of nothing else. */
static void test_discard(void **state)
{
    struct memory_bdev *memory = make(300 * MIB, 0);
    const uint8_t *kept[2], *cut[2], *gone[2];
    struct vmfs_volume *volume;
    struct vmfs_file *file;
    struct vmfs_info info;
    uint64_t bytes;

    (void)state;
    memory_bdev_can_discard(memory);
    assert_int_equal(try_open(memory, VMFS_OPEN_WRITE, &volume), 0);
    write_file(memory, volume, "kept", 4 * MIB, kept);
    write_file(memory, volume, "cut", 4 * MIB, cut);
    write_file(memory, volume, "gone", 4 * MIB, gone);
    assert_int_equal(vmfs_file_open(volume, "cut", VMFS_SHARE_EXCLUSIVE, &file), 0);
    assert_int_equal(vmfs_file_truncate(file, 2 * MIB), 0);
    vmfs_file_close(file);
    assert_all(cut[0], 0x5A);
    assert_all(cut[1], MEMORY_DISCARDED);
    assert_int_equal(vmfs_remove(volume, "gone"), 0);
    assert_all(gone[0], MEMORY_DISCARDED);
    assert_all(gone[1], MEMORY_DISCARDED);
    assert_all(kept[0], 0x5A);
    assert_all(kept[1], 0x5A);
    /* What was free before it could discard. */
    memset((void *)gone[0], 0x5A, MIB);
    assert_int_equal(vmfs_get_info(volume, &info), 0);
    assert_int_equal(vmfs_reclaim(volume, NULL, NULL, &bytes), 0);
    assert_int_equal(bytes, info.blocks_free * info.block_size);
    assert_all(gone[0], MEMORY_DISCARDED);
    assert_all(kept[0], 0x5A);
    assert_all(cut[0], 0x5A);
    assert_clean(volume);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

static void test_links_and_label(void **state)
{
    struct memory_bdev *memory = make(290 * MIB, 0);
    char target[VMFS_LINK_MAX];
    struct vmfs_volume *volume;
    struct vmfs_info info;
    struct vmfs_stat stat;

    (void)state;
    assert_int_equal(try_open(memory, VMFS_OPEN_WRITE, &volume), 0);
    assert_int_equal(vmfs_mkdir(volume, "dir"), 0);
    assert_int_equal(vmfs_symlink(volume, "../some/where", "dir/link"), 0);
    assert_int_equal(vmfs_symlink(volume, "x", "dir/link"), -EEXIST);
    assert_int_equal(vmfs_symlink(volume, "", "dir/empty"), -EINVAL);
    assert_int_equal(vmfs_rename(volume, "dir/link", "moved"), 0);
    assert_int_equal(vmfs_read_link(volume, "moved", target), 0);
    assert_string_equal(target, "../some/where");
    assert_int_equal(vmfs_read_link(volume, "dir", target), -EINVAL);
    assert_int_equal(vmfs_rename(volume, "dir", "folder"), 0);
    assert_int_equal(vmfs_stat(volume, "folder", &stat), 0);
    assert_int_equal(stat.type, VMFS_TYPE_DIRECTORY);
    assert_int_equal(vmfs_mkdir(volume, "folder/sub"), 0);
    assert_int_equal(vmfs_rename(volume, ".fbb.sf", "mine"), -EPERM);
    assert_int_equal(vmfs_set_label(volume, "another name"), 0);
    assert_int_equal(vmfs_remove(volume, "moved"), 0);
    assert_clean(volume);
    vmfs_close(volume);
    assert_int_equal(try_open(memory, 0, &volume), 0);
    assert_int_equal(vmfs_get_info(volume, &info), 0);
    assert_string_equal(info.label, "another name");
    vmfs_close(volume);
    memory_bdev_free(memory);
}

static uint32_t address_of(struct vmfs_volume *volume, const char *path)
{
    struct vmfs_stat stat;

    assert_int_equal(vmfs_stat(volume, path, &stat), 0);
    return stat.address;
}

/* Down, up and across, with what lies in them; never into themselves. */
static void test_move_directories(void **state)
{
    struct memory_bdev *memory = make(290 * MIB, 0);
    struct vmfs_volume *volume;
    struct vmfs_file *file;
    struct vmfs_inode dir;
    struct vmfs_entry up;

    (void)state;
    assert_int_equal(try_open(memory, VMFS_OPEN_WRITE, &volume), 0);
    assert_int_equal(vmfs_mkdir(volume, "a"), 0);
    assert_int_equal(vmfs_mkdir(volume, "a/b"), 0);
    assert_int_equal(vmfs_mkdir(volume, "a/b/c"), 0);
    assert_int_equal(vmfs_mkdir(volume, "z"), 0);
    assert_int_equal(vmfs_file_create(volume, "a/b/c/disk", 5000, VMFS_THIN, NULL, NULL, &file), 0);
    vmfs_file_close(file);
    assert_int_equal(vmfs_rename(volume, "a", "a/b/c/a"), -EINVAL);
    assert_int_equal(vmfs_rename(volume, "a", "a/inside"), -EINVAL);
    assert_int_equal(vmfs_rename(volume, "a/b", "a/b/c/d"), -EINVAL);
    assert_int_equal(vmfs_rename(volume, "a/b", "z"), -EEXIST);
    assert_clean(volume);
    assert_int_equal(vmfs_rename(volume, "a/b", "z/moved"), 0);
    assert_int_equal(vmfs_rename(volume, "a", "z/moved/c/a"), 0);
    assert_int_equal(vmfs_rename(volume, "z", "z/moved/c/a/z"), -EINVAL);
    assert_int_equal(path_resolve(volume, "z/moved", &dir), 0);
    assert_int_equal(dir_find_parent(volume, &dir, &up), 0);
    assert_int_equal(up.fd_address, address_of(volume, "z"));
    assert_clean(volume);
    vmfs_close(volume);
    assert_int_equal(try_open(memory, VMFS_OPEN_WRITE, &volume), 0);
    assert_int_equal(address_of(volume, "z/moved/c/disk") != 0, true);
    assert_int_equal(vmfs_rename(volume, "z/moved/c/a", "a"), 0);
    assert_int_equal(vmfs_rename(volume, "z/moved/c/disk", "a/disk"), 0);
    assert_int_equal(vmfs_rename(volume, "z/moved/c", "c"), 0);
    assert_int_equal(vmfs_remove(volume, "z/moved"), 0);
    assert_int_equal(vmfs_remove(volume, "z"), 0);
    assert_int_equal(vmfs_remove(volume, "a/disk"), 0);
    assert_int_equal(vmfs_remove(volume, "a"), 0);
    assert_clean(volume);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

/* A ".." that leads elsewhere and a wrong count of links are found and mended. */
static void test_mend_directories(void **state)
{
    struct memory_bdev *memory = make(290 * MIB, 0);
    struct vmfs_check repair = {.repair = true};
    struct vmfs_volume *volume;
    struct vmfs_file dir = {0};
    struct vmfs_inode wrong;

    (void)state;
    assert_int_equal(try_open(memory, VMFS_OPEN_WRITE, &volume), 0);
    assert_int_equal(vmfs_mkdir(volume, "a"), 0);
    assert_int_equal(vmfs_mkdir(volume, "a/b"), 0);
    assert_int_equal(path_resolve(volume, "a/b", &wrong), 0);
    assert_int_equal(path_resolve(volume, "a", &dir.inode), 0);
    dir.volume = volume;
    assert_int_equal(dir_set_parent(&dir, &wrong), 0);
    dir.inode.fd.link_count = 7;
    assert_int_equal(inode_write(volume, &dir.inode), 0);
    map_cache_free(&dir.cache);
    assert_int_equal(vmfs_rename(volume, "a/b", "b"), 0);
    assert_int_equal(vmfs_check(volume, &repair), 0);
    assert_int_equal(repair.findings, 2);
    assert_int_equal(repair.repaired, 2);
    assert_clean(volume);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

/* A device that fails at its nth transfer: an error each time, and a volume that can be mended. */
static void test_failing_device(void **state)
{
    struct memory_bdev *memory = make(290 * MIB, 0);

    (void)state;
    for (int n = 0; n < 120; n++) {
        struct vmfs_check repair = {.repair = true};
        struct vmfs_volume *volume;
        struct vmfs_file *file;
        char data[600] = "data";

        memory_bdev_mark(memory);
        assert_int_equal(try_open(memory, VMFS_OPEN_WRITE, &volume), 0);
        memory->fail_after = n;
        if (vmfs_file_create(volume, "f", 3 * MIB, VMFS_THIN, NULL, NULL, &file) == 0) {
            vmfs_file_write(file, MIB - 300, data, sizeof(data));
            vmfs_file_close(file);
        }
        vmfs_remove(volume, "f");
        memory->fail_after = -1;
        vmfs_close(volume);
        assert_int_equal(try_open(memory, VMFS_OPEN_WRITE, &volume), 0);
        assert_int_equal(vmfs_check(volume, &repair), 0);
        assert_clean(volume);
        vmfs_close(volume);
        memory_bdev_rollback(memory);
    }
    memory_bdev_free(memory);
}

/* Another host's slot in use: refused, and, when it has stopped beating, broken only if asked. */
static void test_foreign_host(void **state)
{
    struct memory_bdev *memory = make(290 * MIB, 0);
    uint32_t stride = version == 6 ? VMFS6_MD : VMFS_SLOT_SIZE;
    struct vmfs_slot *slot =
        (struct vmfs_slot *)(memory->bytes + LVM_DATA_OFFSET + VMFS_SLOTS_OFFSET + 984 * stride);
    struct vmfs_volume *volume;

    (void)state;
    slot->state = VMFS_SLOT_IN_USE;
    slot->generation = 9;
    slot->host.time_lo = 0x12345678;
    strcpy(slot->host_text, "10.199.5.140");
    assert_int_equal(try_open(memory, 0, &volume), 0); /* reading is allowed */
    vmfs_close(volume);
    assert_int_equal(try_open(memory, VMFS_OPEN_WRITE, &volume), -EBUSY);
    assert_int_equal(try_open(memory, VMFS_OPEN_WRITE | VMFS_OPEN_BREAK_DEAD, &volume), 0);
    assert_int_equal(slot->state, VMFS_SLOT_FREE);
    assert_int_equal(slot->generation, 10);
    vmfs_close(volume);
    memory_bdev_free(memory);
}

static int version5(void **state)
{
    (void)state;
    version = 5;
    sector = BDEV_SECTOR;
    return 0;
}

static int version6(void **state)
{
    (void)state;
    version = 6;
    sector = BDEV_SECTOR;
    return 0;
}

static int version6_on_4k(void **state)
{
    version6(state);
    sector = BDEV_SECTOR_MAX;
    return 0;
}

int main(void)
{
    const struct CMUnitTest five[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_block_sizes),
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_double_indirect),
        cmocka_unit_test(test_failing_device),
        cmocka_unit_test(test_foreign_host),
        cmocka_unit_test(test_grow_and_cut),
        cmocka_unit_test(test_links_and_label),
        cmocka_unit_test(test_move_directories),
        cmocka_unit_test(test_mend_directories),
        cmocka_unit_test(test_discard),
    };
    const struct CMUnitTest six[] = {
        cmocka_unit_test(test_block_sizes),
        cmocka_unit_test(test_locks),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_full),
        cmocka_unit_test(test_double_indirect),
        cmocka_unit_test(test_failing_device),
        cmocka_unit_test(test_foreign_host),
        cmocka_unit_test(test_grow_and_cut),
        cmocka_unit_test(test_links_and_label),
        cmocka_unit_test(test_discard),
        cmocka_unit_test(test_move_directories),
        cmocka_unit_test(test_mend_directories),
    };
    int failed = cmocka_run_group_tests_name("VMFS-5", five, version5, NULL);

    failed += cmocka_run_group_tests_name("VMFS-6", six, version6, NULL);
    return failed +
           cmocka_run_group_tests_name("VMFS-6 on sectors of 4 KiB", six, version6_on_4k, NULL);
}
