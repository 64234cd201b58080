/* SPDX-License-Identifier: MIT */
/*
 * Changing VMFS-6 directories. A record is written first, then the bit that makes it count, then
 * the place in the hash table that finds it, with a flush between; dropping goes the other way.
 */
#include "block/vmfs/dir6.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The nibble of a block in the allocation map: its type, and whether it has room. */
static int set_nibble(struct vmfs_file *dir, uint64_t number, uint32_t type, bool has_room)
{
    uint64_t at = dir6_block_position(dir->volume, 0) + VMFS6_DIR_BLOCK_HEADER + number / 2;
    uint8_t byte, nibble = (uint8_t)(type | (has_room ? 4 : 0));
    int rc = map_read(dir->volume, NULL, &dir->inode, at, &byte, 1);

    if (rc != 0)
        return rc;
    byte = number % 2 == 0 ? (uint8_t)((byte & 0x0F) | nibble << 4)
                           : (uint8_t)((byte & 0xF0) | nibble);
    return alloc_write(dir, at, &byte, 1);
}

/* Appends an empty block for records or link groups. */
static int append_block(struct vmfs_file *dir, uint32_t type, uint64_t *number,
                        struct dir6_block *block)
{
    uint32_t slots = type == VMFS6_DIR_LINKS ? VMFS6_DIR_LINK_SLOTS : VMFS6_DIR_BLOCK_SLOTS;
    struct vmfs_volume *volume = dir->volume;
    int rc;

    *number = dir6_block_count(volume, &dir->inode);
    if (*number >= VMFS6_DIR_MAX_BLOCKS ||
        *number >= (inode_max_blocks(volume, &dir->inode) * dir->inode.fd.unit_size -
                    VMFS6_DIR_BLOCKS_AT) /
                       volume->md)
        return vmfs_fail(volume, -ENOSPC, "directory 0x%08x holds no more names",
                         dir->inode.fd.address);
    memset(block, 0, sizeof(*block));
    block->header.version = 1;
    block->header.type = (uint16_t)type;
    block->header.total = block->header.free = (uint16_t)slots;
    for (uint32_t i = 0; i < slots; i++)
        block->header.bitmap[i / 8] |= (uint8_t)(1u << i % 8);
    rc = alloc_write(dir, dir6_block_position(volume, *number), block->bytes, volume->md);
    if (rc == 0)
        rc = vmfs_flush(volume);
    if (rc != 0)
        return rc;
    dir->inode.fd.length += volume->md;
    return set_nibble(dir, *number, type, true);
}

/* A block of this type with a free slot; one is appended when there is none. */
static int find_room(struct vmfs_file *dir, uint32_t type, uint64_t *number, uint32_t *slot,
                     struct dir6_block *block)
{
    for (*number = 1; *number < dir6_block_count(dir->volume, &dir->inode); ++*number) {
        int rc = dir6_read_block(dir->volume, &dir->inode, *number, block);

        if (rc != 0)
            return rc;
        if (block->header.type != type)
            continue;
        for (*slot = 0; *slot < block->header.total; ++*slot) {
            if (dir6_slot_is_free(&block->header, *slot))
                return 0;
        }
    }
    *slot = 0;
    return append_block(dir, type, number, block);
}

/* Marks a slot used or free in its block's header, which is one sector. */
static int set_slot(struct vmfs_file *dir, uint64_t number, uint32_t slot, bool is_free)
{
    uint64_t at = dir6_block_position(dir->volume, number);
    uint8_t mask = (uint8_t)(1u << slot % 8);
    struct vmfs6_dir_block header;
    int rc = map_read(dir->volume, NULL, &dir->inode, at, &header, sizeof(header));

    if (rc != 0 || ((header.bitmap[slot / 8] & mask) != 0) == is_free)
        return rc;
    header.bitmap[slot / 8] ^= mask;
    header.free = (uint16_t)(is_free ? header.free + 1 : header.free - 1);
    rc = alloc_write(dir, at, &header, sizeof(header));
    if (rc == 0)
        rc = set_nibble(dir, number, header.type, header.free > 0);
    return rc != 0 ? rc : vmfs_flush(dir->volume);
}

static uint32_t location_of(uint32_t type, uint64_t number, uint32_t slot)
{
    return type | (uint32_t)number << 2 | slot << 24;
}

/* Puts bytes into a free slot and makes them count; *location leads to them. */
static int put_slot(struct vmfs_file *dir, uint32_t type, void *bytes, uint32_t size,
                    uint32_t *location)
{
    struct dir6_block block;
    uint64_t number, at;
    uint32_t slot;
    int rc = find_room(dir, type, &number, &slot, &block);

    if (rc != 0)
        return rc;
    at = dir6_slot_position(dir->volume, number, slot, size);
    if (type == VMFS6_DIR_ENTRIES)
        ((struct vmfs6_dirent *)bytes)->position = at;
    rc = alloc_write(dir, at, bytes, size);
    if (rc == 0)
        rc = vmfs_flush(dir->volume);
    *location = location_of(type, number, slot);
    return rc != 0 ? rc : set_slot(dir, number, slot, false);
}

