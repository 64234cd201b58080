/* SPDX-License-Identifier: MIT */
/* Error numbers of the ABI, from Xen's public list, without its prefix. Functions return them
 * negated. */
#ifndef CORBEL_ERRNO_H
#define CORBEL_ERRNO_H

enum corbel_errno {
#define XEN_ERRNO(name, value) name = value,
#include <xen/errno.h>
};

/* Internal: the operation stopped half way to let something else run; never reaches a guest. */
#define ERESTART_HYPERCALL 0x1000

#endif
