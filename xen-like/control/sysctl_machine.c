/* SPDX-License-Identifier: MIT */
/* Facts about the machine: CPUs, memory nodes, the scheduler. */
#include "arch/cpu.h"
#include "arch/pci.h"
#include "arch/numa.h"
#include "arch/smp.h"
#include "arch/time.h"
#include "arch/topology.h"
#include "control.h"
#include "guest.h"
#include "hypercall.h"
#include "lib/string.h"

/* Feature words in the order of Xen's feature sets (<xen/arch-x86/cpufeatureset.h>). */
static void host_features(uint32_t cap[8])
{
    struct cpuid_regs basic = cpu_cpuid(1, 0), extended = cpu_cpuid(0x80000001, 0);
    struct cpuid_regs xsave = cpu_cpuid(0xd, 1), structured = cpu_cpuid(7, 0);

    cap[0] = basic.d;
    cap[1] = basic.c;
    cap[2] = extended.d;
    cap[3] = extended.c;
    cap[4] = cpu_cpuid(0, 0).a >= 0xd ? xsave.a : 0;
    cap[5] = cpu_cpuid(0, 0).a >= 7 ? structured.b : 0;
    cap[6] = cpu_cpuid(0, 0).a >= 7 ? structured.c : 0;
    cap[7] = cpu_cpuid(0x80000000, 0).a >= 0x80000007 ? cpu_cpuid(0x80000007, 0).d : 0;
}

int sysctl_physinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_physinfo *info = &op->u.physinfo;
    struct domain *d;

    *info = (struct xen_sysctl_physinfo){
        .threads_per_core = topology_threads_per_core(),
        .cores_per_socket = topology_cores_per_socket(),
        .nr_cpus = cpumask_count(&cpu_online_map),
        .max_cpu_id = smp_cpu_count() - 1,
        .nr_nodes = numa_node_count(),
        .max_node_id = numa_node_count() - 1,
        .cpu_khz = tsc_khz,
        .capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1,
        .total_pages = heap_total_count(),
        .free_pages = heap_free_count(),
        .max_mfn = max_page - 1,
    };
    for_each_domain (d)
        info->outstanding_pages += d->n_outstanding;
    host_features(info->hw_cap);
    return 0;
}

int sysctl_sched_id(struct xen_sysctl *op)
{
    /* Weights and caps mean what credit2's do; tools know no other name for it. */
    op->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
    return 0;
}

int sysctl_availheap(struct xen_sysctl *op)
{
    const struct xen_sysctl_availheap *heap = &op->u.availheap;

    /* Free memory is not counted by address width. */
    if (heap->min_bitwidth || heap->max_bitwidth)
        return -EOPNOTSUPP;
    op->u.availheap.avail_bytes =
        (heap->node < 0 ? heap_free_count() : heap_node_free((unsigned int)heap->node))
        << PAGE_SHIFT;
    return 0;
}

int sysctl_cputopoinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_cputopoinfo *topology = &op->u.cputopoinfo;
    uint32_t n = smp_cpu_count();

    if (guest_handle_addr(topology->cputopo)) {
        n = MIN(n, topology->num_cpus);
        for (uint32_t cpu = 0; cpu < n; cpu++) {
            xen_sysctl_cputopo_t t = {.core = XEN_INVALID_CORE_ID,
                                      .socket = XEN_INVALID_SOCKET_ID,
                                      .node = XEN_INVALID_NODE_ID};

            if (cpumask_test(&cpu_online_map, cpu))
                t = (xen_sysctl_cputopo_t){.core = topology_core(cpu),
                                           .socket = topology_socket(cpu),
                                           .node = topology_node(cpu)};
            if (copy_to_guest_at(topology->cputopo, cpu, &t, 1))
                return -EFAULT;
        }
    }
    topology->num_cpus = n;
    return 0;
}

static int write_distances(const struct xen_sysctl_numainfo *numa_op, uint32_t n)
{
    for (uint32_t from = 0; from < n; from++)
        for (uint32_t to = 0; to < n; to++) {
            uint32_t distance = numa_distance(from, to);

            if (copy_to_guest_at(numa_op->distance, (uint64_t)from * n + to, &distance, 1))
                return -EFAULT;
        }
    return 0;
}

int sysctl_numainfo(struct xen_sysctl *op)
{
    struct xen_sysctl_numainfo *info = &op->u.numainfo;
    bool wants_memory = guest_handle_addr(info->meminfo) != 0;
    bool wants_distance = guest_handle_addr(info->distance) != 0;
    uint32_t n = numa_node_count();

    if (wants_memory || wants_distance)
        n = MIN(n, info->num_nodes);
    for (uint32_t node = 0; wants_memory && node < n; node++) {
        xen_sysctl_meminfo_t memory = {.memsize = heap_node_total(node) << PAGE_SHIFT,
                                       .memfree = heap_node_free(node) << PAGE_SHIFT};

        if (copy_to_guest_at(info->meminfo, node, &memory, 1))
            return -EFAULT;
    }
    if (wants_distance && write_distances(info, n))
        return -EFAULT;
    info->num_nodes = n;
    return 0;
}

/* Devices are near no node in particular. */
int sysctl_pcitopoinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_pcitopoinfo *topology = &op->u.pcitopoinfo;
    physdev_pci_device_t device;
    uint32_t node, i;

    if (!guest_handle_addr(topology->devs) || !guest_handle_addr(topology->nodes))
        return -EINVAL;
    for (i = 0; i < topology->num_devs; i++) {
        if (i && hypercall_preempt_check())
            break; /* the tool asks again for the rest */
        if (copy_from_guest_at(&device, topology->devs, i, 1))
            return -EFAULT;
        node = device.seg == 0 && pci_device_find((uint16_t)(device.bus << 8 | device.devfn))
                   ? XEN_INVALID_NODE_ID
                   : XEN_INVALID_DEV;
        if (copy_to_guest_at(topology->nodes, i, &node, 1))
            return -EFAULT;
    }
    topology->num_devs = i;
    return 0;
}

/* How long each CPU has idled. */
int sysctl_getcpuinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_getcpuinfo *info = &op->u.getcpuinfo;
    uint32_t n = MIN(info->max_cpus, smp_cpu_count());

    for (uint32_t cpu = 0; cpu < n; cpu++) {
        xen_sysctl_cpuinfo_t idle = {.idletime = sched_cpu_idle_time(cpu)};

        if (copy_to_guest_at(info->info, cpu, &idle, 1))
            return -EFAULT;
    }
    info->nr_cpus = n;
    return 0;
}

/* Parameters of a whole pool's scheduler: ours has none that credit2's name. */
int sysctl_scheduler_op(struct xen_sysctl *op)
{
    struct xen_sysctl_scheduler_op *sched = &op->u.scheduler_op;
    unsigned int id;

    if (sched->cmd != XEN_SYSCTL_SCHEDOP_getinfo && sched->cmd != XEN_SYSCTL_SCHEDOP_putinfo)
        return -EINVAL;
    if (!sched_pool_find(sched->cpupool_id, false, &id))
        return -ESRCH;
    if (sched->sched_id != XEN_SCHEDULER_CREDIT2)
        return -EINVAL;
    if (sched->cmd != XEN_SYSCTL_SCHEDOP_getinfo)
        return -EOPNOTSUPP;
    sched->u.sched_credit2.ratelimit_us = 0; /* none can be set */
    return 0;
}

/* No CPUID masking MSRs are used: PV guests' CPUID is emulated. */
int sysctl_get_cpu_levelling_caps(struct xen_sysctl *op)
{
    op->u.cpu_levelling_caps.caps = 0;
    return 0;
}
