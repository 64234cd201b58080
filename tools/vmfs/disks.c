/* SPDX-License-Identifier: MIT */
/* Commands on virtual disks. */
#include "vmfstool.h"

#include "block/disk.h"
#include "block/vmdk/descriptor.h"
#include "block/vmdk/vmdk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define CHUNK      (1u << 20)
#define PATH_BYTES 1024

/* The parts of "dir/x.vmdk": where its data goes, and what the descriptor calls it. */
struct disk_names {
    char flat[PATH_BYTES];
    const char *flat_name; /* in `flat` */
};

static int disk_names(const char *path, struct disk_names *out)
{
    size_t length = strlen(path);
    char *slash;

    if (length < 6 || strcmp(path + length - 5, ".vmdk") != 0)
        return complain("\"%s\": a virtual disk's name ends in .vmdk", path);
    if (snprintf(out->flat, sizeof(out->flat), "%.*s-flat.vmdk", (int)(length - 5), path) >=
        (int)sizeof(out->flat))
        return complain("\"%s\": the path is too long", path);
    slash = strrchr(out->flat, '/');
    out->flat_name = slash == NULL ? out->flat : slash + 1;
    return 0;
}

static int volume_complain(struct vmfs_volume *volume)
{
    return complain("%s", vmfs_error(volume));
}

/* Writes a descriptor file with this text. */
static int write_descriptor(struct vmfs_volume *volume, const char *path, const char *text,
                            size_t length)
{
    struct vmfs_file *file;
    int rc = vmfs_file_create(volume, path, length, VMFS_THIN, NULL, NULL, &file);

    if (rc != 0)
        return volume_complain(volume);
    if (vmfs_file_write(file, 0, text, length) != 0 || vmfs_flush(volume) != 0)
        rc = volume_complain(volume);
    vmfs_file_close(file);
    return rc;
}

static int make_descriptor(struct vmfs_volume *volume, const char *path,
                           const struct disk_names *names, uint64_t bytes, bool thin, uint32_t cid)
{
    /* VMware's own IEEE company number and the two fixed bytes before it begin every disk's id. */
    struct vmdk_extent extent = {.type = VMDK_EXTENT_VMFS, .sectors = bytes / VMDK_SECTOR};
    struct vmdk_new disk = {.create_type = "vmfs",
                            .sectors = bytes / VMDK_SECTOR,
                            .extents = &extent,
                            .extent_count = 1,
                            .thin = thin,
                            .uuid = {0x60, 0x00, 0xC2, 0x90},
                            .cid = cid};
    char text[4096];
    int length;

    snprintf(extent.file, sizeof(extent.file), "%s", names->flat_name);
    if (getrandom(disk.uuid + 4, 12, 0) != 12)
        return complain("no random numbers: %s", strerror(errno));
    length = vmdk_descriptor_format(&disk, text, sizeof(text));
    if (length < 0)
        return complain("\"%s\": the name is too long for a descriptor", path);
    return write_descriptor(volume, path, text, (size_t)length);
}

int command_create(const struct options *options, const char *target)
{
    struct progress progress = {.what = "allocating"};
    uint64_t bytes = options->size / VMDK_SECTOR * VMDK_SECTOR;
    struct disk_names names;
    struct datastore datastore;
    struct vmfs_file *file;
    const char *path;
    int rc;

    if (target_open(options, target, true, &datastore, &path) != 0)
        return 1;
    rc = disk_names(path, &names);
    if (rc == 0 && vmfs_file_create(datastore.volume, names.flat, bytes, options->allocation,
                                    progress_show, &progress, &file) != 0)
        rc = volume_complain(datastore.volume);
    progress_end(&progress);
    if (rc == 0) {
        vmfs_file_close(file);
        rc = make_descriptor(datastore.volume, path, &names, bytes,
                             options->allocation == VMFS_THIN, VMDK_CID_UNWRITTEN);
        if (rc != 0)
            vmfs_remove(datastore.volume, names.flat);
    }
    datastore_close(&datastore);
    return rc;
}

