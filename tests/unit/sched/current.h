/* SPDX-License-Identifier: MIT */
/* Stands in for xen-like/include/arch/current.h (same guard): one CPU whose data the test sees. */
#ifndef CORBEL_ARCH_CURRENT_H
#define CORBEL_ARCH_CURRENT_H

#include "cpumask.h"

struct vcpu;
struct counters;
struct cpu_info {
    struct counters *counters;
    struct vcpu *current_vcpu;
};
extern struct cpu_info fake_cpu;
extern struct cpu_info *cpu_infos[CPU_MAX];

static inline unsigned int cpu_number(void)
{
    return 0;
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
