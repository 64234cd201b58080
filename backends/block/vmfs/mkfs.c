/* SPDX-License-Identifier: MIT */
/* Making an empty VMFS-5 volume on a whole device. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GROUP_OFFSET       0x10000u
#define CLUSTERS_PER_GROUP 64u
#define SYSTEM_FDS         8u
#define SUB_BLOCK          8192u
#define IO_SIZE            (64u * 1024)
static_assert(CLUSTERS_PER_GROUP * VMFS5_CLUSTER_HEADER == IO_SIZE, "layout on disk");

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

/* What a resource file of the new volume shall be. */
struct plan {
    uint32_t lock_type;
    uint32_t per_cluster;
    uint32_t item_size;
    uint64_t count; /* items */
    uint64_t used;  /* the first so many are allocated */
    uint64_t length;
    uint32_t first_block, blocks;
};

struct mkfs {
    struct bdev *dev;
    const char *label;
    uint32_t block_size;
    uint32_t pe_count;
    uint64_t size; /* of the volume */
    uint32_t fb_count;
    uint32_t fdc_block;
    uint32_t root_block;
    uint32_t next_block;
    struct plan fdc, fbb, pbc, sbc, pb2;
    struct vmfs_uuid fs_uuid, lvm_uuid, device_uuid, host;
    uint64_t now_us;
    uint8_t *buffer; /* IO_SIZE bytes */
};

static uint64_t group_size(const struct plan *plan)
{
    return CLUSTERS_PER_GROUP *
           (VMFS5_CLUSTER_HEADER + (uint64_t)plan->per_cluster * plan->item_size);
}

static uint32_t cluster_count(const struct plan *plan)
{
    return (uint32_t)((plan->count + plan->per_cluster - 1) / plan->per_cluster);
}

/* File offset just behind the last cluster's items (its headers for .fbb.sf). */
static uint64_t plan_length(const struct plan *plan)
{
    uint32_t last = cluster_count(plan) - 1;
    uint64_t group = GROUP_OFFSET + last / CLUSTERS_PER_GROUP * group_size(plan);

    return group + CLUSTERS_PER_GROUP * VMFS5_CLUSTER_HEADER +
           (uint64_t)(last % CLUSTERS_PER_GROUP + 1) * plan->per_cluster * plan->item_size;
}

static uint64_t clamp(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static void place(struct mkfs *mk, struct plan *plan)
{
    plan->length = plan_length(plan);
    plan->blocks = (uint32_t)((plan->length + mk->block_size - 1) / mk->block_size);
    plan->first_block = mk->next_block;
    mk->next_block += plan->blocks;
}

/* Sizes the resource files by the volume and lays them out one after another. */
static void make_plan(struct mkfs *mk)
{
    uint64_t mib = mk->size >> 20;

    mk->fdc_block = (mk->block_size > 4u << 20 ? mk->block_size : 4u << 20) / mk->block_size;
    mk->next_block = mk->fdc_block;
    mk->fdc = (struct plan){.lock_type = VMFS_LOCK_FDC,
                            .per_cluster = 32,
                            .item_size = VMFS5_FD_SIZE,
                            .count = clamp(mib / 8, 2048, 32768) / 2048 * 2048,
                            .used = SYSTEM_FDS};
    mk->sbc = (struct plan){.lock_type = VMFS_LOCK_SBC,
                            .per_cluster = 32,
                            .item_size = SUB_BLOCK,
                            .count = clamp(mib / 4, 512, 16384) / 32 * 32,
                            .used = 1}; /* .sdd.sf */
    mk->pbc = (struct plan){.lock_type = VMFS_LOCK_PBC,
                            .per_cluster = 16,
                            .item_size = VMFS5_PB_SIZE,
                            .count = clamp(mib / 512 + 256, 256, 62 * 1024) / 16 * 16};
    mk->pb2 = (struct plan){
        .lock_type = VMFS_LOCK_PB2, .per_cluster = 16, .item_size = VMFS5_PB_SIZE, .count = 16};
    mk->fbb = (struct plan){.lock_type = VMFS_LOCK_FBB, .per_cluster = 200, .count = mk->fb_count};
    place(mk, &mk->fdc);
    mk->root_block = mk->next_block++;
    place(mk, &mk->fbb);
    place(mk, &mk->pbc);
    place(mk, &mk->sbc);
    place(mk, &mk->pb2);
    mk->fbb.used = mk->next_block;
}

/* ---- writing ---- */

static int put(struct mkfs *mk, uint64_t volume_offset, const void *data, size_t length)
{
    return bdev_write(mk->dev, LVM_DATA_OFFSET + volume_offset, data, length);
}

static uint64_t block_offset(const struct mkfs *mk, uint32_t block)
{
    return (uint64_t)block * mk->block_size;
}

static void fill_cluster(struct cluster5 *cluster, const struct plan *plan, uint32_t number,
                         uint64_t offset)
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
        md->type_data = SYSTEM_FDS;
}

