/* SPDX-License-Identifier: MIT */
/*
 * What each domctl, sysctl and platform operation answers to an argument of zeros, of ones, and to
 * plausible ones: `make test-peer` compares all of it with Xen's. The domain operated on is one of
 * one vCPU that never runs.
 */
#define __XEN_TOOLS__ 1
#include "lib/control_op.h"
#include "lib/report.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"

#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/memory.h>
#include <xen/platform.h>
#include <xen/sysctl.h>

#define DOMCTLS  87
#define SYSCTLS  30
#define PLATFORM 65

static struct xen_domctl op;
static struct xen_sysctl sys;
static xen_platform_op_t platform;

static long platform_op(uint32_t command)
{
    platform.cmd = command;
    platform.interface_version = XENPF_INTERFACE_VERSION;
    return hypercall1(__HYPERVISOR_platform_op, arg(&platform));
}

static void name_answer(char *name, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    format_text(name, size, format, args);
    va_end(args);
}

static void answer(const char *kind, unsigned int command, const char *with, long value)
{
    char name[48];

    name_answer(name, sizeof(name), "%s_%u_%s", kind, command, with);
    report_answer(name, value);
}

/* A domain of one vCPU; its number or the error. */
static long make_domain(void)
{
    long rc;

    memset(&op, 0, sizeof(op));
    op.u.createdomain = (struct xen_domctl_createdomain){.max_vcpus = 1,
                                                         .max_evtchn_port = 1023,
                                                         .max_grant_frames = 4,
                                                         .max_maptrack_frames = 4,
                                                         .grant_opts = XEN_DOMCTL_GRANT_version(1)};
    rc = domctl(&op, XEN_DOMCTL_createdomain, 0);
    if (rc)
        return rc;
    domid_t id = op.domain;

    op.u.max_vcpus.max = 1;
    rc = domctl(&op, XEN_DOMCTL_max_vcpus, id);
    return rc ? rc : id;
}

/* Those that make, end or wind up a domain, and what has a test of its own. */
static bool has_own_test(uint32_t command)
{
    return command == XEN_DOMCTL_createdomain || command == XEN_DOMCTL_destroydomain ||
           command == XEN_DOMCTL_getdomaininfo || command == XEN_DOMCTL_soft_reset;
}

BEHAVIOUR(domctls, "each domctl answers zeros and ones with an errno or does it")
{
    long id = make_domain();

    REQUIRE(id > 0, true);
    for (uint32_t command = 0; command < DOMCTLS; command++) {
        if (has_own_test(command))
            continue;
        memset(&op, 0, sizeof(op));
        answer("domctl", command, "zeros", domctl(&op, command, (domid_t)id));
        memset(&op, 0xff, sizeof(op));
        answer("domctl", command, "ones", domctl(&op, command, (domid_t)id));
        memset(&op, 0, sizeof(op));
        answer("domctl", command, "nobody", domctl(&op, command, 0x7ef0));
    }
    EXPECT(domctl(&op, XEN_DOMCTL_destroydomain, (domid_t)id), 0);
}

BEHAVIOUR(debugging, "debuggers: setdebugging and gdbsx")
{
    long id = make_domain();

    memset(&op, 0, sizeof(op));
    op.u.setdebugging.enable = 1;
    report_answer("on", domctl(&op, XEN_DOMCTL_setdebugging, (domid_t)id));
    op.u.setdebugging.enable = 0;
    report_answer("off", domctl(&op, XEN_DOMCTL_setdebugging, (domid_t)id));
    report_answer("self", domctl(&op, XEN_DOMCTL_setdebugging, 0));
    for (uint32_t command = XEN_DOMCTL_gdbsx_guestmemio; command <= XEN_DOMCTL_gdbsx_domstatus;
         command++) {
        memset(&op, 0, sizeof(op));
        answer("gdbsx", command, "zeros", domctl(&op, command, (domid_t)id));
    }
    EXPECT(domctl(&op, XEN_DOMCTL_destroydomain, (domid_t)id), 0);
}

BEHAVIOUR(triggers, "sendtrigger, subscribe and set_virq_handler")
{
    long id = make_domain();

    for (uint32_t trigger = 0; trigger < 6; trigger++)
        for (uint32_t vcpu = 0; vcpu < 2; vcpu++) {
            memset(&op, 0, sizeof(op));
            op.u.sendtrigger.trigger = trigger;
            op.u.sendtrigger.vcpu = vcpu;
            answer(vcpu ? "no_vcpu_trigger" : "trigger", trigger, "sent",
                   domctl(&op, XEN_DOMCTL_sendtrigger, (domid_t)id));
        }
    memset(&op, 0, sizeof(op));
    op.u.subscribe.port = 5;
    report_answer("subscribe", domctl(&op, XEN_DOMCTL_subscribe, (domid_t)id));
    op.u.subscribe.port = 0;
    report_answer("unsubscribe", domctl(&op, XEN_DOMCTL_subscribe, (domid_t)id));
    for (uint32_t virq = 0; virq < 30; virq++) {
        memset(&op, 0, sizeof(op));
        op.u.set_virq_handler.virq = virq;
        answer("virq", virq, "given", domctl(&op, XEN_DOMCTL_set_virq_handler, (domid_t)id));
    }
    EXPECT(domctl(&op, XEN_DOMCTL_destroydomain, (domid_t)id), 0);
}

