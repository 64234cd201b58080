/* SPDX-License-Identifier: MIT */
/* VMDK descriptors: the text that says what a virtual disk is made of. */
#ifndef BACKENDS_BLOCK_VMDK_DESCRIPTOR_H
#define BACKENDS_BLOCK_VMDK_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VMDK_ERROR_MAX      256
#define VMDK_DESCRIPTOR_MAX (64u * 1024) /* a longer text is refused */
#define VMDK_SECTOR         512u
#define VMDK_MAX_EXTENTS    256u
#define VMDK_MAX_SECTORS    (1ull << 37) /* 64 TiB */
#define VMDK_NAME_MAX       255u
#define VMDK_CID_NO_PARENT  0xFFFFFFFFu
#define VMDK_CID_UNWRITTEN  0xFFFFFFFEu

enum vmdk_extent_type {
    VMDK_EXTENT_FLAT,   /* bytes as they are, from an offset in a file */
    VMDK_EXTENT_VMFS,   /* the same, a whole file on VMFS */
    VMDK_EXTENT_SPARSE, /* hosted sparse file ("KDMV") */
    VMDK_EXTENT_ZERO,   /* no file, reads as zeros */
    VMDK_EXTENT_OTHER,  /* known word, not supported here: VMFSSPARSE, SESPARSE, VMFSRDM, VMFSRAW */
};

enum vmdk_access { VMDK_ACCESS_RW, VMDK_ACCESS_RDONLY, VMDK_ACCESS_NONE };

struct vmdk_extent {
    enum vmdk_access access;
    enum vmdk_extent_type type;
    uint64_t sectors;
    uint64_t offset; /* sectors, in the file */
    char file[VMDK_NAME_MAX + 1];
};

struct vmdk_descriptor {
    uint32_t version;
    char encoding[32]; /* as noted in the text; bytes are passed through */
    uint32_t cid;
    uint32_t parent_cid;
    char create_type[40];
    char parent_hint[VMDK_NAME_MAX + 1];
    char change_track[VMDK_NAME_MAX + 1];
    bool thin;
    uint64_t sectors; /* sum of all extents */
    unsigned extent_count;
    struct vmdk_extent extents[VMDK_MAX_EXTENTS];
};

/*
 * Parses `length` bytes of text (up to its first NUL). -EINVAL with `error` naming the line, or
 * what is missing. Never reads past `length`; keys it does not know are skipped.
 */
int vmdk_descriptor_parse(const char *text, size_t length, struct vmdk_descriptor *out,
                          char error[VMDK_ERROR_MAX]);

/* What a new descriptor of createType "vmfs" with one flat extent says. */
struct vmdk_new {
    uint64_t sectors;
    const char *flat_name; /* file name of the extent, beside the descriptor */
    bool thin;
    uint8_t uuid[16];
    uint32_t cid;
};

/* Writes a descriptor's text; returns its length, or -ENOSPC when it does not fit `size`. */
int vmdk_descriptor_format(const struct vmdk_new *disk, char *text, size_t size);

/*
 * Replaces the first line `key=...` (or `key = ...`) of a text, in place, by `line`. Returns the
 * new length, -ENOENT when there is no such line, -ENOSPC when it does not fit.
 */
int vmdk_descriptor_replace(char *text, size_t length, size_t size, const char *key,
                            const char *line);

#endif
