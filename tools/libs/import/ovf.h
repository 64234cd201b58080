/* SPDX-License-Identifier: MIT */
/*
 * OVF descriptors (DMTF DSP0243, as VMware's tools write version 1): the one virtual machine, its
 * disks and where their files are.
 */
#ifndef IMPORT_OVF_H
#define IMPORT_OVF_H

#include "import/vm.h"

#define OVF_SIZE_MAX (4u << 20)

/*
 * Reads *vm from the text of an .ovf file. vm->disks[].file is the file's name within the package,
 * or NULL for a disk that starts empty. 0, or -1 with a sentence in `error`, whose line is *line
 * (0: none). vm_free either way.
 */
int vm_from_ovf(struct vm *vm, const char *text, size_t length, const char **error,
                unsigned int *line);

#endif
