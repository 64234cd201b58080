/* SPDX-License-Identifier: MIT */
/* gzip files, unpacked in one call. */
#ifndef LIB_GZIP_H
#define LIB_GZIP_H

#include <stddef.h>

/* Enough scratch for gzip_decode. */
#define GZIP_SCRATCH_SIZE 32768

/*
 * Unpacks one gzip member (src, src_len) into dst; its CRC-32 and length are verified, and only
 * zero bytes may follow it. Bytes of dst between *out_len and dst_cap may be scribbled over. src,
 * dst and scratch must not overlap; scratch needs GZIP_SCRATCH_SIZE bytes aligned for uint64_t.
 *
 * Returns 0 with *out_len set, or -XEN_EINVAL (corrupt or cut), -XEN_ENOSPC (dst too small),
 * -XEN_EOPNOTSUPP (not deflate), -XEN_ENOMEM (scratch too small). Source: RFC 1951, RFC 1952.
 */
int gzip_decode(const void *src, size_t src_len, void *dst, size_t dst_cap, size_t *out_len,
                void *scratch, size_t scratch_len);

#endif
