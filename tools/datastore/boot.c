/* SPDX-License-Identifier: MIT */
/* grub.cfg, or names in /boot, to kernel and ramdisk. */
#include "boot.h"

#include "ext.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX  (4u << 20)
#define KERNEL_MAX  (256u << 20)
#define RAMDISK_MAX (1u << 30)
#define PREFIX      "vmlinuz-"

/* /dev/sda1 is /dev/xvda1 in the guest; its console is hvc0. */
static void fit_args(char args[GRUB_ARGS_MAX])
{
    static const char root[] = "root=/dev/";
    char fitted[GRUB_ARGS_MAX], *at = strstr(args, root);

    if (at != NULL &&
        (strncmp(at + strlen(root), "sd", 2) == 0 || strncmp(at + strlen(root), "vd", 2) == 0)) {
        at += strlen(root);
        snprintf(fitted, sizeof(fitted), "%.*sxvd%s", (int)(at - args), args, at + 2);
        memcpy(args, fitted, sizeof(fitted));
    }
    if (strstr(args, "console=hvc0") == NULL) {
        snprintf(fitted, sizeof(fitted), "%s%sconsole=hvc0", args, args[0] != '\0' ? " " : "");
        memcpy(args, fitted, sizeof(fitted));
    }
}

/* Looks for, or reads, one file that an entry names. */
static int load_file(struct ext *ext, const char *path, bool contents, size_t most, char **data,
                     size_t *length, char error[BOOT_ERROR_MAX])
{
    if (contents)
        *data = ext_read(ext, path, most, length);
    if (contents ? *data != NULL : ext_exists(ext, path))
        return 0;
    snprintf(error, BOOT_ERROR_MAX, "the guest boots \"%.100s\", which is not there or too large",
             path);
    return -ENOENT;
}

static int load(struct ext *ext, bool contents, struct boot *out, char error[BOOT_ERROR_MAX])
{
    int rc = load_file(ext, out->entry.kernel, contents, KERNEL_MAX, &out->kernel,
                       &out->kernel_length, error);

    if (rc == 0 && out->entry.ramdisk[0] != '\0')
        rc = load_file(ext, out->entry.ramdisk, contents, RAMDISK_MAX, &out->ramdisk,
                       &out->ramdisk_length, error);
    return rc;
}

static int by_grub(struct ext *ext, bool contents, struct boot *out, char error[BOOT_ERROR_MAX])
{
    static const char *const paths[] = {"/boot/grub/grub.cfg", "/boot/grub2/grub.cfg",
                                        "/grub/grub.cfg", "/grub2/grub.cfg"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        size_t length;
        char *text = ext_read(ext, paths[i], CONFIG_MAX, &length);
        int rc = text != NULL ? grub_parse(text, &out->entry) : -1;

        free(text);
        if (rc == 0)
            return load(ext, contents, out, error);
    }
    return -ENOENT;
}

static void take_newest(void *context, const char *name)
{
    char *newest = context;

    if (strncmp(name, PREFIX, strlen(PREFIX)) == 0 && strlen(name) < 128 &&
        strverscmp(name, newest) > 0)
        snprintf(newest, 128, "%s", name);
}

/* Debian's names: vmlinuz-VERSION and initrd.img-VERSION. */
static int by_name(struct ext *ext, unsigned partition, bool contents, struct boot *out,
                   char error[BOOT_ERROR_MAX])
{
    char newest[128] = "", number[12] = "";

    ext_list(ext, "/boot", take_newest, newest);
    if (newest[0] == '\0')
        return -ENOENT;
    if (partition > 0)
        snprintf(number, sizeof(number), "%u", partition);
    snprintf(out->entry.kernel, sizeof(out->entry.kernel), "/boot/%s", newest);
    snprintf(out->entry.ramdisk, sizeof(out->entry.ramdisk), "/boot/initrd.img-%s",
             newest + strlen(PREFIX));
    snprintf(out->entry.args, sizeof(out->entry.args), "root=/dev/xvda%s ro", number);
    return load(ext, contents, out, error);
}

int boot_read(struct disk *disk, bool contents, struct boot *out, char error[BOOT_ERROR_MAX])
{
    struct partition *partitions = malloc(PARTITIONS_MAX * sizeof(*partitions));
    unsigned n = partitions != NULL ? partitions_read(disk, partitions) : 0, systems = 0;
    int rc = -ENOENT;

    memset(out, 0, sizeof(*out));
    error[0] = '\0';
    for (unsigned i = 0; i < n && rc != 0; i++) {
        struct ext *ext = ext_open(disk, &partitions[i]);

        if (ext == NULL)
            continue;
        systems++;
        boot_free(out);
        rc = by_grub(ext, contents, out, error);
        if (rc != 0 && error[0] == '\0')
            rc = by_name(ext, partitions[i].number, contents, out, error);
        out->partition = partitions[i].number;
        ext_close(ext);
    }
    free(partitions);
    if (rc == 0)
        fit_args(out->entry.args);
    else if (error[0] == '\0')
        snprintf(error, BOOT_ERROR_MAX, "%s",
                 systems == 0 ? "no ext2/3/4 file system on the disk to take a Linux kernel from"
                              : "no grub.cfg and no /boot/vmlinuz-* on its file systems");
    return rc;
}

void boot_free(struct boot *boot)
{
    free(boot->kernel);
    free(boot->ramdisk);
    memset(boot, 0, sizeof(*boot));
}
