/* SPDX-License-Identifier: MIT */
/* vmdk: a disk over its extents. */
#include "block/vmdk/vmdk.h"

#include "block/vmdk/descriptor.h"
#include "block/vmdk/sparse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

struct part {
    uint64_t start, length; /* bytes of the disk */
    uint64_t offset;        /* bytes in the file */
    enum vmdk_extent_type type;
    struct store_file *file;
    struct vmdk_sparse *sparse;
};

struct vmdk_disk {
    struct disk disk;
    struct store *store;
    char path[512];
    struct vmdk_descriptor descriptor;
    struct part parts[VMDK_MAX_EXTENTS];
    unsigned part_count;
    unsigned last_part; /* where the last access fell */
    bool cid_renewed;
};

static struct vmdk_disk *vmdk_of(struct disk *disk)
{
    return (struct vmdk_disk *)disk;
}

static int fail(struct vmdk_disk *vmdk, int code, const char *why)
{
    snprintf(vmdk->disk.error, DISK_ERROR_MAX, "%.100s: %.150s", vmdk->path, why);
    return code;
}

/* Passes a store's error on. */
static int from_store(struct vmdk_disk *vmdk, int rc)
{
    return rc == 0 ? 0 : fail(vmdk, rc, vmdk->store->error);
}

static struct part *part_at(struct vmdk_disk *vmdk, uint64_t offset)
{
    struct part *part = &vmdk->parts[vmdk->last_part];

    if (offset >= part->start && offset - part->start < part->length)
        return part;
    for (unsigned i = 0; i < vmdk->part_count; i++) {
        part = &vmdk->parts[i];
        if (offset >= part->start && offset - part->start < part->length) {
            vmdk->last_part = i;
            return part;
        }
    }
    return NULL;
}

static int part_read(struct vmdk_disk *vmdk, struct part *part, uint64_t inside, void *buffer,
                     size_t length)
{
    if (part->type == VMDK_EXTENT_ZERO) {
        memset(buffer, 0, length);
        return 0;
    }
    if (part->sparse != NULL)
        return from_store(vmdk, vmdk_sparse_read(part->sparse, inside, buffer, length));
    return from_store(vmdk,
                      vmdk->store->ops->read(part->file, part->offset + inside, buffer, length));
}

static int vmdk_read(struct disk *disk, uint64_t offset, void *buffer, size_t length)
{
    struct vmdk_disk *vmdk = vmdk_of(disk);

    while (length > 0) {
        struct part *part = part_at(vmdk, offset);
        uint64_t inside = offset - part->start;
        size_t piece = part->length - inside < length ? part->length - inside : length;
        int rc = part_read(vmdk, part, inside, buffer, piece);

        if (rc != 0)
            return rc;
        offset += piece;
        buffer = (char *)buffer + piece;
        length -= piece;
    }
    return 0;
}

/*
 * Gives the disk a new content id before its first write, so that children of the old contents no
 * longer match. The new id has as many digits as the old one: the text keeps its length.
 */
static int renew_cid(struct vmdk_disk *vmdk)
{
    const struct store_ops *ops = vmdk->store->ops;
    char *text = NULL, line[24], old[24];
    struct store_file *file;
    size_t digits, length;
    uint32_t cid;
    int rc;

    if (vmdk->cid_renewed)
        return 0;
    rc = from_store(vmdk, ops->open(vmdk->store, vmdk->path, STORE_WRITE, &file));
    if (rc != 0)
        return rc;
    length = file->length < VMDK_DESCRIPTOR_MAX ? file->length : VMDK_DESCRIPTOR_MAX;
    text = malloc(length + 1);
    rc = text == NULL ? fail(vmdk, -ENOMEM, "out of memory")
                      : from_store(vmdk, ops->read(file, 0, text, length));
    if (rc == 0) {
        const char *at;

        text[length] = '\0';
        at = strcasestr(text, "\nCID=");
        digits = at == NULL ? 0 : strspn(at + 5, "0123456789abcdefABCDEF");
        if (digits >= 1 && digits <= 8) {
            do {
                if (getrandom(&cid, sizeof(cid), 0) != sizeof(cid))
                    cid = vmdk->descriptor.cid * 1664525u + 1013904223u;
                cid >>= 4 * (8 - digits);
                snprintf(line, sizeof(line), "%0*x", (int)digits, cid);
                snprintf(old, sizeof(old), "%.*s", (int)digits, at + 5);
            } while (cid >= VMDK_CID_UNWRITTEN || strcasecmp(line, old) == 0);
            rc = from_store(vmdk, ops->write(file, (uint64_t)(at + 5 - text), line, digits));
            if (rc == 0)
                rc = from_store(vmdk, ops->flush(file));
        }
    }
    free(text);
    ops->close_file(file);
    vmdk->cid_renewed = rc == 0;
    return rc;
}

