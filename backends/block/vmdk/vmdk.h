/* SPDX-License-Identifier: MIT */
/*
 * vmdk: VMware's virtual disks in every format, in files of any store. No globals, no threads: a
 * disk belongs to one thread at a time.
 *
 * A disk is a chain of links, leaf to base; a link is a descriptor and its extents. Only the leaf
 * is written. FORMATS.md lists the formats and who agreed that each is right.
 *
 * A crash at any moment leaves a disk that opens: data is durable before a table points at it,
 * tables before a flush is acknowledged. What it may leave is room nobody uses; vmdk_check() says
 * so and gives it back where the format allows.
 *
 * Functions return 0 or a negative errno with `error` naming what, where and how to mend it.
 */
#ifndef BACKENDS_BLOCK_VMDK_VMDK_H
#define BACKENDS_BLOCK_VMDK_VMDK_H

#include "block/disk.h"
#include "block/store.h"

enum vmdk_kind {
    VMDK_KIND_VMFS_THIN, /* createType vmfs: a flat file that grows as written */
    VMDK_KIND_VMFS_ZEROEDTHICK,
    VMDK_KIND_VMFS_EAGERZEROEDTHICK,
    VMDK_KIND_MONOLITHIC_FLAT,
    VMDK_KIND_MONOLITHIC_SPARSE,
    VMDK_KIND_TWO_GB_FLAT,
    VMDK_KIND_TWO_GB_SPARSE,
    VMDK_KIND_STREAM,      /* streamOptimized: written once, in order */
    VMDK_KIND_VMFS_SPARSE, /* COWD delta */
    VMDK_KIND_SE_SPARSE,   /* delta; 4 KiB grains */
    VMDK_KIND_RDM,         /* virtual-mode raw device mapping */
    VMDK_KIND_RDMP,        /* physical-mode: opened as virtual mode is */
    VMDK_KINDS,
};

/*
 * The kind a word names: vmkfstools' (thin, zeroedthick, eagerzeroedthick, 2gbsparse, 2gbflat,
 * monosparse, monoflat, streamoptimized, vmfssparse, sesparse) or a createType, in any case.
 * -ENOENT for another word.
 */
int vmdk_kind_parse(const char *word, enum vmdk_kind *out);
/* vmkfstools' word for a kind. */
const char *vmdk_kind_name(enum vmdk_kind kind);

/* ---- opening ---- */

/*
 * Opens the disk whose descriptor (or sparse file with a descriptor in it) lies at `path`, with its
 * parents. On success the disk owns the store. -ENOTSUP for what is no disk that can be served,
 * -EINVAL for broken ones, -ESTALE when a parent was written after its child was made (parentCID),
 * -EBUSY when somebody else has it open.
 */
int vmdk_open(struct store *store, const char *path, bool read_only, struct disk **out,
              char error[DISK_ERROR_MAX]);

/* vmdk_open() for a store that stays the caller's and outlives the disk. */
int vmdk_open_in(struct store *store, const char *path, bool read_only, struct disk **out,
                 char error[DISK_ERROR_MAX]);

/* ---- looking ---- */

#define VMDK_TEXT_MAX 256

struct vmdk_info {
    enum vmdk_kind kind;
    uint64_t size; /* bytes */
    uint32_t cid, parent_cid;
    char create_type[40];
    char adapter[32];                 /* ddb.adapterType; "" when absent */
    char hw_version[16];              /* ddb.virtualHWVersion; "" when absent */
    char encoding[32];                /* of the text as it lies; names below are UTF-8 */
    char parent_hint[VMDK_TEXT_MAX];  /* as noted; "" for a base */
    char parent_path[512];            /* where it would be opened; "" for a base */
    char change_track[VMDK_TEXT_MAX]; /* "" when changed blocks are not tracked */
    unsigned extents;
};

/* Reads one link's descriptor; opens neither extents nor parents. */
int vmdk_get_info(struct store *store, const char *path, struct vmdk_info *out,
                  char error[DISK_ERROR_MAX]);

