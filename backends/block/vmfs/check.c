/* SPDX-License-Identifier: MIT */
/* Checking a volume: who uses what, against what the bitmaps say; and mending our own crashes. */
#include "block/vmfs/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(struct checker *checker, const char *text)
{
    checker->check->findings++;
    if (checker->check->report != NULL)
        checker->check->report(checker->check->context, text);
}

void check_report(struct checker *checker, const char *format, ...)
{
    char text[VMFS_ERROR_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    say(checker, text);
}

void check_unread(struct checker *checker, const char *format, ...)
{
    char text[VMFS_ERROR_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (!checker->unsure)
        memcpy(checker->reason, text, sizeof(text));
    checker->unsure = true;
    checker->check->unread++;
    say(checker, text);
}

void check_repaired(struct checker *checker, int rc)
{
    if (rc == 0)
        checker->check->repaired++;
    else
        check_report(checker, "repair failed: %s", checker->volume->error);
}

void check_progress(const struct checker *checker)
{
    const struct vmfs_check *check = checker->check;

    if (check->progress != NULL)
        check->progress(check->context, checker->done, checker->total);
}

bool check_may_drop(const struct checker *checker)
{
    return checker->check->repair && !checker->unsure;
}

bool bit_get(const uint8_t *bits, uint64_t n)
{
    return (bits[n / 8] >> n % 8 & 1) != 0;
}

void bit_set(uint8_t *bits, uint64_t n)
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
        check_unread(checker, "file 0x%08x points to 0x%llx, which does not exist",
                     checker->walk_owner, (unsigned long long)address);
        return;
    }
    if (bit_get(bits, item))
        check_report(checker, "0x%llx is used twice, once by file 0x%08x",
                     (unsigned long long)address, checker->walk_owner);
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
    check_report(checker, "file 0x%08x: a change of its mapping was cut off", inode->fd.address);
    if (check_may_drop(checker))
        check_repaired(checker, inode_write(checker->volume, inode));
}

static void check_counts(struct checker *checker, struct vmfs_inode *inode)
{
    if (inode->fd.block_count == checker->walk_blocks && inode->fd.tbz_count == checker->walk_tbz)
        return;
    check_report(checker, "file 0x%08x counts %llu blocks (%u to be zeroed), has %llu (%llu)",
                 inode->fd.address, (unsigned long long)inode->fd.block_count, inode->fd.tbz_count,
                 (unsigned long long)checker->walk_blocks, (unsigned long long)checker->walk_tbz);
    if (!checker->check->repair)
        return;
    inode->fd.block_count = checker->walk_blocks;
    inode->fd.new_count = (uint32_t)checker->walk_blocks;
    inode->fd.tbz_count = (uint32_t)checker->walk_tbz;
    check_repaired(checker, inode_write(checker->volume, inode));
}

/* A file has one link; two while it is being renamed. */
static void check_link(struct checker *checker, struct vmfs_inode *inode)
{
    if ((inode->fd.type != VMFS_TYPE_FILE && inode->fd.type != VMFS_TYPE_SYMLINK) ||
        inode->fd.link_count == 1 || !checker->volume->ours)
        return;
    check_report(checker, "file 0x%08x counts %u links, has 1", inode->fd.address,
                 inode->fd.link_count);
    /* A second name that was seen has been dropped; one that was not may be there. */
    if (!check_may_drop(checker))
        return;
    inode->fd.link_count = 1;
    check_repaired(checker, inode_write(checker->volume, inode));
}

/* Marks what a file has, and mends what it says of itself. */
static void check_file(struct checker *checker, struct vmfs_inode *inode)
{
    int rc;

    checker->walk_owner = inode->fd.address;
    checker->walk_blocks = checker->walk_tbz = checker->walk_large = 0;
    rc = map_walk(checker->volume, inode, mark_address, checker);
    if (rc != 0) {
        check_unread(checker, "file 0x%08x: %s", inode->fd.address, checker->volume->error);
        return;
    }
    check_settled(checker, inode);
    if (inode->fd.zla != VMFS_ZLA_RESIDENT && inode->fd.type != VMFS_TYPE_RDM)
        check_counts(checker, inode);
    check_link(checker, inode);
}

/* A descriptor with links that its cluster calls free; true when that is the end of it. */
static bool check_marked_free(struct checker *checker, struct vmfs_inode *inode, uint64_t item)
{
    struct vmfs_volume *volume = checker->volume;

    check_report(checker, "descriptor 0x%08x is in use and marked free", inode->fd.address);
    if (!checker->check->repair)
        return true;
    if (!bit_get(checker->named, item) && check_may_drop(checker)) {
        inode->fd.link_count = 0;
        check_repaired(checker, inode_write(volume, inode));
        return true;
    }
    check_repaired(checker, resource_mark_used(volume, &volume->fdc, item));
    return false;
}

