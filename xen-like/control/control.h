/* SPDX-License-Identifier: MIT */
/*
 * Control operations (<xen/domctl.h>, <xen/sysctl.h>), one function each, called by
 * hypercall/domctl.c and hypercall/sysctl.c after version and privilege were checked. `op` is a
 * private copy; outputs are left in it and copied back. All return 0 or -errno as Xen 4.17 does.
 */
#ifndef CORBEL_CONTROL_H
#define CORBEL_CONTROL_H

#include "domain.h"

#include <xen/domctl.h>
#include <xen/sysctl.h>

/*
 * Control operations (domctl, sysctl, platform_op) are done one at a time. False when another CPU
 * does one: the caller has its guest issue the call again rather than wait, since the one who has
 * the lock may be waiting for the caller's domain to pause.
 */
bool control_begin(void);
void control_end(void);

/* Fills what tools see of a domain. */
void control_domain_info(const struct domain *d, struct xen_domctl_getdomaininfo *info);

/* Bitmaps in a tool's memory, of which bits 0..63 are looked at. -EFAULT. */
int control_read_bitmap(const struct xenctl_bitmap *map, uint64_t *bits);
/* Writes `bits` and clears the rest of the tool's bitmap. */
int control_write_bitmap(const struct xenctl_bitmap *map, uint64_t bits);
/* The same of whole CPU masks. */
int control_read_cpumask(const struct xenctl_bitmap *map, struct cpumask *cpus);
int control_write_cpumask(const struct xenctl_bitmap *map, const struct cpumask *cpus);
/* The memory nodes there are, as a bitmap. */
uint64_t control_all_nodes(void);

/* --- domctl_life.c --- */
/* `d` is NULL: the domain is yet to be made. */
int domctl_createdomain(struct domain *d, struct xen_domctl *op);
int domctl_destroydomain(struct domain *d, struct xen_domctl *op);
int domctl_pausedomain(struct domain *d, struct xen_domctl *op);
int domctl_unpausedomain(struct domain *d, struct xen_domctl *op);
int domctl_resumedomain(struct domain *d, struct xen_domctl *op);
/* `d` may be NULL: the next domain by id is described then. */
int domctl_getdomaininfo(struct domain *d, struct xen_domctl *op);
int domctl_setdomainhandle(struct domain *d, struct xen_domctl *op);
int domctl_max_mem(struct domain *d, struct xen_domctl *op);
int domctl_settimeoffset(struct domain *d, struct xen_domctl *op);
/* Who hears of it: that it suspended, and the machine's VIRQs. */
int domctl_subscribe(struct domain *d, struct xen_domctl *op);
int domctl_set_virq_handler(struct domain *d, struct xen_domctl *op);

/* --- domctl_vcpu.c --- */
int domctl_max_vcpus(struct domain *d, struct xen_domctl *op);
int domctl_setvcpucontext(struct domain *d, struct xen_domctl *op);
int domctl_getvcpucontext(struct domain *d, struct xen_domctl *op);
int domctl_getvcpuinfo(struct domain *d, struct xen_domctl *op);
int domctl_setvcpuaffinity(struct domain *d, struct xen_domctl *op);
int domctl_getvcpuaffinity(struct domain *d, struct xen_domctl *op);
int domctl_setnodeaffinity(struct domain *d, struct xen_domctl *op);
int domctl_getnodeaffinity(struct domain *d, struct xen_domctl *op);
int domctl_sendtrigger(struct domain *d, struct xen_domctl *op);
int domctl_scheduler_op(struct domain *d, struct xen_domctl *op);

/* --- vnuma.c --- */
int domctl_setvnumainfo(struct domain *d, struct xen_domctl *op);

/* --- domctl_access.c --- */
int domctl_irq_permission(struct domain *d, struct xen_domctl *op);
int domctl_iomem_permission(struct domain *d, struct xen_domctl *op);
int domctl_ioport_permission(struct domain *d, struct xen_domctl *op);

/* --- domctl_arch.c --- */
int domctl_hypercall_init(struct domain *d, struct xen_domctl *op);
int domctl_set_address_size(struct domain *d, struct xen_domctl *op);
int domctl_get_address_size(struct domain *d, struct xen_domctl *op);
int domctl_settscinfo(struct domain *d, struct xen_domctl *op);
int domctl_gettscinfo(struct domain *d, struct xen_domctl *op);
int domctl_shadow_op(struct domain *d, struct xen_domctl *op);
int domctl_getpageframeinfo3(struct domain *d, struct xen_domctl *op);

/* --- domctl_state.c --- */
int domctl_getvcpuextstate(struct domain *d, struct xen_domctl *op);
int domctl_setvcpuextstate(struct domain *d, struct xen_domctl *op);
int domctl_get_ext_vcpucontext(struct domain *d, struct xen_domctl *op);
int domctl_set_ext_vcpucontext(struct domain *d, struct xen_domctl *op);
int domctl_get_vcpu_msrs(struct domain *d, struct xen_domctl *op);
int domctl_set_vcpu_msrs(struct domain *d, struct xen_domctl *op);

/* --- cpu_policy.c --- */
int domctl_get_cpu_policy(struct domain *d, struct xen_domctl *op);
int domctl_set_cpu_policy(struct domain *d, struct xen_domctl *op);
int sysctl_get_cpu_policy(struct xen_sysctl *op);
int sysctl_get_cpu_featureset(struct xen_sysctl *op);

/* --- sysctl_machine.c --- */
int sysctl_pcitopoinfo(struct xen_sysctl *op);
int sysctl_physinfo(struct xen_sysctl *op);
int sysctl_sched_id(struct xen_sysctl *op);
int sysctl_availheap(struct xen_sysctl *op);
int sysctl_cputopoinfo(struct xen_sysctl *op);
int sysctl_numainfo(struct xen_sysctl *op);
int sysctl_getcpuinfo(struct xen_sysctl *op);
int sysctl_scheduler_op(struct xen_sysctl *op);
int sysctl_get_cpu_levelling_caps(struct xen_sysctl *op);

/* --- sysctl_trace.c, sysctl_perfc.c --- */
int sysctl_tbuf_op(struct xen_sysctl *op);
int sysctl_perfc_op(struct xen_sysctl *op);
/* --- sysctl_cpupool.c --- */
int sysctl_cpupool_op(struct xen_sysctl *op);

/* --- sysctl_hotplug.c; -ERESTART_HYPERCALL: the caller asks again --- */
int sysctl_cpu_hotplug(struct xen_sysctl *op);

/* --- sysctl_power.c --- */
int sysctl_get_pmstat(struct xen_sysctl *op);
int sysctl_pm_op(struct xen_sysctl *op);
/* Their parts about P-states (sysctl_freq.c), of an online CPU. -ENODEV: cpufreq=none; -EINVAL:
 * nothing was uploaded for the CPU; of turbo -EACCES and, where the CPU has none, -EOPNOTSUPP. */
int sysctl_freq_stat(struct xen_sysctl_get_pmstat *stat);
int sysctl_freq_op(struct xen_sysctl_pm_op *pm);
int sysctl_turbo_op(struct xen_sysctl_pm_op *pm);

/* --- sysctl_log.c --- */
int sysctl_readconsole(struct xen_sysctl *op);
int sysctl_debug_keys(struct xen_sysctl *op);
int sysctl_getdomaininfolist(struct xen_sysctl *op);

#endif
