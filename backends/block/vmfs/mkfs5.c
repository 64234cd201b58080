/* SPDX-License-Identifier: MIT */
/* Making what an empty VMFS-5 volume holds. */
#include "block/vmfs/mkfs.h"

#include <string.h>

#define CLUSTERS_PER_GROUP 64u
static_assert(CLUSTERS_PER_GROUP * VMFS5_CLUSTER_HEADER == MKFS_IO_SIZE, "layout on disk");

/* A cluster's header and a descriptor as they lie on disk. */
struct cluster5 {
    struct vmfs_lock lock;
    struct vmfs5_cluster_md md;
} VMFS_PACKED;
static_assert(sizeof(struct cluster5) == VMFS5_CLUSTER_HEADER, "layout on disk");

struct fd5 {
    struct vmfs_fd fd;
    uint32_t addresses[VMFS5_FD_ADDRESSES];
} VMFS_PACKED;
static_assert(sizeof(struct fd5) == VMFS5_FD_SIZE, "layout on disk");

static uint32_t address5(enum vmfs_addr_type type, uint32_t number)
{
    return (uint32_t)vmfs_addr_encode(VMFS_FORMAT_5,
                                      (struct vmfs_addr){.type = type, .cluster = number});
}

/* The new volume and its resource files. */
struct mkfs5 {
    struct mkfs *mk;
    uint32_t fdc_block;
    uint32_t root_block;
    uint32_t next_block;
    uint32_t sub_block; /* bytes */
    struct mkfs_resource fdc, fbb, pbc, sbc, pb2;
};

static uint64_t group_size(const struct mkfs_resource *plan)
{
    return CLUSTERS_PER_GROUP *
           (VMFS5_CLUSTER_HEADER + (uint64_t)plan->per_cluster * plan->item_size);
}

/* File offset just behind the last cluster's items (its headers for .fbb.sf). */
static uint64_t plan_length(const struct mkfs_resource *plan)
{
    uint32_t last = mkfs_clusters(plan) - 1;
    uint64_t group = MKFS_GROUP_OFFSET + last / CLUSTERS_PER_GROUP * group_size(plan);

    return group + CLUSTERS_PER_GROUP * VMFS5_CLUSTER_HEADER +
           (uint64_t)(last % CLUSTERS_PER_GROUP + 1) * plan->per_cluster * plan->item_size;
}

static void place(struct mkfs5 *five, struct mkfs_resource *plan)
{
    plan->length = plan_length(plan);
    plan->blocks = (uint32_t)((plan->length + five->mk->block_size - 1) / five->mk->block_size);
    plan->first_block = five->next_block;
    five->next_block += plan->blocks;
}

/* Sizes the resource files by the volume and lays them out one after another. */
static void make_plan(struct mkfs5 *five)
{
    uint64_t mib = five->mk->size >> 20;

    five->fdc_block =
        (five->mk->block_size > 4u << 20 ? five->mk->block_size : 4u << 20) / five->mk->block_size;
    five->next_block = five->fdc_block;
    five->fdc = (struct mkfs_resource){.lock_type = VMFS_LOCK_FDC,
                                       .per_cluster = 32,
                                       .item_size = VMFS5_FD_SIZE,
                                       .count = mkfs_descriptors(VMFS_FORMAT_5, mib),
                                       .used = MKFS_SYSTEM_FILES5};
    five->sbc = (struct mkfs_resource){.lock_type = VMFS_LOCK_SBC,
                                       .per_cluster = five->sub_block > VMFS5_SUB_BLOCK ? 16 : 32,
                                       .item_size = five->sub_block,
                                       .count = mkfs_sub_blocks(VMFS_FORMAT_5, mib),
                                       .used = 1}; /* .sdd.sf */
    five->pbc = (struct mkfs_resource){.lock_type = VMFS_LOCK_PBC,
                                       .per_cluster = 16,
                                       .item_size = VMFS5_PB_SIZE,
                                       .count = mkfs_pointer_blocks(mib)};
    five->pb2 = (struct mkfs_resource){
        .lock_type = VMFS_LOCK_PB2, .per_cluster = 16, .item_size = VMFS5_PB_SIZE, .count = 16};
    five->fbb = (struct mkfs_resource){.lock_type = VMFS_LOCK_FBB,
                                       .per_cluster = 200,
                                       .count = five->mk->size / five->mk->block_size};
    place(five, &five->fdc);
    five->root_block = five->next_block++;
    place(five, &five->fbb);
    place(five, &five->pbc);
    place(five, &five->sbc);
    place(five, &five->pb2);
    five->fbb.used = five->next_block;
}

