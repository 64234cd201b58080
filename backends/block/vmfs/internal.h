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

#define VMFS_FD_ADDRESSES_MAX VMFS6_FD_ADDRESSES

/*
 * A file descriptor in memory. Addresses are 64 bits whatever the format; resident data and what a
 * raw device mapping records lie in `data`.
 */
struct vmfs_inode {
    uint64_t offset; /* volume offset of the descriptor */
    bool settled;    /* a change of mapping is not complete on disk: the next write is */
    struct vmfs_fd fd;
    union {
        uint8_t data[VMFS6_RESIDENT_MAX];
        struct {
            uint8_t head[VMFS6_ADDRESSES_AT]; /* VMFS-6: kept as found */
            uint64_t addresses[VMFS_FD_ADDRESSES_MAX];
        };
    };
};

/* A pointer block in memory: 64-bit addresses whatever the format. */
struct vmfs_pb {
    uint64_t address; /* 0 = empty */
    uint64_t entries[];
};

/* Direct-mapped cache of pointer blocks; small ones have more slots. */
#define VMFS5_PB_CACHE_SLOTS 256u
#define VMFS6_PB_CACHE_SLOTS 32u

struct vmfs_pb_cache {
    struct vmfs_pb *slots[VMFS5_PB_CACHE_SLOTS];
};

/* A resource file: clusters of items with a few allocation bits each. */
struct vmfs_resource {
    const char *name;
    enum vmfs_format format;
    enum vmfs_addr_type type;
    uint32_t lock_type;
    struct vmfs_inode inode;
    struct vmfs_pb_cache cache;
    uint32_t per_cluster;
    uint32_t clusters_per_group;
    uint32_t group_offset;
    uint32_t group_size;
    uint32_t item_size;
    uint64_t item_count;
    uint32_t cluster_count;
    uint32_t bits; /* of the bitmap, each item */
    uint32_t hint; /* cluster where the last free item was found */
    /* Small file blocks of VMFS-6 keep their groups inside those of the large ones; else 0. */
    uint32_t groups_per_parent;
    uint32_t parent_group_size;
    uint32_t parent_headers; /* bytes of cluster headers a parent group starts with */
};

/* A cluster as it was read: what both formats have, and the metadata block as it lies on disk. */
struct vmfs_cluster {
    struct vmfs_lock lock;
    uint32_t number, total, free, next_free;
    uint32_t type_data; /* .fdc: last inode generation handed out */
    union {
        struct vmfs5_cluster_md md5;
        struct vmfs6_cluster_md md6;
    };
};

/* A name in a directory, whatever the format. */
struct vmfs_entry {
    uint32_t type; /* 0: a free record */
    uint32_t fd_address;
    uint32_t generation;
    char name[256];
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
    uint64_t bases[LVM_MAX_EXTENTS]; /* device offset of the partition the extent fills */
    unsigned device_count;
    uint64_t size;
    bool ours; /* made by this library: everything may be changed */
    struct vmfs_superblock super;
    enum vmfs_format format;
    uint32_t md; /* metadata block: lock and metadata of every object start one */
    uint32_t cluster_header;
    uint32_t fd_size, fd_addresses, resident_max;
    uint32_t pb_shift, pb_entry; /* log2 of addresses in a pointer block, bytes of one */
    uint32_t slot_count, slot_stride;
    uint32_t block_size;
    uint32_t block_shift;
    uint32_t lfb_shift; /* log2 of a large file block in bytes */
    uint64_t fdc_start; /* volume offset of .fdc.sf's first block */
    struct vmfs_resource fbb, lfb, fdc, pbc, sbc, pb2;
    bool writable;
    bool fill_foreign; /* holes and to-be-zeroed blocks of others' volumes may be filled */
    bool fenced;       /* our heartbeat slot was taken from us */
    unsigned transaction_depth;
    unsigned alone_depth;
    struct vmfs_lock gate; /* while alone on a shared volume */
    unsigned locate_depth; /* resource files on the way to an item */
    struct vmfs_uuid host;
    uint64_t slot_address; /* 0: none */
    uint64_t slot_generation;
    uint64_t slot_key;     /* place of our lock in the file of the host's locks; 0: none */
    int host_locks;        /* that file; -1: only the device's own locks */
    uint64_t last_beat_us; /* when the last beat that succeeded was begun */
    bool shared;           /* locks and slots change by COMPARE AND WRITE only */
    uint64_t lease_us, retire_us;
    struct vmfs_host options;
    struct vmfs_slot slot; /* as we last wrote it */
    struct vmfs_watch watches[VMFS_WATCHES];
    struct vmfs_memory *memory; /* NULL: every read asks the device */
    char error[VMFS_ERROR_MAX];
};

