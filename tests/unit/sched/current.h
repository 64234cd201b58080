/* SPDX-License-Identifier: MIT */
/* Stands in for xen-like/include/arch/current.h (same guard): the simulated machine's CPUs. */
#ifndef CORBEL_ARCH_CURRENT_H
#define CORBEL_ARCH_CURRENT_H

#include "cpumask.h"

struct vcpu;
struct counters;
struct cpu_info {
    struct counters *counters;
    struct vcpu *current_vcpu;
};
extern struct cpu_info *cpu_infos[CPU_MAX];
extern unsigned int this_cpu; /* the one whose code runs */

static inline unsigned int cpu_number(void)
{
    return this_cpu;
}

static inline struct cpu_info *cpu_info(void)
{
    return cpu_infos[this_cpu];
}

static inline struct vcpu *current_vcpu(void)
{
    return cpu_info()->current_vcpu;
}

#endif
