/* SPDX-License-Identifier: MIT */
/* link: one descriptor and its extents: a base disk, or one delta of a chain. */
#ifndef BACKENDS_BLOCK_VMDK_LINK_H
#define BACKENDS_BLOCK_VMDK_LINK_H

#include "block/disk.h"
#include "block/vmdk/extent.h"

#define LINK_PATH_MAX 512u

struct part {
    uint64_t start, length; /* bytes of the disk */
    enum vmdk_access access;
    struct extent *extent;
};

struct link {
    struct store *store; /* the caller's */
    char path[LINK_PATH_MAX];
    struct vmdk_descriptor descriptor;
    uint64_t text_at, text_room; /* where the descriptor's text lies; bytes */
    bool embedded;               /* in the first extent's file */
    bool read_only;
    struct part *parts;
    unsigned part_count, last_part;
    bool cid_renewed;
    bool uncommitted;    /* grains were taken since the last link_commit() */
    struct link *parent; /* owned; NULL for a base */
    uint8_t *grain;      /* room to put a grain together; as large as the largest */
    uint32_t grain_size;
    char error[DISK_ERROR_MAX]; /* of the last call that failed */
};

/* Sets the link's error to "PATH: ..." and returns `code`. */
int link_fail(struct link *link, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Takes the store's error over; 0 stays 0. */
int link_result(struct link *link, int rc);

/* Reads and parses the descriptor, no more. The caller calls link_close() whatever is returned. */
int link_read(struct store *store, const char *path, struct link *link);
/* Opens the extents of a link whose descriptor was read. */
int link_open(struct link *link, bool read_only);
/* Flushes and frees all but the struct; closes parents too. The first error is its return. */
int link_close(struct link *link);

/*
 * Opens and closes all files that are the link's own, to see that nobody has them open: -EBUSY.
 * What is broken or missing is nobody's.
 */
int link_is_free(struct store *store, const char *path, char error[DISK_ERROR_MAX]);

/* The kind a descriptor describes. */
enum vmdk_kind link_kind(const struct vmdk_descriptor *descriptor);

/*
 * The path of a file that a descriptor names: beside it or below. -EPERM for absolute names and
 * those that climb, -ENAMETOOLONG.
 */
int link_file_path(const char *descriptor, const char *name, char out[LINK_PATH_MAX]);
/*
 * The path of a parent: as an extent's, and where the store has a root of its own anywhere in it,
 * also by "../" and by "/vmfs/volumes/NAME/".
 */
int link_parent_path(const struct link *link, char out[LINK_PATH_MAX]);

/* Opens the parents of an opened link, read-only, up to the base. */
int link_open_parents(struct link *link);

int link_read_bytes(struct link *link, uint64_t offset, void *buffer, size_t length);
int link_write_bytes(struct link *link, uint64_t offset, const void *buffer, size_t length);
/* As disk_ops.map. */
int link_map(struct link *link, uint64_t offset, uint64_t most, enum disk_use use,
             struct bdev_extent *out, bool *read_needed);
/* As disk_ops.commit. */
int link_commit(struct link *link);
int link_flush(struct link *link);
/* Gives back the room of a range of flat extents; others keep theirs. As disk_ops.discard. */
int link_discard(struct link *link, uint64_t offset, uint64_t length);
uint64_t link_size(const struct link *link);

/*
 * Before the first change of data: a new content id, so that children of the old contents no
 * longer match, and an end to change tracking, which nobody here keeps. Durable when it returns.
 */
int link_begin_writing(struct link *link);

/* Reads the descriptor's text into memory the caller frees; `length` without trailing NULs. */
int link_load_text(struct link *link, char **text, size_t *length);
/* Replaces the descriptor's text. -ENOSPC when it does not fit an embedded one's room. */
int link_store_text(struct link *link, const char *text, size_t length);

#endif