/* ---- import ---- */

/* Opens what is to be copied: a VMDK when it looks like one, else raw bytes. */
static int source_open(const struct options *options, const char *source, struct disk **out)
{
    char error[DISK_ERROR_MAX], start[24] = "";
    FILE *file = fopen(source, "re");
    bool is_vmdk;
    size_t n;
    int rc;

    if (file == NULL)
        return complain("cannot open %s: %s", source, strerror(errno));
    n = fread(start, 1, sizeof(start) - 1, file);
    fclose(file);
    is_vmdk = !options->raw && ((n >= 4 && memcmp(start, "KDMV", 4) == 0) ||
                                (n >= 21 && memcmp(start, "# Disk DescriptorFile", 21) == 0));
    rc = disk_open(is_vmdk ? "vmdk" : "raw", source, true, out, error);
    return rc == 0 ? 0 : complain("%s", error);
}

static bool is_zero(const char *buffer, size_t length)
{
    return length == 0 || (buffer[0] == 0 && memcmp(buffer, buffer + 1, length - 1) == 0);
}

/* Copies all but zeros: what was never written reads as zeros already. */
static int copy_disk(struct disk *source, struct vmfs_volume *volume, struct vmfs_file *file)
{
    struct progress progress = {.what = "copying"};
    char *buffer = malloc(CHUNK);
    int rc = buffer == NULL ? complain("out of memory") : 0;

    for (uint64_t at = 0; at < source->size && rc == 0; at += CHUNK) {
        size_t piece = source->size - at < CHUNK ? (size_t)(source->size - at) : CHUNK;

        if (disk_read(source, at, buffer, piece) != 0)
            rc = complain("%s", source->error);
        else if (!is_zero(buffer, piece) && vmfs_file_write(file, at, buffer, piece) != 0)
            rc = volume_complain(volume);
        progress_show(&progress, at + piece, source->size);
    }
    progress_end(&progress);
    if (rc == 0 && vmfs_flush(volume) != 0)
        rc = volume_complain(volume);
    free(buffer);
    return rc;
}

static int import_into(const struct options *options, struct disk *source,
                       struct vmfs_volume *volume, const char *path)
{
    struct progress progress = {.what = "allocating"};
    struct disk_names names;
    struct vmfs_file *file;
    uint32_t cid;
    int rc = disk_names(path, &names);

    if (rc != 0)
        return rc;
    if (getrandom(&cid, sizeof(cid), 0) != sizeof(cid) || cid >= VMDK_CID_UNWRITTEN)
        cid = 0x5EED;
    if (vmfs_file_create(volume, names.flat, source->size, options->allocation, progress_show,
                         &progress, &file) != 0)
        return volume_complain(volume);
    progress_end(&progress);
    rc = copy_disk(source, volume, file);
    vmfs_file_close(file);
    if (rc == 0)
        rc = make_descriptor(volume, path, &names, source->size, options->allocation == VMFS_THIN,
                             cid);
    if (rc != 0)
        vmfs_remove(volume, names.flat);
    return rc;
}

int command_import(const struct options *options, const char *source, const char *target)
{
    struct datastore datastore;
    struct disk *disk;
    const char *path;
    int rc = source_open(options, source, &disk);

    if (rc != 0)
        return rc;
    if (disk->size == 0)
        rc = complain("%s is shorter than one sector", source);
    else
        rc = target_open(options, target, true, &datastore, &path);
    if (rc == 0) {
        rc = import_into(options, disk, datastore.volume, path);
        datastore_close(&datastore);
    }
    disk_close(disk);
    return rc;
}

/* ---- export ---- */

