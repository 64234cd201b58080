/* SPDX-License-Identifier: MIT */
/* TLB flushes and their clock: include/arch/tlb.h has the rules. */
#include "counters.h"
#include "arch/tlb.h"
#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/current.h"
#include "arch/smp.h"
#include "irq.h"

#define CR4_PGE (1ul << 7)

uint64_t tlb_clock;

/* A request is one more in `wanted`; it is served when `done` has come that far. */
static struct tlb_cpu {
    uint64_t last; /* the clock at this CPU's last flush */
    uint64_t wanted, done;
} __attribute__((aligned(64))) tlb_cpu[CPU_MAX];

/* The clock moves before the flush: a stamp taken after it may not count this flush. */
void tlb_flush_all(void)
{
    uint64_t now = __atomic_add_fetch(&tlb_clock, 1, __ATOMIC_SEQ_CST);
    uint64_t cr4 = cpu_read_cr4();

    if (likely(cr4 & CR4_PGE)) {
        cpu_write_cr4(cr4 & ~CR4_PGE);
        cpu_write_cr4(cr4);
    } else /* page-table isolation: nothing is global */
        cpu_write_cr3(cpu_read_cr3());
    __atomic_store_n(&tlb_cpu[cpu_number()].last, now, __ATOMIC_RELEASE);
}

void tlb_load_cr3(paddr_t cr3)
{
    uint64_t now = __atomic_add_fetch(&tlb_clock, 1, __ATOMIC_SEQ_CST);
    uint64_t cr4 = cpu_read_cr4();

    cpu_write_cr4(cr4 & ~CR4_PGE);
    cpu_write_cr3(cr3);
    cpu_write_cr4(cr4);
    __atomic_store_n(&tlb_cpu[cpu_number()].last, now, __ATOMIC_RELEASE);
}

void tlb_serve(void)
{
    struct tlb_cpu *t = &tlb_cpu[cpu_number()];
    uint64_t wanted = __atomic_load_n(&t->wanted, __ATOMIC_ACQUIRE);

    if (unlikely(wanted != t->done)) {
        tlb_flush_all();
        __atomic_store_n(&t->done, wanted, __ATOMIC_RELEASE);
    }
}

void tlb_flush_cpus(const struct cpumask *cpus)
{
    unsigned int cpu, me = cpu_number();
    struct cpumask others = cpumask_and(cpus, &cpu_online_map);
    uint64_t ticket[CPU_MAX];

    others.word[me / 64] &= ~(1ul << me % 64);
    for_each_cpu(cpu, &others)
    {
        ticket[cpu] = __atomic_add_fetch(&tlb_cpu[cpu].wanted, 1, __ATOMIC_SEQ_CST);
        apic_send_ipi(smp_apic_id(cpu), VECTOR_REQUEST);
        COUNT(tlb_flushes_sent);
    }
    if (cpumask_test(cpus, me))
        tlb_flush_all();
    for_each_cpu(cpu, &others) while (__atomic_load_n(&tlb_cpu[cpu].done, __ATOMIC_ACQUIRE) <
                                          ticket[cpu] &&
                                      cpumask_test(&cpu_online_map, cpu))
    {
        cpu_serve_requests();
        cpu_relax();
    }
}

void tlb_flush_since(const struct cpumask *cpus, uint32_t stamp)
{
    struct cpumask late = {{0}};
    bool any = false;
    unsigned int cpu;

    /* Page table writes come before, so that no CPU is passed over that may load the old entry yet.
     */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    uint64_t now = __atomic_load_n(&tlb_clock, __ATOMIC_SEQ_CST);
    uint64_t then = now - (uint32_t)((uint32_t)now - stamp);

    for_each_cpu(cpu, cpus) if (__atomic_load_n(&tlb_cpu[cpu].last, __ATOMIC_ACQUIRE) <= then)
    {
        late.word[cpu / 64] |= 1ul << cpu % 64;
        any = true;
    }
    if (any)
        tlb_flush_cpus(&late);
}
