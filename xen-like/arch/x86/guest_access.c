/* SPDX-License-Identifier: MIT */
/* Copies to and from the calling guest's virtual addresses; faults end in -EFAULT (fixups in
 * entry.S). */
#include "guest.h"

int guest_copy(void *dst, const void *src, size_t len);
int guest_zero(void *dst, size_t len);

int guest_read(void *dst, uint64_t src, size_t len)
{
    if (unlikely(!guest_range_ok(src, len)))
        return -EFAULT;
    return guest_copy(dst, (const void *)src, len);
}

int guest_write(uint64_t dst, const void *src, size_t len)
{
    if (unlikely(!guest_range_ok(dst, len)))
        return -EFAULT;
    return guest_copy((void *)dst, src, len);
}

int guest_clear(uint64_t dst, size_t len)
{
    if (unlikely(!guest_range_ok(dst, len)))
        return -EFAULT;
    return guest_zero((void *)dst, len);
}
