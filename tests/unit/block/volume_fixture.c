/* SPDX-License-Identifier: MIT */
/* Opening and checking a volume in memory. */
#include "volume_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

struct vmfs_volume *fixture_open(struct memory_bdev *memory, unsigned flags)
{
    struct bdev *dev = &memory->dev;
    char error[VMFS_ERROR_MAX] = "";
    struct vmfs_volume *volume;

    if (vmfs_open(&dev, 1, flags, &volume, error) != 0)
        fail_msg("volume does not open: %s", error);
    return volume;
}

void assert_clean(struct vmfs_volume *volume)
{
    struct vmfs_check check = {0};

    assert_int_equal(vmfs_check(volume, &check), 0);
    assert_int_equal(check.findings, 0);
}
