/* SPDX-License-Identifier: MIT */
/* Softirqs: bits in the CPU's data, served on the way to a guest. */
#include "trace.h"
#include "console_input.h"
#include "domain.h"
#include "sched.h"
#include "arch/cpu.h"
#include "arch/nmi.h"
#include "arch/pstate.h"
#include "arch/smp.h"
#include "hypercall.h"

void softirq_raise(enum softirq s)
{
    __atomic_fetch_or(&cpu_info()->softirq_pending, 1u << s, __ATOMIC_SEQ_CST);
}

void softirq_raise_on(unsigned int cpu, enum softirq s)
{
    uint32_t before =
        __atomic_fetch_or(&cpu_infos[cpu]->softirq_pending, 1u << s, __ATOMIC_SEQ_CST);

    /* Who set it first has seen to it that the CPU looks. */
    if (cpu != cpu_number() && !(before >> s & 1))
        smp_notify(cpu);
}

bool softirq_is_pending(void)
{
    return __atomic_load_n(&cpu_info()->softirq_pending, __ATOMIC_RELAXED) != 0;
}

static bool take(enum softirq s)
{
    uint32_t *pending = &cpu_info()->softirq_pending;

    return (__atomic_load_n(pending, __ATOMIC_RELAXED) >> s & 1) &&
           (__atomic_fetch_and(pending, ~(1u << s), __ATOMIC_SEQ_CST) >> s & 1);
}

void softirq_run(void)
{
    bool again;

    do {
        again = false;
        if (take(SOFTIRQ_TIMER)) {
            timer_softirq();
            again = true;
        }
        if (take(SOFTIRQ_CONSOLE)) {
            console_input_softirq();
            again = true;
        }
        if (take(SOFTIRQ_TRACE)) {
            trace_tell_reader();
            again = true;
        }
        if (take(SOFTIRQ_REAP)) {
            domain_reap_softirq();
            again = true;
        }
        if (take(SOFTIRQ_MACHINE)) {
            machine_softirq();
            pstate_softirq();
            again = true;
        }
    } while (again);
    if (take(SOFTIRQ_SCHEDULE))
        schedule();
}

bool hypercall_preempt_check(void)
{
    cpu_irq_window();
    return softirq_is_pending();
}
