/* SPDX-License-Identifier: MIT */
/* What reading and changing hashed directories share. */
#ifndef BACKENDS_BLOCK_VMFS_DIR6_H
#define BACKENDS_BLOCK_VMFS_DIR6_H

#include "block/vmfs/internal.h"

/* What one allocation map block describes: a nibble each. Larger directories are not made. */
#define VMFS6_DIR_MAX_BLOCKS (2u * (VMFS6_MD - VMFS6_DIR_BLOCK_HEADER))
#define VMFS6_DIR_BLOCK_SLOTS                                                                      \
    ((uint32_t)((VMFS6_MD - VMFS6_DIR_BLOCK_HEADER) / sizeof(struct vmfs6_dirent)))
#define VMFS6_DIR_LINK_SLOTS                                                                       \
    ((uint32_t)((VMFS6_MD - VMFS6_DIR_BLOCK_HEADER) / sizeof(struct vmfs6_link_group)))

/* Header, map and one block for records: what an empty directory is. */
#define VMFS6_DIR_FRESH (VMFS6_DIR_BLOCKS_AT + 2 * VMFS6_MD)

struct dir6_block {
    union {
        struct vmfs6_dir_block header;
        uint8_t bytes[VMFS6_MD];
    };
};

/* File offsets of a block and of a slot of `size` bytes in it. */
uint64_t dir6_block_position(const struct vmfs_volume *volume, uint64_t block);
uint64_t dir6_slot_position(const struct vmfs_volume *volume, uint64_t block, uint32_t slot,
                            uint32_t size);
uint64_t dir6_block_count(const struct vmfs_volume *volume, const struct vmfs_inode *dir);
int dir6_read_header(struct vmfs_volume *volume, const struct vmfs_inode *dir,
                     struct vmfs6_dir_header *header);
int dir6_read_block(struct vmfs_volume *volume, const struct vmfs_inode *dir, uint64_t number,
                    struct dir6_block *out);
bool dir6_slot_is_free(const struct vmfs6_dir_block *header, uint32_t slot);
/* Reads the record or link group (by the location's type) into `out`. */
int dir6_read_location(struct vmfs_volume *volume, const struct vmfs_inode *dir, uint32_t location,
                       void *out);
/* File offset of the hash table's element for a name. */
uint64_t dir6_hash_position(const struct vmfs_inode *dir, const char *name);
/* Enters a record into the hash table. */
int dir6_link(struct vmfs_file *dir, const char *name, uint32_t location);
/* Changes the header's count of names. */
int dir6_set_count(struct vmfs_file *dir, int64_t change);
/*
 * Whether each block is of the type that the map of blocks gives it: names in one that calls itself
 * another would not be seen. -EUCLEAN. For directories with one map: those of our volumes.
 */
int dir6_check_blocks(struct vmfs_volume *volume, const struct vmfs_inode *dir);
/* How many records the hash table does not find, and by how much the header miscounts them. */
int dir6_audit(struct vmfs_file *dir, unsigned *lost, int *count_error);
/* Makes hash table, link groups and count anew from the records. */
int dir6_rebuild(struct vmfs_file *dir);
/* An empty directory's VMFS6_DIR_FRESH bytes. */
void dir6_make_contents(uint8_t *bytes, const struct vmfs_inode *self,
                        const struct vmfs_inode *parent);

#endif
