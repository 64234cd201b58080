/* SPDX-License-Identifier: MIT */
/* Block addresses of VMFS-3/5 and VMFS-6. Source: reference/vmfs-format.md section 6. */
#include "block/vmfs/addr.h"

static struct vmfs_addr decode5(uint32_t address)
{
    struct vmfs_addr addr = {.type = address & 7};

    switch (addr.type) {
    case VMFS_ADDR_FB:
        addr.tbz = (address & VMFS5_ADDR_TBZ) != 0;
        addr.cluster = address >> 6;
        break;
    case VMFS_ADDR_SB:
        /* Dense volumes keep two more item bits in 3-4; they are zero on others. */
        addr.cluster = address >> 6 & 0x3FFFFF;
        addr.item = address >> 28 | (address >> 3 & 3) << 4;
        break;
    case VMFS_ADDR_PB:
    case VMFS_ADDR_PB2:
        addr.cluster = address >> 6 & 0x3FFFFF;
        addr.item = address >> 28;
        break;
    default:
        break;
    }
    return addr;
}

static struct vmfs_addr decode6(uint64_t address)
{
    struct vmfs_addr addr = {.type = address & 7};

    switch (addr.type) {
    case VMFS_ADDR_FB:
    case VMFS_ADDR_LFB:
        addr.tbz = (address & VMFS6_ADDR_TBZ) != 0;
        addr.cluster = address >> 15 & 0x7FFFFFFF;
        addr.item = addr.type == VMFS_ADDR_FB ? (uint32_t)(address >> 51) : 0;
        break;
    case VMFS_ADDR_SB:
    case VMFS_ADDR_PB:
    case VMFS_ADDR_PB2:
        /* 36 bits of cluster: those beyond 32 point outside of every volume. */
        addr.cluster = address >> 38 & 15 ? UINT32_MAX : (uint32_t)(address >> 6);
        addr.item = (uint32_t)(address >> 56);
        break;
    case VMFS_ADDR_JB:
        addr.cluster = address >> 3 & 0x1FFF;
        addr.item = address >> 26 & 0x3F;
        break;
    default:
        break;
    }
    return addr;
}

struct vmfs_addr vmfs_addr_decode(enum vmfs_format format, uint64_t address)
{
    struct vmfs_addr addr = {.type = address & 7};

    if (addr.type == VMFS_ADDR_FD) {
        addr.cluster = address >> 6 & 0xFFFF;
        addr.item = (uint32_t)address >> 22;
        return addr;
    }
    return format == VMFS_FORMAT_6 ? decode6(address) : decode5((uint32_t)address);
}

uint64_t vmfs_addr_with_tbz(enum vmfs_format format, uint64_t address, bool tbz)
{
    uint64_t mark = format == VMFS_FORMAT_6 ? VMFS6_ADDR_TBZ : VMFS5_ADDR_TBZ;
    unsigned type = address & 7;

    if (type != VMFS_ADDR_FB && (type != VMFS_ADDR_LFB || format != VMFS_FORMAT_6))
        return address;
    return tbz ? address | mark : address & ~mark;
}

static uint64_t encode5(struct vmfs_addr addr)
{
    uint32_t cluster = addr.cluster << 6;

    switch (addr.type) {
    case VMFS_ADDR_FB:
        return cluster | VMFS_ADDR_FB;
    case VMFS_ADDR_SB:
        return (addr.item & 15) << 28 | cluster | (addr.item >> 4 & 3) << 3 | VMFS_ADDR_SB;
    case VMFS_ADDR_PB:
    case VMFS_ADDR_PB2:
        return addr.item << 28 | cluster | addr.type;
    default:
        return 0;
    }
}

static uint64_t encode6(struct vmfs_addr addr)
{
    switch (addr.type) {
    case VMFS_ADDR_FB:
    case VMFS_ADDR_LFB:
        return (uint64_t)addr.item << 51 | (uint64_t)addr.cluster << 15 | addr.type;
    case VMFS_ADDR_SB:
    case VMFS_ADDR_PB:
    case VMFS_ADDR_PB2:
        return (uint64_t)addr.item << 56 | (uint64_t)addr.cluster << 6 | addr.type;
    case VMFS_ADDR_JB:
        return addr.item << 26 | addr.cluster << 3 | VMFS_ADDR_JB;
    default:
        return 0;
    }
}

uint64_t vmfs_addr_encode(enum vmfs_format format, struct vmfs_addr addr)
{
    uint64_t address;

    if (addr.type == VMFS_ADDR_FD)
        return vmfs_addr_of_fd(addr.cluster, addr.item);
    address = format == VMFS_FORMAT_6 ? encode6(addr) : encode5(addr);
    return vmfs_addr_with_tbz(format, address, addr.tbz);
}