/* A pointer block that a step has created, and a block below it. */
struct vmfs_created {
    uint64_t address, block;
};

/* Two lowest ones at most in a step, and one above each. */
#define VMFS_CREATED_MAX 4u

struct vmfs_file {
    struct vmfs_volume *volume;
    struct vmfs_inode inode;
    bool stale; /* inode and cache may differ from the disk: file_refresh() first */
    struct vmfs_created created[VMFS_CREATED_MAX]; /* by the step under way */
    uint32_t created_count;
    enum vmfs_share share;
    struct vmfs_pb_cache cache;
    uint64_t fresh_next; /* the block behind those last allocated by writing */
    uint64_t fresh_run;  /* how many followed one another before it */
};

/* Keeps the message for vmfs_error() and returns `code`. */
int vmfs_fail(struct vmfs_volume *volume, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* 0 when this library made the volume, else -EPERM, naming what was not done. */
int vmfs_require_ours(struct vmfs_volume *volume, const char *what);

/* ---- partition.c ---- */
/* What of a device an extent fills. */
struct lvm_partition {
    uint64_t base;       /* bytes */
    unsigned number;     /* in the partition table; 0: the whole device */
    uint32_t gpt_sector; /* bytes; 0: an MBR */
};

/* What holds the LVM header: the whole device, or the VMFS partition of an MBR or GPT. */
int lvm_find_partition(struct bdev *dev, struct lvm_partition *out);
/*
 * Bytes of the partition, and how many behind it belong to nobody (UEFI 2.10, section 5.3).
 * -EUCLEAN where the table contradicts itself, its checksums or the device.
 */
int lvm_measure_partition(struct bdev *dev, const struct lvm_partition *partition, uint64_t *length,
                          uint64_t *behind);

/* ---- lvm.c: logical volume ---- */
int lvm_assemble(struct vmfs_volume *volume, struct bdev *const *devices, unsigned count);
/* Appends what lies behind the last segment. */
int lvm_add_segment(struct vmfs_volume *volume, const struct vmfs_segment *segment);
/* Volume offset to device; *length is cut to what is contiguous. -EINVAL outside the volume. */
int lvm_map(struct vmfs_volume *volume, uint64_t offset, uint64_t *length, struct bdev **device,
            uint64_t *device_offset);
int volume_read(struct vmfs_volume *volume, uint64_t offset, void *buffer, size_t length);
/* From the device, whatever is remembered: for locks and what hosts tell each other by. */
int volume_read_through(struct vmfs_volume *volume, uint64_t offset, void *buffer, size_t length);
int volume_write(struct vmfs_volume *volume, uint64_t offset, const void *buffer, size_t length);
int volume_zero(struct vmfs_volume *volume, uint64_t offset, uint64_t length);

/* ---- remember.c: VMFS_OPEN_REMEMBER ---- */
int remember_start(struct vmfs_volume *volume);
/* As volume_read(), with what the device held within the last second. */
int remember_read(struct vmfs_volume *volume, uint64_t offset, void *buffer, size_t length);
void remember_free(struct vmfs_volume *volume);

/* ---- volume.c: transactions ---- */
/* Enters a metadata change: beats the heart, takes the host's lock. Nests. */
int vmfs_begin(struct vmfs_volume *volume);
void vmfs_end(struct vmfs_volume *volume);

/* ---- host_lock.c: between the processes of this host ---- */
/* Opens the file of the host's locks, where there is one to be had; before any of the others. */
void host_locks_open(struct vmfs_volume *volume);
void host_locks_close(struct vmfs_volume *volume);
/* Waits for the turn to change the volume's metadata. */
int host_turn_take(struct vmfs_volume *volume);
void host_turn_end(struct vmfs_volume *volume);
/* Takes the lock that says that the slot at `address` has a process; -EAGAIN when it has one. */
int host_slot_hold(struct vmfs_volume *volume, uint64_t address);
/* Gives a slot held, before it is written as ours, a key and locks that. */
int host_slot_mark(struct vmfs_volume *volume, struct vmfs_slot *slot);
void host_slot_drop(struct vmfs_volume *volume, uint64_t address);
/* Whether another process of this host is there behind a slot of this host. */
bool host_slot_is_held(struct vmfs_volume *volume, const struct vmfs_slot *slot);

/* ---- heartbeat.c, lock.c ---- */
int slot_acquire(struct vmfs_volume *volume, unsigned flags);
void slot_release(struct vmfs_volume *volume);
int slot_beat(struct vmfs_volume *volume);
/* -EBUSY when anybody else has the volume open for writing; see alone_begin(). */
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
/* The same after an error, whose message stays. */
void lock_give_up(struct vmfs_volume *volume, const struct vmfs_lock *lock);
/*
 * Waits a short while until nobody else alive holds the lock exclusively; -EBUSY. Where no other
 * host looks on, there is nothing to wait for: our transaction keeps everybody out.
 */
int lock_wait(struct vmfs_volume *volume, const struct vmfs_lock *lock);
/* Fills in `lock` (as just read) as ours; -EBUSY when somebody alive holds it. Does not write. */
int lock_take(struct vmfs_volume *volume, struct vmfs_lock *lock, enum vmfs_lock_mode mode);
/* Removes us from `lock`. Does not write. */
void lock_drop(struct vmfs_volume *volume, struct vmfs_lock *lock);

/* ---- alone.c ---- */
/*
 * Enters a transaction in which nobody else has the volume open for writing or can open it so:
 * newcomers wait for alone_end(). Nests. -EBUSY when there is somebody.
 */
int alone_begin(struct vmfs_volume *volume);
void alone_end(struct vmfs_volume *volume);
/*
 * For who has just taken a slot on a shared volume: waits until nobody is alone there, or without
 * `wait` returns -EBUSY. What was read of the volume before must be read again.
 */
int alone_wait(struct vmfs_volume *volume, bool wait);

/* ---- geometry.c ---- */
/* Finds what kind of volume the superblock describes, checks it and fills in the geometry. */
int geometry_load(struct vmfs_volume *volume);

/* ---- resource.c ---- */
int resource_load_all(struct vmfs_volume *volume);
void resource_free_all(struct vmfs_volume *volume);
/* Volume offset of an item; -EUCLEAN for one the file does not have. */
int resource_locate(struct vmfs_volume *volume, struct vmfs_resource *resource, uint32_t cluster,
                    uint32_t item, uint64_t *offset);
/* Volume offset of a cluster's header. */
int resource_locate_cluster(struct vmfs_volume *volume, struct vmfs_resource *resource,
                            uint32_t number, uint64_t *offset);
uint64_t resource_address(const struct vmfs_resource *resource, uint64_t item);
/* The resource file an address belongs to (NULL if none) and the item's linear number in it. */
struct vmfs_resource *resource_of_address(struct vmfs_volume *volume, uint64_t address,
                                          uint64_t *item);

/* ---- cluster.c ---- */
int cluster_read(struct vmfs_volume *volume, struct vmfs_resource *resource, uint32_t number,
                 struct vmfs_cluster *out, uint64_t *offset);
int cluster_write(struct vmfs_volume *volume, const struct vmfs_resource *resource,
                  struct vmfs_cluster *cluster, uint64_t offset);
/* Whether an item is free. */
bool cluster_bit(const struct vmfs_resource *resource, const struct vmfs_cluster *cluster,
                 uint32_t item);
void cluster_set_bit(const struct vmfs_resource *resource, struct vmfs_cluster *cluster,
                     uint32_t item, bool is_free);
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
/* Calls visit for each run of a cluster's free items, which nobody can take meanwhile. */
int resource_visit_free(struct vmfs_volume *volume, struct vmfs_resource *resource, uint32_t number,
                        int (*visit)(void *context, uint64_t first, uint32_t count), void *context);
int resource_count_free(struct vmfs_volume *volume, struct vmfs_resource *resource,
                        uint64_t *free_count);

/* ---- grow_resource.c ---- */
/* Gives a resource file so many items; those it has stay. */
int resource_grow(struct vmfs_volume *volume, struct vmfs_resource *resource, uint64_t count);
/*
 * Gives descriptors or sub-blocks that have run out another group, inside a transaction. -ENOSPC
 * for other items, where there are as many as may be, and while others have the volume open, who
 * would not know of them.
 */
int resource_extend(struct vmfs_volume *volume, struct vmfs_resource *resource);

/* ---- inode.c ---- */
int inode_read(struct vmfs_volume *volume, uint32_t address, struct vmfs_inode *out);
/* The same for a file that has been read before; -ENOENT when the descriptor is another's now. */
int inode_read_again(struct vmfs_volume *volume, const struct vmfs_inode *before,
                     struct vmfs_inode *out);
int inode_write(struct vmfs_volume *volume, struct vmfs_inode *inode);
/* A fresh descriptor with one link, locked by us, on disk; the caller gives it a name. */
int inode_create(struct vmfs_volume *volume, enum vmfs_file_type type, uint32_t parent,
                 struct vmfs_inode *out);
/*
 * Sets what a file counts of its names, while the caller has it locked: on stable storage. It has
 * one; two while it is being renamed, so that losing either of them does not destroy it.
 * Directories count otherwise: nothing is done.
 */
int inode_set_links(struct vmfs_volume *volume, struct vmfs_inode *inode, uint32_t links);
/*
 * Takes or drops the descriptor's lock on disk, and reads it again once it is locked. -ENOENT, and
 * no lock is left, when it is another file's by now.
 */
int inode_lock(struct vmfs_volume *volume, struct vmfs_inode *inode, enum vmfs_lock_mode mode);
int inode_unlock(struct vmfs_volume *volume, struct vmfs_inode *inode);
void inode_set_unit(struct vmfs_volume *volume, struct vmfs_inode *inode, enum vmfs_zla zla);
/* How many addresses this kind of mapping can hold. */
uint64_t inode_max_blocks(const struct vmfs_volume *volume, const struct vmfs_inode *inode);
/* How many pointer blocks lie between the descriptor and a block's address. */
unsigned inode_levels(const struct vmfs_inode *inode);

/* ---- reclaim.c ---- */
/* Gives items nobody points at any more back, and what file blocks held to the device. */
int blocks_give_back(struct vmfs_volume *volume, struct vmfs_resource *resource, uint64_t first,
                     uint32_t count);
/* Gives back every block the descriptor maps; it no longer counts, or no longer maps them. */
int inode_free_blocks(struct vmfs_volume *volume, const struct vmfs_inode *inode);
/* Gives back every block and the descriptor itself. */
int inode_destroy(struct vmfs_volume *volume, struct vmfs_inode *inode);

/* ---- discard.c ---- */
/* Tells the devices that file blocks hold nothing; other items keep what they hold. */
int discard_blocks(struct vmfs_volume *volume, const struct vmfs_resource *resource, uint64_t first,
                   uint64_t count);

/* ---- promote.c ---- */
/* Reads a descriptor whose change of mapping was cut off as what it has become. */
void inode_settle(struct vmfs_volume *volume, struct vmfs_inode *inode);
/* Writes a settled descriptor, given as it shall lie on disk, in an order that may be cut. */
int inode_complete(struct vmfs_volume *volume, struct vmfs_inode *inode, const uint8_t *raw);
/* Changes the mapping until it can hold so many bytes. -EFBIG. */
int inode_promote(struct vmfs_file *file, uint64_t length);

/* ---- map.c ---- */
bool addr_is_tbz(const struct vmfs_volume *volume, uint64_t address);
/* Address of the file's block n: 0 for a hole. `cache` may be NULL. */
int map_block(struct vmfs_volume *volume, struct vmfs_pb_cache *cache,
              const struct vmfs_inode *inode, uint64_t n, uint64_t *address);
/* Volume offset of the byte at `offset` of a file, whose block has this address. */
int map_place(struct vmfs_volume *volume, const struct vmfs_inode *inode, uint64_t address,
              uint64_t offset, uint64_t *place);
/* Volume offset of a pointer block. */
int map_locate_pb(struct vmfs_volume *volume, uint64_t address, uint64_t *offset);
/* A pointer block through the cache; it stays valid until the next call with this cache. */
int map_read_pb(struct vmfs_volume *volume, struct vmfs_pb_cache *cache, uint64_t address,
                struct vmfs_pb **out);
/* Its place in the cache, contents as they come. */
int map_take_pb(struct vmfs_volume *volume, struct vmfs_pb_cache *cache, uint64_t address,
                struct vmfs_pb **out);
int map_write_pb(struct vmfs_volume *volume, struct vmfs_pb *pb);
/*
 * Calls `visit` for every address of the file with the number of its first block, pointer blocks
 * (`levels` above the data) before what they point to.
 */
int map_walk(struct vmfs_volume *volume, const struct vmfs_inode *inode,
             int (*visit)(void *context, uint64_t address, unsigned levels, uint64_t n),
             void *context);
void map_cache_free(struct vmfs_pb_cache *cache);
/* Reads any range of a file through its map; holes are zeros. */
int map_read(struct vmfs_volume *volume, struct vmfs_pb_cache *cache,
             const struct vmfs_inode *inode, uint64_t offset, void *buffer, size_t length);

/* ---- alloc.c ---- */
int alloc_write(struct vmfs_file *file, uint64_t offset, const void *buffer, size_t length);
int alloc_range(struct vmfs_file *file, uint64_t n, uint64_t count, bool zero_now,
                vmfs_progress progress, void *context);
/* Writes bytes that need not be whole sectors; the rest of a sector keeps its contents. */
int volume_write_bytes(struct vmfs_volume *volume, uint64_t offset, const void *buffer,
                       size_t length);

/* ---- point.c ---- */
/*
 * Sets the addresses of blocks n, n + 1, ... and writes the pointer blocks and the descriptor. When
 * it fails the file is stale, and the caller gives back by file_give_back() what is not pointed at.
 */
int alloc_point(struct vmfs_file *file, uint64_t n, const uint64_t *addresses, uint32_t count);

/*
 * A new, zeroed pointer block on the way to block n, in the cache but not yet on disk. VMFS-6 takes
 * a sub-block, a system file an item of .pb2.sf.
 */
int pb_create(struct vmfs_file *file, uint64_t n, struct vmfs_pb **out);

/* ---- stale.c ---- */
/* Notes that a metadata step failed, if `rc` says so, and returns it. */
int file_failed(struct vmfs_file *file, int rc);
/*
 * Reads a stale file's descriptor again and counts its blocks: first in everything that is done by
 * a file. An error leaves it stale.
 */
int file_refresh(struct vmfs_file *file);
/*
 * After a step that failed: gives back the addresses meant for blocks n, n + 1, ... (those of them
 * that are `chosen`; NULL: all), and the pointer blocks the step created, as far as the file, read
 * again, does not name them. What cannot be read or given back stays for vmfs_check(). The volume's
 * message stays.
 */
void file_give_back(struct vmfs_file *file, uint64_t n, const uint64_t *addresses,
                    const bool *chosen, uint32_t count);
/*
 * After a growth that failed: gives back the blocks past the file's end, as far as that works. The
 * volume's message stays.
 */
void file_cut_tail(struct vmfs_file *file);
/* inode_destroy() for a file that could not be made, whatever it has become. */
void file_destroy(struct vmfs_file *file);
/* The same, but one whose name may have been `left` in its directory stays, unlocked. */
void file_abandon(struct vmfs_file *file, bool left);

/* ---- dir.c (any format), dir5.c, dir6.c ---- */
struct dir_visit {
    int (*visit)(void *context, uint64_t position, struct vmfs_entry *entry);
    void *context;
};

bool entry_is_free(const struct vmfs_entry *entry);
bool entry_is_dot(const struct vmfs_entry *entry);
/* Calls `visit` for each used record; stops at the first non-zero return and hands it back. */
int dir_each(struct vmfs_volume *volume, const struct vmfs_inode *dir,
             int (*visit)(void *context, uint64_t position, struct vmfs_entry *entry),
             void *context);
int dir_find(struct vmfs_volume *volume, const struct vmfs_inode *dir, const char *name,
             struct vmfs_entry *out, uint64_t *position);
/*
 * Adds a name. -EEXIST; -ENOENT when the directory is gone. What failed is undone; *left says that
 * this failed too, and that the name may be there: what it leads to must stay.
 */
int dir_add(struct vmfs_volume *volume, const struct vmfs_inode *parent,
            const struct vmfs_entry *entry, bool *left);
/* Drops the name at `position` if it is `entry`; -ENOENT when it or the directory is gone. */
int dir_drop(struct vmfs_volume *volume, const struct vmfs_inode *parent, uint64_t position,
             const struct vmfs_entry *entry);
/* Gives a fresh directory's descriptor its first contents. */
int dir_fill(struct vmfs_file *dir, const struct vmfs_inode *parent);
int dir_is_empty(struct vmfs_volume *volume, const struct vmfs_inode *dir);
/* Where ".." leads, and making it lead elsewhere; the caller writes the descriptor. */
int dir_find_parent(struct vmfs_volume *volume, const struct vmfs_inode *dir,
                    struct vmfs_entry *out);
int dir_set_parent(struct vmfs_file *dir, const struct vmfs_inode *parent);

int dir5_each(struct vmfs_volume *volume, const struct vmfs_inode *dir, struct dir_visit visit);
int dir5_add(struct vmfs_file *dir, const struct vmfs_entry *entry);
int dir5_drop(struct vmfs_file *dir, uint64_t position);
int dir5_fill(struct vmfs_file *dir, const struct vmfs_inode *parent);

int dir6_each(struct vmfs_volume *volume, const struct vmfs_inode *dir, struct dir_visit visit);
int dir6_find(struct vmfs_volume *volume, const struct vmfs_inode *dir, const char *name,
              struct vmfs_entry *out, uint64_t *position);
int dir6_add(struct vmfs_file *dir, const struct vmfs_entry *entry);
int dir6_drop(struct vmfs_file *dir, uint64_t position);
int dir6_fill(struct vmfs_file *dir, const struct vmfs_inode *parent);
/* The hash of a name that places it in a directory. */
uint64_t dir6_hash(const char *name);

/* ---- path.c ---- */
/* The inode a path names. With `parent`, the one of the directory holding it, and the last part. */
int path_resolve(struct vmfs_volume *volume, const char *path, struct vmfs_inode *out);
int path_parent(struct vmfs_volume *volume, const char *path, struct vmfs_inode *parent,
                char name[VMFS_NAME_MAX + 1]);

/* The directory and name a new path would have. -EEXIST; dir_add() has the last word. */
int path_require_absent(struct vmfs_volume *volume, const char *path, struct vmfs_inode *parent,
                        char name[VMFS_NAME_MAX + 1]);
/* As dir_add(). */
int path_add_name(struct vmfs_volume *volume, const struct vmfs_inode *parent, const char *name,
                  const struct vmfs_inode *inode, bool *left);
/*
 * Looks a name up again in its directory as it is now. While the caller has the file locked that
 * stays so. -ENOENT when the name is gone or leads elsewhere.
 */
int path_find_again(struct vmfs_volume *volume, const struct vmfs_inode *parent, const char *name,
                    const struct vmfs_inode *inode, struct vmfs_entry *entry, uint64_t *position);

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
#define VMFS_FD_JBC  0x02000004u

#endif
