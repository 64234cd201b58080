/* SPDX-License-Identifier: MIT */
/* The kernel that a virtual disk would boot, taken out for a PV guest. */
#ifndef DATASTORE_BOOT_H
#define DATASTORE_BOOT_H

#include "block/disk.h"
#include "grub.h"

#define BOOT_ERROR_MAX 256

struct boot {
    struct grub_entry entry; /* paths on the partition; args fit for a PV guest */
    unsigned partition;      /* number, 0: the whole disk */
    char *kernel, *ramdisk;  /* contents; ramdisk NULL when there is none */
    size_t kernel_length, ramdisk_length;
};

/*
 * Looks on each ext2/3/4 partition for a grub.cfg, and takes the kernel and ramdisk of its default
 * entry; without one, the newest /boot/vmlinuz-*. Without `contents` the files are only looked for.
 * 0, or -ENOENT with a sentence in `error`. boot_free() either way.
 */
int boot_read(struct disk *disk, bool contents, struct boot *out, char error[BOOT_ERROR_MAX]);
void boot_free(struct boot *boot);

#endif
