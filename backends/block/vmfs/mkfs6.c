/* SPDX-License-Identifier: MIT */
/*
 * Making what an empty VMFS-6 volume holds. The layout is that of volumes ESXi makes: heartbeats up
 * to 7 MiB, then .fdc.sf; every large file block is made into small ones from the start.
 */
#include "block/vmfs/dir6.h"
#include "block/vmfs/mkfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE     (2 * VMFS6_MD) /* of a cluster; of a descriptor too */
#define VH_BLOCKS       7u             /* superblock and heartbeats, in .vh.sf */
#define SUB_BLOCK       65536u
#define JOURNAL_BLOCK   (2u << 20)
#define LFB_SHIFT       9u
#define LFB_PER_CLUSTER 16u
#define SFB_PER_CLUSTER (1u << LFB_SHIFT)
#define GROUP_CLUSTERS  8u
#define SFB_GROUP_SIZE  (GROUP_CLUSTERS * HEADER_SIZE)
/* A group of large blocks: its own headers, then a header for each cluster of small ones. */
#define LFB_GROUP_SIZE  ((GROUP_CLUSTERS + GROUP_CLUSTERS * LFB_PER_CLUSTER) * HEADER_SIZE)
#define DIRECT_MAX      VMFS6_FD_ADDRESSES
#define FIRST_ROOT_SLOT VMFS6_DIR_ROOT_SLOTS /* of the hash table, for system files */
static_assert(SFB_GROUP_SIZE == MKFS_IO_SIZE, "layout on disk");

/* Flags of resource headers as ESXi writes them; only 2 (a child of another) is understood. */
#define FLAGS_LFB   0x35u
#define FLAGS_SFB   0x2Au
#define FLAGS_OTHER 0x04u

/* A cluster's header and a descriptor as they lie on disk: each part starts a metadata block. */
struct cluster6 {
    struct vmfs_lock lock;
    uint8_t pad[VMFS6_MD - sizeof(struct vmfs_lock)];
    struct vmfs6_cluster_md md;
} VMFS_PACKED;
static_assert(sizeof(struct cluster6) == HEADER_SIZE, "layout on disk");

struct fd6 {
    struct vmfs_lock lock;
    uint8_t pad[VMFS6_MD - sizeof(struct vmfs_lock)];
    uint8_t metadata[512]; /* struct vmfs_fd behind its lock */
    uint8_t resident[VMFS6_ADDRESSES_AT];
    uint64_t addresses[VMFS6_FD_ADDRESSES];
} VMFS_PACKED;
static_assert(sizeof(struct fd6) == HEADER_SIZE, "layout on disk");

struct mkfs6 {
    struct mkfs *mk;
    uint64_t lfb_count;
    uint32_t root_block, sdd_block, next_block;
    struct mkfs_resource fdc, sfb, pbc, sbc, pb2, jbc;
};

static uint64_t sfb_address(uint64_t block)
{
    struct vmfs_addr addr = {.type = VMFS_ADDR_FB,
                             .cluster = (uint32_t)(block / SFB_PER_CLUSTER),
                             .item = (uint32_t)(block % SFB_PER_CLUSTER)};

    return vmfs_addr_encode(VMFS_FORMAT_6, addr);
}

static uint64_t group_size(const struct mkfs_resource *plan)
{
    return plan->clusters_per_group * (HEADER_SIZE + (uint64_t)plan->per_cluster * plan->item_size);
}

/* File offset of a group's cluster headers. */
static uint64_t group_offset(const struct mkfs_resource *plan, uint32_t group)
{
    return MKFS_GROUP_OFFSET + group * group_size(plan);
}

/* Takes blocks for a file; one with more than its descriptor names takes a pointer block too. */
static void place(struct mkfs6 *six, struct mkfs_resource *plan)
{
    plan->blocks = (uint32_t)((plan->length + six->mk->block_size - 1) / six->mk->block_size);
    plan->first_block = six->next_block;
    six->next_block += plan->blocks;
}

static void place_items(struct mkfs6 *six, struct mkfs_resource *plan)
{
    uint32_t last = mkfs_clusters(plan) - 1;

    plan->length =
        group_offset(plan, last / plan->clusters_per_group) +
        plan->clusters_per_group * HEADER_SIZE +
        (uint64_t)(last % plan->clusters_per_group + 1) * plan->per_cluster * plan->item_size;
    place(six, plan);
}

