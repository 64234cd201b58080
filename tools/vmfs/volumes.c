/* SPDX-License-Identifier: MIT */
/* Commands that change what a volume lies on: another extent, a larger device, free blocks. */
#include "vmfstool.h"

#include <stdio.h>
#include <string.h>

/* What becomes of a device whose contents are to be destroyed: it must not be a volume's. */
static int require_no_volume(struct bdev *dev)
{
    struct vmfs_probe probe;

    if (vmfs_probe(dev, &probe) != 0)
        return 0;
    return complain("%s is an extent of VMFS volume %s: wipe its first 2 MiB if that is not needed "
                    "any more",
                    dev->name, probe.volume_uuid);
}

static int print_growth(struct vmfs_volume *volume, uint64_t before)
{
    struct vmfs_info info;

    if (vmfs_get_info(volume, &info) != 0)
        return complain("%s", vmfs_error(volume));
    printf("%llu MiB more, %llu MiB in all, on %u extents\n",
           (unsigned long long)(info.size - before) >> 20, (unsigned long long)info.size >> 20,
           info.extents);
    return 0;
}

/* Grows a volume: onto `dev`, or, when that is NULL, onto what its last device has gained. */
static int grow(const struct options *options, const char *target, struct bdev *dev)
{
    struct datastore datastore;
    struct vmfs_info before;
    const char *path;
    int rc;

    if (target_open(options, target, true, &datastore, &path) != 0)
        return 1;
    rc = vmfs_get_info(datastore.volume, &before);
    if (rc == 0)
        rc = dev != NULL ? vmfs_add_extent(datastore.volume, dev) : vmfs_grow(datastore.volume);
    if (rc == 0)
        rc = print_growth(datastore.volume, before.size);
    else
        complain("%s", vmfs_error(datastore.volume));
    datastore_close(&datastore);
    return rc != 0;
}

int command_grow(const struct options *options, const char *target)
{
    return grow(options, target, NULL);
}

int command_span(const struct options *options, const char *device, const char *target)
{
    struct bdev *dev;
    int rc = bdev_file_open(device, false, &dev);

    if (rc != 0)
        return complain("cannot open %s: %s", device, strerror(-rc));
    rc = require_no_volume(dev);
    if (rc == 0)
        rc = require_vacant(options, dev);
    if (rc == 0)
        rc = grow(options, target, dev);
    bdev_close(dev);
    return rc;
}

int command_reclaim(const struct options *options, const char *target)
{
    struct progress progress = {.what = "reclaiming"};
    struct datastore datastore;
    const char *path;
    uint64_t bytes;
    int rc;

    if (target_open(options, target, true, &datastore, &path) != 0)
        return 1;
    rc = vmfs_reclaim(datastore.volume, progress_show, &progress, &bytes);
    progress_end(&progress);
    if (rc == 0)
        printf("told the device that %llu MiB hold nothing\n", (unsigned long long)bytes >> 20);
    else
        complain("%s", vmfs_error(datastore.volume));
    datastore_close(&datastore);
    return rc != 0;
}