BEHAVIOUR(soft_reset, "soft_reset is refused for what runs")
{
    long id = make_domain();

    memset(&op, 0, sizeof(op));
    report_answer("other", domctl(&op, XEN_DOMCTL_soft_reset, (domid_t)id));
    report_answer("self", domctl(&op, XEN_DOMCTL_soft_reset, 0));
    EXPECT(domctl(&op, XEN_DOMCTL_destroydomain, (domid_t)id), 0);
}

BEHAVIOUR(shadow, "shadow_op's modes on a PV domain")
{
    long id = make_domain();

    for (uint32_t mode = 0; mode < 64; mode++) {
        memset(&op, 0, sizeof(op));
        op.u.shadow_op.op = mode;
        answer("shadow", mode, "empty", domctl(&op, XEN_DOMCTL_shadow_op, (domid_t)id));
    }
    report_answer("self", domctl(&op, XEN_DOMCTL_shadow_op, 0));
    EXPECT(domctl(&op, XEN_DOMCTL_destroydomain, (domid_t)id), 0);
}

BEHAVIOUR(vcpu_msrs, "MSRs of a vCPU: how many there are, reading, setting")
{
    static xen_domctl_vcpu_msr_t msrs[16];
    long id = make_domain();

    memset(&op, 0, sizeof(op));
    report_answer("count_status", domctl(&op, XEN_DOMCTL_get_vcpu_msrs, (domid_t)id));
    op.u.vcpu_msrs.vcpu = 1;
    report_answer("no_vcpu", domctl(&op, XEN_DOMCTL_get_vcpu_msrs, (domid_t)id));
    op.u.vcpu_msrs.vcpu = 0;
    op.u.vcpu_msrs.msr_count = 16;
    set_xen_guest_handle(op.u.vcpu_msrs.msrs, msrs);
    report_answer("get", domctl(&op, XEN_DOMCTL_get_vcpu_msrs, (domid_t)id));
    op.u.vcpu_msrs.msr_count = 1;
    msrs[0] = (xen_domctl_vcpu_msr_t){.index = 0x10};
    report_answer("set_other", domctl(&op, XEN_DOMCTL_set_vcpu_msrs, (domid_t)id));
    report_answer("set_other_at", op.u.vcpu_msrs.msr_count);
    op.u.vcpu_msrs.msr_count = 1;
    msrs[0] = (xen_domctl_vcpu_msr_t){.index = 0xc0000103, .value = 7}; /* TSC_AUX */
    report_answer("set_tsc_aux", domctl(&op, XEN_DOMCTL_set_vcpu_msrs, (domid_t)id));
    op.u.vcpu_msrs.msr_count = 1;
    msrs[0] = (xen_domctl_vcpu_msr_t){.index = 0xc0000103, .reserved = 1};
    report_answer("set_reserved", domctl(&op, XEN_DOMCTL_set_vcpu_msrs, (domid_t)id));
    op.u.vcpu_msrs.msr_count = 0;
    report_answer("set_none", domctl(&op, XEN_DOMCTL_set_vcpu_msrs, (domid_t)id));
    EXPECT(domctl(&op, XEN_DOMCTL_destroydomain, (domid_t)id), 0);
}

/* Debug keys and the trace have tests of their own; hotplug too. */
static bool is_tested_elsewhere(uint32_t command)
{
    return command == XEN_SYSCTL_debug_keys || command == XEN_SYSCTL_readconsole ||
           command == XEN_SYSCTL_tbuf_op || command == XEN_SYSCTL_cpu_hotplug;
}

BEHAVIOUR(sysctls, "each sysctl answers zeros and ones with an errno or does it")
{
    for (uint32_t command = 0; command < SYSCTLS; command++) {
        if (is_tested_elsewhere(command))
            continue;
        memset(&sys, 0, sizeof(sys));
        answer("sysctl", command, "zeros", sysctl(&sys, command));
        memset(&sys, 0xff, sizeof(sys));
        answer("sysctl", command, "ones", sysctl(&sys, command));
    }
}

