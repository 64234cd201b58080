/* SPDX-License-Identifier: MIT */
/* Writes a virtual machine as an xl.cfg file (man 5 xl.cfg). */
#ifndef IMPORT_XLCFG_H
#define IMPORT_XLCFG_H

#include "import/vm.h"

#include <stdio.h>

struct xlcfg_network {
    const char *network, *bridge; /* VMware's port group, our vSwitch */
};

struct xlcfg_options {
    const char *source; /* the first comment: what it was made from */
    /* "[LABEL] path" of each of the machine's disks; NULL leaves one out, which the caller notes */
    const char *const *targets;
    const char *kernel, *ramdisk, *extra; /* of the guest; ramdisk and extra may be NULL */
    const char *bootloader;               /* used instead of kernel when not NULL */
    const char *bridge;                   /* for networks not listed below */
    const struct xlcfg_network *networks;
    size_t n_networks;
};

/*
 * Writes to `out`, with a comment for each loss; networks that go to the default bridge are noted
 * in vm->losses too. The name loses what xl does not take. 0, or -1 when a file name cannot be
 * written in an xl.cfg.
 */
int xlcfg_write(struct vm *vm, const struct xlcfg_options *options, FILE *out);

#endif