static int write_resource(struct mkfs *mk, const struct plan *plan)
{
    uint64_t base = block_offset(mk, plan->first_block);
    uint32_t clusters = cluster_count(plan);
    uint32_t groups = (clusters + CLUSTERS_PER_GROUP - 1) / CLUSTERS_PER_GROUP;
    struct vmfs_resource_header *header = (struct vmfs_resource_header *)mk->buffer;
    int rc;

    memset(mk->buffer, 0, IO_SIZE);
    header->per_cluster = plan->per_cluster;
    header->clusters_per_group = CLUSTERS_PER_GROUP;
    header->group_offset = GROUP_OFFSET;
    header->resource_size = plan->item_size;
    header->group_size = (uint32_t)group_size(plan);
    header->resource_count = (uint32_t)plan->count;
    header->group_count = groups;
    rc = put(mk, base, mk->buffer, IO_SIZE);
    for (uint32_t g = 0; g < groups && rc == 0; g++) {
        uint64_t at = base + GROUP_OFFSET + g * group_size(plan);
        struct cluster5 *cluster = (struct cluster5 *)mk->buffer;

        memset(mk->buffer, 0, IO_SIZE);
        for (uint32_t k = 0; k < CLUSTERS_PER_GROUP; k++) {
            uint32_t number = g * CLUSTERS_PER_GROUP + k;

            if (number < clusters)
                fill_cluster(&cluster[k], plan, number, at + k * VMFS5_CLUSTER_HEADER);
        }
        rc = put(mk, at, mk->buffer, IO_SIZE);
    }
    return rc;
}

static uint64_t fd_offset(const struct mkfs *mk, uint32_t item)
{
    uint64_t group = item / (CLUSTERS_PER_GROUP * mk->fdc.per_cluster);
    uint64_t inside = item % (CLUSTERS_PER_GROUP * mk->fdc.per_cluster);

    return block_offset(mk, mk->fdc_block) + GROUP_OFFSET + group * group_size(&mk->fdc) +
           CLUSTERS_PER_GROUP * VMFS5_CLUSTER_HEADER + inside * VMFS5_FD_SIZE;
}

static uint64_t sub_block_offset(const struct mkfs *mk)
{
    return block_offset(mk, mk->sbc.first_block) + GROUP_OFFSET +
           CLUSTERS_PER_GROUP * VMFS5_CLUSTER_HEADER;
}