BEHAVIOUR(power, "statistics and parameters of power management")
{
    for (uint32_t type = 0; type < 0x30; type++) {
        memset(&sys, 0, sizeof(sys));
        sys.u.get_pmstat.type = type;
        answer("pmstat", type, "first", sysctl(&sys, XEN_SYSCTL_get_pmstat));
        if (type == PMSTAT_get_max_cx || type == PMSTAT_get_max_px)
            answer("pmstat", type, "count", sys.u.get_pmstat.u.getcx.nr);
    }
    memset(&sys, 0, sizeof(sys));
    sys.u.get_pmstat.cpuid = 1000;
    sys.u.get_pmstat.type = PMSTAT_get_max_cx;
    report_answer("no_cpu_pmstat", sysctl(&sys, XEN_SYSCTL_get_pmstat));
    for (uint32_t command = 0; command < 0x30; command++) {
        memset(&sys, 0, sizeof(sys));
        sys.u.pm_op.cmd = command;
        answer("pm_op", command, "first", sysctl(&sys, XEN_SYSCTL_pm_op));
    }
    memset(&sys, 0, sizeof(sys));
    sys.u.pm_op.cpuid = 1000;
    report_answer("no_cpu_pm_op", sysctl(&sys, XEN_SYSCTL_pm_op));
}

/* Power, the clock and CPUs are touched by their own tests only. */
static bool is_left_alone(uint32_t command)
{
    return command == XENPF_settime32 || command == XENPF_settime64 ||
           command == XENPF_enter_acpi_sleep || command == XENPF_cpu_offline ||
           command == XENPF_cpu_online || command == XENPF_mem_hotadd;
}

BEHAVIOUR(platform_ops, "each platform operation answers zeros and ones with an errno or does it")
{
    for (uint32_t command = 0; command < PLATFORM; command++) {
        if (is_left_alone(command))
            continue;
        memset(&platform, 0, sizeof(platform));
        answer("platform", command, "zeros", platform_op(command));
        memset(&platform, 0xff, sizeof(platform));
        answer("platform", command, "ones", platform_op(command));
    }
}

BEHAVIOUR(pminfo, "uploads of power management are checked")
{
    for (uint32_t type = 0; type < 4; type++)
        for (uint32_t id = 0; id < 300; id += 299) {
            memset(&platform, 0, sizeof(platform));
            platform.u.set_pminfo.type = type;
            platform.u.set_pminfo.id = id;
            answer(id ? "absent" : "first", type, "empty", platform_op(XENPF_set_processor_pminfo));
        }
}

static long memory_op(uint32_t command, void *argument)
{
    return hypercall2(__HYPERVISOR_memory_op, command, arg(argument));
}

BEHAVIOUR(memory_ops, "lists of the machine's memory and of resources")
{
    static xen_pfn_t frames[16];
    struct xen_machphys_mfn_list list = {.max_extents = 16};
    struct xen_mem_acquire_resource resource = {.domid = DOMID_SELF};
    long id = make_domain();

    set_xen_guest_handle(list.extent_start, frames);
    report_answer("compat_list", memory_op(XENMEM_machphys_compat_mfn_list, &list));
    report_answer("compat_list_count", list.nr_extents);
    for (uint16_t type = 0; type < 4; type++) {
        resource = (struct xen_mem_acquire_resource){.domid = (domid_t)id, .type = type};
        answer("resource", type, "size", memory_op(XENMEM_acquire_resource, &resource));
        answer("resource", type, "frames", resource.nr_frames);
        resource = (struct xen_mem_acquire_resource){
            .domid = (domid_t)id, .type = type, .id = 1, .nr_frames = 1};
        set_xen_guest_handle(resource.frame_list, frames);
        answer("resource", type, "second", memory_op(XENMEM_acquire_resource, &resource));
        resource = (struct xen_mem_acquire_resource){
            .domid = (domid_t)id, .type = type, .nr_frames = 1, .frame = 1000};
        set_xen_guest_handle(resource.frame_list, frames);
        answer("resource", type, "beyond", memory_op(XENMEM_acquire_resource, &resource));
        resource =
            (struct xen_mem_acquire_resource){.domid = DOMID_SELF, .type = type, .nr_frames = 1};
        set_xen_guest_handle(resource.frame_list, frames);
        answer("resource", type, "own", memory_op(XENMEM_acquire_resource, &resource));
    }
    struct xen_reserved_device_memory_map reserved = {.nr_entries = 0};

    report_answer("reserved", memory_op(XENMEM_reserved_device_memory_map, &reserved));
    struct xen_mem_access_op access = {.domid = (domid_t)id};

    for (uint8_t sub = 0; sub < 7; sub++) {
        access.op = sub;
        answer("access", sub, "empty", memory_op(XENMEM_access_op, &access));
    }
    EXPECT(domctl(&op, XEN_DOMCTL_destroydomain, (domid_t)id), 0);
}