static int export_to(struct disk *disk, int fd, const char *name)
{
    struct progress progress = {.what = "writing"};
    char *buffer = malloc(CHUNK);
    int rc = buffer == NULL ? complain("out of memory") : 0;

    if (rc == 0 && ftruncate(fd, (off_t)disk->size) != 0)
        rc = complain("%s: %s", name, strerror(errno));
    for (uint64_t at = 0; at < disk->size && rc == 0; at += CHUNK) {
        size_t piece = disk->size - at < CHUNK ? (size_t)(disk->size - at) : CHUNK;

        if (disk_read(disk, at, buffer, piece) != 0)
            rc = complain("%s", disk->error);
        else if (!is_zero(buffer, piece) && pwrite(fd, buffer, piece, (off_t)at) != (ssize_t)piece)
            rc = complain("%s: %s", name, strerror(errno));
        progress_show(&progress, at + piece, disk->size);
    }
    progress_end(&progress);
    if (rc == 0 && fsync(fd) != 0)
        rc = complain("%s: %s", name, strerror(errno));
    free(buffer);
    return rc;
}

int command_export(const struct options *options, const char *target, const char *name)
{
    char error[DISK_ERROR_MAX];
    struct datastore datastore;
    struct store *store;
    struct disk *disk;
    const char *path;
    int fd, rc;

    if (target_open(options, target, false, &datastore, &path) != 0)
        return 1;
    if (datastore_store(&datastore, &store) != 0) {
        datastore_close(&datastore);
        return complain("out of memory");
    }
    if (vmdk_open(store, path, true, &disk, error) != 0) {
        store_close(store);
        return complain("%s", error);
    }
    fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        rc = complain("%s: %s", name, strerror(errno));
    } else {
        rc = export_to(disk, fd, name);
        close(fd);
    }
    disk_close(disk);
    return rc;
}

/* ---- delete, rename, extend ---- */

int command_delete_disk(const struct options *options, const char *target)
{
    struct disk_names names;
    struct datastore datastore;
    const char *path;
    int rc;

    if (target_open(options, target, true, &datastore, &path) != 0)
        return 1;
    rc = disk_names(path, &names);
    /* Data first: it is what may be in use; a descriptor alone is easily removed. */
    if (rc == 0 && (vmfs_remove(datastore.volume, names.flat) != 0 ||
                    vmfs_remove(datastore.volume, path) != 0))
        rc = volume_complain(datastore.volume);
    datastore_close(&datastore);
    return rc;
}

/* Reads a descriptor's text, NUL-terminated. */
static int read_text(struct vmfs_volume *volume, const char *path, char *text, size_t size,
                     size_t *length)
{
    struct vmfs_file *file;
    int rc = vmfs_file_open(volume, path, VMFS_SHARE_NONE, &file);

    if (rc != 0)
        return volume_complain(volume);
    *length = vmfs_file_length(file) < size ? (size_t)vmfs_file_length(file) : size - 1;
    if (vmfs_file_read(file, 0, text, *length) != 0)
        rc = volume_complain(volume);
    vmfs_file_close(file);
    text[*length] = '\0';
    *length = strlen(text);
    return rc;
}

/* Replaces the extent line of a one-extent descriptor. */
static int set_extent(char *text, size_t *length, size_t size, uint64_t sectors, const char *name)
{
    char line[PATH_BYTES + 64], *at = strstr(text, "\nRW "), *end;
    size_t line_length, old;

    if (at == NULL)
        return complain("the descriptor has no extent line \"RW ...\"");
    at++;
    end = at + strcspn(at, "\n");
    old = (size_t)(end - at);
    line_length = (size_t)snprintf(line, sizeof(line), "RW %llu VMFS \"%s\"",
                                   (unsigned long long)sectors, name);
    if (line_length >= sizeof(line) || *length - old + line_length >= size)
        return complain("the descriptor is too long");
    memmove(at + line_length, end, *length - (size_t)(end - text) + 1);
    memcpy(at, line, line_length);
    *length = *length - old + line_length;
    return 0;
}

