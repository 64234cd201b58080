/* SPDX-License-Identifier: MIT */
/* .xz files, unpacked in one call. */
#ifndef LIB_XZ_H
#define LIB_XZ_H

#include <stddef.h>

/* Enough scratch for xz_decode. */
#define XZ_SCRATCH_SIZE 65536

/*
 * Unpacks a whole .xz file (src, src_len) into dst: one or more streams, any number of blocks, with
 * the LZMA2 filter alone or behind the x86 branch filter, checked by CRC-32, CRC-64 or nothing.
 * Every header, index and check is verified. dst serves as the dictionary, so no window is
 * allocated; bytes of dst between *out_len and dst_cap may be scribbled over. src, dst and scratch
 * must not overlap.
 *
 * scratch needs XZ_SCRATCH_SIZE bytes, aligned for uint64_t; it belongs to the caller, who need not
 * clear it.
 *
 * Returns 0 with *out_len set, or -XEN_EINVAL (corrupt or cut), -XEN_ENOSPC (dst too small),
 * -XEN_EOPNOTSUPP (a filter or check we do not know), -XEN_ENOMEM (scratch too small). Source: the
 * .xz file format 1.1.0.
 */
int xz_decode(const void *src, size_t src_len, void *dst, size_t dst_cap, size_t *out_len,
              void *scratch, size_t scratch_len);

#endif
