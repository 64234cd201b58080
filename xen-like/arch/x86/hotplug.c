/* SPDX-License-Identifier: MIT */
/*
 * Taking CPUs off line and bringing them back.
 *
 * A CPU that goes loses its place in its pool first, so that its vCPUs move away by the scheduler's
 * own means. Once it idles it hands over its timers, interrupts and what else is its own, and
 * halts with interrupts off until INIT starts it anew. Callers hold the control lock: one CPU comes
 * or goes at a time.
 */
#include "arch/cpu.h"
#include "arch/nmi.h"
#include "arch/pstate.h"
#include "arch/smp.h"
#include "arch/tlb.h"
#include "console.h"
#include "domain.h"
#include "event.h"
#include "hypercall.h"
#include "irq.h"
#include "timer.h"

#include <xen/xen.h>

#define PATIENCE     MILLISECS(2000) /* for a CPU to become idle */
#define ASK_PERIOD   MICROSECS(50)
#define LAST_ARRIVAL MICROSECS(1000) /* for interrupts sent before they were moved */

#define NOBODY  CPU_MAX
#define GOING   (CPU_MAX + 1)
#define IS_GONE (CPU_MAX + 2)

/* The CPU that is asked to go, or how far it is: it says GOING once it cannot be kept any more. */
static unsigned int leaving = NOBODY;

static bool leaving_becomes(unsigned int from, unsigned int to)
{
    return __atomic_compare_exchange_n(&leaving, &from, to, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

/* The machine's work that was noticed here goes on at the CPU that booted. */
static void hand_over_softirqs(void)
{
    uint32_t left = __atomic_exchange_n(&cpu_info()->softirq_pending, 0, __ATOMIC_SEQ_CST);

    softirq_raise_on(0, SOFTIRQ_TIMER);
    for (enum softirq s = 0; s < SOFTIRQ_COUNT; s++)
        if (s != SOFTIRQ_SCHEDULE && (left >> s & 1))
            softirq_raise_on(0, s);
}

void cpu_leave_if_asked(void)
{
    unsigned int me = cpu_number();

    if (likely(__atomic_load_n(&leaving, __ATOMIC_RELAXED) != me) || !current->is_idle ||
        !sched_cpu_is_empty(me) || !leaving_becomes(me, GOING))
        return;
    watchdog_stop();
    pstate_leave();
    timer_leave_cpu();
    irq_leave_cpu(me);
    for (s_time_t end = time_now() + LAST_ARRIVAL; time_now() < end;) {
        cpu_irq_window();
        cpu_serve_requests();
    }
    smp_leave();
    domain_reap_softirq(); /* nobody waits for this CPU to have looked */
    hand_over_softirqs();
    __atomic_store_n(&leaving, IS_GONE, __ATOMIC_SEQ_CST);
    for (;;)
        __asm__ volatile("cli; hlt");
}

/* Asks until the CPU is gone; false when it does not become idle. */
static bool make_leave(unsigned int cpu)
{
    s_time_t now = time_now(), end = now + PATIENCE, next = now;

    __atomic_store_n(&leaving, cpu, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&leaving, __ATOMIC_ACQUIRE) != IS_GONE) {
        now = time_now();
        if (now >= next) {
            if (now >= end && leaving_becomes(cpu, NOBODY))
                return false;
            softirq_raise_on(cpu, SOFTIRQ_MACHINE);
            next = now + ASK_PERIOD;
        }
        cpu_serve_requests();
        cpu_relax();
    }
    __atomic_store_n(&leaving, NOBODY, __ATOMIC_SEQ_CST);
    return true;
}

int cpu_offline(unsigned int cpu)
{
    unsigned int pool;
    int rc;

    if (cpu == 0 || cpu >= smp_cpu_count())
        return -EINVAL;
    if (!cpumask_test(&cpu_online_map, cpu))
        return -EEXIST;
    rc = sched_cpu_leave(cpu, &pool);
    if (rc)
        return rc;
    if (cpu == cpu_number())
        return -ERESTART_HYPERCALL; /* the caller's vCPU moves too, and goes on elsewhere */
    if (!make_leave(cpu)) {
        sched_cpu_join(cpu, pool);
        return -EBUSY;
    }
    printk(LOG_INFO, "CPU %u is off line\n", cpu);
    send_global_virq(VIRQ_PCPU_STATE);
    return 0;
}

int cpu_online(unsigned int cpu)
{
    int rc;

    if (cpu >= smp_cpu_count())
        return -EINVAL;
    if (cpumask_test(&cpu_online_map, cpu))
        return -EEXIST;
    rc = smp_start_cpu(cpu);
    if (rc) {
        printk(LOG_ERR, "CPU %u does not start: error %d\n", cpu, -rc);
        return rc;
    }
    sched_cpu_join(cpu, 0);
    softirq_raise_on(cpu, SOFTIRQ_MACHINE); /* its watch begins, it takes its P-state */
    printk(LOG_INFO, "CPU %u is on line\n", cpu);
    send_global_virq(VIRQ_PCPU_STATE);
    return 0;
}
