/* SPDX-License-Identifier: MIT */
/* VMFS-3, 5 and 6 as they lie on disk: constants and packed structures, little-endian. */
#ifndef BACKENDS_BLOCK_VMFS_ONDISK_H
#define BACKENDS_BLOCK_VMFS_ONDISK_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "structures are read in place");

#define VMFS_PACKED __attribute__((packed))

/* ---- LVM: one header region at the start of every device (extent) ---- */
#define LVM_HEADER_OFFSET  0x100000u
#define LVM_MAGIC          0xC001D00Du
#define LVM_MAJOR_VMFS3    3u
#define LVM_MAJOR_VMFS5    5u
#define LVM_MAJOR_VMFS6    6u
#define LVM_MINOR          0x15u
#define LVM_VOLUME_OFFSET  0x200u   /* from the header */
#define LVM_DEVICES_OFFSET 0x7E200u /* table of device names */
#define LVM_DEVICE_NAME    256u
#define LVM_MAX_EXTENTS    32u
#define LVM_PE_MAP_OFFSET  0x80200u /* first pair of PE bitmap and PE table */
#define LVM_PE_BITMAP_SIZE 1024u
#define LVM_PE_TABLE_SIZE  0x100000u
#define LVM_PES_PER_MAP    8192u
#define LVM_PE_STRIDE      128u
#define LVM_MAX_PE_MAPS    8u
#define LVM_PE_SIZE        (256ull << 20)
#define LVM_DATA_OFFSET    0x1100000u /* device offset of the first PE */
#define LVM_STATE_NORMAL   1u
#define LVM_OUR_ID         "corbel:" /* start of the disk id of volumes made here */

struct vmfs_uuid {
    uint32_t time_lo;
    uint32_t time_hi;
    uint16_t random;
    uint8_t mac[6];
} VMFS_PACKED;
static_assert(sizeof(struct vmfs_uuid) == 16, "layout on disk");

struct scsi_disk_id {
    uint8_t type;
    uint8_t length;
    uint16_t lun;
    uint8_t device_type;
    uint8_t scsi_level;
    char vendor[8];
    char model[16];
    char revision[4];
    char id[44];
} VMFS_PACKED;
static_assert(sizeof(struct scsi_disk_id) == 78, "layout on disk");

struct lvm_header {
    uint32_t magic;
    uint32_t major;
    uint32_t minor;
    struct scsi_disk_id disk_id;
    uint32_t sector_size;
    uint64_t total_bytes;
    uint32_t volume_count;
    uint32_t pe_count;
    uint32_t last_pe_index;
    uint64_t generation;
    uint64_t data_offset;
    struct vmfs_uuid device_uuid;
    uint64_t created_us;
    uint64_t modified_us;
    struct vmfs_uuid locked_by;
    uint64_t locked_us;
    uint32_t unknown;
    uint32_t pe_map_count;
    uint64_t extended_offset;
    uint32_t metadata_align;
    uint32_t pe_count_v6;
    uint32_t flags;
} VMFS_PACKED;
static_assert(offsetof(struct lvm_header, total_bytes) == 0x5E, "layout on disk");
static_assert(offsetof(struct lvm_header, data_offset) == 0x7A, "layout on disk");
static_assert(offsetof(struct lvm_header, pe_map_count) == 0xBE, "layout on disk");
static_assert(sizeof(struct lvm_header) == 0xD6, "layout on disk");

struct lvm_volume {
    uint64_t size;
    uint64_t generation;
    uint32_t state;
    char name[64];
    struct vmfs_uuid uuid;
    uint32_t snapshot_id;
    uint64_t created_us;
    uint32_t index;
    uint32_t pe_count;
    uint64_t first_pe;
    uint64_t last_pe;
    uint64_t modified_us;
    uint32_t device_count;
    uint8_t zero[124];
    uint32_t consumed_pes;
    uint8_t zero2[236];
} VMFS_PACKED;
static_assert(offsetof(struct lvm_volume, first_pe) == 0x78, "layout on disk");
static_assert(offsetof(struct lvm_volume, consumed_pes) == 0x110, "layout on disk");
static_assert(sizeof(struct lvm_volume) == 512, "layout on disk");

