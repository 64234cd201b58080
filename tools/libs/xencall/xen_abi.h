/* SPDX-License-Identifier: MIT */
/* Xen's public headers as a tool sees them: include this before any other header of Xen's. */
#ifndef XENCALL_XEN_ABI_H
#define XENCALL_XEN_ABI_H

/* Unlocks domctl and sysctl, and selects the newest interface version. */
#define __XEN_TOOLS__ 1

#include <stdint.h>

#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/version.h>

#define XEN_PAGE_SHIFT 12
#define XEN_PAGE_SIZE  4096ul

#endif
