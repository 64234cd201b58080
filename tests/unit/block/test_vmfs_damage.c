/* SPDX-License-Identifier: MIT */
/* Volumes with one wrong byte in their metadata. */
#include "memory_bdev.h"

#include "block/vmfs/vmfs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

struct damage {
    uint64_t offset; /* of the device */
    uint8_t value;
};

/* Every damaged kind of metadata is an error, never silence. */
static void damage_each(unsigned version, const struct damage *damages, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct vmfs_mkfs options = {.label = "damage", .version = version};
        struct memory_bdev *memory = memory_bdev_new(290ull << 20);
        struct bdev *dev = &memory->dev;
        char error[VMFS_ERROR_MAX] = "";
        struct vmfs_volume *volume;

        if (vmfs_mkfs(dev, &options, error) != 0)
            fail_msg("mkfs: %s", error);
        memory->bytes[damages[i].offset] = damages[i].value;
        if (vmfs_open(&dev, 1, 0, &volume, error) == 0) {
            struct vmfs_check check = {0};

            if (vmfs_check(volume, &check) == 0 && check.findings == 0)
                fail_msg("damage at 0x%llx went unseen", (unsigned long long)damages[i].offset);
            vmfs_close(volume);
        }
        memory_bdev_free(memory);
    }
}

static void test_damage5(void **state)
{
    static const struct damage damages[] = {
        {0x100000, 0},                        /* LVM magic */
        {0x100004, 6},                        /* LVM version */
        {0x100200 + 0x10, 2},                 /* volume state */
        {0x100000 + 0x80600, 0},              /* PE not used */
        {0x1100000 + 0x200000, 0},            /* superblock magic */
        {0x1100000 + 0x200004, 30},           /* version */
        {0x1100000 + 0x2000A3, 0x33},         /* block size */
        {0x1100000 + 0x2000B1, 0x77},         /* owner */
        {0x1100000 + 0x420000 + 0x1000, 0},   /* type of .fdc.sf's lock */
        {0x1100000 + 0x420000 + 0x1004, 9},   /* its own address */
        {0x1100000 + 0x420000 + 0x1204, 250}, /* generation: harmless to open */
        {0x1100000 + 0x400000, 0},            /* resources per cluster */
    };

    (void)state;
    damage_each(5, damages, sizeof(damages) / sizeof(damages[0]));
}

static void test_damage6(void **state)
{
    const uint64_t fd = 0x1100000 + 0x720000;
    const struct damage damages[] = {
        {0x100000, 0},                            /* LVM magic */
        {0x1000CA, 0xFF},                         /* metadata alignment */
        {0x101000 + 0x10, 2},                     /* volume state */
        {0x100000 + 0x82000, 0},                  /* PE not used */
        {0x1100000 + 0x200000, 0},                /* superblock magic */
        {0x1100000 + 0x200134, 1},                /* metadata block */
        {0x1100000 + 0x20013E, 3},                /* pointer block */
        {0x1100000 + 0x300004 + 0x1000, 7},       /* a slot's own address */
        {fd + 2 * 0x2000, 0},                     /* type of .fdc.sf's lock */
        {fd + 2 * 0x2000 + 4, 9},                 /* its own address */
        {fd + 2 * 0x2000 + 0x1064, 9},            /* its signature */
        {fd + 2 * 0x2000 + 0x1004, 250},          /* its generation */
        {0x1100000 + 0x700000, 7},                /* resources per cluster */
        {0x1100000 + 0x700020, 0},                /* signature of .fdc.sf's header */
        {0x1100000 + 0x710000, 0},                /* first cluster: type */
        {0x1100000 + 0x711010, 0},                /* its signature */
        {0x1100000 + 0x711018, 1},                /* its number */
        {0x1100000 + 0x711080, 0xFF},             /* its bitmap */
        {0x1100000 + 0x711022, 1},                /* its count of free items */
        {0x1100000 + (24ull << 20), 2},           /* version of the root directory */
        {0x1100000 + (24ull << 20) + 0x11002, 2}, /* type of its block of records */
    };

    (void)state;
    damage_each(6, damages, sizeof(damages) / sizeof(damages[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage5),
        cmocka_unit_test(test_damage6),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
