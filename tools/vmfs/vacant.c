/* SPDX-License-Identifier: MIT */
/* What a device holds already, before a command that would destroy it. */
#include "vmfstool.h"

#include <blkid/blkid.h>
#include <stdio.h>

static const char *value(blkid_probe probe, const char *name)
{
    const char *text;

    return blkid_probe_lookup_value(probe, name, &text, NULL) == 0 ? text : NULL;
}

/* Says what was found: the file system first, as it may lie on all of a disk with a stale table. */
static int complain_of(blkid_probe probe, const char *device)
{
    const char *type = value(probe, "TYPE"), *table = value(probe, "PTTYPE");
    const char *label = value(probe, "LABEL");

    return complain("%s holds %s%s%s%s%s: nothing was written. If it may be lost, repeat this with "
                    "--force, or first wipefs -a %s",
                    device, type != NULL ? type : table, type != NULL ? "" : " partitions",
                    label != NULL ? " \"" : "", label != NULL ? label : "",
                    label != NULL ? "\"" : "", device);
}

int require_vacant(const struct options *options, const struct bdev *dev)
{
    blkid_probe probe;
    int rc;

    if (options->force || dev->size == 0)
        return 0;
    probe = blkid_new_probe_from_filename(dev->name);
    if (probe == NULL)
        return complain("cannot tell what %s holds; --force destroys it unseen", dev->name);
    blkid_probe_enable_superblocks(probe, 1);
    blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE | BLKID_SUBLKS_LABEL);
    blkid_probe_enable_partitions(probe, 1);
    rc = blkid_do_fullprobe(probe);
    if (rc == 0)
        rc = complain_of(probe, dev->name);
    else if (rc < 0)
        rc = complain("cannot tell what %s holds; --force destroys it unseen", dev->name);
    else
        rc = 0;
    blkid_free_probe(probe);
    return rc;
}
