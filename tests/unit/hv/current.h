/* SPDX-License-Identifier: MIT */
/*
 * Stands in for xen-like/include/arch/current.h (same guard) and says where the direct map is: in a
 * test the caller is whoever fake_current points at, and frames live in fake_memory. Included first
 * by command line.
 */
#ifndef CORBEL_ARCH_CURRENT_H
#define CORBEL_ARCH_CURRENT_H

#include "cpumask.h"

struct vcpu;
extern struct vcpu *fake_current;

static inline struct vcpu *current_vcpu(void)
{
    return fake_current;
}

static inline unsigned int cpu_number(void)
{
    return 0;
}

struct counters;
struct cpu_info {
    struct counters *counters;
};
extern struct cpu_info fake_cpu_info;

static inline struct cpu_info *cpu_info(void)
{
    return &fake_cpu_info;
}

#define FAKE_FRAMES 256
extern unsigned char fake_memory[FAKE_FRAMES * 4096ul];
#define DIRECTMAP_BASE ((unsigned long)fake_memory)

#endif
