/* SPDX-License-Identifier: MIT */
/* Instructions, control registers and MSRs, CPU features. */
#ifndef CORBEL_ARCH_CPU_H
#define CORBEL_ARCH_CPU_H

#include "types.h"

static inline void cpu_outb(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0,%1" ::"a"(v), "Nd"(port));
}
static inline void cpu_outw(uint16_t port, uint16_t v)
{
    __asm__ volatile("outw %0,%1" ::"a"(v), "Nd"(port));
}
static inline void cpu_outl(uint16_t port, uint32_t v)
{
    __asm__ volatile("outl %0,%1" ::"a"(v), "Nd"(port));
}
static inline uint8_t cpu_inb(uint16_t port)
{
    uint8_t v;
    __asm__ volatile("inb %1,%0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline uint16_t cpu_inw(uint16_t port)
{
    uint16_t v;
    __asm__ volatile("inw %1,%0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline uint32_t cpu_inl(uint16_t port)
{
    uint32_t v;
    __asm__ volatile("inl %1,%0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline uint64_t cpu_rdmsr(uint32_t msr)
{
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return lo | (uint64_t)hi << 32;
}
static inline void cpu_wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}
/* 0, or -EFAULT when the access faults. */
int cpu_rdmsr_safe(uint32_t msr, uint64_t *v);
int cpu_wrmsr_safe(uint32_t msr, uint64_t v);
/*
 * Sleeps in the state `hint` says until an interrupt comes, which is not yet taken, or *watched is
 * not 0 or written. -EFAULT where the CPU does not do that.
 */
int cpu_mwait_safe(const uint32_t *watched, uint32_t hint);
static inline uint64_t cpu_rdtsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return lo | (uint64_t)hi << 32;
}
struct cpuid_regs {
    uint32_t a, b, c, d;
};
static inline struct cpuid_regs cpu_cpuid(uint32_t leaf, uint32_t sub)
{
    struct cpuid_regs r;
    __asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
    return r;
}
#define CPU_CR_ACCESSORS(n)                                                                        \
    static inline uint64_t cpu_read_cr##n(void)                                                    \
    {                                                                                              \
        uint64_t v;                                                                                \
        __asm__ volatile("mov %%cr" #n ",%0" : "=r"(v));                                           \
        return v;                                                                                  \
    }                                                                                              \
    static inline void cpu_write_cr##n(uint64_t v)                                                 \
    {                                                                                              \
        __asm__ volatile("mov %0,%%cr" #n ::"r"(v) : "memory");                                    \
    }
CPU_CR_ACCESSORS(0)
CPU_CR_ACCESSORS(2)
CPU_CR_ACCESSORS(3)
CPU_CR_ACCESSORS(4)

/*
 * The hypervisor runs with interrupts off. At a preemption point this opens a one-instruction
 * window in which pending interrupts are handled (they only raise softirqs and mark events).
 */
static inline void cpu_irq_window(void)
{
    __asm__ volatile("sti; nop; cli" ::: "memory");
}
static inline void cpu_relax(void)
{
    __asm__ volatile("pause" ::: "memory");
}

/* Maps MMIO uncached into the hypervisor's own space for ever (APICs, ACPI tables, MSI-X tables).
 * NULL: no room. */
void *ioremap(paddr_t addr, size_t len);
/* The same for a framebuffer: writes are combined, reads are slow. Needs the heap beyond 8 MiB. */
void *ioremap_wc(paddr_t addr, size_t len);

#endif
