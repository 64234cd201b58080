/* SPDX-License-Identifier: MIT */
/* Block addresses of VMFS-3/5: 32 bits, the low three say what they point to. */
#ifndef BACKENDS_BLOCK_VMFS_ADDR_H
#define BACKENDS_BLOCK_VMFS_ADDR_H

#include <stdbool.h>
#include <stdint.h>

enum vmfs_addr_type {
    VMFS_ADDR_NONE = 0, /* address 0: a hole */
    VMFS_ADDR_FB = 1,
    VMFS_ADDR_SB = 2,
    VMFS_ADDR_PB = 3,
    VMFS_ADDR_FD = 4,
    VMFS_ADDR_PB2 = 5,
};

#define VMFS_ADDR_FB_TBZ (1u << 5) /* file block: allocated, reads as zeros */

/* Where an address points, taken apart. A file block has a number, the others cluster and item. */
struct vmfs_addr {
    enum vmfs_addr_type type;
    bool tbz;
    uint32_t cluster; /* or the file block's number */
    uint32_t item;
};

/* Takes an address apart; an unknown type comes back as it stands (6 or 7). */
struct vmfs_addr vmfs_addr_decode(uint32_t address);
uint32_t vmfs_addr_encode(struct vmfs_addr addr);

static inline uint32_t vmfs_addr_fb(uint32_t block, bool tbz)
{
    return vmfs_addr_encode((struct vmfs_addr){.type = VMFS_ADDR_FB, .tbz = tbz, .cluster = block});
}

static inline uint32_t vmfs_addr_of(enum vmfs_addr_type type, uint32_t cluster, uint32_t item)
{
    return vmfs_addr_encode((struct vmfs_addr){.type = type, .cluster = cluster, .item = item});
}

/* Largest numbers an address can hold, for mkfs. */
#define VMFS_ADDR_MAX_FB (1u << 26)

#endif
