/* SPDX-License-Identifier: MIT */
/* Commands on volumes and plain files. */
#include "vmfstool.h"

#include "block/vmfs/ondisk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (1u << 20)

int command_mkfs(const struct options *options, const char *device)
{
    struct vmfs_mkfs mkfs = {.label = options->label,
                             .block_size = options->block_size,
                             .sub_block_size = options->sub_block_size};
    char error[VMFS_ERROR_MAX];
    struct bdev *dev;
    int rc;

    if (strcmp(options->fs_type, "vmfs5") != 0 && strcmp(options->fs_type, "vmfs6") != 0)
        return complain("file system \"%s\": vmfs5 and vmfs6 can be made", options->fs_type);
    mkfs.version = strcmp(options->fs_type, "vmfs6") == 0 ? 6 : 5;
    rc = bdev_file_open(device, false, &dev);
    if (rc != 0)
        return complain("cannot open %s: %s", device, strerror(-rc));
    rc = require_vacant(options, dev);
    if (rc == 0 && vmfs_mkfs(dev, &mkfs, error) != 0)
        rc = complain("%s", error);
    bdev_close(dev);
    return rc;
}

static const char *type_word(uint32_t type)
{
    switch (type) {
    case VMFS_TYPE_DIRECTORY:
        return "directory";
    case VMFS_TYPE_FILE:
        return "file";
    case VMFS_TYPE_SYMLINK:
        return "symlink";
    case VMFS_TYPE_SYSTEM:
        return "system";
    case VMFS_TYPE_RDM:
        return "rdm";
    default:
        return "unknown";
    }
}

struct listing {
    bool json;
    unsigned count;
};

static int print_entry(void *context, const char *name, const struct vmfs_stat *stat)
{
    struct listing *listing = context;
    time_t when = stat->mtime_s;
    char text[32];

    if (listing->json) {
        printf("%s\n  {\"name\": ", listing->count > 0 ? "," : "");
        json_string(name);
        printf(", \"type\": \"%s\", \"length\": %llu, \"allocated\": %llu, \"mtime\": %u}",
               type_word(stat->type), (unsigned long long)stat->length,
               (unsigned long long)stat->allocated, stat->mtime_s);
    } else {
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M", gmtime(&when));
        printf("%-9s %04o %15llu %15llu %s %s\n", type_word(stat->type), stat->mode & 07777,
               (unsigned long long)stat->length, (unsigned long long)stat->allocated, text, name);
    }
    listing->count++;
    return 0;
}

int command_list(const struct options *options, const char *target)
{
    struct listing listing = {.json = options->json};
    struct datastore datastore;
    const char *path;
    int rc;

    if (target_open(options, target, false, &datastore, &path) != 0)
        return 1;
    if (options->json)
        putchar('[');
    rc = vmfs_list(datastore.volume, path, print_entry, &listing);
    if (options->json)
        puts("\n]");
    if (rc != 0)
        complain("%s", vmfs_error(datastore.volume));
    datastore_close(&datastore);
    return rc != 0;
}

int command_cat(const struct options *options, const char *target)
{
    struct datastore datastore;
    struct vmfs_file *file;
    char *buffer = malloc(CHUNK);
    const char *path;
    int rc;

    if (buffer == NULL || target_open(options, target, false, &datastore, &path) != 0) {
        free(buffer);
        return 1;
    }
    rc = vmfs_file_open(datastore.volume, path, VMFS_SHARE_NONE, &file);
    if (rc == 0) {
        uint64_t length = vmfs_file_length(file);

        for (uint64_t at = 0; at < length && rc == 0; at += CHUNK) {
            size_t piece = length - at < CHUNK ? (size_t)(length - at) : CHUNK;

            rc = vmfs_file_read(file, at, buffer, piece);
            if (rc == 0 && fwrite(buffer, 1, piece, stdout) != piece) {
                rc = complain("cannot write to standard output: %s", strerror(errno));
                break;
            }
        }
        vmfs_file_close(file);
    }
    if (rc < 0)
        complain("%s", vmfs_error(datastore.volume));
    datastore_close(&datastore);
    free(buffer);
    return rc != 0;
}

/* Copies an open host file into a new file. */
static int put_file(struct vmfs_volume *volume, int fd, uint64_t length, const char *path,
                    char *buffer)
{
    struct progress progress = {.what = "copying"};
    struct vmfs_file *file;
    int rc = vmfs_file_create(volume, path, length, VMFS_THIN, NULL, NULL, &file);

    if (rc != 0)
        return complain("%s", vmfs_error(volume));
    for (uint64_t at = 0; at < length && rc == 0;) {
        ssize_t n = read(fd, buffer, CHUNK);

        if (n <= 0)
            rc = complain("the source ended early or cannot be read");
        else if (vmfs_file_write(file, at, buffer, (size_t)n) != 0)
            rc = complain("%s", vmfs_error(volume));
        at += n > 0 ? (uint64_t)n : 0;
        progress_show(&progress, at, length);
    }
    progress_end(&progress);
    vmfs_file_close(file);
    if (rc != 0)
        vmfs_remove(volume, path);
    else if (vmfs_flush(volume) != 0)
        rc = complain("%s", vmfs_error(volume));
    return rc;
}

