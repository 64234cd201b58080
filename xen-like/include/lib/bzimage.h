/* SPDX-License-Identifier: MIT */
/* The header of a Linux bzImage and the packed kernel inside. */
#ifndef LIB_BZIMAGE_H
#define LIB_BZIMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bzimage_payload {
    BZIMAGE_ELF,
    BZIMAGE_GZIP,
    BZIMAGE_XZ,
};

struct bzimage {
    uint16_t version; /* of the boot protocol, 0x020f for 2.15 */
    enum bzimage_payload kind;
    const uint8_t *payload; /* inside the image; the size that Linux appends to it is not counted */
    size_t payload_len;
    uint64_t unpacked_len; /* as the image claims: not to be trusted */
};

/* True when the boot protocol's marks are there. */
bool bzimage_is(const void *image, size_t len);

/*
 * Finds the payload. Returns 0, or -XEN_ENOEXEC (damaged or too old) or -XEN_EOPNOTSUPP (packed in
 * a way we do not unpack), with *reason naming what is wrong (a literal). Source: Linux
 * Documentation/x86/boot.rst, protocol 2.08.
 */
int bzimage_parse(struct bzimage *bz, const void *image, size_t len, const char **reason);

#endif
