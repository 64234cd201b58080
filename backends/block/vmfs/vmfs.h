/* SPDX-License-Identifier: MIT */
/*
 * vmfs: VMware's file system on a block device, read and written in place. No globals, no threads.
 *
 * A volume belongs to one process at a time per handle. Many processes of one host may open the
 * same volume: each takes a heartbeat slot of its own, metadata changes are serialised by a host
 * lock plus VMFS's on-disk lock records, and a file opened for writing is locked on
 * disk against every other opener.
 *
 * Every write is ordered so that a crash leaves either the old or the new state, or blocks marked
 * used that nobody owns, which vmfs_check() gives back. What a call has returned 0 for is on
 * stable storage.
 *
 * Functions return 0 or a negative errno; vmfs_error() then says what was wrong and where.
 */
#ifndef BACKENDS_BLOCK_VMFS_VMFS_H
#define BACKENDS_BLOCK_VMFS_VMFS_H

#include "block/bdev.h"

#include <stdbool.h>
#include <stdint.h>

#define VMFS_ERROR_MAX 256
#define VMFS_UUID_TEXT 36 /* "xxxxxxxx-xxxxxxxx-xxxx-xxxxxxxxxxxx" and NUL */

struct vmfs_volume;
struct vmfs_file;

/* ---- making and finding volumes ---- */

struct vmfs_mkfs {
    const char *label;   /* at most 127 bytes */
    uint32_t block_size; /* bytes: 1, 2, 4 or 8 MiB; 0 = 1 MiB (VMFS-6: nothing else) */
    unsigned version;    /* 5 or 6; 0 = 5 */
    /* bytes: 8 KiB, or 64 KiB as on volumes that were upgraded from VMFS-3; 0: as usual */
    uint32_t sub_block_size;
};

/*
 * Makes an empty volume on all of the device, destroying what it holds. -EINVAL with `error` set
 * when the device is too small (274 MiB at least), too large (VMFS-5: 16 TiB at most) or the label
 * too long.
 */
int vmfs_mkfs(struct bdev *dev, const struct vmfs_mkfs *options, char error[VMFS_ERROR_MAX]);

struct vmfs_probe {
    uint32_t lvm_major; /* 3, 5 or 6 */
    bool ours;          /* made by this library */
    bool is_first;      /* the extent that holds what follows below `extent_count` */
    uint64_t first_pe;
    uint64_t size;                    /* bytes of the whole volume */
    char volume_uuid[VMFS_UUID_TEXT]; /* of the logical volume: the same on all its extents */
    uint32_t extent_count;
    char label[129];
    char uuid[VMFS_UUID_TEXT];
    uint32_t major, minor; /* of the file system */
};

/*
 * Looks whether a device, or a VMFS partition on it (MBR or GPT), is an extent of a volume.
 * -ENODEV when it is not.
 */
int vmfs_probe(struct bdev *dev, struct vmfs_probe *out);

/* ---- volumes ---- */

enum vmfs_open_flags {
    VMFS_OPEN_WRITE = 1,
    VMFS_OPEN_BREAK_DEAD = 2, /* clear heartbeats of other hosts that have stopped beating */
    VMFS_OPEN_NO_WAIT = 4,    /* another host's slot in use is -EBUSY at once, unwatched */
    /*
     * On a volume this library did not make, fill holes and to-be-zeroed blocks too. Without it
     * only what is allocated is overwritten there; names never change there at all.
     */
    VMFS_OPEN_FILL_FOREIGN = 8,
    /*
     * Metadata are read in larger pieces and kept for a second, in which others' changes are not
     * seen: for looking at a volume, not with VMFS_OPEN_WRITE.
     */
    VMFS_OPEN_REMEMBER = 16,
};

/*
 * Opens the volume that lies on `devices` (all its extents, in any order). The devices stay the
 * caller's and must outlive the volume. Opening for writing takes a heartbeat slot; -EBUSY when
 * another host uses the volume or may have crashed with it (VMFS_OPEN_BREAK_DEAD mends that, after
 * 20 seconds of watching); -EUCLEAN when the metadata contradicts itself; -ENOTSUP for versions
 * other than VMFS-3, 5 and 6; -EROFS for writing to VMFS-3.
 */
int vmfs_open(struct bdev *const *devices, unsigned count, unsigned flags, struct vmfs_volume **out,
              char error[VMFS_ERROR_MAX]);

