/* SPDX-License-Identifier: MIT */
/* What the files of vmfstool share. */
#ifndef TOOLS_VMFS_VMFSTOOL_H
#define TOOLS_VMFS_VMFSTOOL_H

#include "block/datastore.h"
#include "block/disk.h"
#include "block/vmdk/vmdk.h"
#include "util/progress.h"

#include <stdbool.h>
#include <stdint.h>

#define MAX_DEVICES DATASTORE_MAX_DEVICES

/* The command line. */
struct options {
    const char *devices[MAX_DEVICES];
    unsigned device_count;
    const char *label;
    const char *fs_type;
    uint64_t size;
    uint32_t block_size, sub_block_size;
    enum vmdk_kind kind;
    bool kind_given;
    const char *adapter; /* NULL: the library's choice */
    bool break_dead;
    bool repair;
    bool raw; /* the source of an import is raw, whatever its first bytes say */
    bool json;
    bool force;          /* what a device or file holds may be destroyed */
    const char *mounted; /* the directory where the volume is mounted, once a target was in it */
    bool read_only;      /* it is mounted for reading */
};

/* Prints "vmfstool: ..." to standard error and returns 1, the exit status. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Where `target` is a path in a directory that vmfs-mount shows a volume as, and neither --device
 * nor a label was given: takes the volume's devices into the options and makes it a path on the
 * volume. All targets of a command must then be in that directory. 0, or an exit status after a
 * complaint. What the options and the target point to stays until the program ends.
 */
int mounted_target(struct options *options, char **target);

/*
 * Opens the volume that `target` lies on: "[label] path" finds it by label, a plain path lies on
 * the volume of --device, whose label must be the one given if both are. *path points into
 * `target`. 0, or an exit status after a complaint.
 */
int target_open(const struct options *options, const char *target, bool writable,
                struct datastore *out, const char **path);

/*
 * The store a virtual disk's target is on: a volume, as target_open(), or, where a plain path comes
 * without --device, this host's file system. 0, or an exit status after a complaint.
 */
int target_store(const struct options *options, const char *target, bool writable,
                 struct store **out, const char **path);

/*
 * The path of a command's second name, which must lie where the first does: both with the same
 * label, or none; without a label also on the volume of --device. 0, or 1 after a complaint.
 */
int target_beside(const struct options *options, const char *first, const char *second,
                  const char **path);

/* Opens one disk of a target; closing it closes its store. */
int target_disk(const struct options *options, const char *target, bool writable,
                struct disk **out);

bool is_zero(const char *buffer, size_t length);

/* Prints `text` as a JSON string. */
void json_string(const char *text);

/* Prints findings of a check: lines, or the members of a JSON list. */
struct findings {
    bool json;
    unsigned count;
    struct progress progress;
};
void findings_print(void *findings, const char *finding);
void findings_progress(void *findings, uint64_t done, uint64_t total);

/*
 * Before all of `dev` is overwritten: complains, and returns 1, when libblkid finds a file system,
 * a volume or a partition table there and --force was not given.
 */
int require_vacant(const struct options *options, const struct bdev *dev);

/* Parses "10g", "512m", "4096": bytes. False when it is none. */
bool parse_size(const char *text, uint64_t *out);

/* Commands: return the exit status. */
int command_mkfs(const struct options *options, const char *device);
int command_create(const struct options *options, const char *target);
int command_import(const struct options *options, const char *source, const char *target);
int command_export(const struct options *options, const char *target, const char *file);
int command_extend(const struct options *options, const char *target);
int command_delete_disk(const struct options *options, const char *target);
int command_rename_disk(const struct options *options, const char *from, const char *to);
int command_snapshot(const struct options *options, const char *parent, const char *target);
int command_map_device(const struct options *options, const char *device, const char *target);
int command_adopt(const struct options *options, const char *target);
int command_punch_zero(const struct options *options, const char *target);
int command_inflate(const struct options *options, const char *target);
int command_check_disk(const struct options *options, const char *word, const char *target);
int command_dump(const struct options *options, const char *target);
int command_relabel(const struct options *options, const char *target);
int command_list(const struct options *options, const char *target);
int command_cat(const struct options *options, const char *target);
int command_put(const struct options *options, const char *file, const char *target);
int command_mkdir(const struct options *options, const char *target);
int command_remove(const struct options *options, const char *target);
int command_query(const struct options *options, const char *target);
int command_check(const struct options *options, const char *target);
int command_span(const struct options *options, const char *device, const char *target);
int command_grow(const struct options *options, const char *target);
int command_reclaim(const struct options *options, const char *target);

#endif