static struct mkfs_resource resource(uint32_t lock_type, uint32_t per_cluster, uint32_t item_size,
                                     uint64_t count)
{
    return (struct mkfs_resource){.lock_type = lock_type,
                                  .per_cluster = per_cluster,
                                  .clusters_per_group = GROUP_CLUSTERS,
                                  .item_size = item_size,
                                  .count = count};
}

static void make_plan(struct mkfs6 *six)
{
    uint64_t mib = six->mk->size >> 20, blocks = six->mk->size / six->mk->block_size;
    uint64_t groups;

    six->lfb_count = (blocks + SFB_PER_CLUSTER - 1) / SFB_PER_CLUSTER;
    six->next_block = VH_BLOCKS;
    six->fdc = resource(VMFS_LOCK_FDC, 256, HEADER_SIZE, mkfs_descriptors(VMFS_FORMAT_6, mib));
    six->fdc.used = MKFS_SYSTEM_FILES6;
    place_items(six, &six->fdc);
    six->root_block = six->next_block++;
    six->sdd_block = six->next_block++;
    six->sfb = resource(VMFS_LOCK_FBB, SFB_PER_CLUSTER, 0, blocks);
    groups = (six->lfb_count + GROUP_CLUSTERS * LFB_PER_CLUSTER - 1) /
             (GROUP_CLUSTERS * LFB_PER_CLUSTER);
    six->sfb.length = MKFS_GROUP_OFFSET + groups * LFB_GROUP_SIZE;
    place(six, &six->sfb);
    six->pbc = resource(VMFS_LOCK_PBC, 0, VMFS6_PB_SIZE, 0);
    six->pbc.length = MKFS_GROUP_OFFSET;
    place(six, &six->pbc);
    six->sbc = resource(VMFS_LOCK_SBC, 256, SUB_BLOCK, mkfs_sub_blocks(VMFS_FORMAT_6, mib));
    place_items(six, &six->sbc);
    six->pb2 = resource(VMFS_LOCK_PB2, 32, VMFS6_PB_SIZE, 32);
    place_items(six, &six->pb2);
    six->jbc = resource(VMFS_LOCK_JBC, 8, JOURNAL_BLOCK, mkfs_clamp(mib / 1024, 8, 128) & ~7u);
    six->jbc.clusters_per_group = 4;
    place_items(six, &six->jbc);
    six->sfb.used = six->next_block;
}

/* ---- resource files ---- */

static void fill_cluster(struct cluster6 *cluster, const struct mkfs_resource *plan,
                         uint32_t number, uint64_t offset)
{
    uint64_t first = (uint64_t)number * plan->per_cluster;
    struct vmfs6_cluster_md *md = &cluster->md;
    uint32_t bits = plan->lock_type == VMFS_LOCK_FBB ? 2 : 1;

    cluster->lock.type = plan->lock_type;
    cluster->lock.address = offset;
    cluster->lock.token = 1;
    md->signature = VMFS6_SIG_CLUSTER;
    md->version = 1;
    md->number = number;
    md->total = (uint16_t)(plan->count - first < plan->per_cluster ? plan->count - first
                                                                   : plan->per_cluster);
    for (uint32_t i = 0; i < md->total; i++) {
        /* The bitmap of small file blocks runs on where others keep their affinities. */
        uint8_t *map = (uint8_t *)md + offsetof(struct vmfs6_cluster_md, bitmap);

        if (first + i < plan->used)
            continue;
        if (md->free++ == 0)
            md->next_free = i;
        map[i * bits / 8] |= (uint8_t)(1u << i * bits % 8);
    }
    if (plan->lock_type == VMFS_LOCK_FDC && number == 0)
        md->type_data = MKFS_SYSTEM_FILES6;
}

