/* SPDX-License-Identifier: MIT */
/*
 * Several CPUs: which there are, waking one, asking all to do something.
 *
 * The hypervisor runs with interrupts off, so a CPU that waits for another must itself answer:
 * every loop that waits (a spin lock, an acknowledgement, a vCPU's end) calls cpu_serve_requests.
 * Two CPUs that wait for each other thus both go on.
 */
#ifndef CORBEL_ARCH_SMP_H
#define CORBEL_ARCH_SMP_H

#include "cpumask.h"
#include "types.h"

extern struct cpumask cpu_online_map; /* CPUs that run vCPUs */

/* Starts every CPU that firmware lists, up to CPU_MAX; those that do not answer are named and left.
 */
void smp_init(void);
/* Starts CPU `cpu`, which is off, and waits until it runs. -ENOMEM; -EIO: it does not answer. */
int smp_start_cpu(unsigned int cpu);
/* Numbers the CPUs firmware lists, the one that booted first. */
void smp_list_cpus(void);
/* The page of low memory that CPUs start in; 0: none. Nobody else may write there. */
paddr_t smp_low_page(void);
/* CPUs firmware lists: their numbers are below this. */
unsigned int smp_cpu_count(void);
uint32_t smp_apic_id(unsigned int cpu);

/*
 * Does what other CPUs ask of this one (TLB flushes, calls). Called in every wait and by the
 * request interrupt; takes no locks.
 */
void cpu_serve_requests(void);
/* Makes `cpu` leave its guest or its sleep and look at softirqs and events. */
void smp_notify(unsigned int cpu);
/*
 * Runs fn(data) on each online CPU of `cpus`, this one included, and returns when all are done. fn
 * takes no locks and is short; interrupts are off in it.
 */
void smp_call(const struct cpumask *cpus, void (*fn)(void *), void *data);
/* Whether no CPU's TSC was ever seen behind another's. */
bool smp_tscs_agree(void);
/* Stops all other CPUs for good (panic, restart). */
void smp_stop_others(void);
/* Whether that was asked of this CPU: the NMI handler then halts. */
bool smp_is_stopping(void);

/* This CPU is not one of cpu_online_map any more: nobody waits for it. */
void smp_leave(void);

/* --- hotplug.c; with the control lock held --- */
/*
 * -EINVAL: no such CPU; -EEXIST: it is so already; -EBUSY: the last CPU of a pool with domains, or
 * one that does not become idle; -ERESTART_HYPERCALL: the caller ran there, call again from where
 * it is then. The first CPU stays (-EINVAL).
 */
int cpu_offline(unsigned int cpu);
/* As cpu_offline; -EIO: it does not start. It joins pool 0. */
int cpu_online(unsigned int cpu);
/* From the softirq: does not return when this CPU was asked to go and idles. */
void cpu_leave_if_asked(void);

/* --- trampoline's C end (smp_start.c) and what each CPU does on its way up --- */
void cpu_ap_main(void) noreturn;
/* Control registers, PAT; without memory or locks. */
void cpu_init_features(void);

#endif