static uint64_t location_position(const struct vmfs_volume *volume, uint32_t location)
{
    return dir6_slot_position(volume, location >> 2 & 0x3FFFFF, location >> 24,
                              (location & 3) == VMFS6_DIR_LINKS ? sizeof(struct vmfs6_link_group)
                                                                : sizeof(struct vmfs6_dirent));
}

/* Puts a link into the last group of a chain, or a new one behind it. */
static int add_link(struct vmfs_file *dir, uint32_t location, uint16_t hash, uint32_t target)
{
    struct vmfs6_link_group group, fresh = {.total = VMFS6_LINKS, .free = VMFS6_LINKS - 1};
    uint32_t next;
    int rc = dir6_read_location(dir->volume, &dir->inode, location, &group);

    for (unsigned n = 0; rc == 0; n++) {
        for (unsigned i = 0; i < VMFS6_LINKS; i++) {
            if (group.links[i].location != 0)
                continue;
            group.links[i].location = target;
            group.links[i].hash = hash;
            group.free -= group.free > 0;
            return alloc_write(dir, location_position(dir->volume, location), &group,
                               sizeof(group));
        }
        if (group.next == 0 || n > VMFS6_DIR_MAX_BLOCKS)
            break;
        location = group.next;
        rc = dir6_read_location(dir->volume, &dir->inode, location, &group);
    }
    if (rc != 0)
        return rc;
    fresh.hash_index = group.hash_index;
    fresh.links[0].location = target;
    fresh.links[0].hash = hash;
    rc = put_slot(dir, VMFS6_DIR_LINKS, &fresh, sizeof(fresh), &next);
    group.next = next;
    return rc != 0
               ? rc
               : alloc_write(dir, location_position(dir->volume, location), &group, sizeof(group));
}

/* Two records on one index: a group with both takes the first one's place. */
static int make_group(struct vmfs_file *dir, uint64_t table_at, uint32_t first, uint16_t hash,
                      uint32_t target)
{
    struct vmfs6_link_group group = {.total = VMFS6_LINKS, .free = VMFS6_LINKS - 2};
    struct vmfs6_dirent record;
    uint32_t location;
    int rc = dir6_read_location(dir->volume, &dir->inode, first, &record);

    if (rc != 0)
        return rc;
    group.hash_index = (uint16_t)((table_at - VMFS6_DIR_HASH_AT) / sizeof(uint32_t));
    group.links[0].location = first;
    group.links[0].hash = (uint16_t)(dir6_hash(record.name) >> 16);
    group.links[1].location = target;
    group.links[1].hash = hash;
    rc = put_slot(dir, VMFS6_DIR_LINKS, &group, sizeof(group), &location);
    return rc != 0 ? rc : alloc_write(dir, table_at, &location, sizeof(location));
}

int dir6_link(struct vmfs_file *dir, const char *name, uint32_t location)
{
    uint64_t at = dir6_hash_position(&dir->inode, name);
    uint16_t hash = (uint16_t)(dir6_hash(name) >> 16);
    uint32_t present;
    int rc;

    /* Those of the root's own files have fixed places. */
    if (dir->inode.fd.address == VMFS_FD_ROOT && name[0] == '.')
        return 0;
    rc = map_read(dir->volume, NULL, &dir->inode, at, &present, sizeof(present));
    if (rc != 0)
        return rc;
    if (present == 0)
        return alloc_write(dir, at, &location, sizeof(location));
    if ((present & 3) == VMFS6_DIR_LINKS)
        return add_link(dir, present, hash, location);
    return make_group(dir, at, present, hash, location);
}

/* Takes the way to a record out of the hash table. */
static int unlink_record(struct vmfs_file *dir, const char *name, uint32_t target)
{
    uint64_t at = dir6_hash_position(&dir->inode, name);
    static const uint32_t none;
    uint32_t location;
    int rc = map_read(dir->volume, NULL, &dir->inode, at, &location, sizeof(location));

    if (rc == 0 && location == target)
        return alloc_write(dir, at, &none, sizeof(none));
    for (unsigned n = 0; rc == 0 && (location & 3) == VMFS6_DIR_LINKS; n++) {
        struct vmfs6_link_group group;

        if (n > VMFS6_DIR_MAX_BLOCKS)
            return vmfs_fail(dir->volume, -EUCLEAN, "directory 0x%08x: endless link groups",
                             dir->inode.fd.address);
        rc = dir6_read_location(dir->volume, &dir->inode, location, &group);
        for (unsigned i = 0; rc == 0 && i < VMFS6_LINKS; i++) {
            if (group.links[i].location != target)
                continue;
            group.links[i].location = 0;
            group.links[i].hash = 0;
            group.free++;
            return alloc_write(dir, location_position(dir->volume, location), &group,
                               sizeof(group));
        }
        location = group.next;
    }
    return rc;
}

