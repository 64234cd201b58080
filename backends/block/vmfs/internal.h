/* SPDX-License-Identifier: MIT */
/* What the files of the vmfs library share among themselves. */
#ifndef BACKENDS_BLOCK_VMFS_INTERNAL_H
#define BACKENDS_BLOCK_VMFS_INTERNAL_H

#include "block/vmfs/addr.h"
#include "block/vmfs/ondisk.h"
#include "block/vmfs/vmfs.h"

/* A piece of the logical volume and where it lies. */
struct vmfs_segment {
    uint64_t volume_offset;
    uint64_t device_offset;
    uint64_t length;
    struct bdev *device;
};

/* A file descriptor in memory: the bytes of the disk and where they came from. */
struct vmfs_inode {
    uint64_t offset; /* volume offset of the descriptor */
    struct vmfs_fd fd;
};

/* A resource file: clusters of items with one allocation bit each. */
struct vmfs_resource {
    const char *name;
    enum vmfs_addr_type type;
    uint32_t lock_type;
    struct vmfs_inode inode;
    uint32_t per_cluster;
    uint32_t clusters_per_group;
    uint32_t group_offset;
    uint32_t group_size;
    uint32_t item_size;
    uint64_t item_count;
    uint32_t cluster_count;
    uint32_t hint; /* cluster where the last free item was found */
};

/* Direct-mapped cache of pointer blocks. */
#define VMFS_PB_CACHE_SLOTS 256u

struct vmfs_pb {
    uint32_t address; /* 0 = empty */
    uint32_t entries[VMFS5_PB_ENTRIES];
};

struct vmfs_pb_cache {
    struct vmfs_pb *slots[VMFS_PB_CACHE_SLOTS];
};

/* What was seen of another host's slot, for judging its silence. */
#define VMFS_WATCHES 64u

struct vmfs_watch {
    uint64_t address; /* 0: empty */
    uint64_t generation;
    uint64_t stamp_us;
    uint64_t since_us; /* our clock: the slot has looked like this since */
    bool beats;        /* its stamp has moved while we looked */
};

struct vmfs_volume {
    struct vmfs_segment *segments;
    unsigned segment_count;
    struct bdev *devices[LVM_MAX_EXTENTS];
    unsigned device_count;
    uint64_t size;
    struct vmfs_superblock super;
    uint32_t block_size;
    uint32_t block_shift;
    uint64_t fdc_start; /* volume offset of .fdc.sf's first block */
    struct vmfs_resource fbb, fdc, pbc, sbc;
    bool writable;
    bool fenced; /* our heartbeat slot was taken from us */
    unsigned transaction_depth;
    struct vmfs_uuid host;
    uint64_t slot_address; /* 0: none */
    uint64_t slot_generation;
    uint64_t last_beat_us; /* when the last beat that succeeded was begun */
    bool shared;           /* locks and slots change by COMPARE AND WRITE only */
    uint64_t lease_us, retire_us;
    struct vmfs_host options;
    struct vmfs_slot slot; /* as we last wrote it */
    struct vmfs_watch watches[VMFS_WATCHES];
    char error[VMFS_ERROR_MAX];
};

struct vmfs_file {
    struct vmfs_volume *volume;
    struct vmfs_inode inode;
    enum vmfs_share share;
    struct vmfs_pb_cache cache;
};