struct lvm_pe {
    uint8_t used;
    uint32_t id;
    uint32_t volume_index;
    uint64_t device_offset;
    uint64_t volume_offset;
    uint64_t length;
    uint32_t version;
} VMFS_PACKED;
static_assert(sizeof(struct lvm_pe) == 37, "layout on disk");

/* ---- file system: every offset from here on is a volume offset ---- */
#define VMFS_SUPERBLOCK_OFFSET 0x200000u
#define VMFS_MAGIC             0x2FABF15Eu
#define VMFS5_MAJOR            14u /* smaller: VMFS-3 */
#define VMFS5_MINOR            0x51u
#define VMFS6_MAJOR            24u
#define VMFS6_MINOR            0x52u
#define VMFS6_MD               4096u /* metadata block ("mdAlignment") */
#define VMFS_LABEL_MAX         128u
#define VMFS_FLAG_PUBLIC       0x2u /* access mode, low two bits */
#define VMFS_FLAG_DENSE_SB     0x4u /* sub-block addresses carry two more resource bits */

struct vmfs_superblock {
    uint32_t magic;
    uint32_t major;
    uint8_t minor;
    struct vmfs_uuid uuid;
    uint32_t flags;
    char label[VMFS_LABEL_MAX];
    uint32_t sector_size;
    uint64_t block_size;
    uint32_t created_s;
    uint32_t snapshot_id;
    struct vmfs_uuid volume_uuid;
    uint32_t volume_snapshot_id;
    uint8_t zero[12];
    uint32_t fdc_group_offset;
    uint32_t fdc_clusters_per_group;
    uint32_t sub_block_size;
    uint32_t journal_slots;
    uint64_t pb2_fd_offset;
    uint32_t pb2_fd_address;
    struct vmfs_uuid host;
    uint64_t generation;
    uint64_t sdd_fd_offset;
    uint32_t sdd_fd_address;
    uint8_t checksum_type;
    uint16_t unmap_priority;
    uint32_t pad;
    uint8_t checksum[24];
    uint32_t physical_sector_size; /* from here on VMFS-6 only */
    uint32_t md_size;
    uint16_t lfb_shift; /* a large file block is a small one << this */
    uint32_t reserved;
    uint16_t pb_shift;
    uint16_t sfb_address_bits;
    uint16_t reserved2;
    uint32_t tbz_granularity;
    uint32_t journal_block_size;
    uint32_t lease_ms;
    uint32_t reclaim_ms;
    uint8_t rest[512 - 0x154];
} VMFS_PACKED;
static_assert(offsetof(struct vmfs_superblock, block_size) == 0xA1, "layout on disk");
static_assert(offsetof(struct vmfs_superblock, fdc_group_offset) == 0xD1, "layout on disk");
static_assert(offsetof(struct vmfs_superblock, sdd_fd_address) == 0x10D, "layout on disk");
static_assert(offsetof(struct vmfs_superblock, md_size) == 0x134, "layout on disk");
static_assert(offsetof(struct vmfs_superblock, pb_shift) == 0x13E, "layout on disk");
static_assert(offsetof(struct vmfs_superblock, lease_ms) == 0x14C, "layout on disk");
static_assert(sizeof(struct vmfs_superblock) == 512, "layout on disk");

/* ---- locks and heartbeats ---- */
#define VMFS_LOCK_SIZE 512u
#define VMFS_LOCK_FD   0x10C00001u
#define VMFS_LOCK_FBB  0x10C00002u
#define VMFS_LOCK_SBC  0x10C00003u
#define VMFS_LOCK_PBC  0x10C00004u
#define VMFS_LOCK_FDC  0x10C00005u
#define VMFS_LOCK_PB2  0x10C00006u
#define VMFS_LOCK_JBC  0x10C00007u
#define VMFS_LOCK_LFB  0x10C00008u

enum vmfs_lock_mode {
    VMFS_LOCK_FREE = 0,
    VMFS_LOCK_EXCLUSIVE = 1,
    VMFS_LOCK_READ = 2,
    VMFS_LOCK_MULTI_WRITER = 3,
};

