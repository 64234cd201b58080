/* SPDX-License-Identifier: MIT */
/* Whether the hash table of a VMFS-6 directory finds every record, and making it anew. */
#include "block/vmfs/dir6.h"

#include <errno.h>
#include <string.h>

int dir6_check_blocks(struct vmfs_volume *volume, const struct vmfs_inode *dir)
{
    uint64_t at = dir6_block_position(volume, 0) + VMFS6_DIR_BLOCK_HEADER;
    struct dir6_block block;
    int rc = 0;

    for (uint64_t b = 0; rc == 0 && b < dir6_block_count(volume, dir); b++) {
        uint8_t byte, type;

        rc = map_read(volume, NULL, dir, at + b / 2, &byte, 1);
        if (rc == 0)
            rc = dir6_read_block(volume, dir, b, &block);
        type = (b % 2 == 0 ? byte >> 4 : byte) & 3;
        if (rc == 0 && block.header.type != type)
            rc = vmfs_fail(volume, -EUCLEAN, "block %llu has type %u, its map says %u",
                           (unsigned long long)b, block.header.type, type);
    }
    return rc;
}

struct audit {
    struct vmfs_file *dir;
    unsigned records, lost;
};

static int audit_one(void *context, uint64_t position, struct vmfs_entry *entry)
{
    struct audit *audit = context;
    struct vmfs_entry found;
    uint64_t at;
    int rc = dir6_find(audit->dir->volume, &audit->dir->inode, entry->name, &found, &at);

    /* A name that is there twice is found once: that is not the table's fault. */
    (void)position;
    audit->records++;
    audit->lost += rc != 0;
    return rc == -ENOENT || rc == -EUCLEAN ? 0 : rc;
}

int dir6_audit(struct vmfs_file *dir, unsigned *lost, int *count_error)
{
    struct audit audit = {.dir = dir};
    struct vmfs6_dir_header header;
    int rc = dir6_read_header(dir->volume, &dir->inode, &header);

    if (rc == 0)
        rc = dir6_each(dir->volume, &dir->inode,
                       (struct dir_visit){.visit = audit_one, .context = &audit});
    *lost = audit.lost;
    *count_error = rc != 0 ? 0 : (int)header.entry_count - (int)audit.records - 2;
    return rc;
}

/* Forgets every way to a record. */
static int clear_table(struct vmfs_file *dir)
{
    static const uint8_t zeros[4096];
    uint32_t left =
        sizeof(uint32_t) *
        (dir->inode.fd.address == VMFS_FD_ROOT ? VMFS6_DIR_ROOT_SLOTS : VMFS6_DIR_HASH_SLOTS);
    uint64_t at = VMFS6_DIR_HASH_AT;
    int rc = 0;

    while (left > 0 && rc == 0) {
        uint32_t piece = left < sizeof(zeros) ? left : sizeof(zeros);

        rc = alloc_write(dir, at, zeros, piece);
        at += piece;
        left -= piece;
    }
    for (uint64_t b = 0; rc == 0 && b < dir6_block_count(dir->volume, &dir->inode); b++) {
        struct dir6_block block;

        rc = dir6_read_block(dir->volume, &dir->inode, b, &block);
        if (rc != 0 || block.header.type != VMFS6_DIR_LINKS)
            continue;
        block.header.free = block.header.total;
        for (uint32_t i = 0; i < block.header.total; i++)
            block.header.bitmap[i / 8] |= (uint8_t)(1u << i % 8);
        rc = alloc_write(dir, dir6_block_position(dir->volume, b), block.bytes, dir->volume->md);
    }
    return rc;
}

static int link_one(void *context, uint64_t position, struct vmfs_entry *entry)
{
    struct audit *audit = context;
    uint64_t inside = position - VMFS6_DIR_BLOCKS_AT;
    uint64_t number = inside / audit->dir->volume->md;
    uint64_t slot =
        (inside % audit->dir->volume->md - VMFS6_DIR_BLOCK_HEADER) / sizeof(struct vmfs6_dirent);

    audit->records++;
    return dir6_link(audit->dir, entry->name,
                     VMFS6_DIR_ENTRIES | (uint32_t)number << 2 | (uint32_t)slot << 24);
}

int dir6_rebuild(struct vmfs_file *dir)
{
    struct audit audit = {.dir = dir};
    struct vmfs6_dir_header header;
    int rc = clear_table(dir);

    if (rc == 0)
        rc = dir6_each(dir->volume, &dir->inode,
                       (struct dir_visit){.visit = link_one, .context = &audit});
    if (rc == 0)
        rc = dir6_read_header(dir->volume, &dir->inode, &header);
    if (rc == 0)
        rc = dir6_set_count(dir, (int64_t)audit.records + 2 - header.entry_count);
    if (rc == 0)
        rc = inode_write(dir->volume, &dir->inode);
    return rc != 0 ? rc : vmfs_flush(dir->volume);
}