/* A large block made into small ones: state 100b, and a record of ones. */
static void fill_lfb_cluster(struct cluster6 *cluster, const struct mkfs6 *six, uint32_t number,
                             uint64_t offset)
{
    uint64_t first = (uint64_t)number * LFB_PER_CLUSTER;
    struct vmfs6_cluster_md *md = &cluster->md;

    cluster->lock.type = VMFS_LOCK_LFB;
    cluster->lock.address = offset;
    cluster->lock.token = 1;
    md->signature = VMFS6_SIG_CLUSTER;
    md->version = 1;
    md->number = number;
    md->total = (uint16_t)(six->lfb_count - first < LFB_PER_CLUSTER ? six->lfb_count - first
                                                                    : LFB_PER_CLUSTER);
    for (uint32_t i = 0; i < md->total; i++) {
        uint32_t bit = 3 * i + 2;

        md->bitmap[bit / 8] |= (uint8_t)(1u << bit % 8);
        md->affinity[i * 8] = 0xFF;
    }
}

/* Writes the headers of one group's clusters, those there are. */
static int write_group(struct mkfs6 *six, const struct mkfs_resource *plan, uint32_t first,
                       uint64_t at)
{
    struct cluster6 *clusters = (struct cluster6 *)six->mk->buffer;

    memset(clusters, 0, MKFS_IO_SIZE);
    for (uint32_t k = 0; k < plan->clusters_per_group; k++) {
        if (first + k < mkfs_clusters(plan))
            fill_cluster(&clusters[k], plan, first + k, at + k * HEADER_SIZE);
    }
    return mkfs_put(six->mk, at, clusters, plan->clusters_per_group * HEADER_SIZE);
}

static void fill_header(struct vmfs_resource_header *header, const struct mkfs_resource *plan)
{
    header->per_cluster = plan->per_cluster;
    header->clusters_per_group = plan->clusters_per_group;
    header->group_offset = MKFS_GROUP_OFFSET;
    header->resource_size = plan->item_size;
    header->group_size = (uint32_t)group_size(plan);
    header->resource_count = (uint32_t)plan->count;
    header->resource_count_high = (uint32_t)(plan->count >> 32);
    if (plan->count != 0)
        header->group_count =
            (mkfs_clusters(plan) + plan->clusters_per_group - 1) / plan->clusters_per_group;
    header->signature = VMFS6_SIG_RESOURCE;
    header->version = 1;
    header->flags = FLAGS_OTHER;
    header->bits = 1;
    header->affinity_per_cluster = (uint16_t)plan->per_cluster;
    header->affinity_per_resource = 1;
}

static int write_resource(struct mkfs6 *six, const struct mkfs_resource *plan)
{
    uint64_t base = mkfs_block_offset(six->mk, plan->first_block);
    struct vmfs_resource_header *header = (struct vmfs_resource_header *)six->mk->buffer;
    uint32_t groups;
    int rc;

    memset(header, 0, MKFS_IO_SIZE);
    fill_header(header, plan);
    groups = header->group_count;
    rc = mkfs_put(six->mk, base, header, MKFS_IO_SIZE);
    for (uint32_t g = 0; g < groups && rc == 0; g++)
        rc = write_group(six, plan, g * plan->clusters_per_group, base + group_offset(plan, g));
    return rc;
}

/* One group of large blocks and the groups of small ones within it. */
static int write_lfb_group(struct mkfs6 *six, uint32_t group, uint64_t at)
{
    struct cluster6 *clusters = (struct cluster6 *)six->mk->buffer;
    uint32_t first = group * GROUP_CLUSTERS;
    int rc;

    memset(clusters, 0, MKFS_IO_SIZE);
    for (uint32_t k = 0; k < GROUP_CLUSTERS; k++) {
        if ((uint64_t)(first + k) * LFB_PER_CLUSTER < six->lfb_count)
            fill_lfb_cluster(&clusters[k], six, first + k, at + k * HEADER_SIZE);
    }
    rc = mkfs_put(six->mk, at, clusters, MKFS_IO_SIZE);
    for (uint32_t g = 0; g < LFB_PER_CLUSTER && rc == 0; g++)
        rc = write_group(six, &six->sfb, (group * LFB_PER_CLUSTER + g) * GROUP_CLUSTERS,
                         at + MKFS_IO_SIZE + g * SFB_GROUP_SIZE);
    return rc;
}