/* One that is marked used and has no links. */
static void check_empty(struct checker *checker, uint64_t item)
{
    struct vmfs_volume *volume = checker->volume;

    check_report(checker, "descriptor 0x%08x is marked used and is empty",
                 (uint32_t)resource_address(&volume->fdc, item));
    if (check_may_drop(checker))
        check_repaired(checker, resource_free(volume, &volume->fdc, item, 1));
}

/* One descriptor that its cluster calls used, or that has links. */
static void check_descriptor(struct checker *checker, uint64_t item, bool is_used)
{
    struct vmfs_volume *volume = checker->volume;
    uint32_t address = (uint32_t)resource_address(&volume->fdc, item);
    struct vmfs_inode inode;
    int rc = inode_read(volume, address, &inode);

    if (rc == -ENOENT) {
        if (is_used)
            check_empty(checker, item);
        return;
    }
    if (rc != 0) {
        /* Free ones may never have been written. */
        if (is_used || rc != -EUCLEAN)
            check_unread(checker, "%s", volume->error);
        return;
    }
    if (!is_used && check_marked_free(checker, &inode, item))
        return;
    if (!bit_get(checker->named, item)) {
        check_report(checker, "file 0x%08x has no name%s", address,
                     checker->unsure ? " that could be read" : "");
        if (check_may_drop(checker)) {
            check_repaired(checker, inode_destroy(volume, &inode));
            return;
        }
    }
    check_file(checker, &inode);
}

/* The count of free descriptors, which repairs above may have changed. */
static void check_free_count(struct checker *checker, uint32_t number)
{
    struct vmfs_resource *fdc = &checker->volume->fdc;
    struct vmfs_cluster cluster;
    uint32_t counted = 0;
    uint64_t offset;

    if (cluster_read(checker->volume, fdc, number, &cluster, &offset) != 0) {
        check_unread(checker, "%s", checker->volume->error);
        return;
    }
    for (uint32_t i = 0; i < cluster.total; i++)
        counted += cluster_bit(fdc, &cluster, i);
    if (counted == cluster.free)
        return;
    check_report(checker, "%s cluster %u: counts %u free items, has %u", fdc->name, number,
                 cluster.free, counted);
    cluster.free = counted;
    if (checker->check->repair)
        check_repaired(checker, cluster_write(checker->volume, fdc, &cluster, offset));
}

/* The files of a cluster that cannot be read: those with names are in use. */
static void check_named_files(struct checker *checker, uint32_t number)
{
    const struct vmfs_resource *fdc = &checker->volume->fdc;
    uint64_t item = (uint64_t)number * fdc->per_cluster, end = item + fdc->per_cluster;

    for (; item < end && item < fdc->item_count; item++) {
        if (bit_get(checker->named, item))
            check_descriptor(checker, item, true);
    }
}

static void check_descriptors(struct checker *checker)
{
    struct vmfs_volume *volume = checker->volume;
    struct vmfs_cluster cluster;
    uint64_t offset;

    for (uint32_t n = 0; n < volume->fdc.cluster_count; n++) {
        check_progress(checker);
        checker->done += volume->fdc.per_cluster;
        if (cluster_read(volume, &volume->fdc, n, &cluster, &offset) != 0) {
            check_unread(checker, "%s", volume->error);
            check_named_files(checker, n);
            continue;
        }
        for (uint32_t i = 0; i < cluster.total; i++)
            check_descriptor(checker, (uint64_t)n * volume->fdc.per_cluster + i,
                             !cluster_bit(&volume->fdc, &cluster, i));
        check_free_count(checker, n);
    }
}

/* ---- bitmaps ---- */

/* Compares one cluster with what files use: how many findings writing it would mend. */
static unsigned check_cluster(struct checker *checker, const struct vmfs_resource *resource,
                              struct vmfs_cluster *cluster)
{
    const uint8_t *used = used_bits(checker, resource);
    uint64_t first = (uint64_t)cluster->number * resource->per_cluster;
    uint64_t left = resource->item_count - first;
    uint32_t lost = 0, missing = 0, counted = 0, before = cluster->free;

    /* Growing was cut off here: the new items are lost until then. */
    cluster->total = left < resource->per_cluster ? (uint32_t)left : resource->per_cluster;
    for (uint32_t i = 0; i < cluster->total; i++) {
        bool is_used = bit_get(used, first + i), was_free = cluster_bit(resource, cluster, i);
        bool is_free = !is_used && (was_free || !checker->unsure);

        lost += !is_used && !was_free;
        missing += is_used && was_free;
        cluster_set_bit(resource, cluster, i, is_free);
        counted += is_free;
    }
    cluster->free = counted;
    if (lost > 0)
        check_report(checker, "%s cluster %u: %u items marked used that no file %s", resource->name,
                     cluster->number, lost, checker->unsure ? "that could be read owns" : "owns");
    if (missing > 0)
        check_report(checker, "%s cluster %u: %u items in use and marked free", resource->name,
                     cluster->number, missing);
    if (lost == 0 && missing == 0 && before != counted) {
        check_report(checker, "%s cluster %u: counts %u free items, has %u", resource->name,
                     cluster->number, before, counted);
        return 1;
    }
    return (lost > 0 && !checker->unsure) + (missing > 0);
}