/* Fills in a system descriptor whose blocks follow one another. */
static void fill_fd(const struct mkfs *mk, struct fd5 *out, uint32_t item, enum vmfs_file_type type,
                    uint32_t mode, uint64_t length, uint32_t first_block, uint32_t blocks)
{
    uint32_t now = (uint32_t)(mk->now_us / 1000000u);
    struct vmfs_fd *fd = &out->fd;

    fd->address = vmfs_addr_of_fd(0, item);
    fd->generation = item + 1;
    fd->link_count = type == VMFS_TYPE_DIRECTORY ? 2 : 1;
    fd->type = type;
    fd->mode = mode;
    fd->length = length;
    fd->block_count = fd->new_count = blocks;
    fd->mtime_s = fd->ctime_s = fd->atime_s = now;
    fd->unit_size = mk->block_size;
    fd->zla = VMFS_ZLA_FB;
    for (uint32_t i = 0; i < blocks; i++)
        out->addresses[i] = address5(VMFS_ADDR_FB, first_block + i);
    fd->unit_shift = (uint8_t)__builtin_ctz(mk->block_size);
    fd->tbz_shift = fd->unit_shift;
}

struct system_file {
    const char *name;
    uint32_t type;
};

static const struct system_file system_files[SYSTEM_FDS] = {
    {".", VMFS_TYPE_DIRECTORY},    {".fbb.sf", VMFS_TYPE_SYSTEM}, {".fdc.sf", VMFS_TYPE_SYSTEM},
    {".pbc.sf", VMFS_TYPE_SYSTEM}, {".sbc.sf", VMFS_TYPE_SYSTEM}, {".vh.sf", VMFS_TYPE_SYSTEM},
    {".pb2.sf", VMFS_TYPE_SYSTEM}, {".sdd.sf", VMFS_TYPE_SYSTEM},
};

#define ROOT_RECORDS (SYSTEM_FDS + 1) /* and ".." */

static void fill_system_fd(const struct mkfs *mk, struct fd5 *fd, uint32_t item)
{
    const struct plan *plans[SYSTEM_FDS] = {NULL,     &mk->fbb, &mk->fdc, &mk->pbc,
                                            &mk->sbc, NULL,     &mk->pb2, NULL};

    if (plans[item] != NULL) {
        fill_fd(mk, fd, item, VMFS_TYPE_SYSTEM, 0400, plans[item]->length, plans[item]->first_block,
                plans[item]->blocks);
    } else if (item == 0) {
        fill_fd(mk, fd, item, VMFS_TYPE_DIRECTORY, 01755,
                ROOT_RECORDS * sizeof(struct vmfs5_dirent), mk->root_block, 1);
    } else if (item == 5) {
        fill_fd(mk, fd, item, VMFS_TYPE_SYSTEM, 0400, block_offset(mk, mk->fdc_block), 0,
                mk->fdc_block);
    } else {
        fill_fd(mk, fd, item, VMFS_TYPE_SYSTEM, 040700, 2 * sizeof(struct vmfs5_dirent), 0, 0);
        fd->fd.link_count = 2;
        fd->fd.zla = VMFS_ZLA_SB;
        fd->fd.unit_size = SUB_BLOCK;
        fd->fd.unit_shift = fd->fd.tbz_shift = (uint8_t)__builtin_ctz(SUB_BLOCK);
        fd->fd.block_count = fd->fd.new_count = 1;
        fd->addresses[0] = address5(VMFS_ADDR_SB, 0);
    }
}

/* Every descriptor gets its lock record, the first few their contents. */
static int write_descriptors(struct mkfs *mk)
{
    const uint32_t step = IO_SIZE / VMFS5_FD_SIZE; /* divides a group's descriptors */
    int rc = 0;

    for (uint32_t first = 0; first < mk->fdc.count && rc == 0; first += step) {
        struct fd5 *fds = (struct fd5 *)mk->buffer;

        memset(mk->buffer, 0, IO_SIZE);
        for (uint32_t i = 0; i < step; i++) {
            fds[i].fd.lock.type = VMFS_LOCK_FD;
            fds[i].fd.lock.address = fd_offset(mk, first + i);
            fds[i].fd.lock.token = 1;
            if (first + i < SYSTEM_FDS)
                fill_system_fd(mk, &fds[i], first + i);
        }
        rc = put(mk, fd_offset(mk, first), mk->buffer, IO_SIZE);
    }
    return rc;
}

