/* SPDX-License-Identifier: MIT */
/*
 * How the hypervisor protects itself, asked by dom0 with the debug key that walks its page tables,
 * and what the log says of the choices. On Xen, which has no such key, there is nothing to compare.
 */
#define __XEN_TOOLS__ 1
#include "lib/report.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"

#include <xen/sysctl.h>

static struct xen_sysctl sysctl;
static char text[65536];

static long control(uint32_t command)
{
    sysctl.cmd = command;
    sysctl.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hypercall1(__HYPERVISOR_sysctl, arg(&sysctl));
}

static bool log_has(const char *words)
{
    size_t n = strlen(words);

    memset(&sysctl, 0, sizeof(sysctl));
    set_xen_guest_handle(sysctl.u.readconsole.buffer, text);
    sysctl.u.readconsole.count = sizeof(text) - 1;
    if (control(XEN_SYSCTL_readconsole))
        return false;
    text[sysctl.u.readconsole.count] = '\0';
    for (const char *at = text; *at; at++)
        if (!strncmp(at, words, n))
            return true;
    return false;
}

BEHAVIOUR(mappings,
          "no page of the hypervisor is both writable and executable, none open to guests")
{
    static char key = 'w';

    if (!log_has("Corbel")) {
        report_skip("another hypervisor");
        return;
    }
    set_xen_guest_handle(sysctl.u.debug_keys.keys, &key);
    sysctl.u.debug_keys.nr_keys = 1;
    REQUIRE(control(XEN_SYSCTL_debug_keys), 0);
    EXPECT_TRUE(log_has("Mappings: "));
    EXPECT_TRUE(log_has(" 0 both writable and executable, 0 open to guests"));
}

BEHAVIOUR(told, "the choices made at boot stand in the log")
{
    if (!log_has("Corbel")) {
        report_skip("another hypervisor");
        return;
    }
    EXPECT_TRUE(log_has("Protection: "));
    EXPECT_TRUE(log_has("Speculation: page-table isolation (XPTI): Dom0 "));
    EXPECT_TRUE(log_has("Speculation: indirect calls by "));
}
