/* SPDX-License-Identifier: MIT */
/* Commands on virtual disks of every format. */
#include "vmfstool.h"

#include "block/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK (1u << 20)

/* ---- making ---- */

/* What -d, -a and the parent say of a disk to make. */
static struct vmdk_create how_to(const struct options *options, struct progress *progress)
{
    return (struct vmdk_create){.kind = options->kind,
                                .size = options->size / 512 * 512,
                                .adapter = options->adapter,
                                .progress = progress_show,
                                .context = progress};
}

int command_create(const struct options *options, const char *target)
{
    struct progress progress = {.what = "allocating"};
    struct vmdk_create how = how_to(options, &progress);
    char error[DISK_ERROR_MAX];
    struct store *store;
    const char *path;
    int rc;

    if (target_store(options, target, true, &store, &path) != 0)
        return 1;
    rc = vmdk_create(store, path, &how, error);
    progress_end(&progress);
    store_close(store);
    return rc == 0 ? 0 : complain("%s", error);
}

int command_map_device(const struct options *options, const char *device, const char *target)
{
    struct options mapped = *options;
    struct vmdk_create how;
    char error[DISK_ERROR_MAX];
    struct store *store;
    struct bdev *dev;
    const char *path;
    int rc = bdev_file_open(device, true, &dev);

    if (rc != 0)
        return complain("cannot open %s: %s", device, strerror(-rc));
    mapped.size = dev->size;
    bdev_close(dev);
    mapped.kind = VMDK_KIND_RDM;
    how = how_to(&mapped, NULL);
    how.progress = NULL;
    how.device = device;
    if (target_store(options, target, true, &store, &path) != 0)
        return 1;
    rc = vmdk_create(store, path, &how, error);
    store_close(store);
    return rc == 0 ? 0 : complain("%s", error);
}

int command_snapshot(const struct options *options, const char *parent, const char *target)
{
    char error[DISK_ERROR_MAX];
    struct store *store;
    const char *path, *child;
    int rc;

    if (target_beside(options, parent, target, &child) != 0 ||
        target_store(options, parent, true, &store, &path) != 0)
        return 1;
    if (options->kind_given) {
        struct vmdk_create how = {
            .kind = options->kind, .parent = path, .adapter = options->adapter};

        rc = vmdk_create(store, child, &how, error);
    } else {
        rc = vmdk_snapshot(store, path, child, error);
    }
    store_close(store);
    return rc == 0 ? 0 : complain("%s", error);
}

/* ---- copying ---- */

/* Whether a file of the host begins as a VMDK does. */
static bool looks_like_vmdk(const char *source)
{
    char start[24] = "";
    FILE *file = fopen(source, "re");
    size_t n = file != NULL ? fread(start, 1, sizeof(start) - 1, file) : 0;

    if (file != NULL)
        fclose(file);
    return (n >= 4 && (memcmp(start, "KDMV", 4) == 0 || memcmp(start, "COWD", 4) == 0)) ||
           (n >= 21 && memcmp(start, "# Disk DescriptorFile", 21) == 0);
}

/* Opens what is to be copied: a disk of a volume, a VMDK when it looks like one, else raw bytes. */
static int source_open(const struct options *options, const char *source, struct disk **out)
{
    char error[DISK_ERROR_MAX];
    bool is_vmdk = source[0] == '[' || (!options->raw && looks_like_vmdk(source));
    int rc = disk_open(is_vmdk ? "vmdk" : "raw", source, true, out, error);

    if (rc != 0)
        return complain("%s", error);
    if ((*out)->size > 0)
        return 0;
    disk_close(*out);
    return complain("%s is shorter than one sector", source);
}

int command_import(const struct options *options, const char *source, const char *target)
{
    struct progress progress = {.what = "copying"};
    struct vmdk_create how = how_to(options, &progress);
    char error[DISK_ERROR_MAX];
    struct store *store;
    struct disk *disk;
    const char *path;
    int rc = source_open(options, source, &disk);

    if (rc != 0)
        return rc;
    rc = target_store(options, target, true, &store, &path);
    if (rc == 0) {
        if (vmdk_clone(disk, store, path, &how, error) != 0)
            rc = complain("%s", error);
        progress_end(&progress);
        store_close(store);
    }
    disk_close(disk);
    return rc;
}

int target_disk(const struct options *options, const char *target, bool writable, struct disk **out)
{
    char error[DISK_ERROR_MAX];
    struct store *store;
    const char *path;

    if (target_store(options, target, writable, &store, &path) != 0)
        return 1;
    if (vmdk_open(store, path, !writable, out, error) == 0)
        return 0;
    store_close(store);
    return complain("%s", error);
}

/* ---- stored or not ---- */

/* Calls work for each piece of the disk that is stored, or that is not, and flushes. */
static int each_piece(struct disk *disk, bool stored, const char *what,
                      int (*work)(struct disk *disk, uint64_t at, char *buffer, size_t length))
{
    struct progress progress = {.what = what};
    char *buffer = malloc(CHUNK);
    int rc = buffer == NULL ? -ENOMEM : 0;

    for (uint64_t at = 0; at < disk->size && rc == 0;) {
        size_t piece = disk->size - at < CHUNK ? (size_t)(disk->size - at) : CHUNK;
        struct bdev_extent extent;
        bool read_needed;

        rc = disk_map(disk, at, piece, DISK_TO_READ, &extent, &read_needed);
        if (rc != 0)
            break;
        if (extent.length < piece)
            piece = (size_t)extent.length;
        if (extent.stored == stored)
            rc = work(disk, at, buffer, piece);
        at += piece;
        progress_show(&progress, at, disk->size);
    }
    progress_end(&progress);
    if (rc == 0)
        rc = disk_flush(disk);
    if (rc != 0)
        rc = complain("%s", disk->error[0] != '\0' ? disk->error : strerror(-rc));
    free(buffer);
    return rc;
}

