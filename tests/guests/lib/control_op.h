/* SPDX-License-Identifier: MIT */
/* Control operations as a toolstack issues them. */
#ifndef TESTS_GUESTS_LIB_CONTROL_OP_H
#define TESTS_GUESTS_LIB_CONTROL_OP_H

#ifndef __XEN_TOOLS__
#define __XEN_TOOLS__ 1
#endif

#include "runtime/hypercall.h"

#include <xen/domctl.h>
#include <xen/sysctl.h>

/* The rest of *op is the caller's, before and after. Return what the hypercall does. */
static inline long domctl(struct xen_domctl *op, uint32_t command, domid_t domain)
{
    op->cmd = command;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = domain;
    return hypercall1(__HYPERVISOR_domctl, arg(op));
}

static inline long sysctl(struct xen_sysctl *op, uint32_t command)
{
    op->cmd = command;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hypercall1(__HYPERVISOR_sysctl, arg(op));
}

#endif
