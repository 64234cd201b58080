/* SPDX-License-Identifier: MIT */
/* CPUs that watch each other. With one CPU there is nobody to see it hang. */
#include "arch/apic.h"
#include "arch/nmi.h"
#include "arch/smp.h"
#include "arch/trap.h"
#include "boot.h"
#include "console.h"
#include "debug.h"
#include "domain.h"
#include "sched.h"
#include "timer.h"

#define PERIOD   NSEC_PER_SEC
#define PATIENCE 5 /* periods */

static struct watch {
    struct timer timer;
    s_time_t next;             /* when to look again */
    unsigned int beats;        /* of this CPU */
    unsigned int seen, missed; /* of its neighbour, by this CPU */
    bool is_hung;
} watch[CPU_MAX];
static bool is_wanted;

static unsigned int neighbour(unsigned int cpu)
{
    do
        cpu = (cpu + 1) % CPU_MAX;
    while (!cpumask_test(&cpu_online_map, cpu));
    return cpu;
}

static void look(struct watch *mine)
{
    unsigned int other = neighbour(cpu_number());
    unsigned int now = __atomic_load_n(&watch[other].beats, __ATOMIC_RELAXED);

    mine->missed = now == mine->seen && other != cpu_number() ? mine->missed + 1 : 0;
    mine->seen = now;
    mine->next = time_now() + PERIOD;
    if (mine->missed >= PATIENCE) {
        __atomic_store_n(&watch[other].is_hung, true, __ATOMIC_SEQ_CST);
        apic_send_nmi(smp_apic_id(other));
        mine->missed = 0;
    }
}

static void beat(void *data)
{
    struct watch *mine = data;

    __atomic_add_fetch(&mine->beats, 1, __ATOMIC_RELAXED);
    look(mine);
    timer_set(&mine->timer, mine->next);
}

/* It may wait for the one that hangs, and its timer with it. It does not beat: two that wait for
 * each other hang both. */
void watchdog_waits(void)
{
    struct watch *mine = &watch[cpu_number()];

    if (is_wanted && mine->timer.fn && time_now() >= mine->next + PERIOD / 2)
        look(mine);
}

void watchdog_nmi(struct regs *regs)
{
    if (!__atomic_load_n(&watch[cpu_number()].is_hung, __ATOMIC_RELAXED))
        return;
    smp_stop_others();
    console_force();
    printk(LOG_ERR, "Watchdog: CPU %u has not served its timer for %u s\n", cpu_number(), PATIENCE);
    regs_dump(regs, current);
    if (!(regs->cs & 3))
        backtrace_print(regs->rip, regs->rbp);
    panic("CPU %u hangs\n", cpu_number());
}

void watchdog_start(void)
{
    struct watch *mine = &watch[cpu_number()];

    if (!is_wanted || mine->timer.fn)
        return;
    mine->next = time_now() + PERIOD;
    timer_init(&mine->timer, beat, mine);
    timer_set(&mine->timer, mine->next);
}

void watchdog_stop(void)
{
    struct watch *mine = &watch[cpu_number()];

    timer_stop(&mine->timer);
    mine->timer.fn = NULL; /* it starts anew when the CPU comes back */
}

void watchdog_init(void)
{
    unsigned int cpu, n = cpumask_count(&cpu_online_map);

    if (!boot_options.watchdog)
        return;
    if (n == 1) {
        printk(LOG_WARN, "Watchdog: one CPU alone is not watched\n");
        return;
    }
    is_wanted = true;
    for_each_cpu(cpu, &cpu_online_map)
    {
        softirq_raise_on(cpu, SOFTIRQ_MACHINE);
    }
    printk(LOG_INFO, "Watchdog: %u CPUs watch each other, patience %u s\n", n, PATIENCE);
}