#define VMFS_LOCK_HOLDERS 8u

struct vmfs_lock_holder {
    uint64_t slot_address;
    uint64_t slot_generation;
    struct vmfs_uuid host;
} VMFS_PACKED;

struct vmfs_lock {
    uint32_t type;
    uint64_t address;
    uint64_t slot_address;
    uint64_t slot_generation;
    uint64_t token;
    uint32_t mode;
    struct vmfs_uuid owner;
    uint64_t uptime_s;
    uint32_t holder_count;
    struct vmfs_lock_holder holders[VMFS_LOCK_HOLDERS];
    uint8_t rest[512 - 0x144];
} VMFS_PACKED;
static_assert(offsetof(struct vmfs_lock, owner) == 0x28, "layout on disk");
static_assert(sizeof(struct vmfs_lock) == VMFS_LOCK_SIZE, "layout on disk");

#define VMFS_SLOTS_OFFSET  0x300000u
#define VMFS5_SLOT_COUNT   2048u
#define VMFS6_SLOT_COUNT   1024u /* one a metadata block */
#define VMFS_SLOT_SIZE     512u
#define VMFS_LEASE_MS      16000u /* silence after which a host is dead */
#define VMFS_SLOT_FREE     0xABCDEF01u
#define VMFS_SLOT_IN_USE   0xABCDEF02u
#define VMFS_SLOT_REPLAYED 0xABCDEF03u /* another host mends after its owner */

struct vmfs_slot {
    uint32_t state;
    uint64_t address;
    uint64_t generation;
    uint64_t stamp_us;
    struct vmfs_uuid host;
    uint32_t journal_address;
    uint32_t major;
    uint8_t minor;
    uint8_t lock_implementation;
    char host_text[46];
    uint64_t journal_offset;
    uint8_t rest[512 - 0x6C];
} VMFS_PACKED;
static_assert(offsetof(struct vmfs_slot, host_text) == 0x36, "layout on disk");
static_assert(sizeof(struct vmfs_slot) == VMFS_SLOT_SIZE, "layout on disk");

/* ---- resource files (.fbb .fdc .pbc .sbc .pb2 .jbc) ---- */
#define VMFS5_CLUSTER_HEADER 1024u /* lock sector, then metadata sector */
#define VMFS5_BITMAP_BYTES   64u
#define VMFS6_BITMAP_BYTES   96u
#define VMFS6_SIG_RESOURCE   0x72666D64u
#define VMFS6_SIG_CLUSTER    0x72636D64u
#define VMFS6_SIG_FD         0x66646D64u
#define VMFS6_CHILD_OFFSET   0x1000u /* where .fbb.sf keeps the header of its small blocks */
#define VMFS6_CHILD_FLAG     0x2u

struct vmfs_resource_header {
    uint32_t per_cluster;
    uint32_t clusters_per_group;
    uint32_t group_offset;
    uint32_t resource_size;
    uint32_t group_size;
    uint32_t resource_count;
    uint32_t group_count;
    uint32_t resource_count_high;
    uint32_t signature; /* from here on VMFS-6 only */
    uint32_t version;
    uint32_t flags;
    uint16_t affinity_per_cluster;
    uint16_t affinity_per_resource;
    uint32_t bits;         /* of the bitmap, each resource */
    uint32_t child_offset; /* file offset of the header of the resources below */
    uint32_t parent_per_cluster;
    uint32_t parent_clusters_per_group;
    uint32_t parent_group_size;
    uint8_t unknown[16];
    uint32_t converted_clusters;
    uint8_t rest[512 - 0x58];
} VMFS_PACKED;
static_assert(offsetof(struct vmfs_resource_header, bits) == 0x30, "layout on disk");
static_assert(offsetof(struct vmfs_resource_header, converted_clusters) == 0x54, "layout on disk");
static_assert(sizeof(struct vmfs_resource_header) == 512, "layout on disk");