static int write_fbb(struct mkfs6 *six)
{
    uint64_t base = mkfs_block_offset(six->mk, six->sfb.first_block);
    struct vmfs_resource_header *header = (struct vmfs_resource_header *)six->mk->buffer;
    struct vmfs_resource_header *child =
        (struct vmfs_resource_header *)(six->mk->buffer + VMFS6_CHILD_OFFSET);
    struct mkfs_resource lfb =
        resource(VMFS_LOCK_LFB, LFB_PER_CLUSTER, HEADER_SIZE, six->lfb_count);
    uint32_t groups;
    int rc;

    memset(header, 0, MKFS_IO_SIZE);
    fill_header(header, &lfb);
    groups = header->group_count;
    header->group_size = LFB_GROUP_SIZE;
    header->flags = FLAGS_LFB;
    header->bits = 3;
    header->affinity_per_cluster = 840;
    header->affinity_per_resource = 52;
    header->child_offset = VMFS6_CHILD_OFFSET;
    header->converted_clusters = (uint32_t)six->lfb_count;
    fill_header(child, &six->sfb);
    child->flags = FLAGS_SFB;
    child->bits = 2;
    child->affinity_per_cluster = 216;
    child->parent_per_cluster = LFB_PER_CLUSTER;
    child->parent_clusters_per_group = GROUP_CLUSTERS;
    child->parent_group_size = LFB_GROUP_SIZE;
    rc = mkfs_put(six->mk, base, header, MKFS_IO_SIZE);
    for (uint32_t g = 0; g < groups && rc == 0; g++)
        rc = write_lfb_group(six, g, base + MKFS_GROUP_OFFSET + (uint64_t)g * LFB_GROUP_SIZE);
    return rc;
}

/* ---- descriptors ---- */

static uint64_t item_offset(const struct mkfs6 *six, const struct mkfs_resource *plan,
                            uint32_t item)
{
    uint32_t in_group = plan->clusters_per_group * plan->per_cluster;

    return mkfs_block_offset(six->mk, plan->first_block) + group_offset(plan, item / in_group) +
           plan->clusters_per_group * HEADER_SIZE + (uint64_t)(item % in_group) * plan->item_size;
}

/* Names the blocks of a file that follow one another; from DIRECT_MAX on in pointer blocks. */
static int fill_addresses(struct mkfs6 *six, struct vmfs_fd *fd, uint64_t *addresses,
                          uint32_t first_block, uint32_t blocks)
{
    uint64_t *entries = (uint64_t *)six->mk->buffer;
    int rc = 0;

    fd->zla = VMFS_ZLA_FB;
    for (uint32_t i = 0; i < blocks && blocks <= DIRECT_MAX; i++)
        addresses[i] = sfb_address(first_block + i);
    if (blocks <= DIRECT_MAX)
        return 0;
    fd->zla = VMFS_ZLA_PB2;
    for (uint32_t done = 0; done < blocks && rc == 0; done += VMFS6_PB_ENTRIES) {
        uint32_t item = (uint32_t)six->pb2.used++;
        struct vmfs_addr addr = {.type = VMFS_ADDR_PB2, .item = item};

        memset(entries, 0, MKFS_IO_SIZE);
        for (uint32_t i = 0; i < VMFS6_PB_ENTRIES && done + i < blocks; i++)
            entries[i] = sfb_address(first_block + done + i);
        addresses[fd->pb_count++] = vmfs_addr_encode(VMFS_FORMAT_6, addr);
        rc = mkfs_put(six->mk, item_offset(six, &six->pb2, item), entries, VMFS6_PB_SIZE);
    }
    return rc;
}

