/* SPDX-License-Identifier: MIT */
/* Softirqs: bits in the CPU's data, served on the way to a guest. */
#include "console_input.h"
#include "domain.h"
#include "sched.h"
#include "arch/cpu.h"
#include "hypercall.h"

void softirq_raise(enum softirq s)
{
    cpu_info()->softirq_pending |= 1u << s;
}

bool softirq_is_pending(void)
{
    return cpu_info()->softirq_pending != 0;
}

void softirq_run(void)
{
    struct cpu_info *ci = cpu_info();

    while (ci->softirq_pending & ~(1u << SOFTIRQ_SCHEDULE)) {
        if (ci->softirq_pending & (1u << SOFTIRQ_TIMER)) {
            ci->softirq_pending &= ~(1u << SOFTIRQ_TIMER);
            timer_softirq();
        }
        if (ci->softirq_pending & (1u << SOFTIRQ_CONSOLE)) {
            ci->softirq_pending &= ~(1u << SOFTIRQ_CONSOLE);
            console_input_softirq();
        }
    }
    if (ci->softirq_pending) {
        ci->softirq_pending = 0;
        schedule();
    }
}

bool hypercall_preempt_check(void)
{
    cpu_irq_window();
    return softirq_is_pending();
}