/* Metadata of a cluster, in the block behind its lock. */
#define VMFS5_SUB_BLOCK    8192u
#define VMFS_SUB_BLOCK_MAX 65536u /* of VMFS-3 and 6 */

struct vmfs5_cluster_md {
    uint32_t number;
    uint32_t total;
    uint32_t free;
    uint32_t next_free;
    uint8_t bitmap[VMFS5_BITMAP_BYTES]; /* 1 = free, least significant bit first */
    uint32_t type_data;                 /* .fdc: last inode generation handed out */
    uint8_t rest[512 - 0x54];
} VMFS_PACKED;
static_assert(offsetof(struct vmfs5_cluster_md, type_data) == 0x50, "layout on disk");
static_assert(sizeof(struct vmfs5_cluster_md) == 512, "layout on disk");

struct vmfs6_cluster_md {
    uint8_t checksum[16];
    uint32_t signature;
    uint32_t priority;
    uint64_t number;
    uint16_t total;
    uint16_t free;
    uint16_t unknown;
    uint16_t affinity_count;
    uint8_t unknown2[0x30 - 0x28];
    uint32_t version;
    uint8_t unknown4[0x68 - 0x34];
    uint32_t type_data;
    uint8_t unknown3[0x7C - 0x6C];
    uint32_t next_free;
    uint8_t bitmap[VMFS6_BITMAP_BYTES]; /* `bits` each resource, the lowest: 1 = free */
    uint8_t affinity[VMFS6_MD - 0xE0];
} VMFS_PACKED;
static_assert(offsetof(struct vmfs6_cluster_md, type_data) == 0x68, "layout on disk");
static_assert(offsetof(struct vmfs6_cluster_md, bitmap) == 0x80, "layout on disk");
static_assert(sizeof(struct vmfs6_cluster_md) == VMFS6_MD, "layout on disk");

/* ---- file descriptors (inodes) ---- */
#define VMFS5_FD_SIZE      2048u
#define VMFS5_FD_ADDRESSES 256u
#define VMFS5_RESIDENT_MAX 1024u
#define VMFS5_PB_SIZE      4096u
#define VMFS5_PB_ENTRIES   1024u
#define VMFS6_FD_ADDRESSES 320u  /* the last 2,560 bytes of the descriptor */
#define VMFS6_RESIDENT_MAX 3584u /* what the metadata's first sector leaves of its block */
#define VMFS6_ADDRESSES_AT 1024u /* from the start of the resident area */
#define VMFS6_PB_SIZE      65536u
#define VMFS6_PB_ENTRIES   8192u

enum vmfs_file_type {
    VMFS_TYPE_DIRECTORY = 2,
    VMFS_TYPE_FILE = 3,
    VMFS_TYPE_SYMLINK = 4,
    VMFS_TYPE_SYSTEM = 5,
    VMFS_TYPE_RDM = 6,
};

enum vmfs_zla {
    VMFS_ZLA_FB = 1,
    VMFS_ZLA_SB = 2,
    VMFS_ZLA_PB = 3,
    VMFS_ZLA_PB2 = 5,
    VMFS_ZLA_PB_DOUBLE = 0x10D0,
    VMFS_ZLA_RESIDENT = 0x10D1,
};

