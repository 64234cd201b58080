/* SPDX-License-Identifier: MIT */
/* What the files of platform_op share. */
#ifndef CORBEL_HYPERCALL_PLATFORM_H
#define CORBEL_HYPERCALL_PLATFORM_H

#include "compiler.h"

#include <xen/platform.h>

/* XENPF_set_processor_pminfo (pminfo.c). -ENOSYS for throttling, and frequencies with cpufreq=none;
 * -ENODEV: a CPU whose registers do not change frequencies; -EACCES: not the caller's port;
 * -EINVAL, -EFAULT, -ENOMEM. */
int platform_set_pminfo(xen_platform_op_t *op);

#endif
