/* SPDX-License-Identifier: MIT */
/* VMDK descriptors: the text that says what a virtual disk is made of. */
#ifndef BACKENDS_BLOCK_VMDK_DESCRIPTOR_H
#define BACKENDS_BLOCK_VMDK_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VMDK_ERROR_MAX      256
#define VMDK_DESCRIPTOR_MAX (1024u * 1024 - 1) /* a longer text is refused */
#define VMDK_SECTOR         512u
#define VMDK_MAX_EXTENTS    4200u        /* 8 TiB in pieces of 2 GB, what hosted products made */
#define VMDK_MAX_SECTORS    (1ull << 37) /* 64 TiB */
#define VMDK_NAME_MAX       255u
#define VMDK_CID_NO_PARENT  0xFFFFFFFFu
#define VMDK_CID_UNWRITTEN  0xFFFFFFFEu

enum vmdk_extent_type {
    VMDK_EXTENT_FLAT,        /* bytes as they are, from an offset in a file */
    VMDK_EXTENT_VMFS,        /* the same, a whole file on VMFS */
    VMDK_EXTENT_SPARSE,      /* hosted sparse or stream file ("KDMV") */
    VMDK_EXTENT_ZERO,        /* no file, reads as zeros */
    VMDK_EXTENT_VMFS_SPARSE, /* "COWD" */
    VMDK_EXTENT_SE_SPARSE,
    VMDK_EXTENT_RDM, /* a mapping file, or a device */
    VMDK_EXTENT_RAW, /* a device */
};

enum vmdk_access { VMDK_ACCESS_RW, VMDK_ACCESS_RDONLY, VMDK_ACCESS_NONE };

struct vmdk_extent {
    enum vmdk_access access;
    enum vmdk_extent_type type;
    uint64_t sectors;
    uint64_t offset; /* sectors, in the file */
    char file[VMDK_NAME_MAX + 1];
};

/* Names are UTF-8 here, whatever the encoding of the text. */
struct vmdk_descriptor {
    uint32_t version;
    char encoding[32]; /* as noted in the text */
    uint32_t cid;
    uint32_t parent_cid;
    char create_type[40];
    char parent_hint[VMDK_NAME_MAX + 1];
    char change_track[VMDK_NAME_MAX + 1];
    char adapter[32];
    char hw_version[16];
    bool thin;
    uint64_t sectors; /* sum of all extents */
    unsigned extent_count;
    struct vmdk_extent *extents; /* owned */
};

/*
 * Parses `length` bytes of text (up to its first NUL). -EINVAL with `error` naming the line, or
 * what is missing; -ENOMEM. Never reads past `length`; keys it does not know are skipped. The
 * caller frees what a success gives with vmdk_descriptor_free().
 */
int vmdk_descriptor_parse(const char *text, size_t length, struct vmdk_descriptor *out,
                          char error[VMDK_ERROR_MAX]);
void vmdk_descriptor_free(struct vmdk_descriptor *descriptor);

/* The extent type's word in a descriptor. */
const char *vmdk_extent_word(enum vmdk_extent_type type);

/* What a new descriptor says. All strings are UTF-8. */
struct vmdk_new {
    const char *create_type;
    const char *encoding; /* of the text to be made; NULL = "UTF-8" */
    uint64_t sectors;
    const struct vmdk_extent *extents;
    unsigned extent_count;
    const char *parent_hint; /* NULL: no parent */
    uint32_t parent_cid;
    const char *adapter; /* NULL = "lsilogic" */
    unsigned hw_version; /* 0 = 8 */
    bool thin;
    uint8_t uuid[16];
    uint32_t cid;
};

/*
 * Writes a descriptor's text; returns its length, -ENOSPC when it does not fit `size`, -EILSEQ
 * when a name has characters the encoding lacks, -EINVAL for an encoding nobody knows.
 */
int vmdk_descriptor_format(const struct vmdk_new *disk, char *text, size_t size);

/*
 * Replaces the first line `key=...` (or `key = ...`) of a text, in place, by `line`. Returns the
 * new length, -ENOENT when there is no such line, -ENOSPC when it does not fit.
 */
int vmdk_descriptor_replace(char *text, size_t length, size_t size, const char *key,
                            const char *line);

#endif
