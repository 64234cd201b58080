/* SPDX-License-Identifier: MIT */
/* What the files of platform_op share. */
#ifndef CORBEL_HYPERCALL_PLATFORM_H
#define CORBEL_HYPERCALL_PLATFORM_H

#include "compiler.h"

#include <xen/platform.h>

/* XENPF_set_processor_pminfo (pminfo.c). -ENOSYS for frequencies and throttling; -EINVAL, -EFAULT.
 */
int platform_set_pminfo(xen_platform_op_t *op);

#endif
