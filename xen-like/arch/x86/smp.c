/* SPDX-License-Identifier: MIT */
/* Which CPUs there are, waking them, asking things of them. */
#include "arch/smp.h"
#include "arch/acpi.h"
#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/current.h"
#include "arch/nmi.h"
#include "arch/tlb.h"
#include "arch/topology.h"
#include "irq.h"
#include "spinlock.h"

struct cpu_info *cpu_infos[CPU_MAX];
struct cpumask cpu_online_map;

static unsigned int n_cpus = 1;
static uint32_t apic_ids[CPU_MAX];
static bool is_stopping;

unsigned int smp_cpu_count(void)
{
    return n_cpus;
}

uint32_t smp_apic_id(unsigned int cpu)
{
    return apic_ids[cpu];
}

/* --- requests between CPUs --- */

static struct spinlock call_lock = SPINLOCK_INIT(RANK_CALL); /* guards the one call in progress */
static struct cpumask call_pending;
static void (*call_fn)(void *);
static void *call_data;

void cpu_serve_requests(void)
{
    unsigned int me = cpu_number();

    tlb_serve();
    if (unlikely(cpumask_test(&call_pending, me))) {
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        call_fn(call_data);
        cpumask_clear(&call_pending, me);
    }
    watchdog_waits();
}

void smp_notify(unsigned int cpu)
{
    apic_send_ipi(apic_ids[cpu], VECTOR_NOTIFY);
}

void smp_call(const struct cpumask *cpus, void (*fn)(void *), void *data)
{
    unsigned int cpu, me = cpu_number();
    struct cpumask others;

    spin_lock(&call_lock);
    others = cpumask_and(cpus, &cpu_online_map);
    others.word[me / 64] &= ~(1ul << me % 64);
    call_fn = fn;
    call_data = data;
    for_each_cpu(cpu, &others)
    {
        cpumask_set(&call_pending, cpu);
        apic_send_ipi(apic_ids[cpu], VECTOR_REQUEST);
    }
    if (cpumask_test(cpus, me))
        fn(data);
    while (!cpumask_empty(&call_pending)) {
        tlb_serve();
        watchdog_waits();
        cpu_relax();
    }
    spin_unlock(&call_lock);
}

void smp_leave(void)
{
    spin_lock(&call_lock); /* no call is under way that counts on this CPU */
    cpumask_clear(&cpu_online_map, cpu_number());
    spin_unlock(&call_lock);
}

void smp_stop_others(void)
{
    if (__atomic_exchange_n(&is_stopping, true, __ATOMIC_SEQ_CST) || n_cpus == 1)
        return;
    apic_send_nmi_others();
}

bool smp_is_stopping(void)
{
    return __atomic_load_n(&is_stopping, __ATOMIC_RELAXED);
}

/* The firmware's CPUs that can run, this one first. */
void smp_list_cpus(void)
{
    apic_ids[0] = apic_id();
    for (unsigned int i = 0; i < acpi.n_cpus && n_cpus < CPU_MAX; i++)
        if (acpi.cpu[i].enabled && acpi.cpu[i].apic_id != apic_ids[0])
            apic_ids[n_cpus++] = acpi.cpu[i].apic_id;
    topology_init();
    for (unsigned int cpu = 0; cpu < n_cpus; cpu++)
        topology_add(cpu, apic_ids[cpu]);
}
