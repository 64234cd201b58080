/* SPDX-License-Identifier: MIT */
/* The part of a grub.cfg that says which kernel boots. */
#ifndef DATASTORE_GRUB_H
#define DATASTORE_GRUB_H

#define GRUB_PATH_MAX 256
#define GRUB_ARGS_MAX 1024

struct grub_entry {
    char kernel[GRUB_PATH_MAX];
    char ramdisk[GRUB_PATH_MAX]; /* "" when there is none */
    char args[GRUB_ARGS_MAX];
};

/*
 * The entry that boots by itself: the default when that is a number, else the first. `text` ends in
 * a NUL. 0, or -1 when no entry loads a Linux kernel.
 */
int grub_parse(const char *text, struct grub_entry *out);

#endif
