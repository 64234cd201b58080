/* SPDX-License-Identifier: MIT */
/*
 * Power management as dom0 and xenpm drive it: idle states are uploaded and counted, limits kept,
 * nonsense refused. Frequencies: frequency.c.
 */
#define __XEN_TOOLS__ 1
#include "lib/report.h"
#include "lib/sleep.h"
#include "runtime/clock.h"
#include "runtime/event.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"

#include <xen/errno.h>
#include <xen/platform.h>
#include <xen/sysctl.h>

#define MS            1000000UL
#define STATES        32
#define SPACE_IO      1
#define SPACE_FIXED   0x7f
#define CLASS_MWAIT   2
#define PDC_C1_HALT   (1u << 1)
#define PDC_P_STATES  1u
#define PDC_UNRELATED (1u << 20)

static struct xen_sysctl sys;
static xen_platform_op_t op;
static xen_processor_cx_t states[STATES];
static uint64_t triggers[STATES], residencies[STATES];

static long sysctl(uint32_t command)
{
    sys.cmd = command;
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hypercall1(__HYPERVISOR_sysctl, arg(&sys));
}

static uint32_t own_acpi_id(void)
{
    memset(&op, 0, sizeof(op));
    op.cmd = XENPF_get_cpuinfo;
    op.interface_version = XENPF_INTERFACE_VERSION;
    hypercall1(__HYPERVISOR_platform_op, arg(&op));
    return op.u.pcpu_info.acpi_id;
}

static long upload(uint32_t type, uint32_t acpi_id, uint32_t count, xen_processor_cx_t *list)
{
    memset(&op, 0, sizeof(op));
    op.cmd = XENPF_set_processor_pminfo;
    op.interface_version = XENPF_INTERFACE_VERSION;
    op.u.set_pminfo.id = acpi_id;
    op.u.set_pminfo.type = type;
    op.u.set_pminfo.u.power.count = count;
    set_xen_guest_handle(op.u.set_pminfo.u.power.states, list);
    return hypercall1(__HYPERVISOR_platform_op, arg(&op));
}

static long stats(uint32_t type, uint32_t cpu, uint32_t room)
{
    memset(&sys, 0, sizeof(sys));
    sys.u.get_pmstat.type = type;
    sys.u.get_pmstat.cpuid = cpu;
    sys.u.get_pmstat.u.getcx.nr = room;
    set_xen_guest_handle(sys.u.get_pmstat.u.getcx.triggers, triggers);
    set_xen_guest_handle(sys.u.get_pmstat.u.getcx.residencies, residencies);
    return sysctl(XEN_SYSCTL_get_pmstat);
}

BEHAVIOUR(counted, "how often and how long a CPU slept is told for each state")
{
    uint64_t slept = 0, times = 0;

    REQUIRE(sleep_prepare(), true);
    REQUIRE(stats(PMSTAT_get_max_cx, 0, 0), 0);
    unsigned int n = sys.u.get_pmstat.u.getcx.nr;

    EXPECT_TRUE(n >= 2 && n <= STATES);
    EXPECT(stats(PMSTAT_reset_cxstat, 0, 0), 0);
    /* An idle CPU zeroes free memory before it sleeps. */
    for (unsigned int tries = 0; tries < 3000 && slept < 20 * MS; tries++) {
        sleep_for(5 * MS);
        REQUIRE(stats(PMSTAT_get_cxstat, 0, n), 0);
        slept = times = 0;
        for (unsigned int i = 1; i < n; i++) {
            slept += residencies[i];
            times += triggers[i];
        }
    }
    EXPECT(sys.u.get_pmstat.u.getcx.nr, n);
    EXPECT_TRUE(sys.u.get_pmstat.u.getcx.last < n);
    EXPECT_TRUE(times >= 1);
    EXPECT(triggers[0], times);
    EXPECT_TRUE(slept >= 20 * MS);
    EXPECT_TRUE(slept <= sys.u.get_pmstat.u.getcx.idle_time);
    residencies[1] = 0x55;
    EXPECT(stats(PMSTAT_get_cxstat, 0, 1), 0); /* room for C0 only */
    EXPECT(residencies[1], 0x55);
    EXPECT(stats(PMSTAT_get_cxstat, 1000, n), -XEN_EINVAL);
    EXPECT(stats(PMSTAT_get_max_px, 0, 0), -XEN_EINVAL); /* nothing was uploaded */
    EXPECT(sleep_end(), 0);
}