static int vmdk_write(struct disk *disk, uint64_t offset, const void *buffer, size_t length)
{
    struct vmdk_disk *vmdk = vmdk_of(disk);
    int rc = renew_cid(vmdk);

    while (length > 0 && rc == 0) {
        struct part *part = part_at(vmdk, offset);
        uint64_t inside = offset - part->start;
        size_t piece = part->length - inside < length ? part->length - inside : length;

        if (part->file == NULL)
            return fail(vmdk, -EROFS, "this part of the disk cannot be written");
        rc = from_store(vmdk,
                        vmdk->store->ops->write(part->file, part->offset + inside, buffer, piece));
        offset += piece;
        buffer = (const char *)buffer + piece;
        length -= piece;
    }
    return rc;
}

static int vmdk_map(struct disk *disk, uint64_t offset, uint64_t most, struct bdev_extent *out,
                    bool *read_needed)
{
    struct vmdk_disk *vmdk = vmdk_of(disk);
    struct part *part = part_at(vmdk, offset);
    uint64_t inside;

    if (part == NULL)
        return fail(vmdk, -EINVAL, "offset outside the disk");
    inside = offset - part->start;
    if (most > part->length - inside)
        most = part->length - inside;
    *read_needed = part->sparse != NULL;
    if (part->sparse != NULL || part->type == VMDK_EXTENT_ZERO) {
        *out = (struct bdev_extent){.length = most};
        return 0;
    }
    /* Until the content id is renewed a writer must come through vmdk_write(). */
    if (!disk->read_only && !vmdk->cid_renewed) {
        int rc = renew_cid(vmdk);

        if (rc != 0)
            return rc;
    }
    return from_store(vmdk, vmdk->store->ops->map(part->file, part->offset + inside, most, out));
}

static int vmdk_flush(struct disk *disk)
{
    struct vmdk_disk *vmdk = vmdk_of(disk);
    int rc = 0;

    for (unsigned i = 0; i < vmdk->part_count && rc == 0; i++) {
        if (vmdk->parts[i].file != NULL)
            rc = from_store(vmdk, vmdk->store->ops->flush(vmdk->parts[i].file));
    }
    return rc;
}

static int vmdk_tick(struct disk *disk)
{
    struct vmdk_disk *vmdk = vmdk_of(disk);

    return vmdk->store->ops->tick == NULL ? 0
                                          : from_store(vmdk, vmdk->store->ops->tick(vmdk->store));
}

static void close_parts(struct vmdk_disk *vmdk)
{
    for (unsigned i = 0; i < vmdk->part_count; i++) {
        vmdk_sparse_close(vmdk->parts[i].sparse);
        if (vmdk->parts[i].file != NULL)
            vmdk->store->ops->close_file(vmdk->parts[i].file);
    }
}

static void vmdk_close(struct disk *disk)
{
    struct vmdk_disk *vmdk = vmdk_of(disk);

    close_parts(vmdk);
    store_close(vmdk->store);
    free(vmdk);
}

static const struct disk_ops vmdk_ops = {
    .read = vmdk_read,
    .write = vmdk_write,
    .map = vmdk_map,
    .flush = vmdk_flush,
    .tick = vmdk_tick,
    .close = vmdk_close,
};

/* Reads the descriptor's text: the file itself, or what a sparse file holds. */
static int read_descriptor(struct vmdk_disk *vmdk)
{
    const struct store_ops *ops = vmdk->store->ops;
    char why[VMDK_ERROR_MAX], sector[VMDK_SECTOR] = "";
    uint64_t offset = 0, length;
    struct store_file *file;
    char *text;
    int rc = from_store(vmdk, ops->open(vmdk->store, vmdk->path, STORE_LOOK, &file));

    if (rc != 0)
        return rc;
    length = file->length;
    if (length >= sizeof(sector))
        rc = from_store(vmdk, ops->read(file, 0, sector, sizeof(sector)));
    if (rc == 0 && vmdk_sparse_probe(sector)) {
        struct vmdk_sparse *sparse;

        rc = from_store(vmdk, vmdk_sparse_open(file, &sparse));
        if (rc == 0) {
            struct vmdk_embedded embedded = vmdk_sparse_descriptor(sparse);

            offset = embedded.offset;
            length = embedded.length;
            vmdk_sparse_close(sparse);
            if (length == 0 || offset > file->length || length > file->length - offset)
                rc = fail(vmdk, -EINVAL, "a sparse extent without descriptor: open the descriptor");
        }
    }
    if (rc == 0 && length > VMDK_DESCRIPTOR_MAX)
        rc = fail(vmdk, -EINVAL, "not a VMDK descriptor (too long): is it the data file?");
    text = rc == 0 ? malloc(length + 1) : NULL;
    if (rc == 0 && text == NULL)
        rc = fail(vmdk, -ENOMEM, "out of memory");
    if (rc == 0)
        rc = from_store(vmdk, ops->read(file, offset, text, length));
    if (rc == 0) {
        rc = vmdk_descriptor_parse(text, length, &vmdk->descriptor, why);
        if (rc != 0)
            fail(vmdk, rc, why);
    }
    free(text);
    ops->close_file(file);
    return rc;
}