static int write_directories(struct mkfs *mk)
{
    struct vmfs5_dirent *entries = (struct vmfs5_dirent *)mk->buffer;
    int rc;

    memset(mk->buffer, 0, IO_SIZE);
    for (uint32_t i = 0; i < ROOT_RECORDS; i++) {
        uint32_t item = i == 0 ? 0 : i - 1;

        entries[i].type = system_files[item].type;
        entries[i].fd_address = vmfs_addr_of_fd(0, item);
        entries[i].generation = item + 1;
        strcpy(entries[i].name, i == 1 ? ".." : system_files[item].name);
    }
    rc = put(mk, block_offset(mk, mk->root_block), mk->buffer, IO_SIZE);
    if (rc != 0)
        return rc;
    memset(mk->buffer, 0, IO_SIZE);
    entries[0] = (struct vmfs5_dirent){
        .type = VMFS_TYPE_SYSTEM, .fd_address = VMFS_FD_SDD, .generation = 8, .name = "."};
    entries[1] = (struct vmfs5_dirent){
        .type = VMFS_TYPE_DIRECTORY, .fd_address = VMFS_FD_ROOT, .generation = 1, .name = ".."};
    return put(mk, sub_block_offset(mk), mk->buffer, SUB_BLOCK);
}

static int write_heartbeats(struct mkfs *mk)
{
    const uint32_t step = IO_SIZE / VMFS_SLOT_SIZE;
    int rc = 0;

    for (uint32_t first = 0; first < VMFS5_SLOT_COUNT && rc == 0; first += step) {
        struct vmfs_slot *slots = (struct vmfs_slot *)mk->buffer;

        memset(mk->buffer, 0, IO_SIZE);
        for (uint32_t i = 0; i < step; i++) {
            slots[i].state = VMFS_SLOT_FREE;
            slots[i].address = VMFS_SLOTS_OFFSET + (first + i) * VMFS_SLOT_SIZE;
        }
        rc = put(mk, slots[0].address, mk->buffer, IO_SIZE);
    }
    return rc;
}

static int write_superblock(struct mkfs *mk)
{
    struct vmfs_superblock super = {
        .magic = VMFS_MAGIC,
        .major = VMFS5_MAJOR,
        .minor = VMFS5_MINOR,
        .uuid = mk->fs_uuid,
        .flags = VMFS_FLAG_PUBLIC | VMFS_FLAG_DENSE_SB,
        .sector_size = BDEV_SECTOR,
        .block_size = mk->block_size,
        .created_s = (uint32_t)(mk->now_us / 1000000u),
        .snapshot_id = 1,
        .volume_uuid = mk->lvm_uuid,
        .volume_snapshot_id = 1,
        .fdc_group_offset = GROUP_OFFSET,
        .fdc_clusters_per_group = CLUSTERS_PER_GROUP,
        .sub_block_size = SUB_BLOCK,
        .journal_slots = 8,
        .pb2_fd_offset = fd_offset(mk, 6),
        .pb2_fd_address = VMFS_FD_PB2,
        .host = mk->host,
        .generation = 1,
        .sdd_fd_offset = fd_offset(mk, 7),
        .sdd_fd_address = VMFS_FD_SDD,
    };

    memcpy(super.label, mk->label, strlen(mk->label));
    return put(mk, VMFS_SUPERBLOCK_OFFSET, &super, sizeof(super));
}

/* ---- LVM ---- */