/* Replaces a descriptor by one with this text. */
static int replace_descriptor(struct vmfs_volume *volume, const char *path, const char *text,
                              size_t length)
{
    char fresh[PATH_BYTES];
    int rc;

    if (snprintf(fresh, sizeof(fresh), "%s~", path) >= (int)sizeof(fresh))
        return complain("\"%s\": the path is too long", path);
    rc = write_descriptor(volume, fresh, text, length);
    if (rc == 0 && (vmfs_remove(volume, path) != 0 || vmfs_rename(volume, fresh, path) != 0))
        rc = volume_complain(volume);
    return rc;
}

int command_extend(const struct options *options, const char *target)
{
    struct progress progress = {.what = "allocating"};
    struct vmdk_descriptor *descriptor = calloc(1, sizeof(*descriptor));
    char text[8192], error[VMDK_ERROR_MAX];
    struct disk_names names;
    struct datastore datastore;
    struct vmfs_file *file;
    const char *path;
    size_t length;
    int rc;

    if (descriptor == NULL || target_open(options, target, true, &datastore, &path) != 0) {
        free(descriptor);
        return 1;
    }
    rc = disk_names(path, &names);
    if (rc == 0)
        rc = read_text(datastore.volume, path, text, sizeof(text), &length);
    if (rc == 0 && vmdk_descriptor_parse(text, length, descriptor, error) != 0)
        rc = complain("%s: %s", path, error);
    if (rc == 0 &&
        (descriptor->extent_count != 1 || descriptor->extents[0].type != VMDK_EXTENT_VMFS))
        rc = complain("%s: only disks of one flat VMFS extent can be extended", path);
    if (rc == 0 && vmfs_file_open(datastore.volume, names.flat, VMFS_SHARE_EXCLUSIVE, &file) != 0)
        rc = volume_complain(datastore.volume);
    if (rc == 0) {
        /* The data grows first: a descriptor never promises more than is there. */
        if (vmfs_file_extend(file, options->size / VMDK_SECTOR * VMDK_SECTOR,
                             descriptor->thin ? VMFS_THIN : options->allocation, progress_show,
                             &progress) != 0)
            rc = volume_complain(datastore.volume);
        vmfs_file_close(file);
        progress_end(&progress);
    }
    if (rc == 0)
        rc = set_extent(text, &length, sizeof(text), options->size / VMDK_SECTOR, names.flat_name);
    if (rc == 0)
        rc = replace_descriptor(datastore.volume, path, text, length);
    datastore_close(&datastore);
    vmdk_descriptor_free(descriptor);
    free(descriptor);
    return rc;
}

int command_rename_disk(const struct options *options, const char *from, const char *to)
{
    struct disk_names old_names, new_names;
    char text[8192], label[DATASTORE_LABEL_MAX + 1];
    struct datastore datastore;
    const char *path, *new_path = to;
    size_t length;
    unsigned long long sectors = 0;
    int rc;

    if (target_open(options, from, true, &datastore, &path) != 0)
        return 1;
    datastore_split(to, label, &new_path);
    rc = disk_names(path, &old_names);
    if (rc == 0)
        rc = disk_names(new_path, &new_names);
    if (rc == 0)
        rc = read_text(datastore.volume, path, text, sizeof(text), &length);
    if (rc == 0 &&
        (strstr(text, "\nRW ") == NULL || sscanf(strstr(text, "\nRW ") + 4, "%llu", &sectors) != 1))
        rc = complain("%s: no extent line", path);
    if (rc == 0)
        rc = set_extent(text, &length, sizeof(text), sectors, new_names.flat_name);
    if (rc == 0)
        rc = write_descriptor(datastore.volume, new_path, text, length);
    if (rc == 0 && (vmfs_rename(datastore.volume, old_names.flat, new_names.flat) != 0 ||
                    vmfs_remove(datastore.volume, path) != 0))
        rc = volume_complain(datastore.volume);
    datastore_close(&datastore);
    return rc;
}