int command_put(const struct options *options, const char *source, const char *target)
{
    int fd = open(source, O_RDONLY | O_CLOEXEC), rc = 1;
    struct datastore datastore;
    char *buffer = malloc(CHUNK);
    const char *path;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        complain("%s is not a readable file", source);
    } else if (buffer != NULL && target_open(options, target, true, &datastore, &path) == 0) {
        rc = put_file(datastore.volume, fd, (uint64_t)st.st_size, path, buffer);
        datastore_close(&datastore);
    }
    if (fd >= 0)
        close(fd);
    free(buffer);
    return rc;
}

/* Runs one call that takes a path, on a volume open for writing. */
static int change(const struct options *options, const char *target,
                  int (*call)(struct vmfs_volume *volume, const char *path))
{
    struct datastore datastore;
    const char *path;
    int rc;

    if (target_open(options, target, true, &datastore, &path) != 0)
        return 1;
    rc = call(datastore.volume, path);
    if (rc != 0)
        complain("%s", vmfs_error(datastore.volume));
    datastore_close(&datastore);
    return rc != 0;
}

int command_mkdir(const struct options *options, const char *target)
{
    return change(options, target, vmfs_mkdir);
}

int command_relabel(const struct options *options, const char *target)
{
    struct datastore datastore;
    const char *path;
    int rc;

    if (target_open(options, target, true, &datastore, &path) != 0)
        return 1;
    rc = vmfs_set_label(datastore.volume, options->label);
    if (rc != 0)
        complain("%s", vmfs_error(datastore.volume));
    datastore_close(&datastore);
    return rc != 0;
}

int command_remove(const struct options *options, const char *target)
{
    return change(options, target, vmfs_remove);
}

static void print_info(const struct vmfs_info *info, bool shared, bool json)
{
    unsigned long long total = info->blocks * info->block_size;
    unsigned long long left = info->blocks_free * info->block_size;

    if (json) {
        printf("{\"label\": ");
        json_string(info->label);
        printf(", \"uuid\": \"%s\", \"version\": \"%u.%u\", \"block_size\": %u, \"size\": %llu, "
               "\"free\": %llu, \"sub_blocks\": %llu, \"sub_blocks_free\": %llu, "
               "\"pointer_blocks\": %llu, \"pointer_blocks_free\": %llu, \"files\": %llu, "
               "\"files_free\": %llu, \"shared\": %s}\n",
               info->uuid, info->major, info->minor, info->block_size, total, left,
               (unsigned long long)info->sub_blocks, (unsigned long long)info->sub_blocks_free,
               (unsigned long long)info->pointer_blocks,
               (unsigned long long)info->pointer_blocks_free, (unsigned long long)info->files,
               (unsigned long long)info->files_free, shared ? "true" : "false");
        return;
    }
    printf("VMFS-%u (%u.%u) file system \"%s\"\n",
           info->major >= 24   ? 6
           : info->major >= 14 ? 5
                               : 3,
           info->major, info->minor, info->label);
    printf("UUID: %s\n", info->uuid);
    printf("Capacity %llu MiB, %llu MiB available, file block size %u MiB\n", total >> 20,
           left >> 20, info->block_size >> 20);
    printf("Files (free/total): %llu/%llu, sub-blocks %llu/%llu, pointer blocks %llu/%llu\n",
           (unsigned long long)info->files_free, (unsigned long long)info->files,
           (unsigned long long)info->sub_blocks_free, (unsigned long long)info->sub_blocks,
           (unsigned long long)info->pointer_blocks_free, (unsigned long long)info->pointer_blocks);
    printf("Used by %s\n", shared ? "several hosts at once: its disks know COMPARE AND WRITE"
                                  : "one host at a time: its disks have no COMPARE AND WRITE, or "
                                    "sectors of 4 KiB");
}

int command_query(const struct options *options, const char *target)
{
    struct datastore datastore;
    struct vmfs_info info;
    const char *path;
    int rc;

    if (target_open(options, target, false, &datastore, &path) != 0)
        return 1;
    rc = vmfs_get_info(datastore.volume, &info);
    if (rc == 0)
        print_info(&info, vmfs_is_shared(datastore.volume), options->json);
    else
        complain("%s", vmfs_error(datastore.volume));
    datastore_close(&datastore);
    return rc != 0;
}

int command_check(const struct options *options, const char *target)
{
    struct findings findings = {.json = options->json,
                                .progress = {.what = "checking", .unit = "file descriptors"}};
    struct vmfs_check check = {.repair = options->repair,
                               .report = findings_print,
                               .progress = findings_progress,
                               .context = &findings};
    struct datastore datastore;
    const char *path;
    int rc;

    if (target_open(options, target, options->repair, &datastore, &path) != 0)
        return 1;
    if (options->json)
        printf("{\"findings\": [");
    rc = vmfs_check(datastore.volume, &check);
    progress_end(&findings.progress);
    if (options->json)
        printf("\n], \"repaired\": %u, \"unread\": %u}\n", check.repaired, check.unread);
    else if (rc == 0)
        printf("%u findings, %u repaired\n", check.findings, check.repaired);
    if (rc != 0)
        complain("check not finished: %s", vmfs_error(datastore.volume));
    datastore_close(&datastore);
    return rc != 0 || check.findings > check.repaired;
}
