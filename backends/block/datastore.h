/* SPDX-License-Identifier: MIT */
/* datastore: VMFS volumes found by label on this machine's disks. */
#ifndef BACKENDS_BLOCK_DATASTORE_H
#define BACKENDS_BLOCK_DATASTORE_H

#include "block/store.h"
#include "block/vmfs/vmfs.h"

#define DATASTORE_LABEL_MAX   128
#define DATASTORE_MAX_DEVICES 32u

/* A volume and the devices it lies on. */
struct datastore {
    struct bdev *devices[DATASTORE_MAX_DEVICES];
    unsigned device_count;
    struct vmfs_volume *volume;
};

/*
 * Splits "[label] path": 0, with *path inside `target`; -ENOENT when it has no label; -EINVAL when
 * the label is not closed, empty or too long, or no path follows.
 */
int datastore_split(const char *target, char label[DATASTORE_LABEL_MAX + 1], const char **path);

/* Opens the volume on the named devices or images. Flags as for vmfs_open(). */
int datastore_open_paths(const char *const *paths, unsigned count, unsigned flags,
                         struct datastore *out, char error[STORE_ERROR_MAX]);

/*
 * Opens the volume with this label or file system UUID among the disks of this machine, with all
 * its extents (volumes_find()). -ENODEV when there is none, -ENOTUNIQ when two.
 */
int datastore_find(const char *name, unsigned flags, struct datastore *out,
                   char error[STORE_ERROR_MAX]);

/*
 * Calls look for each path of the environment's CORBEL_DEVICES (separated by colons) and each disk
 * and partition of this machine.
 */
void datastore_each_device(void (*look)(void *context, const char *path), void *context);

void datastore_close(struct datastore *datastore);

/* The volume as a store. Takes the datastore over: store_close() closes it. */
int datastore_store(const struct datastore *datastore, struct store **out);

/*
 * Finds a volume and makes it a store. Readers too open it for writing, so that their locks keep
 * writers out, unless the device is read-only.
 */
int datastore_open_label(const char *label, bool writable, struct store **out,
                         char error[STORE_ERROR_MAX]);

#endif
