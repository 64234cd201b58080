/* SPDX-License-Identifier: MIT */
/*
 * Power cuts: what was written and acknowledged is claimed while a memory_bdev records; then the
 * disk is put together as a cut could have left it, and every claim must hold there.
 */
#ifndef TESTS_UNIT_BLOCK_POWER_CUT_H
#define TESTS_UNIT_BLOCK_POWER_CUT_H

#include "volume_fixture.h"

#define MIB        (1ull << 20)
#define MAX_CLAIMS 64

/* What must be readable once the log had this many entries. */
struct claim {
    unsigned since, until; /* log positions; until 0 = for good */
    char path[32];
    uint64_t offset;
    size_t length;
    uint32_t seed;
};

extern struct claim claims[MAX_CLAIMS];
extern unsigned claim_count;

uint32_t cut_random(uint32_t *state);

/* A disk full of old bytes, with a new volume on its first `size` bytes. */
struct memory_bdev *cut_make_larger(unsigned version, uint64_t size, uint64_t device);
struct memory_bdev *cut_make(unsigned version);

/* Writes bytes that the seed gives, flushes, and claims them from then on. */
void claim_write(struct memory_bdev *memory, struct vmfs_volume *volume, struct vmfs_file *file,
                 const char *path, uint64_t offset, size_t length, uint32_t seed);

/* Claims on a path end where work that removes or renames it begins. */
void claims_end(const struct memory_bdev *memory, const char *path);
/* Claims on what lies behind a new end of the file. */
void claims_end_behind(const struct memory_bdev *memory, const char *path, uint64_t length);
/* What is written over may be there or not from here on. */
void claims_end_overlapping(const struct memory_bdev *memory, const char *path, uint64_t offset,
                            uint64_t length);

/* Does a recorded write once more. */
void cut_apply(struct memory_bdev *memory, const struct memory_write *entry);
/* The same for some of its sectors, or none. */
void cut_apply_torn(struct memory_bdev *memory, const struct memory_write *entry, uint32_t *random);

/* One cut of the recorded run at a point and with losses that the seed chooses. */
void cut_once(struct memory_bdev *memory, unsigned cut, uint32_t *random);

/* Opens what the cut left, mends it, checks it again and reads what was promised. */
void cut_survive(struct memory_bdev *memory, unsigned cut, bool look_around);

/* A vmfs_check report: what is left after repair. */
void cut_print_finding(void *context, const char *finding);

#endif