/* How this opener shows itself to other hosts; all zeros is the usual host. */
struct vmfs_host {
    unsigned lease_ms;  /* silence after which a host is dead; 0: VMFS's 16000. All must agree. */
    uint8_t uuid[16];   /* zeros: this machine's */
    unsigned retire_ms; /* no write is sent in the last so many of a lease; 0: an eighth of it */
    /*
     * The file of this host's locks, made if it is not there; NULL: /run/corbel-vmfs.lock. All
     * processes that may use one disk by several device nodes must name the same one.
     */
    const char *locks;
    /*
     * Called after each beat that reached a shared volume, with the time (CLOCK_BOOTTIME, us) after
     * which this opener must not touch it. A timer that kills the process then makes sure that one
     * paused between looking at the clock and writing cannot write. May be NULL.
     */
    void (*renewed)(void *context, uint64_t until_us);
    void *context;
};

/* vmfs_open() as a host of one's own choice. */
int vmfs_open_as(struct bdev *const *devices, unsigned count, unsigned flags,
                 const struct vmfs_host *host, struct vmfs_volume **out,
                 char error[VMFS_ERROR_MAX]);

/*
 * Whether several hosts may use the volume at once: every device has COMPARE AND WRITE. Otherwise
 * it belongs to the processes of one host, and a second host is refused.
 */
bool vmfs_is_shared(const struct vmfs_volume *volume);

/* Releases the heartbeat slot and frees the volume; every file must have been closed. */
void vmfs_close(struct vmfs_volume *volume);

/* Whether the volume was opened with VMFS_OPEN_WRITE. */
bool vmfs_is_writable(const struct vmfs_volume *volume);

/* What the last failed call on this volume found wrong. */
const char *vmfs_error(const struct vmfs_volume *volume);

/*
 * Beats the heart when it is due. A writer calls it at least every 3 seconds, also while idle.
 * -ESTALE when the slot was lost: the volume then refuses every further change.
 */
int vmfs_heartbeat(struct vmfs_volume *volume);

/* A heartbeat slot in use: a host that has the volume open, or had when it died. */
struct vmfs_slot_seen {
    uint64_t address;
    uint64_t generation;
    uint64_t stamp_us; /* of the owner's clock; moves every 3 seconds while it lives */
    char host[VMFS_UUID_TEXT];
    char name[47]; /* what the host calls itself; may be empty */
};

/* Calls visit for each slot in use. A non-zero return ends the walk and is returned. */
int vmfs_list_slots(struct vmfs_volume *volume,
                    int (*visit)(void *context, const struct vmfs_slot_seen *slot), void *context);

struct vmfs_info {
    char label[129];
    char uuid[VMFS_UUID_TEXT];
    uint32_t major, minor;
    uint32_t block_size, sub_block_size;
    bool ours; /* made by this library */
    uint32_t extents;
    uint64_t size; /* bytes of the logical volume */
    uint64_t blocks, blocks_free;
    uint64_t sub_blocks, sub_blocks_free;
    uint64_t pointer_blocks, pointer_blocks_free;
    uint64_t files, files_free;
};

int vmfs_get_info(struct vmfs_volume *volume, struct vmfs_info *out);

/*
 * Makes a volume of ours larger: onto what its last device has gained (its bdev must know the new
 * size), or onto another device, whose contents are destroyed. A device of its own stays the
 * caller's and must outlive the volume. -EBUSY while others have the volume open.
 */
int vmfs_grow(struct vmfs_volume *volume);
int vmfs_add_extent(struct vmfs_volume *volume, struct bdev *dev);

/* ---- names ---- */

struct vmfs_stat {
    uint32_t type; /* enum vmfs_file_type */
    uint32_t mode;
    uint32_t mtime_s;
    uint64_t length;    /* bytes */
    uint64_t allocated; /* bytes */
    uint32_t address;
    uint32_t turns; /* of its lock: while the number stays, nobody has begun or ended to write */
    bool is_locked; /* somebody may be writing to it: another process, or this one */
};

/* Paths are relative to the root, parts separated by "/"; "." and ".." are not resolved. */
int vmfs_stat(struct vmfs_volume *volume, const char *path, struct vmfs_stat *out);

/* Calls `visit` for each entry but "." and ".."; a non-zero return ends the walk and is returned.
 */
int vmfs_list(struct vmfs_volume *volume, const char *path,
              int (*visit)(void *context, const char *name, const struct vmfs_stat *stat),
              void *context);

int vmfs_mkdir(struct vmfs_volume *volume, const char *path);

/* Removes a file and its blocks, or an empty directory. -EBUSY when the file is open elsewhere. */
int vmfs_remove(struct vmfs_volume *volume, const char *path);

/*
 * Gives a file, link or directory another name, maybe in another directory. -EINVAL for a directory
 * into itself. A crash between may leave both names; vmfs_check() drops one.
 */
int vmfs_rename(struct vmfs_volume *volume, const char *from, const char *to);

#define VMFS_LINK_MAX 1024u /* with the NUL */

int vmfs_symlink(struct vmfs_volume *volume, const char *target, const char *path);
int vmfs_read_link(struct vmfs_volume *volume, const char *path, char target[VMFS_LINK_MAX]);