static int write_pes(struct mkfs *mk)
{
    const uint32_t step = IO_SIZE / LVM_PE_STRIDE;
    int rc = 0;

    for (uint32_t map = 0; map * LVM_PES_PER_MAP < mk->pe_count && rc == 0; map++) {
        uint64_t at = LVM_HEADER_OFFSET + LVM_PE_MAP_OFFSET +
                      (uint64_t)map * (LVM_PE_BITMAP_SIZE + LVM_PE_TABLE_SIZE);
        uint32_t first = map * LVM_PES_PER_MAP;

        memset(mk->buffer, 0, IO_SIZE);
        for (uint32_t i = first; i < mk->pe_count && i < first + LVM_PES_PER_MAP; i++)
            mk->buffer[(i - first) / 8] |= (uint8_t)(1u << i % 8);
        rc = bdev_write(mk->dev, at, mk->buffer, LVM_PE_BITMAP_SIZE);
        at += LVM_PE_BITMAP_SIZE;
        for (uint32_t i = first; i < first + LVM_PES_PER_MAP && rc == 0; i += step) {
            memset(mk->buffer, 0, IO_SIZE);
            for (uint32_t k = 0; k < step && i + k < mk->pe_count; k++) {
                struct lvm_pe pe = {.used = 1,
                                    .id = i + k,
                                    .device_offset = LVM_DATA_OFFSET + (i + k) * LVM_PE_SIZE,
                                    .volume_offset = (i + k) * LVM_PE_SIZE,
                                    .length = LVM_PE_SIZE,
                                    .version = 1};

                memcpy(mk->buffer + k * LVM_PE_STRIDE, &pe, sizeof(pe));
            }
            rc = bdev_write(mk->dev, at + (uint64_t)(i - first) * LVM_PE_STRIDE, mk->buffer,
                            IO_SIZE);
        }
    }
    return rc;
}

static int write_lvm_volume(struct mkfs *mk)
{
    char text[VMFS_UUID_TEXT];
    struct lvm_volume entry = {
        .size = mk->size,
        .generation = 2,
        .state = LVM_STATE_NORMAL,
        .uuid = mk->lvm_uuid,
        .snapshot_id = 1,
        .created_us = mk->now_us,
        .pe_count = mk->pe_count,
        .last_pe = mk->pe_count - 1,
        .modified_us = mk->now_us,
        .device_count = 1,
    };
    int rc;

    uuid_to_text(&mk->lvm_uuid, text);
    memcpy(entry.name, text, sizeof(text));
    rc = bdev_write(mk->dev, LVM_HEADER_OFFSET + LVM_VOLUME_OFFSET, &entry, sizeof(entry));
    if (rc != 0)
        return rc;
    uuid_to_text(&mk->device_uuid, text);
    memset(mk->buffer, 0, 512);
    snprintf((char *)mk->buffer, LVM_DEVICE_NAME, "corbel.%s:1", text);
    return bdev_write(mk->dev, LVM_HEADER_OFFSET + LVM_DEVICES_OFFSET, mk->buffer, 512);
}

static int write_lvm_header(struct mkfs *mk)
{
    struct lvm_header header = {
        .magic = LVM_MAGIC,
        .major = LVM_MAJOR_VMFS5,
        .minor = LVM_MINOR,
        .sector_size = BDEV_SECTOR,
        .total_bytes = mk->dev->size - LVM_HEADER_OFFSET,
        .volume_count = 1,
        .pe_count = mk->pe_count,
        .generation = 3,
        .data_offset = LVM_DATA_OFFSET,
        .device_uuid = mk->device_uuid,
        .created_us = mk->now_us,
        .modified_us = mk->now_us,
        .pe_map_count = (mk->pe_count + LVM_PES_PER_MAP - 1) / LVM_PES_PER_MAP,
    };

    header.disk_id.length = (uint8_t)snprintf(header.disk_id.id, sizeof(header.disk_id.id),
                                              LVM_OUR_ID "%08x", mk->device_uuid.time_hi);
    memset(mk->buffer, 0, 512);
    memcpy(mk->buffer, &header, sizeof(header));
    return bdev_write(mk->dev, LVM_HEADER_OFFSET, mk->buffer, 512);
}

