/* SPDX-License-Identifier: MIT */
/* Block addresses of VMFS-3/5. */
#include "block/vmfs/addr.h"

struct vmfs_addr vmfs_addr_decode(uint32_t address)
{
    struct vmfs_addr addr = {.type = address & 7};

    switch (addr.type) {
    case VMFS_ADDR_FB:
        addr.tbz = (address & VMFS_ADDR_FB_TBZ) != 0;
        addr.cluster = address >> 6;
        break;
    case VMFS_ADDR_SB:
        /* Dense volumes keep two more resource bits in 3-4; they are zero on others. */
        addr.cluster = address >> 6 & 0x3FFFFF;
        addr.item = address >> 28 | (address >> 3 & 3) << 4;
        break;
    case VMFS_ADDR_PB:
    case VMFS_ADDR_PB2:
        addr.cluster = address >> 6 & 0x3FFFFF;
        addr.item = address >> 28;
        break;
    case VMFS_ADDR_FD:
        addr.cluster = address >> 6 & 0xFFFF;
        addr.item = address >> 22;
        break;
    case VMFS_ADDR_NONE:
        break;
    }
    return addr;
}

uint32_t vmfs_addr_encode(struct vmfs_addr addr)
{
    uint32_t cluster = addr.cluster << 6;

    switch (addr.type) {
    case VMFS_ADDR_FB:
        return cluster | (addr.tbz ? VMFS_ADDR_FB_TBZ : 0) | VMFS_ADDR_FB;
    case VMFS_ADDR_SB:
        return (addr.item & 15) << 28 | cluster | (addr.item >> 4 & 3) << 3 | VMFS_ADDR_SB;
    case VMFS_ADDR_PB:
    case VMFS_ADDR_PB2:
        return addr.item << 28 | cluster | addr.type;
    case VMFS_ADDR_FD:
        return addr.item << 22 | cluster | VMFS_ADDR_FD;
    case VMFS_ADDR_NONE:
        break;
    }
    return 0;
}
