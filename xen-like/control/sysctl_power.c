/* SPDX-License-Identifier: MIT */
/* Statistics and limits of idle states, as xenpm asks for them. Frequencies: sysctl_freq.c. */
#include "arch/idle.h"
#include "arch/smp.h"
#include "control.h"
#include "guest.h"

static int write_idle_stats(unsigned int cpu, struct pm_cx_stat *to)
{
    unsigned int n = idle_state_count(cpu), fits = MIN(to->nr, n);
    struct idle_stats stats;

    idle_get_stats(cpu, &stats);
    to->nr = n;
    to->last = stats.last;
    to->idle_time = sched_cpu_idle_time(cpu);
    to->nr_pc = to->nr_cc = 0; /* counters of the hardware's own are not read */
    return copy_to_guest(to->triggers, stats.entries, fits) ||
                   copy_to_guest(to->residencies, stats.time_ns, fits)
               ? -EFAULT
               : 0;
}

int sysctl_get_pmstat(struct xen_sysctl *op)
{
    struct xen_sysctl_get_pmstat *stat = &op->u.get_pmstat;

    if (!cpumask_test(&cpu_online_map, stat->cpuid))
        return -EINVAL;
    if ((stat->type & PMSTAT_CATEGORY_MASK) == PMSTAT_PX)
        return sysctl_freq_stat(stat);
    if ((stat->type & PMSTAT_CATEGORY_MASK) != PMSTAT_CX)
        return -ENODEV;
    switch (stat->type) {
    case PMSTAT_get_max_cx:
        stat->u.getcx.nr = idle_state_count(stat->cpuid);
        return 0;
    case PMSTAT_get_cxstat:
        return write_idle_stats(stat->cpuid, &stat->u.getcx);
    case PMSTAT_reset_cxstat:
        idle_reset_stats(stat->cpuid);
        return 0;
    default:
        return -ENOSYS;
    }
}

/* xenpm's cpuid says which of the two limits is meant. */
static int limit_op(struct xen_sysctl_pm_op *pm, bool set)
{
    uint32_t *limit = pm->cpuid == 0 ? &idle_limit.type : &idle_limit.sub;

    if (pm->cpuid > 1)
        return -EINVAL;
    if (set)
        WRITE_ONCE(*limit, pm->u.set_max_cstate);
    else
        pm->u.get_max_cstate = *limit;
    return 0;
}

int sysctl_pm_op(struct xen_sysctl *op)
{
    struct xen_sysctl_pm_op *pm = &op->u.pm_op;

    switch (pm->cmd) {
    case XEN_SYSCTL_pm_op_get_max_cstate:
        return limit_op(pm, false);
    case XEN_SYSCTL_pm_op_set_max_cstate:
        return limit_op(pm, true);
    }
    if (!cpumask_test(&cpu_online_map, pm->cpuid))
        return -EINVAL;
    if ((pm->cmd & PM_PARA_CATEGORY_MASK) == CPUFREQ_PARA)
        return sysctl_freq_op(pm);
    return pm->cmd == XEN_SYSCTL_pm_op_enable_turbo || pm->cmd == XEN_SYSCTL_pm_op_disable_turbo
               ? sysctl_turbo_op(pm)
               : -ENOSYS;
}
