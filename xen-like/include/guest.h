/* SPDX-License-Identifier: MIT */
/*
 * Access to the memory of the guest that called us, by its own virtual addresses, from hypercalls
 * only. Addresses inside the hypervisor's range and faults give -EFAULT. Everything is copied once.
 */
#ifndef CORBEL_GUEST_H
#define CORBEL_GUEST_H

#include "types.h"
#include "errno.h"

#define HYPERVISOR_START 0xffff800000000000ul
#define HYPERVISOR_END   0xffff880000000000ul

/* True when [addr, addr+len) does not wrap and does not touch the hypervisor's range. */
static inline bool guest_range_ok(uint64_t addr, uint64_t len)
{
    return addr + len >= addr && (addr + len <= HYPERVISOR_START || addr >= HYPERVISOR_END);
}
/* 0 or -EFAULT; on -EFAULT the destination may be partly written. */
int guest_read(void *dst, uint64_t guest_src, size_t len) must_check;
int guest_write(uint64_t guest_dst, const void *src, size_t len) must_check;
int guest_clear(uint64_t guest_dst, size_t len) must_check;

/* For Xen's typed guest handles: element `idx` of an array, count elements. */
#define guest_handle_addr(h) ((uint64_t)(h).p)
#define copy_from_guest_at(dst, h, idx, count)                                                     \
    guest_read((dst), guest_handle_addr(h) + (uint64_t)(idx) * sizeof(*(h).p),                     \
               (size_t)(count) * sizeof(*(h).p))
#define copy_to_guest_at(h, idx, src, count)                                                       \
    guest_write(guest_handle_addr(h) + (uint64_t)(idx) * sizeof(*(h).p), (src),                    \
                (size_t)(count) * sizeof(*(h).p))
#define copy_from_guest(dst, h, count) copy_from_guest_at(dst, h, 0, count)
#define copy_to_guest(h, src, count)   copy_to_guest_at(h, 0, src, count)

#endif
