/* SPDX-License-Identifier: MIT */
/*
 * Directories of VMFS-6: a header with a hash table of 16,001 locations, then blocks of records.
 *
 * A location is block, slot and type: a record, or a group of links to records whose hashes fall on
 * the same index. The blocks' own bitmaps say which records count; the hash table only finds them,
 * and vmfs_check() makes it anew from the records.
 */
#include "block/vmfs/dir6.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CHAIN 4096u /* of link groups: more is a loop */

uint64_t dir6_block_position(const struct vmfs_volume *volume, uint64_t block)
{
    return VMFS6_DIR_BLOCKS_AT + block * volume->md;
}

uint64_t dir6_slot_position(const struct vmfs_volume *volume, uint64_t block, uint32_t slot,
                            uint32_t size)
{
    return dir6_block_position(volume, block) + VMFS6_DIR_BLOCK_HEADER + (uint64_t)slot * size;
}

uint64_t dir6_block_count(const struct vmfs_volume *volume, const struct vmfs_inode *dir)
{
    if (dir->fd.length < VMFS6_DIR_BLOCKS_AT)
        return 0;
    return (dir->fd.length - VMFS6_DIR_BLOCKS_AT) / volume->md;
}

int dir6_read_header(struct vmfs_volume *volume, const struct vmfs_inode *dir,
                     struct vmfs6_dir_header *header)
{
    int rc = map_read(volume, NULL, dir, 0, header, sizeof(*header));

    if (rc != 0)
        return rc;
    if (header->version != VMFS6_DIR_VERSION || header->map_count > VMFS6_DIR_MAP_BLOCKS ||
        dir6_block_count(volume, dir) > VMFS6_DIR_MAX_BLOCKS)
        return vmfs_fail(volume, -EUCLEAN,
                         "directory 0x%08x: header has version 0x%x, %u maps, length %llu",
                         dir->fd.address, header->version, header->map_count,
                         (unsigned long long)dir->fd.length);
    return 0;
}

int dir6_read_block(struct vmfs_volume *volume, const struct vmfs_inode *dir, uint64_t number,
                    struct dir6_block *out)
{
    const struct vmfs6_dir_block *header = &out->header;
    uint32_t size, room;
    int rc =
        map_read(volume, NULL, dir, dir6_block_position(volume, number), out->bytes, volume->md);

    if (rc != 0)
        return rc;
    size = header->type == VMFS6_DIR_LINKS ? sizeof(struct vmfs6_link_group)
                                           : sizeof(struct vmfs6_dirent);
    room = (volume->md - VMFS6_DIR_BLOCK_HEADER) / size;
    if (header->type > VMFS6_DIR_MAP || (header->type != VMFS6_DIR_MAP && header->total > room) ||
        (header->type != VMFS6_DIR_MAP && header->free > header->total))
        return vmfs_fail(
            volume, -EUCLEAN, "directory 0x%08x: block %llu has type %u, %u of %u slots free",
            dir->fd.address, (unsigned long long)number, header->type, header->free, header->total);
    return 0;
}

bool dir6_slot_is_free(const struct vmfs6_dir_block *header, uint32_t slot)
{
    return (header->bitmap[slot / 8] >> slot % 8 & 1) != 0;
}

static int check_record(struct vmfs_volume *volume, const struct vmfs_inode *dir,
                        const struct vmfs6_dirent *record, uint64_t position)
{
    if (record->position == position && memchr(record->name, '\0', sizeof(record->name)) != NULL)
        return 0;
    return vmfs_fail(
        volume, -EUCLEAN, "directory 0x%08x: record at offset 0x%llx says it is at 0x%llx",
        dir->fd.address, (unsigned long long)position, (unsigned long long)record->position);
}

static void to_entry(const struct vmfs6_dirent *record, struct vmfs_entry *entry)
{
    entry->type = record->type;
    entry->fd_address = record->fd_address;
    entry->generation = record->generation;
    memcpy(entry->name, record->name, sizeof(entry->name));
}

int dir6_each(struct vmfs_volume *volume, const struct vmfs_inode *dir, struct dir_visit visit)
{
    struct vmfs6_dir_header header;
    struct dir6_block block;
    int rc = dir6_read_header(volume, dir, &header);

    for (uint64_t b = 0; rc == 0 && b < dir6_block_count(volume, dir); b++) {
        rc = dir6_read_block(volume, dir, b, &block);
        if (rc != 0 || block.header.type != VMFS6_DIR_ENTRIES)
            continue;
        for (uint32_t slot = 0; rc == 0 && slot < block.header.total; slot++) {
            uint64_t position = dir6_slot_position(volume, b, slot, sizeof(struct vmfs6_dirent));
            struct vmfs6_dirent record;
            struct vmfs_entry entry;

            if (dir6_slot_is_free(&block.header, slot))
                continue;
            memcpy(&record, block.bytes + VMFS6_DIR_BLOCK_HEADER + slot * sizeof(record),
                   sizeof(record));
            rc = check_record(volume, dir, &record, position);
            if (rc != 0)
                break;
            to_entry(&record, &entry);
            rc = visit.visit(visit.context, position, &entry);
        }
    }
    return rc;
}

