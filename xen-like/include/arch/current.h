/* SPDX-License-Identifier: MIT */
/* What is at the top of each CPU's stack: the running guest's registers and the CPU's own data. */
#ifndef CORBEL_ARCH_CURRENT_H
#define CORBEL_ARCH_CURRENT_H

#include "arch/regs.h"
#include "cpumask.h"

struct counters;
struct vcpu;

#define CPU_STACK_SIZE (8ul * 4096)

struct cpu_info {
    struct regs guest_regs;
    struct vcpu *current_vcpu;
    uint64_t scratch;          /* the guest's stack pointer, while a syscall finds the stack */
    uint32_t cpu;              /* this CPU's number */
    uint32_t softirq_pending;  /* bits; other CPUs set them too: changed atomically */
    struct counters *counters; /* this CPU's */
    uint64_t xen_cr3;  /* page-table isolation: what an entry loads, 0 in the hypervisor (xpti.c) */
    uint64_t reserved; /* keeps the end of guest_regs 16-byte aligned: it is TSS.rsp0 */
};

static inline struct cpu_info *cpu_info(void)
{
    uint64_t sp;
    __asm__("mov %%rsp, %0" : "=r"(sp));
    return (struct cpu_info *)((sp | (CPU_STACK_SIZE - 1)) + 1) - 1;
}
/* Each started CPU's own, by number. */
extern struct cpu_info *cpu_infos[CPU_MAX];

/* The CPU this runs on; it stays the same until the hypervisor is left. */
static inline unsigned int cpu_number(void)
{
    return cpu_info()->cpu;
}
static inline struct vcpu *current_vcpu(void)
{
    return cpu_info()->current_vcpu;
}
static inline struct regs *guest_regs(void)
{
    return &cpu_info()->guest_regs;
}

#endif