/* ---- writing ---- */

static void fill_cluster(struct cluster5 *cluster, const struct mkfs_resource *plan,
                         uint32_t number, uint64_t offset)
{
    uint64_t first = (uint64_t)number * plan->per_cluster;
    struct vmfs5_cluster_md *md = &cluster->md;

    cluster->lock.type = plan->lock_type;
    cluster->lock.address = offset;
    cluster->lock.token = 1;
    md->number = number;
    md->total = (uint32_t)(plan->count - first < plan->per_cluster ? plan->count - first
                                                                   : plan->per_cluster);
    for (uint32_t i = 0; i < md->total; i++) {
        if (first + i < plan->used)
            continue;
        if (md->free++ == 0)
            md->next_free = i;
        md->bitmap[i / 8] |= (uint8_t)(1u << i % 8);
    }
    if (plan->lock_type == VMFS_LOCK_FDC && number == 0)
        md->type_data = MKFS_SYSTEM_FILES5;
}

static int write_resource(struct mkfs5 *five, const struct mkfs_resource *plan)
{
    uint64_t base = mkfs_block_offset(five->mk, plan->first_block);
    uint32_t clusters = mkfs_clusters(plan);
    uint32_t groups = (clusters + CLUSTERS_PER_GROUP - 1) / CLUSTERS_PER_GROUP;
    struct vmfs_resource_header *header = (struct vmfs_resource_header *)five->mk->buffer;
    int rc;

    memset(five->mk->buffer, 0, MKFS_IO_SIZE);
    header->per_cluster = plan->per_cluster;
    header->clusters_per_group = CLUSTERS_PER_GROUP;
    header->group_offset = MKFS_GROUP_OFFSET;
    header->resource_size = plan->item_size;
    header->group_size = (uint32_t)group_size(plan);
    header->resource_count = (uint32_t)plan->count;
    header->group_count = groups;
    rc = mkfs_put(five->mk, base, five->mk->buffer, MKFS_IO_SIZE);
    for (uint32_t g = 0; g < groups && rc == 0; g++) {
        uint64_t at = base + MKFS_GROUP_OFFSET + g * group_size(plan);
        struct cluster5 *cluster = (struct cluster5 *)five->mk->buffer;

        memset(five->mk->buffer, 0, MKFS_IO_SIZE);
        for (uint32_t k = 0; k < CLUSTERS_PER_GROUP; k++) {
            uint32_t number = g * CLUSTERS_PER_GROUP + k;

            if (number < clusters)
                fill_cluster(&cluster[k], plan, number, at + k * VMFS5_CLUSTER_HEADER);
        }
        rc = mkfs_put(five->mk, at, five->mk->buffer, MKFS_IO_SIZE);
    }
    return rc;
}

static uint64_t fd_offset(const struct mkfs5 *five, uint32_t item)
{
    uint64_t group = item / (CLUSTERS_PER_GROUP * five->fdc.per_cluster);
    uint64_t inside = item % (CLUSTERS_PER_GROUP * five->fdc.per_cluster);

    return mkfs_block_offset(five->mk, five->fdc_block) + MKFS_GROUP_OFFSET +
           group * group_size(&five->fdc) + CLUSTERS_PER_GROUP * VMFS5_CLUSTER_HEADER +
           inside * VMFS5_FD_SIZE;
}