int dir6_read_location(struct vmfs_volume *volume, const struct vmfs_inode *dir, uint32_t location,
                       void *out)
{
    uint32_t type = location & 3, size;
    struct vmfs6_dir_block header;
    uint64_t number = location >> 2 & 0x3FFFFF, at = dir6_block_position(volume, number);
    int rc;

    if (number >= dir6_block_count(volume, dir) ||
        (type != VMFS6_DIR_ENTRIES && type != VMFS6_DIR_LINKS))
        return vmfs_fail(volume, -EUCLEAN, "directory 0x%08x: no place 0x%08x", dir->fd.address,
                         location);
    rc = map_read(volume, NULL, dir, at, &header, sizeof(header));
    if (rc != 0)
        return rc;
    if (header.type != type || location >> 24 >= header.total || header.total > 448 ||
        dir6_slot_is_free(&header, location >> 24))
        return vmfs_fail(volume, -EUCLEAN, "directory 0x%08x: nothing lies at place 0x%08x",
                         dir->fd.address, location);
    size = type == VMFS6_DIR_LINKS ? sizeof(struct vmfs6_link_group) : sizeof(struct vmfs6_dirent);
    at = dir6_slot_position(volume, number, location >> 24, size);
    rc = map_read(volume, NULL, dir, at, out, size);
    if (rc == 0 && type == VMFS6_DIR_ENTRIES)
        rc = check_record(volume, dir, out, at);
    return rc;
}

uint64_t dir6_hash_position(const struct vmfs_inode *dir, const char *name)
{
    uint32_t slots = dir->fd.address == VMFS_FD_ROOT ? VMFS6_DIR_ROOT_SLOTS : VMFS6_DIR_HASH_SLOTS;

    return VMFS6_DIR_HASH_AT + dir6_hash(name) % slots * sizeof(uint32_t);
}

struct lookup {
    const char *name;
    uint16_t link_hash;
    struct vmfs6_dirent record;
    uint32_t location;
};

/* Looks through a chain of link groups: 1 when found. */
static int search_links(struct vmfs_volume *volume, const struct vmfs_inode *dir, uint32_t location,
                        struct lookup *lookup)
{
    for (unsigned n = 0; n < MAX_CHAIN && location != 0; n++) {
        struct vmfs6_link_group group;
        int rc = (location & 3) != VMFS6_DIR_LINKS
                     ? vmfs_fail(volume, -EUCLEAN, "directory 0x%08x: 0x%08x is no link group",
                                 dir->fd.address, location)
                     : dir6_read_location(volume, dir, location, &group);

        for (unsigned i = 0; rc == 0 && i < VMFS6_LINKS; i++) {
            uint32_t target = group.links[i].location;

            if ((target & 3) != VMFS6_DIR_ENTRIES || group.links[i].hash != lookup->link_hash)
                continue;
            lookup->location = target;
            rc = dir6_read_location(volume, dir, target, &lookup->record);
            if (rc == 0 && strcmp(lookup->record.name, lookup->name) == 0)
                return 1;
        }
        if (rc != 0)
            return rc;
        location = group.next;
    }
    return location == 0 ? 0
                         : vmfs_fail(volume, -EUCLEAN, "directory 0x%08x: endless link groups",
                                     dir->fd.address);
}

struct scan {
    const char *name;
    struct vmfs_entry *out;
    uint64_t *position;
};

static int scan_match(void *context, uint64_t position, struct vmfs_entry *entry)
{
    struct scan *scan = context;

    if (strcmp(scan->name, entry->name) != 0)
        return 0;
    *scan->out = *entry;
    *scan->position = position;
    return 1;
}

/* System files' indexes are given, not hashed: they are few, and searched one by one. */
static int find_by_scan(struct vmfs_volume *volume, const struct vmfs_inode *dir, const char *name,
                        struct vmfs_entry *out, uint64_t *position)
{
    struct scan scan = {.name = name, .out = out, .position = position};
    int rc = dir6_each(volume, dir, (struct dir_visit){.visit = scan_match, .context = &scan});

    return rc == 1 ? 0 : rc == 0 ? -ENOENT : rc;
}

int dir6_find(struct vmfs_volume *volume, const struct vmfs_inode *dir, const char *name,
              struct vmfs_entry *out, uint64_t *position)
{
    struct lookup lookup = {.name = name, .link_hash = (uint16_t)(dir6_hash(name) >> 16)};
    struct vmfs6_dir_header header;
    uint32_t location;
    int rc = dir6_read_header(volume, dir, &header);

    if (rc != 0)
        return rc;
    if (dir->fd.address == VMFS_FD_ROOT && name[0] == '.')
        return find_by_scan(volume, dir, name, out, position);
    rc = map_read(volume, NULL, dir, dir6_hash_position(dir, name), &location, sizeof(location));
    if (rc != 0)
        return rc;
    if (location == 0)
        return -ENOENT;
    if ((location & 3) == VMFS6_DIR_LINKS) {
        rc = search_links(volume, dir, location, &lookup);
        if (rc <= 0)
            return rc == 0 ? -ENOENT : rc;
    } else {
        rc = dir6_read_location(volume, dir, location, &lookup.record);
        if (rc != 0)
            return rc;
        if (strcmp(lookup.record.name, name) != 0)
            return -ENOENT;
    }
    to_entry(&lookup.record, out);
    *position = lookup.record.position;
    return 0;
}
