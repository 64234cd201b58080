/* SPDX-License-Identifier: MIT */
/* A module as a boot loader hands it over: bzImage, ELF and Xen notes parsers on anything. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/kernel_image.h"
#include "lib/xen_notes.h"

#define OUT_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void parse_elf(const uint8_t *data, size_t len)
{
    const char *reason;
    struct xen_notes notes;
    struct elf elf;

    if (elf_open(&elf, data, len, &reason)) {
        if (!reason)
            abort();
        return;
    }
    for (unsigned int i = 0; i < elf.n_segments; i++) {
        struct elf_segment s;

        elf_segment(&elf, i, &s);
        if (s.type == ELF_SEGMENT_LOAD &&
            (s.data < data || s.data_len > (size_t)(data + len - s.data)))
            abort();
    }
    if (xen_notes_parse(&notes, &elf, &reason) == 0 &&
        (notes.entry < notes.virt_start ||
         notes.virt_end - notes.virt_start != notes.phys_end - notes.phys_start))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint64_t scratch[KERNEL_IMAGE_SCRATCH_SIZE / sizeof(uint64_t)];
    struct kernel_image image;
    const char *reason;
    size_t out_len;
    uint8_t *out;

    parse_elf(data, len);
    if (kernel_image_inspect(&image, data, len, &reason))
        return 0;
    out = malloc(OUT_MAX);
    if (kernel_image_unpack(&image, out, OUT_MAX, &out_len, scratch, sizeof(scratch), &reason) == 0)
        parse_elf(out, out_len);
    free(out);
    return 0;
}