/* Renames the volume itself. */
int vmfs_set_label(struct vmfs_volume *volume, const char *label);

/* ---- files ---- */

enum vmfs_share {
    VMFS_SHARE_NONE,      /* look only: no lock, data may change underneath */
    VMFS_SHARE_READ,      /* shared lock: other readers yes, writers no */
    VMFS_SHARE_EXCLUSIVE, /* the only opener; may write */
};

int vmfs_file_open(struct vmfs_volume *volume, const char *path, enum vmfs_share share,
                   struct vmfs_file **out);

/*
 * The slot of the host that had the file locked when it was opened here with VMFS_SHARE_NONE, 0
 * when none had. A slot that is free by now holds nothing.
 */
uint64_t vmfs_file_holder(const struct vmfs_file *file);

/* Releases the lock. The volume must still be open. */
void vmfs_file_close(struct vmfs_file *file);

enum vmfs_allocation {
    VMFS_THIN,        /* blocks when first written */
    VMFS_ZEROEDTHICK, /* blocks now, zeroed when first written */
    VMFS_EAGERTHICK,  /* blocks now, zeroed now */
};

/* Called between pieces of long work with bytes done and bytes in all; may be NULL. */
typedef void (*vmfs_progress)(void *context, uint64_t done, uint64_t total);

/*
 * Makes a file of `length` bytes that reads as zeros and opens it exclusively. The name appears
 * only when the file is complete. Small files (up to one sub-block) get a sub-block.
 */
int vmfs_file_create(struct vmfs_volume *volume, const char *path, uint64_t length,
                     enum vmfs_allocation allocation, vmfs_progress progress, void *context,
                     struct vmfs_file **out);

uint64_t vmfs_file_length(const struct vmfs_file *file);

/*
 * Grows the file; the new part reads as zeros and is allocated as asked. Where room lacks the file
 * stays as long as it was and gives back what it had got. -EFBIG past what two
 * levels of pointer blocks map (256 TiB and more).
 */
int vmfs_file_extend(struct vmfs_file *file, uint64_t length, enum vmfs_allocation allocation,
                     vmfs_progress progress, void *context);

/* Cuts or grows (thin) the file to this length; what is cut off is gone, and its blocks free. */
int vmfs_file_truncate(struct vmfs_file *file, uint64_t length);

/* Reads any range inside the file's length; -EINVAL past it. */
int vmfs_file_read(struct vmfs_file *file, uint64_t offset, void *buffer, size_t length);

/*
 * Writes any range inside the file's length, allocating what it touches. What was newly allocated
 * is on stable storage when it returns; overwritten data is so only after vmfs_flush().
 */
int vmfs_file_write(struct vmfs_file *file, uint64_t offset, const void *buffer, size_t length);

/*
 * Forgets the whole blocks inside a range: they read as zeros and go back to the volume and, by
 * discard, to the device. The file must be open exclusively, and no transfer to the range under
 * way.
 */
int vmfs_file_discard(struct vmfs_file *file, uint64_t offset, uint64_t length);

/*
 * Tells the device that every free block of a volume of ours holds nothing; *bytes: of how much it
 * was told. Removing and truncating files tell it by themselves; this is for what a crash, or a
 * device that knew no discard then, has left.
 */
int vmfs_reclaim(struct vmfs_volume *volume, vmfs_progress progress, void *context,
                 uint64_t *bytes);

int vmfs_flush(struct vmfs_volume *volume);

/*
 * Where a byte of the file lies, and for how long that stays contiguous (at most `most` bytes).
 * What is not stored is written with vmfs_file_write() only.
 */
int vmfs_file_map(struct vmfs_file *file, uint64_t offset, uint64_t most, struct bdev_extent *out);

/*
 * Whether what vmfs_file_map() gives may be written now, asked before each write: 0 while the lease
 * on the volume lasts (it beats when it has run out), -ESTALE once another host has taken it.
 */
int vmfs_file_may_write(struct vmfs_file *file);

/* ---- checking ---- */

struct vmfs_check {
    bool repair;
    void (*report)(void *context, const char *finding);
    vmfs_progress progress;      /* counts file descriptors looked at; may be NULL */
    void *context;               /* of both */
    unsigned findings, repaired; /* filled in; all is well when they are equal */
    unsigned unread; /* filled in: findings behind which files or blocks may lie unseen */
};

/*
 * Walks every file and directory and compares them with the allocation bitmaps. With `repair` the
 * volume must be open for writing and unused by others. What nobody owns is freed, and names that
 * lead nowhere dropped, only when everything could be read and followed; otherwise a last finding
 * says what could not, and only what takes nothing away is mended.
 */
int vmfs_check(struct vmfs_volume *volume, struct vmfs_check *check);

#endif
