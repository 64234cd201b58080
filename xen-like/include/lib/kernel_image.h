/* SPDX-License-Identifier: MIT */
/* A kernel as it is shipped (bzImage, gzipped ELF, plain ELF): what it is, how large, and its ELF
 * file. */
#ifndef LIB_KERNEL_IMAGE_H
#define LIB_KERNEL_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/gzip.h"
#include "lib/xz.h"

/* Enough scratch for kernel_image_unpack. */
#define KERNEL_IMAGE_SCRATCH_SIZE                                                                  \
    (XZ_SCRATCH_SIZE > GZIP_SCRATCH_SIZE ? XZ_SCRATCH_SIZE : GZIP_SCRATCH_SIZE)

enum kernel_packing {
    KERNEL_PLAIN, /* payload is the ELF file itself: use it where it is */
    KERNEL_GZIP,
    KERNEL_XZ,
};

struct kernel_image {
    enum kernel_packing packing;
    const char *format; /* for the log: "bzImage (xz)", "ELF", ... */
    const uint8_t *payload;
    size_t payload_len;
    uint64_t unpacked_len; /* room the ELF file needs, as the module claims: limit it before
                              allocating */
};

/* Looks at a module. Returns 0, or a negative XEN_E* with *reason naming what is wrong (a literal).
 */
int kernel_image_inspect(struct kernel_image *image, const void *module, size_t len,
                         const char **reason);

/*
 * Puts the ELF file into dst (dst_cap bytes, image->unpacked_len suffice) and its size into
 * *out_len. Bytes beyond it may be scribbled over. scratch: KERNEL_IMAGE_SCRATCH_SIZE bytes aligned
 * for uint64_t. Returns 0, or a negative XEN_E* with *reason set (a literal).
 */
int kernel_image_unpack(const struct kernel_image *image, void *dst, size_t dst_cap,
                        size_t *out_len, void *scratch, size_t scratch_len, const char **reason);

#endif
