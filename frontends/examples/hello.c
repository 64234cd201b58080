/* SPDX-License-Identifier: MIT */
/* The smallest micro-guest: says where it runs, and ends. */
#include "runtime/console.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"

#include <xen/version.h>

void guest_main(void)
{
    long version = hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0);
    xen_extraversion_t extra;

    hypercall2(__HYPERVISOR_xen_version, XENVER_extraversion, arg(extra));
    print("Hello from a micro-guest on version %ld.%ld%s, %s, %lu pages, args '%s'\n",
          version >> 16, version & 0xffff, extra, start_info->magic, start_info->nr_pages,
          (const char *)start_info->cmd_line);
}
