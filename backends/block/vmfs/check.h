/* SPDX-License-Identifier: MIT */
/* What the parts of the checker share: what a walk has found so far, and what it may change. */
#ifndef BACKENDS_BLOCK_VMFS_CHECK_H
#define BACKENDS_BLOCK_VMFS_CHECK_H

#include "block/vmfs/internal.h"

/* A directory that is still to be walked, and the one its name was found in. */
struct check_folder {
    uint32_t address;
    uint32_t parent, parent_generation;
};

struct checker {
    struct vmfs_volume *volume;
    struct vmfs_check *check;
    uint8_t *used_fb, *used_sb, *used_pb, *used_pb2; /* one bit an item: referenced */
    uint8_t *named; /* one bit a descriptor: has a directory entry */
    struct check_folder *folders;
    size_t folder_count, folder_room;
    uint64_t walk_blocks; /* of the file being walked */
    uint64_t walk_tbz;
    uint64_t walk_large; /* the large block last seen */
    uint32_t walk_owner;
    uint64_t done, total;        /* file descriptors, of all walks */
    bool unsure;                 /* not everything was read: what seems nobody's may be in use */
    char reason[VMFS_ERROR_MAX]; /* the first thing that could not be read */
};

void check_report(struct checker *checker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * Reports what could not be read, or contradicts itself so that what lies behind it was not
 * reached. From then on nothing is freed, destroyed or dropped.
 */
void check_unread(struct checker *checker, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Counts a repair that worked; reports one that did not. */
void check_repaired(struct checker *checker, int rc);
/* Tells the caller how far the check has come. */
void check_progress(const struct checker *checker);
/* Whether what no file or name leads to may be freed, destroyed or dropped. */
bool check_may_drop(const struct checker *checker);

bool bit_get(const uint8_t *bits, uint64_t n);
void bit_set(uint8_t *bits, uint64_t n);

/* ---- check_names.c ---- */
/* Walks every directory from the root on; marks what has a name. Errors other than memory's are
 * findings. */
int check_names(struct checker *checker, const struct vmfs_inode *root);

#endif
