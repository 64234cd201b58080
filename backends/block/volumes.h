/* SPDX-License-Identifier: MIT */
/* volumes: the VMFS volumes on this machine's disks, with the devices that hold their extents. */
#ifndef BACKENDS_BLOCK_VOLUMES_H
#define BACKENDS_BLOCK_VOLUMES_H

#include "block/datastore.h"

#define VOLUMES_MAX 64

struct found_volume {
    char label[DATASTORE_LABEL_MAX + 1];
    char uuid[VMFS_UUID_TEXT];
    char id[VMFS_UUID_TEXT]; /* of the logical volume: the same on all its extents */
    unsigned lvm_major;
    unsigned major, minor; /* of the file system; 0: its first extent is missing */
    bool ours;             /* made by Corbel */
    uint64_t size;         /* bytes */
    unsigned n_extents;    /* as the volume says */
    char *paths[DATASTORE_MAX_DEVICES];
    uint64_t first_pe[DATASTORE_MAX_DEVICES]; /* where in the volume each begins, in LVM units */
    unsigned n_paths;
};

struct found_volumes {
    struct found_volume volume[VOLUMES_MAX];
    unsigned n;
};

/*
 * Looks at `paths`, or, when there are none, at those of the environment's CORBEL_DEVICES
 * (separated by colons) and at each disk and partition of this machine. A device that is seen
 * twice, by a partition and the disk around it or by two names, counts once. Devices that cannot be
 * read are passed over. The caller frees with volumes_free().
 */
void volumes_find(const char *const *paths, unsigned n_paths, struct found_volumes *out);
void volumes_free(struct found_volumes *volumes);

/* Opens it with these flags of vmfs_open(). 0 or -errno with a sentence in `error`. */
int volume_open(const struct found_volume *volume, unsigned flags, struct datastore *out,
                char error[STORE_ERROR_MAX]);

#endif