static int punch(struct disk *disk, uint64_t at, char *buffer, size_t length)
{
    int rc = disk_read(disk, at, buffer, length);

    return rc != 0 || !is_zero(buffer, length) ? rc : disk_discard(disk, at, length);
}

static int fill(struct disk *disk, uint64_t at, char *buffer, size_t length)
{
    int rc = disk_read(disk, at, buffer, length);

    return rc != 0 ? rc : disk_write(disk, at, buffer, length);
}

/* Closes a disk that was written; `rc` is what came of it so far. */
static int close_changed(struct disk *disk, const char *target, int rc)
{
    int closed = disk_close(disk);

    return rc == 0 && closed != 0 ? complain("%s: closing: %s", target, strerror(-closed)) : rc;
}

int command_punch_zero(const struct options *options, const char *target)
{
    struct disk *disk;
    int rc = target_disk(options, target, true, &disk);

    if (rc != 0)
        return rc;
    rc = disk->discard_unit == 0 ? complain("%s: a disk of this format keeps its room", target)
                                 : each_piece(disk, true, "punching", punch);
    return close_changed(disk, target, rc);
}

int command_inflate(const struct options *options, const char *target)
{
    struct disk *disk;
    int rc = target_disk(options, target, true, &disk);

    if (rc != 0)
        return rc;
    rc = each_piece(disk, false, "inflating", fill);
    return close_changed(disk, target, rc);
}

/* ---- grow, rename, delete, adopt, check ---- */

/* How new room is allocated: as -d says, or else as the disk is. */
static int choose_allocation(const struct options *options, struct store *store, const char *path,
                             enum store_allocation *out, char error[DISK_ERROR_MAX])
{
    enum vmdk_kind kind = options->kind;
    struct vmdk_info info;

    if (!options->kind_given) {
        int rc = vmdk_get_info(store, path, &info, error);

        if (rc != 0)
            return rc;
        kind = info.kind;
    }
    *out = kind == VMDK_KIND_VMFS_EAGERZEROEDTHICK ? STORE_EAGERTHICK
           : kind == VMDK_KIND_VMFS_THIN           ? STORE_THIN
                                                   : STORE_ZEROEDTHICK;
    return 0;
}

int command_extend(const struct options *options, const char *target)
{
    struct progress progress = {.what = "allocating"};
    struct store_create how = {
        .length = options->size / 512 * 512, .progress = progress_show, .context = &progress};
    char error[DISK_ERROR_MAX];
    struct store *store;
    const char *path;
    int rc;

    if (target_store(options, target, true, &store, &path) != 0)
        return 1;
    rc = choose_allocation(options, store, path, &how.allocation, error);
    if (rc == 0)
        rc = vmdk_grow(store, path, &how, error);
    progress_end(&progress);
    store_close(store);
    return rc == 0 ? 0 : complain("%s", error);
}

int command_rename_disk(const struct options *options, const char *from, const char *to)
{
    char error[DISK_ERROR_MAX];
    struct store *store;
    const char *path, *new_path;
    int rc;

    if (target_beside(options, from, to, &new_path) != 0 ||
        target_store(options, from, true, &store, &path) != 0)
        return 1;
    rc = vmdk_rename(store, path, new_path, error);
    store_close(store);
    return rc == 0 ? 0 : complain("%s", error);
}

/* One call that takes a link's path. */
static int change_link(const struct options *options, const char *target,
                       int (*call)(struct store *store, const char *path,
                                   char error[DISK_ERROR_MAX]))
{
    char error[DISK_ERROR_MAX];
    struct store *store;
    const char *path;
    int rc;

    if (target_store(options, target, true, &store, &path) != 0)
        return 1;
    rc = call(store, path, error);
    store_close(store);
    return rc == 0 ? 0 : complain("%s", error);
}

int command_delete_disk(const struct options *options, const char *target)
{
    return change_link(options, target, vmdk_remove);
}

int command_adopt(const struct options *options, const char *target)
{
    return change_link(options, target, vmdk_adopt);
}

int command_check_disk(const struct options *options, const char *word, const char *target)
{
    struct findings findings = {.json = options->json, .progress = {.what = "checking"}};
    struct vmdk_check check = {.repair = strcmp(word, "repair") == 0,
                               .report = findings_print,
                               .progress = findings_progress,
                               .context = &findings};
    char error[DISK_ERROR_MAX];
    struct store *store;
    const char *path;
    int rc;

    if (!check.repair && strcmp(word, "check") != 0)
        return complain("-x takes check or repair, not \"%s\"", word);
    if (target_store(options, target, check.repair, &store, &path) != 0)
        return 1;
    if (options->json)
        printf("{\"findings\": [");
    rc = vmdk_check(store, path, &check, error);
    progress_end(&findings.progress);
    store_close(store);
    if (options->json)
        printf("\n], \"repaired\": %u}\n", check.repaired);
    else if (rc == 0)
        printf("%u findings, %u repaired\n", check.findings, check.repaired);
    if (rc != 0)
        return complain("%s", error);
    return check.findings > check.repaired;
}
