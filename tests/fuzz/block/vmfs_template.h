/* SPDX-License-Identifier: MIT */
/* Good volumes of both formats for fuzzers to spoil. */
#ifndef TESTS_FUZZ_BLOCK_VMFS_TEMPLATE_H
#define TESTS_FUZZ_BLOCK_VMFS_TEMPLATE_H

#include "../../unit/block/memory_bdev.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Device offsets and sizes of what a fuzzer may overwrite. */
struct vmfs_target {
    uint64_t offset;
    uint32_t size;
};

#define VMFS_TEMPLATE_PLACES 32

struct vmfs_template {
    struct memory_bdev *memory;
    /* What volumes are opened and allocated by: LVM, superblock, slots, resource files, root. */
    struct vmfs_target volume[VMFS_TEMPLATE_PLACES];
    unsigned volume_count;
    struct vmfs_target inode;     /* descriptor of d/thin */
    struct vmfs_target directory; /* contents of d */
    struct vmfs_target pointers;  /* pointer block of d/thin */
};

/* The template of VMFS-5 (0) or VMFS-6 (1), made once. */
struct vmfs_template *vmfs_template(unsigned which);
/*
 * Spoils places of made->volume by a list of patches (one byte that chooses the place, three bytes
 * offset, one length, the bytes), then as below.
 */
void vmfs_template_spoil_volume(struct vmfs_template *made, const uint8_t *data, size_t size);

/* Whether the template's device has more room than the volume on it. */
void vmfs_template_grow(struct vmfs_template *made, bool more);
/*
 * Spoils any place as above, the descriptor, directory and pointer block among them, and makes the
 * changes that head[2] to head[7] name, and a repair, while the transfer that head[0] and head[1]
 * number fails; 0xFFFF: none.
 */
void vmfs_template_change(struct vmfs_template *made, const uint8_t *head, const uint8_t *data,
                          size_t size);

/*
 * Spoils a place by a list of patches (three bytes offset, one length, the bytes), uses every call
 * of the library on the volume, and brings the template back.
 */
void vmfs_template_spoil(struct vmfs_template *made, struct vmfs_target place, const uint8_t *data,
                         size_t size);

#endif