/* Lock and metadata, which follow each other in memory; on disk each starts a metadata block. */
struct vmfs_fd {
    struct vmfs_lock lock;
    uint32_t address;
    uint32_t generation;
    uint32_t link_count; /* 0 = free */
    uint32_t type;
    uint32_t flags;
    uint64_t length;
    uint64_t unit_size; /* bytes of one block of this file */
    uint64_t block_count;
    uint32_t mtime_s;
    uint32_t ctime_s;
    uint32_t atime_s;
    uint32_t uid;
    uint32_t gid;
    uint32_t mode;
    uint32_t zla;
    uint32_t tbz_count;
    uint32_t cow_count;
    uint32_t new_count;
    uint32_t tbz_high;
    uint32_t cow_high;
    uint32_t pb_count;
    uint32_t new_high;
    uint32_t signature; /* VMFS-6 */
    uint32_t affinity_fd;
    uint32_t tbz_shift;
    uint32_t parent_fd; /* VMFS-6 */
    uint8_t unknown[0x89 - 0x74];
    uint8_t unit_shift;
    uint8_t tracked_count;
    uint8_t unknown2;
    uint32_t lfb_count;
    uint8_t unknown3[512 - 0x90];
} VMFS_PACKED;
static_assert(offsetof(struct vmfs_fd, zla) == 512 + 0x44, "layout on disk");
static_assert(offsetof(struct vmfs_fd, tbz_shift) == 512 + 0x6C, "layout on disk");
static_assert(offsetof(struct vmfs_fd, unit_shift) == 512 + 0x89, "layout on disk");
static_assert(offsetof(struct vmfs_fd, parent_fd) == 512 + 0x70, "layout on disk");
static_assert(offsetof(struct vmfs_fd, lfb_count) == 512 + 0x8C, "layout on disk");
static_assert(sizeof(struct vmfs_fd) == 1024, "layout on disk");

/* ---- directories ---- */
#define VMFS_NAME_MAX 127u

struct vmfs5_dirent {
    uint32_t type; /* 0 = free record */
    uint32_t fd_address;
    uint32_t generation;
    char name[VMFS_NAME_MAX + 1];
} VMFS_PACKED;
static_assert(sizeof(struct vmfs5_dirent) == 140, "layout on disk");

#define VMFS6_DIR_VERSION      0x00F50001u
#define VMFS6_DIR_HASH_AT      0x5F8u
#define VMFS6_DIR_HASH_SLOTS   16001u
#define VMFS6_DIR_ROOT_SLOTS   15973u /* the rest is for system files */
#define VMFS6_DIR_BLOCKS_AT    0x10000u
#define VMFS6_DIR_BLOCK_HEADER 0x40u
#define VMFS6_DIR_MAP_BLOCKS   128u

struct vmfs6_dirent {
    uint32_t type;
    uint32_t fd_address;
    uint32_t generation;
    uint32_t hash_low;
    uint64_t position; /* own offset in the file */
    char name[256];
    uint64_t zero;
} VMFS_PACKED;
static_assert(sizeof(struct vmfs6_dirent) == 0x120, "layout on disk");
static_assert(offsetof(struct vmfs6_dirent, fd_address) ==
                  offsetof(struct vmfs5_dirent, fd_address),
              "layout on disk");

struct vmfs6_dir_header {
    uint32_t version;
    uint32_t entry_count; /* with "." and ".." */
    uint32_t allocated_count;
    uint32_t map_count;
    uint32_t maps[VMFS6_DIR_MAP_BLOCKS];
    uint8_t unknown[0x3A8 - 0x210];
    uint64_t checksum[2];
    struct vmfs6_dirent self;
    struct vmfs6_dirent parent;
} VMFS_PACKED;
static_assert(offsetof(struct vmfs6_dir_header, self) == 0x3B8, "layout on disk");
static_assert(sizeof(struct vmfs6_dir_header) == VMFS6_DIR_HASH_AT, "layout on disk");

enum vmfs6_dir_block_type {
    VMFS6_DIR_ENTRIES = 1,
    VMFS6_DIR_LINKS = 2,
    VMFS6_DIR_MAP = 3,
};

struct vmfs6_dir_block {
    uint16_t version;
    uint16_t type;
    uint16_t total;
    uint16_t free;
    uint8_t bitmap[56]; /* 1 = free */
} VMFS_PACKED;
static_assert(sizeof(struct vmfs6_dir_block) == VMFS6_DIR_BLOCK_HEADER, "layout on disk");

#define VMFS6_LINKS 12u

struct vmfs6_link_group {
    uint16_t hash_index;
    uint8_t total;
    uint8_t free;
    uint8_t next_free;
    uint8_t pad;
    struct {
        uint32_t location;
        uint16_t hash;
    } VMFS_PACKED links[VMFS6_LINKS];
    uint32_t next;
    uint16_t pad2;
} VMFS_PACKED;
static_assert(sizeof(struct vmfs6_link_group) == 0x54, "layout on disk");

#endif
