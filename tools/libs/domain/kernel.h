/* SPDX-License-Identifier: MIT */
/* A guest's kernel file, read and unpacked. */
#ifndef DOMAIN_KERNEL_H
#define DOMAIN_KERNEL_H

#include "lib/elf.h"
#include "lib/xen_notes.h"

#include <stddef.h>
#include <stdint.h>

struct kernel {
    void *file;
    size_t file_size;
    void *unpacked; /* NULL when the file itself is the ELF image */
    struct elf elf; /* points into one of the two */
    struct xen_notes notes;
};

/*
 * Reads a file of at most max bytes into *data (free() it). Returns 0, or -1 after saying why: no
 * such file, empty, too large.
 */
int file_read(const char *path, size_t max, void **data, size_t *size);

/*
 * Loads a 64-bit Xen PV kernel: bzImage, gzipped ELF or plain ELF. Returns 0, or -1 after saying
 * what is wrong with it. Either way ended by kernel_free.
 */
int kernel_load(struct kernel *kernel, const char *path);
void kernel_free(struct kernel *kernel);

#endif
