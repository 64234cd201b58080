/* SPDX-License-Identifier: MIT */
/* Sleeping, and counting it. Which state is chosen: idle_policy.c. */
#include "arch/idle.h"
#include "arch/cpu.h"
#include "arch/current.h"
#include "console.h"
#include "timer.h"

#define CPUID1_ECX_MONITOR    (1u << 3)
#define CPUID5_ECX_EXTENSIONS 0x3u /* told of, and interrupts end the wait though they are off */
#define CPUID6_EAX_ARAT       (1u << 2) /* the APIC's timer runs in every state */
#define PROBE_TIME            MILLISECS(1)

struct idle_limit idle_limit = {UINT32_MAX, UINT32_MAX};

static bool has_deep_states;

/* By its CPU only, but for `states`, which change while it may be looking: a hint that does not
 * belong to its state is still a hint. */
static struct idle_cpu {
    struct idle_states states;
    struct idle_stats stats;
    s_time_t usual; /* a running mean of how long it slept */
} __attribute__((aligned(64))) idle_cpus[CPU_MAX] = {
    [0 ... CPU_MAX - 1] = {.states = {.n = 2, .state = {{0}, {.type = 1}}}},
};

/* An emulator may offer mwait and fault on it, so it is tried, with a timer to end it. */
static bool mwait_works(void)
{
    static const uint32_t nothing;

    if (!(cpu_cpuid(1, 0).c & CPUID1_ECX_MONITOR) || cpu_cpuid(0, 0).a < 6 ||
        (cpu_cpuid(5, 0).c & CPUID5_ECX_EXTENSIONS) != CPUID5_ECX_EXTENSIONS)
        return false;
    time_arm(time_now() + PROBE_TIME);
    int rc = cpu_mwait_safe(&nothing, 0);

    cpu_irq_window();
    return rc == 0;
}

void idle_init(void)
{
    bool works = mwait_works(),
         has_timer = cpu_cpuid(0, 0).a >= 6 && (cpu_cpuid(6, 0).a & CPUID6_EAX_ARAT);

    has_deep_states = works && has_timer;
    printk(LOG_INFO, "Idle: %s\n",
           has_deep_states ? "hlt, or mwait in states that the control domain uploads" : "hlt");
}

bool idle_has_deep_states(void)
{
    return has_deep_states;
}

static void sleep_in(const struct idle_state *s)
{
    if (!s->by_mwait) {
        /* sti takes effect after hlt: no wake is lost. */
        __asm__ volatile("sti; hlt; cli" ::: "memory");
        return;
    }
    (void)cpu_mwait_safe(&cpu_info()->softirq_pending, s->hint); /* it was tried at the start */
    cpu_irq_window();
}

void idle_sleep(void)
{
    struct idle_cpu *me = &idle_cpus[cpu_number()];
    s_time_t start = time_now(), slept;
    unsigned int state = 1;

    if (me->states.n > 2) {
        s_time_t left = timer_next() - start;

        state = idle_choose(&me->states, idle_limit, MIN(left, me->usual));
    }
    me->stats.last = state;
    sleep_in(&me->states.state[state]);
    slept = time_now() - start;
    me->usual += (slept - me->usual) / 4;
    me->stats.entries[state]++;
    me->stats.time_ns[state] += (uint64_t)slept;
}

void idle_set_states(unsigned int cpu, const struct idle_states *states)
{
    struct idle_states *to = &idle_cpus[cpu].states;

    __atomic_store_n(&to->n, 2, __ATOMIC_SEQ_CST);
    for (unsigned int i = 2; i < states->n; i++)
        to->state[i] = states->state[i];
    __atomic_store_n(&to->n, states->n, __ATOMIC_SEQ_CST);
}

unsigned int idle_state_count(unsigned int cpu)
{
    return idle_cpus[cpu].states.n;
}

void idle_get_stats(unsigned int cpu, struct idle_stats *out)
{
    uint64_t now = (uint64_t)time_now(), idle = 0;

    *out = idle_cpus[cpu].stats;
    out->entries[0] = 0;
    for (unsigned int i = 1; i < IDLE_STATES_MAX; i++) {
        out->entries[0] += out->entries[i];
        idle += out->time_ns[i];
    }
    out->time_ns[0] = now > idle ? now - idle : 0;
}

void idle_reset_stats(unsigned int cpu)
{
    struct idle_stats *s = &idle_cpus[cpu].stats;

    for (unsigned int i = 0; i < IDLE_STATES_MAX; i++)
        s->entries[i] = s->time_ns[i] = 0;
}
