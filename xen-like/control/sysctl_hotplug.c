/* SPDX-License-Identifier: MIT */
/* CPUs off line and on line, as xen-hptool asks for it. */
#include "arch/smp.h"
#include "arch/topology.h"
#include "control.h"
#include "hypercall.h"

/* Whether `cpu` is a thread other than the first of its core. */
static bool is_second_thread(unsigned int cpu)
{
    return cpumask_next(topology_siblings(cpu), 0) != cpu;
}

/* All second threads, one at a call: what is done already is passed over when it comes again. */
static int switch_threads(bool on)
{
    if (topology_threads_per_core() < 2)
        return -EOPNOTSUPP;
    for (unsigned int cpu = 0; cpu < smp_cpu_count(); cpu++) {
        if (!is_second_thread(cpu) || cpumask_test(&cpu_online_map, cpu) == on)
            continue;
        int rc = on ? cpu_online(cpu) : cpu_offline(cpu);

        return rc ? rc : -ERESTART_HYPERCALL;
    }
    return 0;
}

int sysctl_cpu_hotplug(struct xen_sysctl *op)
{
    uint32_t cpu = op->u.cpu_hotplug.cpu;

    switch (op->u.cpu_hotplug.op) {
    case XEN_SYSCTL_CPU_HOTPLUG_ONLINE:
        return cpu_online(cpu);
    case XEN_SYSCTL_CPU_HOTPLUG_OFFLINE:
        return cpu_offline(cpu);
    case XEN_SYSCTL_CPU_HOTPLUG_SMT_ENABLE:
        return switch_threads(true);
    case XEN_SYSCTL_CPU_HOTPLUG_SMT_DISABLE:
        return switch_threads(false);
    default:
        return -EOPNOTSUPP;
    }
}