static int write_fd(struct mkfs6 *six, uint32_t item, uint64_t length, uint32_t first_block,
                    uint32_t blocks)
{
    bool directory = item == 0 || item == 7;
    uint64_t at = item_offset(six, &six->fdc, item);
    struct vmfs_fd fd = {.address = vmfs_addr_of_fd(0, item),
                         .generation = item + 1,
                         .link_count = directory ? 2 : 1,
                         .type = mkfs_system_files[item].type,
                         .mode = item == 0   ? 01755
                                 : directory ? 040700
                                             : 0400,
                         .length = length,
                         .unit_size = six->mk->block_size,
                         .block_count = blocks,
                         .new_count = blocks,
                         .signature = VMFS6_SIG_FD,
                         .affinity_fd = vmfs_addr_of_fd(0, item),
                         .parent_fd = VMFS_FD_ROOT};
    uint64_t addresses[VMFS6_FD_ADDRESSES] = {0};
    struct fd6 raw = {.lock = {.type = VMFS_LOCK_FD, .address = at, .token = 1}};
    int rc = fill_addresses(six, &fd, addresses, first_block, blocks);

    fd.mtime_s = fd.ctime_s = fd.atime_s = (uint32_t)(six->mk->now_us / 1000000u);
    fd.unit_shift = (uint8_t)__builtin_ctz(six->mk->block_size);
    fd.tbz_shift = fd.unit_shift;
    memcpy(raw.metadata, (const uint8_t *)&fd + sizeof(fd.lock), sizeof(raw.metadata));
    memcpy(raw.addresses, addresses, sizeof(raw.addresses));
    return rc != 0 ? rc : mkfs_put(six->mk, at, &raw, sizeof(raw));
}

/* Every descriptor gets its lock record, the system files theirs on top. */
static int write_descriptors(struct mkfs6 *six)
{
    const uint32_t step = MKFS_IO_SIZE / HEADER_SIZE; /* divides a group's descriptors */
    const struct mkfs_resource *plans[MKFS_SYSTEM_FILES6] = {
        NULL, &six->sfb, &six->fdc, &six->pbc, &six->sbc, NULL, &six->pb2, NULL, &six->jbc};
    int rc = 0;

    for (uint32_t first = 0; first < six->fdc.count && rc == 0; first += step) {
        struct fd6 *fds = (struct fd6 *)six->mk->buffer;

        memset(fds, 0, MKFS_IO_SIZE);
        for (uint32_t i = 0; i < step; i++) {
            fds[i].lock.type = VMFS_LOCK_FD;
            fds[i].lock.address = item_offset(six, &six->fdc, first + i);
            fds[i].lock.token = 1;
        }
        rc = mkfs_put(six->mk, fds[0].lock.address, fds, MKFS_IO_SIZE);
    }
    for (uint32_t i = 0; i < MKFS_SYSTEM_FILES6 && rc == 0; i++) {
        if (plans[i] != NULL)
            rc = write_fd(six, i, plans[i]->length, plans[i]->first_block, plans[i]->blocks);
    }
    if (rc == 0)
        rc = write_fd(six, 0, VMFS6_DIR_FRESH, six->root_block, 1);
    if (rc == 0)
        rc = write_fd(six, 5, mkfs_block_offset(six->mk, VH_BLOCKS), 0, VH_BLOCKS);
    return rc != 0 ? rc : write_fd(six, 7, VMFS6_DIR_FRESH, six->sdd_block, 1);
}

/* ---- directories, heartbeats, superblock ---- */

/* Names the system files in the root directory: their places in the hash table are given. */
static void name_system_files(uint8_t *bytes)
{
    struct vmfs6_dir_header *header = (struct vmfs6_dir_header *)bytes;
    uint8_t *block = bytes + VMFS6_DIR_BLOCKS_AT + VMFS6_MD;
    struct vmfs6_dir_block *records = (struct vmfs6_dir_block *)block;

    for (uint32_t item = 1; item < MKFS_SYSTEM_FILES6; item++) {
        uint32_t slot = item - 1, location = slot << 24 | 1u << 2 | VMFS6_DIR_ENTRIES;
        uint32_t inside = VMFS6_DIR_BLOCK_HEADER + slot * (uint32_t)sizeof(struct vmfs6_dirent);
        struct vmfs6_dirent record = {.type = mkfs_system_files[item].type,
                                      .fd_address = vmfs_addr_of_fd(0, item),
                                      .generation = item + 1,
                                      .position = VMFS6_DIR_BLOCKS_AT + VMFS6_MD + inside};

        strcpy(record.name, mkfs_system_files[item].name);
        memcpy(block + inside, &record, sizeof(record));
        records->bitmap[slot / 8] &= (uint8_t) ~(1u << slot % 8);
        records->free--;
        header->entry_count++;
        memcpy(bytes + VMFS6_DIR_HASH_AT + (FIRST_ROOT_SLOT + slot) * sizeof(location), &location,
               sizeof(location));
    }
    header->allocated_count = header->entry_count;
}

