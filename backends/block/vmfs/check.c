/* SPDX-License-Identifier: MIT */
/* Checking a volume: who uses what, against what the bitmaps say; and mending our own crashes. */
#include "block/vmfs/dir6.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 64

struct checker {
    struct vmfs_volume *volume;
    struct vmfs_check *check;
    uint8_t *used_fb, *used_sb, *used_pb, *used_pb2; /* one bit an item: referenced */
    uint8_t *named;       /* one bit a descriptor: has a directory entry */
    uint64_t walk_blocks; /* of the file being walked */
    uint64_t walk_tbz;
    uint64_t walk_large; /* the large block last seen */
    uint32_t walk_owner;
};

static void report(struct checker *checker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void report(struct checker *checker, const char *format, ...)
{
    char text[VMFS_ERROR_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    checker->check->findings++;
    if (checker->check->report != NULL)
        checker->check->report(checker->check->context, text);
}

/* Counts a repair that worked. */
static void repaired(struct checker *checker, int rc)
{
    if (rc == 0)
        checker->check->repaired++;
    else
        report(checker, "repair failed: %s", checker->volume->error);
}

static bool bit_get(const uint8_t *bits, uint64_t n)
{
    return (bits[n / 8] >> n % 8 & 1) != 0;
}

static void bit_set(uint8_t *bits, uint64_t n)
{
    bits[n / 8] |= (uint8_t)(1u << n % 8);
}

/* NULL for what no file's map points to. */
static uint8_t *used_bits(struct checker *checker, const struct vmfs_resource *resource)
{
    return resource == &checker->volume->fbb   ? checker->used_fb
           : resource == &checker->volume->sbc ? checker->used_sb
           : resource == &checker->volume->pbc ? checker->used_pb
           : resource == &checker->volume->pb2 ? checker->used_pb2
                                               : NULL;
}

/* ---- files ---- */

static void mark_item(struct checker *checker, uint64_t address,
                      const struct vmfs_resource *resource, uint64_t item)
{
    uint8_t *bits = used_bits(checker, resource);

    if (bits == NULL || item >= resource->item_count) {
        report(checker, "file 0x%08x points to 0x%llx, which does not exist", checker->walk_owner,
               (unsigned long long)address);
        return;
    }
    if (bit_get(bits, item))
        report(checker, "0x%llx is used twice, once by file 0x%08x", (unsigned long long)address,
               checker->walk_owner);
    bit_set(bits, item);
}

/* A large block is so many small ones; files name it once for each, or once. */
static void mark_large(struct checker *checker, uint64_t address, uint64_t number)
{
    struct vmfs_volume *volume = checker->volume;
    uint32_t small = 1u << (volume->lfb_shift - volume->block_shift);

    if (address == checker->walk_large)
        return;
    checker->walk_large = address;
    for (uint32_t i = 0; i < small; i++)
        mark_item(checker, address, &volume->fbb, number * small + i);
}

static int mark_address(void *context, uint64_t address, unsigned levels, uint64_t n)
{
    struct checker *checker = context;
    struct vmfs_resource *resource;
    uint64_t item;

    (void)n;
    if (levels == 0) {
        checker->walk_blocks++;
        checker->walk_tbz += addr_is_tbz(checker->volume, address);
    }
    resource = resource_of_address(checker->volume, address, &item);
    if (resource == &checker->volume->lfb && checker->volume->format == VMFS_FORMAT_6)
        mark_large(checker, address, item);
    else
        mark_item(checker, address, resource, item);
    return 0;
}

/* Read as what it has become; other readers would be at a loss. */
static void check_settled(struct checker *checker, struct vmfs_inode *inode)
{
    if (!inode->settled)
        return;
    report(checker, "file 0x%08x: a change of its mapping was cut off", inode->fd.address);
    if (checker->check->repair)
        repaired(checker, inode_write(checker->volume, inode));
}

static void check_counts(struct checker *checker, struct vmfs_inode *inode)
{
    if (inode->fd.block_count == checker->walk_blocks && inode->fd.tbz_count == checker->walk_tbz)
        return;
    report(checker, "file 0x%08x counts %llu blocks (%u to be zeroed), has %llu (%llu)",
           inode->fd.address, (unsigned long long)inode->fd.block_count, inode->fd.tbz_count,
           (unsigned long long)checker->walk_blocks, (unsigned long long)checker->walk_tbz);
    if (!checker->check->repair)
        return;
    inode->fd.block_count = checker->walk_blocks;
    inode->fd.new_count = (uint32_t)checker->walk_blocks;
    inode->fd.tbz_count = (uint32_t)checker->walk_tbz;
    repaired(checker, inode_write(checker->volume, inode));
}

/* One descriptor that its cluster calls used, or that has links. */
static int check_descriptor(struct checker *checker, uint64_t item, bool is_used)
{
    struct vmfs_volume *volume = checker->volume;
    uint32_t address = (uint32_t)resource_address(&volume->fdc, item);
    struct vmfs_inode inode;
    int rc = inode_read(volume, address, &inode);

    if (rc == -ENOENT) {
        if (is_used) {
            report(checker, "descriptor 0x%08x is marked used and is empty", address);
            if (checker->check->repair)
                repaired(checker, resource_free(volume, &volume->fdc, item, 1));
        }
        return 0;
    }
    if (rc != 0) {
        if (is_used)
            report(checker, "%s", volume->error);
        return 0;
    }
    if (!is_used) {
        report(checker, "descriptor 0x%08x is in use and marked free", address);
        if (!checker->check->repair)
            return 0;
        if (!bit_get(checker->named, item)) {
            inode.fd.link_count = 0;
            repaired(checker, inode_write(volume, &inode));
            return 0;
        }
        repaired(checker, resource_mark_used(volume, &volume->fdc, item));
    }
    if (!bit_get(checker->named, item)) {
        report(checker, "file 0x%08x has no name", address);
        if (checker->check->repair) {
            repaired(checker, inode_destroy(volume, &inode));
            return 0;
        }
    }
    check_settled(checker, &inode);
    checker->walk_owner = address;
    checker->walk_blocks = checker->walk_tbz = checker->walk_large = 0;
    rc = map_walk(volume, &inode, mark_address, checker);
    if (rc != 0) {
        report(checker, "file 0x%08x: %s", address, volume->error);
        return 0;
    }
    if (inode.fd.zla != VMFS_ZLA_RESIDENT && inode.fd.type != VMFS_TYPE_RDM)
        check_counts(checker, &inode);
    return 0;
}

/* The count of free descriptors, which repairs above may have changed. */
static void check_free_count(struct checker *checker, uint32_t number)
{
    struct vmfs_resource *fdc = &checker->volume->fdc;
    struct vmfs_cluster cluster;
    uint32_t counted = 0;
    uint64_t offset;

    if (cluster_read(checker->volume, fdc, number, &cluster, &offset) != 0)
        return;
    for (uint32_t i = 0; i < cluster.total; i++)
        counted += cluster_bit(fdc, &cluster, i);
    if (counted == cluster.free)
        return;
    report(checker, "%s cluster %u: counts %u free items, has %u", fdc->name, number, cluster.free,
           counted);
    cluster.free = counted;
    if (checker->check->repair)
        repaired(checker, cluster_write(checker->volume, fdc, &cluster, offset));
}

static int check_descriptors(struct checker *checker)
{
    struct vmfs_volume *volume = checker->volume;
    struct vmfs_cluster cluster;
    uint64_t offset;

    for (uint32_t n = 0; n < volume->fdc.cluster_count; n++) {
        int rc = cluster_read(volume, &volume->fdc, n, &cluster, &offset);

        if (rc != 0) {
            report(checker, "%s", volume->error);
            continue;
        }
        for (uint32_t i = 0; i < cluster.total; i++)
            check_descriptor(checker, (uint64_t)n * volume->fdc.per_cluster + i,
                             !cluster_bit(&volume->fdc, &cluster, i));
        check_free_count(checker, n);
    }
    return 0;
}

/* ---- directories ---- */

struct visit {
    struct checker *checker;
    const struct vmfs_inode *dir;
    unsigned depth;
    uint32_t folders; /* found in it */
};

static int check_directory(struct checker *checker, const struct vmfs_inode *dir,
                           const struct vmfs_inode *parent, unsigned depth);

/* A name that leads nowhere, or a second one. */
static void bad_name(struct visit *visit, uint64_t position, const struct vmfs_entry *entry)
{
    if (visit->checker->check->repair)
        repaired(visit->checker, dir_drop(visit->checker->volume, visit->dir, position, entry));
}

static int check_entry(void *context, uint64_t position, struct vmfs_entry *entry)
{
    struct visit *visit = context;
    struct checker *checker = visit->checker;
    struct vmfs_resource *resource;
    struct vmfs_inode inode;
    uint64_t item;
    int rc;

    if (entry_is_free(entry) || entry_is_dot(entry))
        return 0;
    resource = resource_of_address(checker->volume, entry->fd_address, &item);
    rc = resource != &checker->volume->fdc || item >= resource->item_count
             ? -ENOENT
             : inode_read(checker->volume, entry->fd_address, &inode);
    if (rc == 0 && inode.fd.generation != entry->generation)
        rc = -ENOENT;
    if (rc != 0) {
        report(checker, "\"%s\" in directory 0x%08x leads to 0x%08x, which is no file of that name",
               entry->name, visit->dir->fd.address, entry->fd_address);
        bad_name(visit, position, entry);
        return 0;
    }
    if (bit_get(checker->named, item)) {
        report(checker, "\"%s\" is a second name of file 0x%08x", entry->name, entry->fd_address);
        bad_name(visit, position, entry);
        return 0;
    }
    bit_set(checker->named, item);
    if (entry->type != VMFS_TYPE_DIRECTORY)
        return 0;
    visit->folders++;
    return check_directory(checker, &inode, visit->dir, visit->depth + 1);
}

/* Names that only a search from end to end would find. */
static void check_hashes(struct checker *checker, const struct vmfs_inode *inode)
{
    struct vmfs_file dir = {.volume = checker->volume, .inode = *inode};
    unsigned lost;
    int count_error;

    if (dir6_audit(&dir, &lost, &count_error) != 0) {
        report(checker, "directory 0x%08x: %s", inode->fd.address, checker->volume->error);
        return;
    }
    if (lost == 0 && count_error == 0)
        return;
    report(checker, "directory 0x%08x: %u names are not in its hash table, its count is %+d",
           inode->fd.address, lost, count_error);
    if (checker->check->repair)
        repaired(checker, dir6_rebuild(&dir));
    map_cache_free(&dir.cache);
}

/* Whether ".." leads to where the directory was found. */
static void check_parent(struct checker *checker, const struct vmfs_inode *inode,
                         const struct vmfs_inode *parent)
{
    struct vmfs_file dir = {.volume = checker->volume, .inode = *inode};
    struct vmfs_entry entry;

    if (dir_find_parent(checker->volume, inode, &entry) != 0) {
        report(checker, "%s", checker->volume->error);
        return;
    }
    if (entry.fd_address == parent->fd.address && entry.generation == parent->fd.generation)
        return;
    report(checker, "\"..\" in directory 0x%08x leads to 0x%08x, it lies in 0x%08x",
           inode->fd.address, entry.fd_address, parent->fd.address);
    if (checker->check->repair) {
        int rc = dir_set_parent(&dir, parent);

        repaired(checker, rc != 0 ? rc : inode_write(checker->volume, &dir.inode));
    }
    map_cache_free(&dir.cache);
}

/* A directory's links: its name, its ".", and the ".." of those in it. */
static void check_links(struct checker *checker, struct vmfs_inode *dir, uint32_t folders)
{
    if (dir->fd.link_count == folders + 2)
        return;
    report(checker, "directory 0x%08x counts %u links, has %u", dir->fd.address, dir->fd.link_count,
           folders + 2);
    dir->fd.link_count = folders + 2;
    if (checker->check->repair)
        repaired(checker, inode_write(checker->volume, dir));
}

static int check_directory(struct checker *checker, const struct vmfs_inode *dir,
                           const struct vmfs_inode *parent, unsigned depth)
{
    struct visit visit = {.checker = checker, .dir = dir, .depth = depth};
    struct vmfs_inode now;
    int rc;

    if (depth > MAX_DEPTH) {
        report(checker, "directories nest deeper than %u", MAX_DEPTH);
        return 0;
    }
    rc = dir_each(checker->volume, dir, check_entry, &visit);
    if (rc != 0)
        report(checker, "directory 0x%08x: %s", dir->fd.address, checker->volume->error);
    else if (checker->volume->format == VMFS_FORMAT_6)
        check_hashes(checker, dir);
    /* Repairs until here have changed it. */
    if (rc == 0 && checker->volume->ours &&
        inode_read(checker->volume, dir->fd.address, &now) == 0) {
        check_links(checker, &now, visit.folders);
        check_parent(checker, &now, parent);
    }
    return 0;
}

/* ---- bitmaps ---- */

/* Compares one cluster with what files use; true when it was changed. */
static bool check_cluster(struct checker *checker, const struct vmfs_resource *resource,
                          struct vmfs_cluster *cluster)
{
    const uint8_t *used = used_bits(checker, resource);
    uint64_t first = (uint64_t)cluster->number * resource->per_cluster;
    uint64_t left = resource->item_count - first;
    uint32_t lost = 0, missing = 0, counted = 0;

    /* Growing was cut off here: the new items are lost until then. */
    cluster->total = left < resource->per_cluster ? (uint32_t)left : resource->per_cluster;
    for (uint32_t i = 0; i < cluster->total; i++) {
        bool is_used = bit_get(used, first + i);

        lost += !is_used && !cluster_bit(resource, cluster, i);
        missing += is_used && cluster_bit(resource, cluster, i);
        cluster_set_bit(resource, cluster, i, !is_used);
        counted += !is_used;
    }
    if (lost > 0)
        report(checker, "%s cluster %u: %u items marked used that no file owns", resource->name,
               cluster->number, lost);
    if (missing > 0)
        report(checker, "%s cluster %u: %u items in use and marked free", resource->name,
               cluster->number, missing);
    if (lost == 0 && missing == 0 && cluster->free != counted)
        report(checker, "%s cluster %u: counts %u free items, has %u", resource->name,
               cluster->number, cluster->free, counted);
    else if (lost == 0 && missing == 0)
        return false;
    cluster->free = counted;
    return true;
}

static void check_bitmap(struct checker *checker, struct vmfs_resource *resource)
{
    struct vmfs_cluster cluster;
    uint64_t offset;

    for (uint32_t n = 0; n < resource->cluster_count; n++) {
        if (cluster_read(checker->volume, resource, n, &cluster, &offset) != 0) {
            report(checker, "%s", checker->volume->error);
            continue;
        }
        if (check_cluster(checker, resource, &cluster) && checker->check->repair)
            repaired(checker, cluster_write(checker->volume, resource, &cluster, offset));
    }
}

/* A slot whose own address is wrong would keep every writer out. */
static void check_slot(struct checker *checker, struct vmfs_slot *slot, uint64_t address)
{
    if (slot->address == address &&
        (slot->state == VMFS_SLOT_FREE || slot->state == VMFS_SLOT_IN_USE ||
         slot->state == VMFS_SLOT_REPLAYED))
        return;
    report(checker, "heartbeat slot at 0x%llx says it is at 0x%llx, in state 0x%x",
           (unsigned long long)address, (unsigned long long)slot->address, slot->state);
    if (!checker->check->repair)
        return;
    *slot = (struct vmfs_slot){
        .state = VMFS_SLOT_FREE, .address = address, .generation = slot->generation + 1};
    repaired(checker, volume_write(checker->volume, address, slot, sizeof(*slot)));
}

/* Journal blocks belong to no file but to a heartbeat slot. */
static int check_slots(struct checker *checker)
{
    for (unsigned i = 0; i < checker->volume->slot_count; i++) {
        uint64_t address = VMFS_SLOTS_OFFSET + (uint64_t)i * checker->volume->slot_stride;
        struct vmfs_slot slot;
        int rc = volume_read_through(checker->volume, address, &slot, sizeof(slot));

        if (rc != 0)
            return rc;
        check_slot(checker, &slot, address);
        /* Those of VMFS-6 lie in .jbc.sf. */
        if (slot.journal_address != 0 && checker->volume->format == VMFS_FORMAT_5)
            mark_address(checker, slot.journal_address, 0, 0);
    }
    return 0;
}

static int run(struct checker *checker)
{
    struct vmfs_volume *volume = checker->volume;
    struct vmfs_inode root, sdd;
    int rc = inode_read(volume, VMFS_FD_ROOT, &root);

    if (rc != 0)
        return rc;
    bit_set(checker->named, 0);
    check_directory(checker, &root, &root, 0);
    if (inode_read(volume, VMFS_FD_SDD, &sdd) == 0 && (sdd.fd.mode & 040000) != 0)
        check_directory(checker, &sdd, &root, 0);
    check_descriptors(checker);
    rc = check_slots(checker);
    if (rc != 0)
        return rc;
    check_bitmap(checker, &volume->fbb);
    check_bitmap(checker, &volume->sbc);
    check_bitmap(checker, &volume->pbc);
    check_bitmap(checker, &volume->pb2);
    return checker->check->repaired > 0 ? vmfs_flush(volume) : 0;
}

int vmfs_check(struct vmfs_volume *volume, struct vmfs_check *check)
{
    struct checker checker = {.volume = volume, .check = check};
    int rc = check->repair ? vmfs_require_ours(volume, "repair") : 0;

    if (rc == 0 && check->repair)
        rc = alone_begin(volume);
    if (rc != 0)
        return rc;
    check->findings = check->repaired = 0;
    checker.used_fb = calloc(volume->fbb.item_count / 8 + 1, 1);
    checker.used_sb = calloc(volume->sbc.item_count / 8 + 1, 1);
    checker.used_pb = calloc(volume->pbc.item_count / 8 + 1, 1);
    checker.used_pb2 = calloc(volume->pb2.item_count / 8 + 1, 1);
    checker.named = calloc(volume->fdc.item_count / 8 + 1, 1);
    if (checker.used_fb == NULL || checker.used_sb == NULL || checker.used_pb == NULL ||
        checker.used_pb2 == NULL || checker.named == NULL)
        rc = vmfs_fail(volume, -ENOMEM, "out of memory");
    else
        rc = run(&checker);
    free(checker.used_fb);
    free(checker.used_sb);
    free(checker.used_pb);
    free(checker.used_pb2);
    free(checker.named);
    if (check->repair)
        alone_end(volume);
    return rc;
}