static uint64_t sub_block_offset(const struct mkfs5 *five)
{
    return mkfs_block_offset(five->mk, five->sbc.first_block) + MKFS_GROUP_OFFSET +
           CLUSTERS_PER_GROUP * VMFS5_CLUSTER_HEADER;
}

/* Fills in a system descriptor whose blocks follow one another. */
static void fill_fd(const struct mkfs5 *five, struct fd5 *out, uint32_t item,
                    enum vmfs_file_type type, uint32_t mode, uint64_t length, uint32_t first_block,
                    uint32_t blocks)
{
    uint32_t now = (uint32_t)(five->mk->now_us / 1000000u);
    struct vmfs_fd *fd = &out->fd;

    fd->address = vmfs_addr_of_fd(0, item);
    fd->generation = item + 1;
    fd->link_count = type == VMFS_TYPE_DIRECTORY ? 2 : 1;
    fd->type = type;
    fd->mode = mode;
    fd->length = length;
    fd->block_count = fd->new_count = blocks;
    fd->mtime_s = fd->ctime_s = fd->atime_s = now;
    fd->unit_size = five->mk->block_size;
    fd->zla = VMFS_ZLA_FB;
    for (uint32_t i = 0; i < blocks; i++)
        out->addresses[i] = address5(VMFS_ADDR_FB, first_block + i);
    fd->unit_shift = (uint8_t)__builtin_ctz(five->mk->block_size);
    fd->tbz_shift = fd->unit_shift;
}

#define ROOT_RECORDS (MKFS_SYSTEM_FILES5 + 1) /* and ".." */

static void fill_system_fd(const struct mkfs5 *five, struct fd5 *fd, uint32_t item)
{
    const struct mkfs_resource *plans[MKFS_SYSTEM_FILES5] = {
        NULL, &five->fbb, &five->fdc, &five->pbc, &five->sbc, NULL, &five->pb2, NULL};

    if (plans[item] != NULL) {
        fill_fd(five, fd, item, VMFS_TYPE_SYSTEM, 0400, plans[item]->length,
                plans[item]->first_block, plans[item]->blocks);
    } else if (item == 0) {
        fill_fd(five, fd, item, VMFS_TYPE_DIRECTORY, 01755,
                ROOT_RECORDS * sizeof(struct vmfs5_dirent), five->root_block, 1);
    } else if (item == 5) {
        fill_fd(five, fd, item, VMFS_TYPE_SYSTEM, 0400,
                mkfs_block_offset(five->mk, five->fdc_block), 0, five->fdc_block);
    } else {
        fill_fd(five, fd, item, VMFS_TYPE_SYSTEM, 040700, 2 * sizeof(struct vmfs5_dirent), 0, 0);
        fd->fd.link_count = 2;
        fd->fd.zla = VMFS_ZLA_SB;
        fd->fd.unit_size = five->sub_block;
        fd->fd.unit_shift = fd->fd.tbz_shift = (uint8_t)__builtin_ctz(five->sub_block);
        fd->fd.block_count = fd->fd.new_count = 1;
        fd->addresses[0] = address5(VMFS_ADDR_SB, 0);
    }
}

/* Every descriptor gets its lock record, the first few their contents. */
static int write_descriptors(struct mkfs5 *five)
{
    const uint32_t step = MKFS_IO_SIZE / VMFS5_FD_SIZE; /* divides a group's descriptors */
    int rc = 0;

    for (uint32_t first = 0; first < five->fdc.count && rc == 0; first += step) {
        struct fd5 *fds = (struct fd5 *)five->mk->buffer;

        memset(five->mk->buffer, 0, MKFS_IO_SIZE);
        for (uint32_t i = 0; i < step; i++) {
            fds[i].fd.lock.type = VMFS_LOCK_FD;
            fds[i].fd.lock.address = fd_offset(five, first + i);
            fds[i].fd.lock.token = 1;
            if (first + i < MKFS_SYSTEM_FILES5)
                fill_system_fd(five, &fds[i], first + i);
        }
        rc = mkfs_put(five->mk, fd_offset(five, first), five->mk->buffer, MKFS_IO_SIZE);
    }
    return rc;
}