int dir6_set_count(struct vmfs_file *dir, int64_t change)
{
    struct vmfs6_dir_header header;
    int rc = dir6_read_header(dir->volume, &dir->inode, &header);

    if (rc != 0)
        return rc;
    header.entry_count += (uint32_t)change;
    header.allocated_count = header.entry_count;
    return alloc_write(dir, 0, &header, offsetof(struct vmfs6_dir_header, map_count));
}

int dir6_add(struct vmfs_file *dir, const struct vmfs_entry *entry)
{
    struct vmfs6_dirent record = {.type = entry->type,
                                  .fd_address = entry->fd_address,
                                  .generation = entry->generation,
                                  .hash_low = (uint32_t)dir6_hash(entry->name)};
    uint32_t location;
    int rc;

    memcpy(record.name, entry->name, sizeof(record.name));
    rc = put_slot(dir, VMFS6_DIR_ENTRIES, &record, sizeof(record), &location);
    if (rc == 0)
        rc = dir6_link(dir, entry->name, location);
    if (rc == 0)
        rc = dir6_set_count(dir, 1);
    return rc != 0 ? rc : vmfs_flush(dir->volume);
}

int dir6_drop(struct vmfs_file *dir, uint64_t position)
{
    uint64_t number = (position - VMFS6_DIR_BLOCKS_AT) / dir->volume->md;
    uint32_t inside = (position - VMFS6_DIR_BLOCKS_AT) % dir->volume->md;
    uint32_t slot = (inside - VMFS6_DIR_BLOCK_HEADER) / sizeof(struct vmfs6_dirent);
    uint32_t location = location_of(VMFS6_DIR_ENTRIES, number, slot);
    struct vmfs6_dirent record;
    int rc = dir6_read_location(dir->volume, &dir->inode, location, &record);

    if (rc == 0)
        rc = unlink_record(dir, record.name, location);
    if (rc == 0)
        rc = vmfs_flush(dir->volume);
    if (rc == 0)
        rc = set_slot(dir, number, slot, true);
    if (rc == 0)
        rc = dir6_set_count(dir, -1);
    return rc;
}

static void fill_dot(struct vmfs6_dirent *record, const struct vmfs_inode *target, const char *name,
                     uint64_t position)
{
    record->type = VMFS_TYPE_DIRECTORY;
    record->fd_address = target->fd.address;
    record->generation = target->fd.generation;
    record->position = position;
    strcpy(record->name, name);
}

void dir6_make_contents(uint8_t *bytes, const struct vmfs_inode *self,
                        const struct vmfs_inode *parent)
{
    struct vmfs6_dir_header *header = (struct vmfs6_dir_header *)bytes;
    uint8_t *map = bytes + VMFS6_DIR_BLOCKS_AT;
    struct vmfs6_dir_block *records = (struct vmfs6_dir_block *)(map + VMFS6_MD);

    memset(bytes, 0, VMFS6_DIR_FRESH);
    header->version = VMFS6_DIR_VERSION;
    header->entry_count = header->allocated_count = 2;
    header->map_count = 1;
    fill_dot(&header->self, self, ".", offsetof(struct vmfs6_dir_header, self));
    fill_dot(&header->parent, parent, "..", offsetof(struct vmfs6_dir_header, parent));
    ((struct vmfs6_dir_block *)map)->type = VMFS6_DIR_MAP;
    /* Block 0 is the map, block 1 has room for records, the others are unwritten. */
    memset(map + VMFS6_DIR_BLOCK_HEADER, 0x88, VMFS6_MD - VMFS6_DIR_BLOCK_HEADER);
    map[VMFS6_DIR_BLOCK_HEADER] = VMFS6_DIR_MAP << 4 | 4 | VMFS6_DIR_ENTRIES;
    records->version = 1;
    records->type = VMFS6_DIR_ENTRIES;
    records->total = records->free = (uint16_t)VMFS6_DIR_BLOCK_SLOTS;
    for (uint32_t i = 0; i < VMFS6_DIR_BLOCK_SLOTS; i++)
        records->bitmap[i / 8] |= (uint8_t)(1u << i % 8);
}

int dir6_fill(struct vmfs_file *dir, const struct vmfs_inode *parent)
{
    uint8_t *bytes = malloc(VMFS6_DIR_FRESH);
    int rc;

    if (bytes == NULL)
        return vmfs_fail(dir->volume, -ENOMEM, "out of memory");
    dir6_make_contents(bytes, &dir->inode, parent);
    dir->inode.fd.length = VMFS6_DIR_FRESH;
    rc = alloc_write(dir, 0, bytes, VMFS6_DIR_FRESH);
    free(bytes);
    return rc;
}