static void check_bitmap(struct checker *checker, struct vmfs_resource *resource)
{
    struct vmfs_cluster cluster;
    uint64_t offset;

    for (uint32_t n = 0; n < resource->cluster_count; n++) {
        unsigned mends;
        int rc;

        if (cluster_read(checker->volume, resource, n, &cluster, &offset) != 0) {
            check_report(checker, "%s", checker->volume->error);
            continue;
        }
        mends = check_cluster(checker, resource, &cluster);
        if (mends == 0 || !checker->check->repair)
            continue;
        rc = cluster_write(checker->volume, resource, &cluster, offset);
        check_repaired(checker, rc);
        checker->check->repaired += rc == 0 ? mends - 1 : 0;
    }
}

/* A slot whose own address is wrong would keep every writer out. */
static void check_slot(struct checker *checker, struct vmfs_slot *slot, uint64_t address)
{
    if (slot->address == address &&
        (slot->state == VMFS_SLOT_FREE || slot->state == VMFS_SLOT_IN_USE ||
         slot->state == VMFS_SLOT_REPLAYED))
        return;
    check_report(checker, "heartbeat slot at 0x%llx says it is at 0x%llx, in state 0x%x",
                 (unsigned long long)address, (unsigned long long)slot->address, slot->state);
    if (!checker->check->repair)
        return;
    *slot = (struct vmfs_slot){
        .state = VMFS_SLOT_FREE, .address = address, .generation = slot->generation + 1};
    check_repaired(checker, volume_write(checker->volume, address, slot, sizeof(*slot)));
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

/* Goes through everything that may use an item. */
static int walk(struct checker *checker)
{
    struct vmfs_inode root;
    int rc = inode_read(checker->volume, VMFS_FD_ROOT, &root);

    if (rc == 0)
        rc = check_names(checker, &root);
    if (rc != 0)
        return rc;
    check_descriptors(checker);
    return check_slots(checker);
}

static int checker_init(struct checker *checker, struct vmfs_volume *volume,
                        struct vmfs_check *check)
{
    *checker = (struct checker){
        .volume = volume, .check = check, .total = volume->fdc.item_count << check->repair};
    check->findings = check->repaired = check->unread = 0;
    checker->used_fb = calloc(volume->fbb.item_count / 8 + 1, 1);
    checker->used_sb = calloc(volume->sbc.item_count / 8 + 1, 1);
    checker->used_pb = calloc(volume->pbc.item_count / 8 + 1, 1);
    checker->used_pb2 = calloc(volume->pb2.item_count / 8 + 1, 1);
    checker->named = calloc(volume->fdc.item_count / 8 + 1, 1);
    if (checker->used_fb == NULL || checker->used_sb == NULL || checker->used_pb == NULL ||
        checker->used_pb2 == NULL || checker->named == NULL)
        return vmfs_fail(volume, -ENOMEM, "out of memory");
    return 0;
}

static void checker_free(struct checker *checker)
{
    free(checker->used_fb);
    free(checker->used_sb);
    free(checker->used_pb);
    free(checker->used_pb2);
    free(checker->named);
    free(checker->folders);
}

/*
 * Repairs go with the walk, and what is unreadable may come last: a first walk only looks. What it
 * could not read, the second one holds against every dropping too.
 */
static int look_ahead(struct checker *checker)
{
    struct vmfs_check quiet = {.progress = checker->check->progress,
                               .context = checker->check->context};
    struct checker look;
    int rc = checker_init(&look, checker->volume, &quiet);

    look.total = checker->total;
    if (rc == 0)
        rc = walk(&look);
    checker->unsure = look.unsure;
    checker->done = look.done;
    memcpy(checker->reason, look.reason, sizeof(look.reason));
    checker_free(&look);
    return rc;
}

static int run(struct checker *checker)
{
    struct vmfs_volume *volume = checker->volume;
    int rc = checker->check->repair ? look_ahead(checker) : 0;

    if (rc == 0)
        rc = walk(checker);
    if (rc != 0)
        return rc;
    check_bitmap(checker, &volume->fbb);
    check_bitmap(checker, &volume->sbc);
    check_bitmap(checker, &volume->pbc);
    check_bitmap(checker, &volume->pb2);
    if (checker->check->repair && checker->unsure)
        check_report(checker,
                     "nothing was freed, destroyed or dropped, as not everything could be read: %s",
                     checker->reason);
    return checker->check->repaired > 0 ? vmfs_flush(volume) : 0;
}

int vmfs_check(struct vmfs_volume *volume, struct vmfs_check *check)
{
    int rc = check->repair ? vmfs_require_ours(volume, "repair") : 0;
    struct checker checker;

    if (rc == 0 && check->repair)
        rc = alone_begin(volume);
    if (rc != 0)
        return rc;
    rc = checker_init(&checker, volume, check);
    if (rc == 0)
        rc = run(&checker);
    checker_free(&checker);
    if (check->repair)
        alone_end(volume);
    return rc;
}
