/* SPDX-License-Identifier: MIT */
/* The smallest micro-guest: says where it runs, as a domU also what the store calls it, and ends.
 */
#include "runtime/console.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"
#include "runtime/xenbus.h"

#include <xen/version.h>

void guest_main(void)
{
    long version = hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0);
    xen_extraversion_t extra;

    hypercall2(__HYPERVISOR_xen_version, XENVER_extraversion, arg(extra));
    print("Hello from a micro-guest on version %ld.%ld%s, %s, %lu pages, args '%s'\n",
          version >> 16, version & 0xffff, extra, start_info->magic, start_info->nr_pages,
          (const char *)start_info->cmd_line);

    if (xenbus_is_here()) {
        char name[64], nodes[256];
        int read = xenbus_read("name", name, sizeof(name));
        int list = xenbus_list("control", nodes, sizeof(nodes));

        print("The store calls it '%s' (%d), with control nodes: %s (%d)\n", read ? "" : name, read,
              list ? "" : nodes, list);
        print("Writing data/greeting: %d\n", xenbus_write("data/greeting", "hello"));
        print("Reading what is not there: %d\n", xenbus_read("nothing", name, sizeof(name)));
    }
}