/*
 * Calls `visit` with the path of every file of one link: descriptor, extents, change tracking. A
 * non-zero return ends it and is returned.
 */
int vmdk_list_files(struct store *store, const char *path,
                    int (*visit)(void *context, const char *file), void *context,
                    char error[DISK_ERROR_MAX]);

/* ---- making ---- */

struct vmdk_create {
    enum vmdk_kind kind;
    uint64_t size;        /* bytes, a multiple of 512; 0 with a parent: the parent's */
    const char *adapter;  /* "lsilogic", "buslogic", "ide", "legacyESX"; NULL = "lsilogic" */
    unsigned hw_version;  /* 0 = 8 */
    uint32_t grain;       /* bytes, sparse kinds; 0 = the kind's own */
    const char *parent;   /* path of the disk this is a snapshot of, in the same store; or NULL */
    const char *device;   /* RDM kinds: path of the raw device */
    const char *encoding; /* of the descriptor; NULL = "UTF-8" */
    bool zero_grains;     /* hosted sparse: zeros written are noted, not stored */
    store_progress progress;
    void *context;
};

/*
 * Makes a disk that reads as zeros, or as its parent. -EEXIST, -EBUSY when somebody writes the
 * parent; nothing is left behind on failure.
 */
int vmdk_create(struct store *store, const char *path, const struct vmdk_create *how,
                char error[DISK_ERROR_MAX]);

/*
 * Makes `path` a snapshot child of `parent`, of the delta format its size asks for. -EBUSY when
 * somebody writes the parent.
 */
int vmdk_snapshot(struct store *store, const char *parent, const char *path,
                  char error[DISK_ERROR_MAX]);

/*
 * Makes a disk of any kind with what `source` reads as; zeros are not stored where the kind allows.
 * `how->size` 0 = the source's.
 */
int vmdk_clone(struct disk *source, struct store *store, const char *path,
               const struct vmdk_create *how, char error[DISK_ERROR_MAX]);

/*
 * Makes a disk `how->length` bytes long, and its descriptor say so. -ENOTSUP for deltas and
 * streams, -EBUSY when it is in use, -EINVAL when it would shrink. One that finds no room is left
 * as long as it was.
 */
int vmdk_grow(struct store *store, const char *path, const struct store_create *how,
              char error[DISK_ERROR_MAX]);

/*
 * Removes one link's files, the descriptor first; extents that it may not write (not marked RW) are
 * other disks' too and stay. -EBUSY when it is in use.
 */
int vmdk_remove(struct store *store, const char *path, char error[DISK_ERROR_MAX]);

/*
 * Renames one link: its files but those not marked RW, and what its descriptor calls them. All or
 * nothing, unless a crash comes between. -EEXIST when one of the new names is taken.
 */
int vmdk_rename(struct store *store, const char *from, const char *to, char error[DISK_ERROR_MAX]);

/*
 * Makes a child's parentCID what its parent's CID is. Right only when the parent's contents are
 * known not to have changed: it is the mend for a chain refused with -ESTALE.
 */
int vmdk_adopt(struct store *store, const char *path, char error[DISK_ERROR_MAX]);

/* ---- checking ---- */

struct vmdk_check {
    bool repair;
    void (*report)(void *context, const char *finding);
    store_progress progress;     /* counts bytes of the disk; may be NULL */
    void *context;               /* of both */
    unsigned findings, repaired; /* filled in */
    uint64_t before, size;       /* its own: bytes of the extents already checked, of all */
};

/*
 * Compares one link's descriptor, tables and files. With `repair`, tables that contradict
 * themselves are taken from their redundant copies, and room that nobody uses is given back.
 * 0 when the check ran to its end, whatever it found.
 */
int vmdk_check(struct store *store, const char *path, struct vmdk_check *check,
               char error[DISK_ERROR_MAX]);

#endif