BEHAVIOUR(uploaded, "uploads are checked, and what cannot be slept in is left out")
{
    uint32_t id = own_acpi_id();

    for (unsigned int i = 0; i < STATES; i++)
        states[i] = (xen_processor_cx_t){.reg = {.space_id = SPACE_FIXED,
                                                 .bit_width = 1,
                                                 .bit_offset = CLASS_MWAIT,
                                                 .address = i},
                                         .type = (uint8_t)(i < 3 ? i + 1 : 3),
                                         .latency = i + 1};
    EXPECT(upload(XEN_PM_CX, id, 3, states), 0);
    EXPECT(stats(PMSTAT_get_max_cx, 0, 0), 0);
    EXPECT_TRUE(sys.u.get_pmstat.u.getcx.nr >= 2 && sys.u.get_pmstat.u.getcx.nr <= 5);
    EXPECT(upload(XEN_PM_CX, id, STATES, states), 0);
    EXPECT(stats(PMSTAT_get_max_cx, 0, 0), 0);
    EXPECT_TRUE(sys.u.get_pmstat.u.getcx.nr <= STATES);
    states[1].reg.space_id = SPACE_IO; /* by a port: not done */
    EXPECT(upload(XEN_PM_CX, id, 2, states), 0);
    EXPECT(stats(PMSTAT_get_max_cx, 0, 0), 0);
    EXPECT_TRUE(sys.u.get_pmstat.u.getcx.nr <= 3);
    EXPECT(upload(XEN_PM_CX, id, STATES + 1, states), -XEN_EINVAL);
    EXPECT(upload(XEN_PM_CX, id, 2, (xen_processor_cx_t *)8), -XEN_EFAULT);
    EXPECT(upload(XEN_PM_CX, 4711, 2, states), -XEN_EINVAL);
    EXPECT(upload(XEN_PM_TX, id, 0, states), -XEN_ENOSYS);
    EXPECT(upload(9, id, 0, states), -XEN_EINVAL);
}

BEHAVIOUR(capabilities, "of what dom0 would tell firmware, the hypervisor says what is its own")
{
    static uint32_t words[3] = {1, 1, PDC_UNRELATED | PDC_P_STATES};

    memset(&op, 0, sizeof(op));
    op.cmd = XENPF_set_processor_pminfo;
    op.interface_version = XENPF_INTERFACE_VERSION;
    op.u.set_pminfo.type = XEN_PM_PDC;
    set_xen_guest_handle(op.u.set_pminfo.u.pdc, words);
    EXPECT(hypercall1(__HYPERVISOR_platform_op, arg(&op)), 0);
    EXPECT(words[2] & PDC_P_STATES, 0);
    EXPECT(words[2] & PDC_C1_HALT, PDC_C1_HALT);
    EXPECT(words[2] & PDC_UNRELATED, PDC_UNRELATED);
    words[0] = 2;
    EXPECT(hypercall1(__HYPERVISOR_platform_op, arg(&op)), -XEN_EINVAL);
}

static long limit(uint32_t command, uint32_t which, uint32_t value)
{
    memset(&sys, 0, sizeof(sys));
    sys.u.pm_op.cmd = command;
    sys.u.pm_op.cpuid = which;
    sys.u.pm_op.u.set_max_cstate = value;
    return sysctl(XEN_SYSCTL_pm_op);
}

BEHAVIOUR(limits, "the deepest state to sleep in can be set, and is told")
{
    EXPECT(limit(XEN_SYSCTL_pm_op_set_max_cstate, 0, 1), 0);
    EXPECT(limit(XEN_SYSCTL_pm_op_get_max_cstate, 0, 77), 0);
    EXPECT(sys.u.pm_op.u.get_max_cstate, 1);
    EXPECT(limit(XEN_SYSCTL_pm_op_set_max_cstate, 0, XEN_SYSCTL_CX_UNLIMITED), 0);
    EXPECT(limit(XEN_SYSCTL_pm_op_get_max_cstate, 0, 77), 0);
    EXPECT(sys.u.pm_op.u.get_max_cstate, XEN_SYSCTL_CX_UNLIMITED);
    EXPECT(limit(XEN_SYSCTL_pm_op_get_max_cstate, 1, 77), 0);
    EXPECT(sys.u.pm_op.u.get_max_cstate, XEN_SYSCTL_CX_UNLIMITED);
    EXPECT(limit(GET_CPUFREQ_PARA, 0, 0), -XEN_EINVAL);
}