/* Keeps the message for vmfs_error() and returns `code`. */
int vmfs_fail(struct vmfs_volume *volume, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- lvm.c: logical volume ---- */
int lvm_assemble(struct vmfs_volume *volume, struct bdev *const *devices, unsigned count);
/* Volume offset to device; *length is cut to what is contiguous. -EINVAL outside the volume. */
int lvm_map(struct vmfs_volume *volume, uint64_t offset, uint64_t *length, struct bdev **device,
            uint64_t *device_offset);
int volume_read(struct vmfs_volume *volume, uint64_t offset, void *buffer, size_t length);
int volume_write(struct vmfs_volume *volume, uint64_t offset, const void *buffer, size_t length);
int volume_zero(struct vmfs_volume *volume, uint64_t offset, uint64_t length);

/* ---- volume.c: transactions ---- */
/* Enters a metadata change: beats the heart, takes the host's lock. Nests. */
int vmfs_begin(struct vmfs_volume *volume);
void vmfs_end(struct vmfs_volume *volume);

/* ---- heartbeat.c, lock.c ---- */
int slot_acquire(struct vmfs_volume *volume, unsigned flags);
void slot_release(struct vmfs_volume *volume);
int slot_beat(struct vmfs_volume *volume);
/* -EBUSY when anybody else has the volume open for writing. */
int slot_require_alone(struct vmfs_volume *volume);
/* 0 while our lease lasts; beats when it has run out. -ESTALE: the slot is another's now. */
int slot_check_lease(struct vmfs_volume *volume);

enum slot_verdict {
    SLOT_DEAD,
    SLOT_SILENT, /* not dead yet: its lease has not run out since we first looked */
    SLOT_ALIVE,
};

/* Whether the holder of a lock still lives: an enum slot_verdict, or an error. */
int slot_judge(struct vmfs_volume *volume, uint64_t address, uint64_t generation);
/*
 * Replaces a sector that holds `expected`: atomically on a shared volume, where -EAGAIN says that
 * another host was faster; by a plain write under the host lock elsewhere.
 */
int sector_swap(struct vmfs_volume *volume, uint64_t offset, const void *expected,
                const void *replacement);
/*
 * Takes the lock at lock->address on disk and fills it in; the object behind it must be read
 * (again) after this. On a shared volume it waits: for a `brief` lock until it is free or its
 * holder dead, for another only until its holder was seen alive or is dead. -EBUSY.
 */
int lock_acquire(struct vmfs_volume *volume, struct vmfs_lock *lock, enum vmfs_lock_mode mode,
                 bool brief);
/* Gives back a lock on disk; what it guards has been written before. Fills in `lock`. */
int lock_release(struct vmfs_volume *volume, struct vmfs_lock *lock);
/* Fills in `lock` (as just read) as ours; -EBUSY when somebody alive holds it. Does not write. */
int lock_take(struct vmfs_volume *volume, struct vmfs_lock *lock, enum vmfs_lock_mode mode);
/* Removes us from `lock`. Does not write. */
void lock_drop(struct vmfs_volume *volume, struct vmfs_lock *lock);

/* ---- resource.c ---- */
int resource_load(struct vmfs_volume *volume, struct vmfs_resource *resource);
/* Volume offset of an item; -EUCLEAN for one the file does not have. */
int resource_locate(struct vmfs_volume *volume, struct vmfs_resource *resource, uint32_t cluster,
                    uint32_t item, uint64_t *offset);
int resource_read_cluster(struct vmfs_volume *volume, struct vmfs_resource *resource,
                          uint32_t number, struct vmfs_cluster *out, uint64_t *offset);
/*
 * Marks up to `want` neighbouring items used. *first is the item's linear number, *got at least 1;
 * for descriptors *generation is the next inode generation (else NULL). -ENOSPC.
 */
int resource_alloc(struct vmfs_volume *volume, struct vmfs_resource *resource, uint32_t want,
                   uint64_t *first, uint32_t *got, uint32_t *generation);
int resource_free(struct vmfs_volume *volume, struct vmfs_resource *resource, uint64_t first,
                  uint32_t count);
/* Marks one item used, whatever it was: for repairs. */
int resource_mark_used(struct vmfs_volume *volume, struct vmfs_resource *resource, uint64_t item);
int resource_count_free(struct vmfs_volume *volume, struct vmfs_resource *resource,
                        uint64_t *free_count);
uint32_t resource_address(const struct vmfs_resource *resource, uint64_t item);
/* The resource file an address belongs to (NULL if none) and the item's linear number in it. */
struct vmfs_resource *resource_of_address(struct vmfs_volume *volume, uint32_t address,
                                          uint64_t *item);
bool cluster_bit(const struct vmfs_cluster *cluster, uint32_t item);
void cluster_set_bit(struct vmfs_cluster *cluster, uint32_t item, bool is_free);

/* ---- inode.c ---- */
int inode_read(struct vmfs_volume *volume, uint32_t address, struct vmfs_inode *out);
int inode_write(struct vmfs_volume *volume, struct vmfs_inode *inode);
/* A fresh descriptor with one link, locked by us, on disk; the caller gives it a name. */
int inode_create(struct vmfs_volume *volume, enum vmfs_file_type type, struct vmfs_inode *out);
/* Takes or drops the descriptor's lock on disk. */
int inode_lock(struct vmfs_volume *volume, struct vmfs_inode *inode, enum vmfs_lock_mode mode);
int inode_unlock(struct vmfs_volume *volume, struct vmfs_inode *inode);
/* Gives back every block and the descriptor itself. */
int inode_destroy(struct vmfs_volume *volume, struct vmfs_inode *inode);
void inode_set_unit(struct vmfs_volume *volume, struct vmfs_inode *inode, enum vmfs_zla zla);
/* How many addresses this kind of mapping can hold. */
uint64_t inode_max_blocks(const struct vmfs_inode *inode);

/* ---- map.c ---- */
/* Address of the file's block n: 0 for a hole. `cache` may be NULL. */
int map_block(struct vmfs_volume *volume, struct vmfs_pb_cache *cache,
              const struct vmfs_inode *inode, uint64_t n, uint32_t *address);
/* Volume offset of a block's data. */
int map_address(struct vmfs_volume *volume, uint32_t address, uint64_t *offset);
int map_read_pb(struct vmfs_volume *volume, struct vmfs_pb_cache *cache, uint32_t address,
                struct vmfs_pb **out, struct vmfs_pb *scratch);
/* Calls `visit` for every address of the file, pointer blocks before what they point to. */
int map_walk(struct vmfs_volume *volume, const struct vmfs_inode *inode,
             int (*visit)(void *context, uint32_t address), void *context);
void map_cache_free(struct vmfs_pb_cache *cache);
/* Reads any range of a file through its map; holes are zeros. */
int map_read(struct vmfs_volume *volume, struct vmfs_pb_cache *cache,
             const struct vmfs_inode *inode, uint64_t offset, void *buffer, size_t length);

/* ---- alloc.c ---- */
/*
 * Points the file's blocks n.. at `addresses`; the blocks they name must hold what the file shall
 * read, and be flushed. Writes pointer blocks and descriptor in a safe order, and flushes.
 */
int alloc_point(struct vmfs_file *file, uint64_t n, const uint32_t *addresses, uint32_t count);
/* Writes a range, allocating what is not there. */
int alloc_write(struct vmfs_file *file, uint64_t offset, const void *buffer, size_t length);
/* Allocates every hole among the blocks n..n+count-1, as to-be-zeroed or zeroed now. */
int alloc_range(struct vmfs_file *file, uint64_t n, uint64_t count, bool zero_now,
                vmfs_progress progress, void *context);

/* ---- dir.c ---- */
bool dirent_is_free(const struct vmfs_dirent *entry);
/* Calls `visit` for each record; stops at the first non-zero return and hands it back. */
int dir_each(struct vmfs_volume *volume, const struct vmfs_inode *dir,
             int (*visit)(void *context, uint64_t position, struct vmfs_dirent *entry),
             void *context);
int dir_find(struct vmfs_volume *volume, const struct vmfs_inode *dir, const char *name,
             struct vmfs_dirent *out, uint64_t *position);
int dir_read(struct vmfs_volume *volume, const struct vmfs_inode *dir, uint64_t position,
             struct vmfs_dirent *out);
int dir_add(struct vmfs_volume *volume, uint32_t dir_address, const struct vmfs_dirent *entry);
int dir_drop(struct vmfs_volume *volume, uint32_t dir_address, uint64_t position);
/* The inode a path names. With `parent`, the one of the directory holding it, and the last part. */
int path_resolve(struct vmfs_volume *volume, const char *path, struct vmfs_inode *out);
int path_parent(struct vmfs_volume *volume, const char *path, struct vmfs_inode *parent,
                char name[VMFS_NAME_MAX + 1]);

/* ---- uuid.c ---- */
void uuid_generate(struct vmfs_uuid *out);
/* The same on every boot of this machine, as far as it has something to be known by. */
void uuid_of_host(struct vmfs_uuid *out);
void uuid_to_text(const struct vmfs_uuid *uuid, char out[VMFS_UUID_TEXT]);
uint64_t uptime_us(void);

#define VMFS_FD_ROOT 0x00000004u
#define VMFS_FD_FBB  0x00400004u
#define VMFS_FD_FDC  0x00800004u
#define VMFS_FD_PBC  0x00C00004u
#define VMFS_FD_SBC  0x01000004u
#define VMFS_FD_VH   0x01400004u
#define VMFS_FD_PB2  0x01800004u
#define VMFS_FD_SDD  0x01C00004u

#endif