/* Whether a component of the path is "..". */
static bool climbs(const char *name)
{
    for (const char *p = name; (p = strstr(p, "..")) != NULL; p += 2)
        if ((p == name || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
            return true;
    return false;
}

/*
 * An extent's file lies beside the descriptor, or in a folder below. Descriptors come with volumes
 * from anywhere: other names would reach other guests' disks, or dom0's own files. 0, -EPERM,
 * -ENAMETOOLONG.
 */
static int extent_path(const struct vmdk_disk *vmdk, const char *name, char *out, size_t size)
{
    const char *slash = strrchr(vmdk->path, '/');
    int n;

    if (name[0] == '/' || climbs(name))
        return -EPERM;
    if (slash == NULL)
        n = snprintf(out, size, "%s", name);
    else
        n = snprintf(out, size, "%.*s/%s", (int)(slash - vmdk->path), vmdk->path, name);
    return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int open_part(struct vmdk_disk *vmdk, const struct vmdk_extent *extent, uint64_t start)
{
    struct part *part = &vmdk->parts[vmdk->part_count];
    char path[sizeof(vmdk->path) + VMDK_NAME_MAX];
    uint64_t bytes = extent->sectors * VMDK_SECTOR;
    int rc;

    *part = (struct part){.start = start,
                          .length = bytes,
                          .offset = extent->offset * VMDK_SECTOR,
                          .type = extent->type};
    vmdk->part_count++;
    if (extent->type == VMDK_EXTENT_ZERO)
        return 0;
    if (extent->type == VMDK_EXTENT_OTHER)
        return fail(vmdk, -ENOTSUP, "this kind of extent is not supported yet");
    if (extent->type == VMDK_EXTENT_SPARSE && !vmdk->disk.read_only)
        return fail(vmdk, -ENOTSUP, "sparse disks are only read: convert it, or open read-only");
    rc = extent_path(vmdk, extent->file, path, sizeof(path));
    if (rc == -EPERM)
        return fail(vmdk, rc, "the extent's file must lie beside its descriptor");
    if (rc != 0)
        return fail(vmdk, rc, "the extent's path is too long");
    rc = from_store(vmdk, vmdk->store->ops->open(vmdk->store, path,
                                                 vmdk->disk.read_only ? STORE_READ : STORE_WRITE,
                                                 &part->file));
    if (rc != 0)
        return rc;
    if (extent->type == VMDK_EXTENT_SPARSE) {
        rc = from_store(vmdk, vmdk_sparse_open(part->file, &part->sparse));
        if (rc == 0 && vmdk_sparse_sectors(part->sparse) < extent->sectors)
            rc = fail(vmdk, -EINVAL, "a sparse extent is smaller than its descriptor says");
        return rc;
    }
    if (part->offset > part->file->length || bytes > part->file->length - part->offset)
        return fail(vmdk, -EINVAL, "a flat extent's file is shorter than the descriptor says");
    return 0;
}

int vmdk_open(struct store *store, const char *path, bool read_only, struct disk **out,
              char error[DISK_ERROR_MAX])
{
    struct vmdk_disk *vmdk = calloc(1, sizeof(*vmdk));
    uint64_t start = 0;
    int rc = 0;

    if (vmdk == NULL) {
        snprintf(error, DISK_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    vmdk->store = store;
    vmdk->disk.ops = &vmdk_ops;
    vmdk->disk.read_only = read_only;
    if (strlen(path) >= sizeof(vmdk->path))
        rc = fail(vmdk, -ENAMETOOLONG, "the path is too long");
    else
        strcpy(vmdk->path, path);
    if (rc == 0)
        rc = read_descriptor(vmdk);
    if (rc == 0 && vmdk->descriptor.parent_cid != VMDK_CID_NO_PARENT)
        rc =
            fail(vmdk, -ENOTSUP, "the disk is a snapshot of another; chains are not supported yet");
    for (unsigned i = 0; i < vmdk->descriptor.extent_count && rc == 0; i++) {
        rc = open_part(vmdk, &vmdk->descriptor.extents[i], start);
        start += vmdk->descriptor.extents[i].sectors * VMDK_SECTOR;
    }
    if (rc != 0) {
        snprintf(error, DISK_ERROR_MAX, "%s", vmdk->disk.error);
        close_parts(vmdk);
        free(vmdk);
        return rc;
    }
    vmdk->disk.size = start;
    *out = &vmdk->disk;
    return 0;
}
