/* SPDX-License-Identifier: MIT */
/* Tells the shipped forms of a kernel apart and unpacks them. */
#include <stdbool.h>
#include <xen/errno.h>

#include "lib/bytes.h"
#include "lib/bzimage.h"
#include "lib/kernel_image.h"
#include "lib/string.h"

#define GZIP_LEN_MIN 18

static void inspect_bzimage(struct kernel_image *image, const struct bzimage *bz)
{
    static const struct {
        enum kernel_packing packing;
        const char *format;
    } kinds[] = {
        [BZIMAGE_ELF] = {KERNEL_PLAIN, "bzImage (plain)"},
        [BZIMAGE_GZIP] = {KERNEL_GZIP, "bzImage (gzip)"},
        [BZIMAGE_XZ] = {KERNEL_XZ, "bzImage (xz)"},
    };

    *image = (struct kernel_image){
        .packing = kinds[bz->kind].packing,
        .format = kinds[bz->kind].format,
        .payload = bz->payload,
        .payload_len = bz->payload_len,
        .unpacked_len = bz->unpacked_len,
    };
}

int kernel_image_inspect(struct kernel_image *image, const void *module, size_t len,
                         const char **reason)
{
    const uint8_t *p = module;

    *reason = NULL;
    if (bzimage_is(module, len)) {
        struct bzimage bz;
        int rc = bzimage_parse(&bz, module, len, reason);

        if (rc == 0)
            inspect_bzimage(image, &bz);
        return rc;
    }
    *image = (struct kernel_image){.payload = p, .payload_len = len};
    if (len >= 4 && memcmp(p, "\177ELF", 4) == 0) {
        image->packing = KERNEL_PLAIN;
        image->format = "ELF";
        image->unpacked_len = len;
        return 0;
    }
    if (len >= GZIP_LEN_MIN && p[0] == 0x1f && p[1] == 0x8b) {
        image->packing = KERNEL_GZIP;
        image->format = "ELF (gzip)";
        image->unpacked_len = load_le32(p + len - 4);
        return 0;
    }
    *reason = "not a kernel: neither bzImage nor ELF nor gzip";
    return -XEN_ENOEXEC;
}

int kernel_image_unpack(const struct kernel_image *image, void *dst, size_t dst_cap,
                        size_t *out_len, void *scratch, size_t scratch_len, const char **reason)
{
    int rc;

    *reason = NULL;
    switch (image->packing) {
    case KERNEL_XZ:
        rc = xz_decode(image->payload, image->payload_len, dst, dst_cap, out_len, scratch,
                       scratch_len);
        break;
    case KERNEL_GZIP:
        rc = gzip_decode(image->payload, image->payload_len, dst, dst_cap, out_len, scratch,
                         scratch_len);
        break;
    default:
        rc = image->payload_len > dst_cap ? -XEN_ENOSPC : 0;
        if (rc == 0) {
            memcpy(dst, image->payload, image->payload_len);
            *out_len = image->payload_len;
        }
        break;
    }
    if (rc == -XEN_ENOSPC)
        *reason = "packed kernel is damaged, or larger than its header says";
    else if (rc == -XEN_EOPNOTSUPP)
        *reason = "kernel is packed with a filter or check we do not know";
    else if (rc == -XEN_ENOMEM)
        *reason = "too little scratch memory to unpack the kernel";
    else if (rc)
        *reason = "packed kernel is damaged";
    return rc;
}