/* Wipes whatever was there: partition tables, other file systems, an older volume's metadata. */
static int wipe(struct mkfs *mk)
{
    uint64_t tail = mk->dev->size - (1u << 20);
    int rc = bdev_write_zeros(mk->dev, 0, LVM_DATA_OFFSET + VMFS_SLOTS_OFFSET);

    return rc != 0 ? rc : bdev_write_zeros(mk->dev, tail / BDEV_SECTOR * BDEV_SECTOR, 1u << 20);
}

static int make(struct mkfs *mk)
{
    int (*const steps[])(struct mkfs *) = {
        wipe,      write_descriptors, write_directories, write_heartbeats,
        write_pes, write_superblock,  write_lvm_volume};
    const struct plan *plans[] = {&mk->fdc, &mk->fbb, &mk->pbc, &mk->sbc, &mk->pb2};
    int rc = 0;

    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]) && rc == 0; i++)
        rc = steps[i](mk);
    for (unsigned i = 0; i < sizeof(plans) / sizeof(plans[0]) && rc == 0; i++)
        rc = write_resource(mk, plans[i]);
    if (rc == 0)
        rc = bdev_flush(mk->dev);
    /* Only a finished volume gets the header that makes it one. */
    if (rc == 0)
        rc = write_lvm_header(mk);
    return rc != 0 ? rc : bdev_flush(mk->dev);
}

static int check_options(const struct mkfs *mk, char *error)
{
    if (strlen(mk->label) > VMFS_LABEL_MAX - 1) {
        snprintf(error, VMFS_ERROR_MAX, "a label is at most %u bytes long", VMFS_LABEL_MAX - 1);
        return -EINVAL;
    }
    if (mk->block_size < 1u << 20 || mk->block_size > 8u << 20 ||
        (mk->block_size & (mk->block_size - 1)) != 0) {
        snprintf(error, VMFS_ERROR_MAX, "a file block is 1, 2, 4 or 8 MiB");
        return -EINVAL;
    }
    if (mk->dev->size < LVM_DATA_OFFSET + LVM_PE_SIZE + (1u << 20)) {
        snprintf(error, VMFS_ERROR_MAX, "%.128s is too small: VMFS-5 needs at least 274 MiB",
                 mk->dev->name);
        return -EINVAL;
    }
    return 0;
}

int vmfs_mkfs(struct bdev *dev, const struct vmfs_mkfs *options, char error[VMFS_ERROR_MAX])
{
    struct mkfs mk = {.dev = dev, .label = options->label, .block_size = options->block_size};
    struct timespec now;
    uint64_t pes;
    int rc;

    if (mk.block_size == 0)
        mk.block_size = 1u << 20;
    rc = check_options(&mk, error);
    if (rc != 0)
        return rc;
    pes = (dev->size - LVM_DATA_OFFSET) / LVM_PE_SIZE;
    if (pes > LVM_PES_PER_MAP * LVM_MAX_PE_MAPS) {
        snprintf(error, VMFS_ERROR_MAX, "%.128s is larger than the 16 TiB one extent may have",
                 dev->name);
        return -EINVAL;
    }
    mk.pe_count = (uint32_t)pes;
    mk.size = pes * LVM_PE_SIZE;
    mk.fb_count = (uint32_t)(mk.size / mk.block_size);
    clock_gettime(CLOCK_REALTIME, &now);
    mk.now_us = (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
    uuid_generate(&mk.fs_uuid);
    uuid_generate(&mk.lvm_uuid);
    uuid_generate(&mk.device_uuid);
    uuid_of_host(&mk.host);
    make_plan(&mk);
    mk.buffer = malloc(IO_SIZE);
    if (mk.buffer == NULL) {
        snprintf(error, VMFS_ERROR_MAX, "out of memory");
        return -ENOMEM;
    }
    rc = make(&mk);
    free(mk.buffer);
    if (rc != 0)
        snprintf(error, VMFS_ERROR_MAX, "%.128s: %.64s", dev->name, strerror(-rc));
    return rc;
}
