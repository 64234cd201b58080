/* SPDX-License-Identifier: MIT */
/* Block addresses: the low three bits say what they point to. 32 bits in VMFS-3/5, 64 in VMFS-6. */
#ifndef BACKENDS_BLOCK_VMFS_ADDR_H
#define BACKENDS_BLOCK_VMFS_ADDR_H

#include <stdbool.h>
#include <stdint.h>

enum vmfs_addr_type {
    VMFS_ADDR_NONE = 0, /* address 0: a hole */
    VMFS_ADDR_FB = 1,   /* file block; VMFS-6: small file block */
    VMFS_ADDR_SB = 2,
    VMFS_ADDR_PB = 3,
    VMFS_ADDR_FD = 4,
    VMFS_ADDR_PB2 = 5,
    VMFS_ADDR_JB = 6,  /* VMFS-6 only */
    VMFS_ADDR_LFB = 7, /* VMFS-6 only: large file block */
};

enum vmfs_format {
    VMFS_FORMAT_5 = 5, /* VMFS-3 too: the same addresses and structures */
    VMFS_FORMAT_6 = 6,
};

#define VMFS5_ADDR_TBZ (1ull << 5)
#define VMFS6_ADDR_TBZ                                                                             \
    (0xFFull << 7) /* one bit an eighth of the block; any set: reads as zeros                      \
                    */

/*
 * Where an address points, taken apart. A VMFS-5 file block and a large file block have a number
 * (in `cluster`), all others cluster and item.
 */
struct vmfs_addr {
    enum vmfs_addr_type type;
    bool tbz; /* allocated, reads as zeros */
    uint32_t cluster;
    uint32_t item;
};

/* Takes an address apart; file descriptors have the same 32 bits in every format. */
struct vmfs_addr vmfs_addr_decode(enum vmfs_format format, uint64_t address);
uint64_t vmfs_addr_encode(enum vmfs_format format, struct vmfs_addr addr);

/* The address with or without its to-be-zeroed mark. Only file blocks have one. */
uint64_t vmfs_addr_with_tbz(enum vmfs_format format, uint64_t address, bool tbz);

static inline uint32_t vmfs_addr_of_fd(uint32_t cluster, uint32_t item)
{
    return item << 22 | cluster << 6 | VMFS_ADDR_FD;
}

#endif