static int write_directory(struct mkfs6 *six, uint32_t item, uint32_t block)
{
    static_assert(MKFS_SYSTEM_FILES6 - 1 <= VMFS6_DIR_BLOCK_SLOTS, "one block of names");
    struct vmfs_inode self, parent;
    uint8_t *bytes = malloc(VMFS6_DIR_FRESH);
    int rc;

    if (bytes == NULL)
        return -ENOMEM;
    self.fd.address = vmfs_addr_of_fd(0, item);
    self.fd.generation = item + 1;
    parent.fd.address = VMFS_FD_ROOT;
    parent.fd.generation = 1;
    dir6_make_contents(bytes, &self, &parent);
    if (item == 0)
        name_system_files(bytes);
    rc = mkfs_put(six->mk, mkfs_block_offset(six->mk, block), bytes, VMFS6_DIR_FRESH);
    free(bytes);
    return rc;
}

static int write_heartbeats(struct mkfs6 *six)
{
    const uint32_t step = MKFS_IO_SIZE / VMFS6_MD;
    int rc = 0;

    for (uint32_t first = 0; first < VMFS6_SLOT_COUNT && rc == 0; first += step) {
        uint64_t at = VMFS_SLOTS_OFFSET + (uint64_t)first * VMFS6_MD;

        memset(six->mk->buffer, 0, MKFS_IO_SIZE);
        for (uint32_t i = 0; i < step; i++) {
            struct vmfs_slot *slot = (struct vmfs_slot *)(six->mk->buffer + i * VMFS6_MD);

            slot->state = VMFS_SLOT_FREE;
            slot->address = at + i * VMFS6_MD;
        }
        rc = mkfs_put(six->mk, at, six->mk->buffer, MKFS_IO_SIZE);
    }
    return rc;
}

static int write_superblock(struct mkfs6 *six)
{
    struct vmfs_superblock super = {
        .major = VMFS6_MAJOR,
        .minor = VMFS6_MINOR,
        .flags = VMFS_FLAG_PUBLIC | VMFS_FLAG_DENSE_SB,
        .fdc_group_offset = MKFS_GROUP_OFFSET,
        .fdc_clusters_per_group = GROUP_CLUSTERS,
        .sub_block_size = SUB_BLOCK,
        .journal_slots = 64,
        .pb2_fd_offset = item_offset(six, &six->fdc, 6),
        .sdd_fd_offset = item_offset(six, &six->fdc, 7),
        .unmap_priority = 1,
        .physical_sector_size = six->mk->dev->sector,
        .md_size = VMFS6_MD,
        .lfb_shift = LFB_SHIFT,
        .pb_shift = (uint16_t)__builtin_ctz(VMFS6_PB_SIZE),
        .sfb_address_bits = 44,
        .tbz_granularity = six->mk->block_size,
        .journal_block_size = JOURNAL_BLOCK,
        .lease_ms = VMFS_LEASE_MS,
        .reclaim_ms = 4000,
    };

    mkfs_fill_superblock(six->mk, &super);
    return mkfs_put(six->mk, VMFS_SUPERBLOCK_OFFSET, &super, sizeof(super));
}

int mkfs6_write(struct mkfs *mk)
{
    struct mkfs6 six = {.mk = mk};
    /* Descriptors before .pb2.sf: they say how many of its items are used. */
    const struct mkfs_resource *plans[] = {&six.fdc, &six.pbc, &six.sbc, &six.pb2, &six.jbc};
    int rc;

    make_plan(&six);
    rc = write_descriptors(&six);
    if (rc == 0)
        rc = write_directory(&six, 0, six.root_block);
    if (rc == 0)
        rc = write_directory(&six, 7, six.sdd_block);
    if (rc == 0)
        rc = write_heartbeats(&six);
    if (rc == 0)
        rc = write_fbb(&six);
    for (unsigned i = 0; i < sizeof(plans) / sizeof(plans[0]) && rc == 0; i++)
        rc = write_resource(&six, plans[i]);
    return rc != 0 ? rc : write_superblock(&six);
}
