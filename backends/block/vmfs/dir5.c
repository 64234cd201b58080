/* SPDX-License-Identifier: MIT */
/* Directories of VMFS-3 and 5: arrays of 140-byte records. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RECORD sizeof(struct vmfs5_dirent)
/* Records read at a time. */
#define CHUNK_RECORDS 117u
/* Far above what the descriptors of a volume can fill; bounds the scan of a damaged directory. */
#define MAX_LENGTH (256u << 20)

int dir5_each(struct vmfs_volume *volume, const struct vmfs_inode *dir, struct dir_visit visit)
{
    struct vmfs5_dirent chunk[CHUNK_RECORDS];
    uint64_t length = dir->fd.length;

    if (length % RECORD != 0 || length > MAX_LENGTH)
        return vmfs_fail(volume, -EUCLEAN, "directory 0x%08x has a length of %llu", dir->fd.address,
                         (unsigned long long)length);
    for (uint64_t at = 0; at < length; at += sizeof(chunk)) {
        size_t piece = length - at < sizeof(chunk) ? length - at : sizeof(chunk);
        int rc = map_read(volume, NULL, dir, at, chunk, piece);

        for (size_t i = 0; i < piece / RECORD && rc == 0; i++) {
            struct vmfs_entry entry = {.type = chunk[i].type,
                                       .fd_address = chunk[i].fd_address,
                                       .generation = chunk[i].generation};

            memcpy(entry.name, chunk[i].name, VMFS_NAME_MAX);
            rc = visit.visit(visit.context, at + i * RECORD, &entry);
        }
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int is_free_record(void *context, uint64_t position, struct vmfs_entry *entry)
{
    *(uint64_t *)context = position;
    return entry_is_free(entry);
}

/*
 * Puts a record where a free one is. The type comes last, on its own: a record may lie across two
 * sectors, and only the type makes it count.
 */
static int reuse_record(struct vmfs_file *dir, uint64_t position, const struct vmfs5_dirent *entry)
{
    struct vmfs5_dirent quiet = *entry;
    int rc;

    quiet.type = 0;
    rc = alloc_write(dir, position, &quiet, RECORD);
    if (rc == 0)
        rc = vmfs_flush(dir->volume);
    return rc != 0 ? rc : alloc_write(dir, position, &entry->type, sizeof(entry->type));
}

int dir5_add(struct vmfs_file *dir, const struct vmfs_entry *entry)
{
    struct vmfs5_dirent record = {
        .type = entry->type, .fd_address = entry->fd_address, .generation = entry->generation};
    struct dir_visit visit = {.visit = is_free_record};
    uint64_t position = 0;
    int rc;

    memcpy(record.name, entry->name, VMFS_NAME_MAX);
    visit.context = &position;
    rc = dir5_each(dir->volume, &dir->inode, visit);
    if (rc == 1)
        return reuse_record(dir, position, &record);
    /* Past the end nobody looks: the length makes the record appear. */
    if (rc == 0)
        rc = alloc_write(dir, dir->inode.fd.length, &record, RECORD);
    if (rc == 0)
        rc = vmfs_flush(dir->volume);
    if (rc == 0)
        dir->inode.fd.length += RECORD;
    return rc;
}

static int count_used(void *context, uint64_t position, struct vmfs_entry *entry)
{
    uint64_t *used_end = context;

    if (!entry_is_free(entry))
        *used_end = position + RECORD;
    return 0;
}

int dir5_drop(struct vmfs_file *dir, uint64_t position)
{
    static const struct vmfs5_dirent none;
    uint64_t used_end = 0;
    int rc = alloc_write(dir, position, &none.type, sizeof(none.type));

    if (rc == 0)
        rc = vmfs_flush(dir->volume);
    if (rc == 0)
        rc = alloc_write(dir, position, &none, RECORD);
    if (rc == 0)
        rc = dir5_each(dir->volume, &dir->inode,
                       (struct dir_visit){.visit = count_used, .context = &used_end});
    if (rc == 0)
        dir->inode.fd.length = used_end;
    return rc;
}

int dir5_fill(struct vmfs_file *dir, const struct vmfs_inode *parent)
{
    struct vmfs5_dirent records[2];
    int rc;

    memset(records, 0, sizeof(records));
    for (int i = 0; i < 2; i++) {
        const struct vmfs_inode *target = i == 0 ? &dir->inode : parent;

        records[i].type = VMFS_TYPE_DIRECTORY;
        records[i].fd_address = target->fd.address;
        records[i].generation = target->fd.generation;
        memcpy(records[i].name, "..", i + 1);
    }
    rc = alloc_write(dir, 0, records, sizeof(records));
    dir->inode.fd.length = sizeof(records);
    return rc;
}
