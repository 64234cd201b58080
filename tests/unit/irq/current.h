/* SPDX-License-Identifier: MIT */
/* Stands in for xen-like/include/arch/current.h (same guard). Included first by command line. */
#ifndef CORBEL_ARCH_CURRENT_H
#define CORBEL_ARCH_CURRENT_H

#include "cpumask.h"

struct vcpu;
struct counters;
struct cpu_info {
    struct vcpu *current_vcpu;
    struct counters *counters;
};
extern struct cpu_info fake_cpu;
extern unsigned int fake_cpu_number;

static inline unsigned int cpu_number(void)
{
    return fake_cpu_number;
}

static inline struct cpu_info *cpu_info(void)
{
    return &fake_cpu;
}

static inline struct vcpu *current_vcpu(void)
{
    return fake_cpu.current_vcpu;
}

#endif
