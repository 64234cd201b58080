/* SPDX-License-Identifier: MIT */
/* Finds the packed kernel in a Linux bzImage by the boot protocol's header. */
#include "compiler.h"

#include <xen/errno.h>

#include "lib/bytes.h"
#include "lib/bzimage.h"
#include "lib/string.h"

/* Offsets in the image's first sectors. */
#define SETUP_SECTORS  0x1f1
#define BOOT_FLAG      0x1fe
#define HEADER_MAGIC   0x202
#define VERSION        0x206
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LEN    0x24c
#define HEADER_END     0x250

#define SECTOR_LEN            512
#define SETUP_SECTORS_DEFAULT 4
#define BOOT_FLAG_VALUE       0xaa55
#define HEADER_MAGIC_VALUE    0x53726448 /* "HdrS" */
#define VERSION_WITH_PAYLOAD  0x0208
#define SIZE_LEN              4
#define MAGIC_MAX             6

/* How packed kernels begin. */
static const struct {
    uint8_t magic[MAGIC_MAX];
    uint8_t len;
    bool known;
    enum bzimage_payload kind;
    const char *reason;
} magics[] = {
    {{0xfd, '7', 'z', 'X', 'Z', 0}, 6, true, BZIMAGE_XZ, NULL},
    {{0x1f, 0x8b}, 2, true, BZIMAGE_GZIP, NULL},
    {{0x7f, 'E', 'L', 'F'}, 4, true, BZIMAGE_ELF, NULL},
    {{0x28, 0xb5, 0x2f, 0xfd},
     4,
     false,
     0,
     "kernel is packed by zstd: only xz, gzip and plain are known"},
    {{0x02, 0x21, 0x4c, 0x18},
     4,
     false,
     0,
     "kernel is packed by lz4: only xz, gzip and plain are known"},
    {{0x89, 'L', 'Z', 'O'},
     4,
     false,
     0,
     "kernel is packed by lzo: only xz, gzip and plain are known"},
    {{'B', 'Z', 'h'}, 3, false, 0, "kernel is packed by bzip2: only xz, gzip and plain are known"},
    {{0x5d, 0, 0}, 3, false, 0, "kernel is packed by lzma: only xz, gzip and plain are known"},
};

bool bzimage_is(const void *image, size_t len)
{
    const uint8_t *p = image;

    return len >= HEADER_END && load_le16(p + BOOT_FLAG) == BOOT_FLAG_VALUE &&
           load_le32(p + HEADER_MAGIC) == HEADER_MAGIC_VALUE;
}

/* Finds out how the payload is packed, and how long it will be. */
static int identify_payload(struct bzimage *bz, const char **reason)
{
    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
        if (memcmp(bz->payload, magics[i].magic, magics[i].len))
            continue;
        if (!magics[i].known) {
            *reason = magics[i].reason;
            return -XEN_EOPNOTSUPP;
        }
        bz->kind = magics[i].kind;
        if (bz->kind == BZIMAGE_ELF) {
            bz->unpacked_len = bz->payload_len;
            return 0;
        }
        bz->unpacked_len = load_le32(bz->payload + bz->payload_len - SIZE_LEN);
        /* gzip files end in their size anyway; to others Linux appends it. */
        if (bz->kind != BZIMAGE_GZIP)
            bz->payload_len -= SIZE_LEN;
        return 0;
    }
    *reason = "bzImage payload is packed in an unknown way: only xz, gzip and plain are known";
    return -XEN_EOPNOTSUPP;
}

int bzimage_parse(struct bzimage *bz, const void *image, size_t len, const char **reason)
{
    const uint8_t *p = image;
    uint64_t offset, payload_len;
    uint8_t sectors;

    *reason = NULL;
    if (!bzimage_is(image, len)) {
        *reason = "not a Linux bzImage";
        return -XEN_ENOEXEC;
    }
    *bz = (struct bzimage){.version = load_le16(p + VERSION)};
    if (bz->version < VERSION_WITH_PAYLOAD) {
        *reason = "bzImage is older than boot protocol 2.08: it does not say where its payload is";
        return -XEN_ENOEXEC;
    }
    sectors = p[SETUP_SECTORS] ? p[SETUP_SECTORS] : SETUP_SECTORS_DEFAULT;
    offset = (uint64_t)(sectors + 1) * SECTOR_LEN + load_le32(p + PAYLOAD_OFFSET);
    payload_len = load_le32(p + PAYLOAD_LEN);
    if (offset > len || payload_len > len - offset || payload_len < MAGIC_MAX + SIZE_LEN) {
        *reason = "bzImage payload reaches beyond the end of the file";
        return -XEN_ENOEXEC;
    }
    bz->payload = p + offset;
    bz->payload_len = (size_t)payload_len;
    return identify_payload(bz, reason);
}
