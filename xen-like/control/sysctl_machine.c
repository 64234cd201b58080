/* SPDX-License-Identifier: MIT */
/* Facts about the machine: one CPU, one memory node, one CPU pool. */
#include "arch/cpu.h"
#include "arch/pci.h"
#include "arch/time.h"
#include "control.h"
#include "guest.h"
#include "hypercall.h"
#include "lib/string.h"

#define DISTANCE_LOCAL 10 /* ACPI SLIT: a node to itself */

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
        .threads_per_core = 1,
        .cores_per_socket = 1,
        .nr_cpus = 1,
        .nr_nodes = 1,
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
    op->u.availheap.avail_bytes = heap->node <= 0 ? heap_free_count() << PAGE_SHIFT : 0;
    return 0;
}

int sysctl_cputopoinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_cputopoinfo *topology = &op->u.cputopoinfo;
    xen_sysctl_cputopo_t cpu = {.core = 0, .socket = 0, .node = 0};

    if (guest_handle_addr(topology->cputopo) && topology->num_cpus > 0 &&
        copy_to_guest(topology->cputopo, &cpu, 1))
        return -EFAULT;
    topology->num_cpus = 1;
    return 0;
}

int sysctl_numainfo(struct xen_sysctl *op)
{
    struct xen_sysctl_numainfo *numa = &op->u.numainfo;
    xen_sysctl_meminfo_t memory = {.memsize = heap_total_count() << PAGE_SHIFT,
                                   .memfree = heap_free_count() << PAGE_SHIFT};
    uint32_t distance = DISTANCE_LOCAL;

    if (guest_handle_addr(numa->meminfo) && numa->num_nodes > 0 &&
        copy_to_guest(numa->meminfo, &memory, 1))
        return -EFAULT;
    if (guest_handle_addr(numa->distance) && numa->num_nodes > 0 &&
        copy_to_guest(numa->distance, &distance, 1))
        return -EFAULT;
    numa->num_nodes = 1;
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

static int pool_info(struct xen_sysctl_cpupool_op *pool)
{
    struct domain *d;

    /* Asked for a pool, the next one by number is described; 0 is the only one. */
    if (pool->cpupool_id != 0)
        return -ENOENT;
    pool->sched_id = XEN_SCHEDULER_CREDIT2;
    pool->n_dom = 0;
    for_each_domain (d)
        pool->n_dom++;
    return control_write_bitmap(&pool->cpumap, CONTROL_CPUS);
}

int sysctl_cpupool_op(struct xen_sysctl *op)
{
    struct xen_sysctl_cpupool_op *pool = &op->u.cpupool_op;

    switch (pool->op) {
    case XEN_SYSCTL_CPUPOOL_OP_INFO:
        return pool_info(pool);
    case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
        return control_write_bitmap(&pool->cpumap, 0);
    case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
        if (pool->domid >= DOMID_LIMIT || !domain_find((domid_t)pool->domid))
            return -EINVAL;
        return pool->cpupool_id == 0 ? 0 : -ENOENT;
    case XEN_SYSCTL_CPUPOOL_OP_CREATE:
    case XEN_SYSCTL_CPUPOOL_OP_DESTROY:
    case XEN_SYSCTL_CPUPOOL_OP_ADDCPU:
    case XEN_SYSCTL_CPUPOOL_OP_RMCPU:
        return -EOPNOTSUPP;
    default:
        return -ENOSYS;
    }
}

/* No CPUID masking MSRs are used: PV guests' CPUID is emulated. */
int sysctl_get_cpu_levelling_caps(struct xen_sysctl *op)
{
    op->u.cpu_levelling_caps.caps = 0;
    return 0;
}