static int write_directories(struct mkfs5 *five)
{
    struct vmfs5_dirent *entries = (struct vmfs5_dirent *)five->mk->buffer;
    int rc;

    memset(five->mk->buffer, 0, MKFS_IO_SIZE);
    for (uint32_t i = 0; i < ROOT_RECORDS; i++) {
        uint32_t item = i == 0 ? 0 : i - 1;

        entries[i].type = mkfs_system_files[item].type;
        entries[i].fd_address = vmfs_addr_of_fd(0, item);
        entries[i].generation = item + 1;
        strcpy(entries[i].name, i == 1 ? ".." : mkfs_system_files[item].name);
    }
    rc = mkfs_put(five->mk, mkfs_block_offset(five->mk, five->root_block), five->mk->buffer,
                  MKFS_IO_SIZE);
    if (rc != 0)
        return rc;
    memset(five->mk->buffer, 0, MKFS_IO_SIZE);
    entries[0] = (struct vmfs5_dirent){
        .type = VMFS_TYPE_SYSTEM, .fd_address = VMFS_FD_SDD, .generation = 8, .name = "."};
    entries[1] = (struct vmfs5_dirent){
        .type = VMFS_TYPE_DIRECTORY, .fd_address = VMFS_FD_ROOT, .generation = 1, .name = ".."};
    return mkfs_put(five->mk, sub_block_offset(five), five->mk->buffer, five->sub_block);
}

static int write_heartbeats(struct mkfs5 *five)
{
    const uint32_t step = MKFS_IO_SIZE / VMFS_SLOT_SIZE;
    int rc = 0;

    for (uint32_t first = 0; first < VMFS5_SLOT_COUNT && rc == 0; first += step) {
        struct vmfs_slot *slots = (struct vmfs_slot *)five->mk->buffer;

        memset(five->mk->buffer, 0, MKFS_IO_SIZE);
        for (uint32_t i = 0; i < step; i++) {
            slots[i].state = VMFS_SLOT_FREE;
            slots[i].address = VMFS_SLOTS_OFFSET + (first + i) * VMFS_SLOT_SIZE;
        }
        rc = mkfs_put(five->mk, slots[0].address, five->mk->buffer, MKFS_IO_SIZE);
    }
    return rc;
}

static int write_superblock(struct mkfs5 *five)
{
    struct vmfs_superblock super = {
        .major = VMFS5_MAJOR,
        .minor = VMFS5_MINOR,
        .flags = VMFS_FLAG_PUBLIC | VMFS_FLAG_DENSE_SB,
        .fdc_group_offset = MKFS_GROUP_OFFSET,
        .fdc_clusters_per_group = CLUSTERS_PER_GROUP,
        .sub_block_size = five->sub_block,
        .journal_slots = 8,
        .pb2_fd_offset = fd_offset(five, 6),
        .sdd_fd_offset = fd_offset(five, 7),
    };

    mkfs_fill_superblock(five->mk, &super);
    return mkfs_put(five->mk, VMFS_SUPERBLOCK_OFFSET, &super, sizeof(super));
}

int mkfs5_write(struct mkfs *mk)
{
    struct mkfs5 five = {.mk = mk, .sub_block = mk->sub_block_size};
    int (*const steps[])(struct mkfs5 *) = {write_descriptors, write_directories, write_heartbeats,
                                            write_superblock};
    const struct mkfs_resource *plans[] = {&five.fdc, &five.fbb, &five.pbc, &five.sbc, &five.pb2};
    int rc = 0;

    make_plan(&five);
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]) && rc == 0; i++)
        rc = steps[i](&five);
    for (unsigned i = 0; i < sizeof(plans) / sizeof(plans[0]) && rc == 0; i++)
        rc = write_resource(&five, plans[i]);
    return rc;
}
