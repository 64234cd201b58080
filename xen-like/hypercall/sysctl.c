/* SPDX-License-Identifier: MIT */
/* sysctl: checks version and privilege, calls the operation (control/), copies results back. */
#include "control/control.h"
#include "guest.h"
#include "hypercall.h"

#define SYSCTL(name) [XEN_SYSCTL_##name] = sysctl_##name

static int (*const sysctls[])(struct xen_sysctl *op) = {
    SYSCTL(tbuf_op),     SYSCTL(perfc_op),       SYSCTL(readconsole),
    SYSCTL(physinfo),    SYSCTL(sched_id),       SYSCTL(getdomaininfolist),
    SYSCTL(debug_keys),  SYSCTL(availheap),      SYSCTL(cputopoinfo),
    SYSCTL(numainfo),    SYSCTL(cpupool_op),     SYSCTL(get_cpu_levelling_caps),
    SYSCTL(pcitopoinfo), SYSCTL(get_cpu_policy), SYSCTL(get_cpu_featureset),
    SYSCTL(getcpuinfo),  SYSCTL(scheduler_op),   SYSCTL(cpu_hotplug),
    SYSCTL(get_pmstat),  SYSCTL(pm_op),
};

#define REFUSED(name, error, why) [XEN_SYSCTL_##name] = (error)

/* What Xen answers where the means are missing; every other absent operation is -ENOSYS. */
static const uint8_t refusals[] = {
    REFUSED(coverage_op, EOPNOTSUPP, "not built for measuring coverage"),
    REFUSED(psr_cmt_op, ENODEV, "no cache monitoring"),
    REFUSED(psr_alloc, ENODEV, "no cache allocation"),
};

static int refusal(uint32_t cmd)
{
    return cmd < ARRAY_SIZE(refusals) && refusals[cmd] ? -refusals[cmd] : -ENOSYS;
}

int64_t hc_sysctl(HC_ARGS)
{
    struct xen_sysctl op;
    int rc;

    if (guest_read(&op, a1, sizeof(op)))
        return -EFAULT;
    if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
        return -EACCES;
    if (!current->domain->is_control)
        return -EPERM;
    if (op.cmd >= ARRAY_SIZE(sysctls) || !sysctls[op.cmd])
        return refusal(op.cmd);
    if (!control_begin())
        return hypercall_wait(__HYPERVISOR_sysctl, a1, a2, a3, a4, a5);
    rc = sysctls[op.cmd](&op);
    control_end();
    if (rc == -ERESTART_HYPERCALL)
        return hypercall_restart(__HYPERVISOR_sysctl, a1, a2, a3, a4, a5);
    /* With -EAGAIN a caller of pm_op is told how much room it needs. */
    if ((rc == 0 || rc == -EAGAIN) && guest_write(a1, &op, sizeof(op)))
        return -EFAULT;
    return rc;
}
