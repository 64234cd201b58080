/* SPDX-License-Identifier: MIT */
/*
 * Which P-state each CPU is in, and for how long. A CPU changes its own state only: others change a
 * policy (under the control lock) and raise its softirq. Under ondemand a timer on each CPU looks
 * how busy it was; the CPUs of a shared policy tell each other when they want another state.
 */
#include "arch/pstate.h"
#include "arch/current.h"
#include "arch/smp.h"
#include "console.h"
#include "errno.h"
#include "lib/string.h"
#include "mm.h"
#include "sched.h"
#include "spinlock.h"
#include "timer.h"
#include "trace.h"

struct pstate_cpu {
    struct pstate_upload told;
    struct pstate_cpu *leader;   /* whose policy it has */
    struct pstate_policy policy; /* when it is a leader */
    unsigned int number;

    /* By its CPU only; others may look. */
    unsigned int wanted;
    bool wants_slowest;
    struct timer timer;
    s_time_t next, sampled_at;
    uint64_t idle_at_sample;
    bool is_written; /* the register has what stats.now says */
    bool had_no_turbo;
    bool has_failed; /* the CPU faulted */
    bool is_paused;  /* the timer, by sleep */

    struct spinlock lock; /* what follows */
    s_time_t since;
    uint64_t idle_since;
    struct pstate_stats stats;
};

struct pstate_tuning pstate_tuning = {.sampling_us = SAMPLING_US_MIN, .up_threshold = 80};
bool pstate_is_off;

static enum pstate_governor default_governor = GOVERNOR_ONDEMAND;
static struct pstate_cpu *pstate_cpus[CPU_MAX]; /* once set, for good */

static struct pstate_cpu *cpu_at(unsigned int cpu)
{
    return __atomic_load_n(&pstate_cpus[cpu], __ATOMIC_ACQUIRE);
}

bool pstate_parse_option(const char *value)
{
    const char *end = strchr(value, ':');
    size_t len = end ? (size_t)(end - value) : strlen(value);

    pstate_is_off = strcmp(value, "none") == 0 || strcmp(value, "no") == 0;
    if (pstate_is_off)
        return true;
    return len == 3 && string_starts(value, "xen") &&
           (!end || pstate_governor_find(end + 1, strlen(end + 1) + 1, &default_governor));
}

/* --- one CPU's state, on that CPU --- */

static void account(struct pstate_cpu *c)
{
    s_time_t now = time_now();
    uint64_t idle = sched_cpu_idle_time(c->number);
    uint64_t passed = (uint64_t)(now - c->since), slept = idle - c->idle_since;

    c->stats.busy_ns[c->stats.now] += slept < passed ? passed - slept : 0;
    c->since = now;
    c->idle_since = idle;
}

static void enter(struct pstate_cpu *c, unsigned int to)
{
    const struct pstate_table *t = &c->told.table;
    unsigned int from = c->stats.now;

    c->is_written = true;
    if (from == to)
        return;
    spin_lock(&c->lock);
    account(c);
    c->stats.last = from;
    c->stats.now = to;
    c->stats.entries[to]++;
    c->stats.moves[from * t->n + to]++;
    spin_unlock(&c->lock);
    TRACE(TRC_PM_FREQ_CHANGE, t->state[from].khz / 1000, t->state[to].khz / 1000);
}

static void go_to(struct pstate_cpu *c, unsigned int to)
{
    bool has_no_turbo = READ_ONCE(c->leader->policy.has_no_turbo);

    if (c->has_failed || (c->is_written && to == c->stats.now && has_no_turbo == c->had_no_turbo))
        return;
    if (pstate_write(&c->told.reg, c->told.table.state[to].control, has_no_turbo)) {
        c->has_failed = true;
        printk(LOG_ERR, "CPU %u: its P-state register faults; its frequency stays\n", c->number);
        return;
    }
    c->had_no_turbo = has_no_turbo;
    enter(c, to);
}

static bool shares_policy(unsigned int cpu, const struct pstate_cpu *with)
{
    const struct pstate_cpu *c = cpu_at(cpu);

    return c && c->leader == with->leader;
}

/* The fastest state that a CPU of its policy wants. Governors but ondemand want one for all. */
static unsigned int wanted_by_all(const struct pstate_cpu *c)
{
    unsigned int cpu, best = c->wanted;

    if (c->told.is_shared && READ_ONCE(c->leader->policy.governor) == GOVERNOR_ONDEMAND)
        for_each_cpu(cpu, &cpu_online_map)
        {
            if (shares_policy(cpu, c))
                best = MIN(best, READ_ONCE(cpu_at(cpu)->wanted));
        }
    return best;
}

static void tell_others(const struct pstate_cpu *c)
{
    unsigned int cpu;

    for_each_cpu(cpu, &cpu_online_map)
    {
        if (cpu != c->number && shares_policy(cpu, c))
            softirq_raise_on(cpu, SOFTIRQ_MACHINE);
    }
}

static void want(struct pstate_cpu *c, unsigned int state, struct pstate_range allowed)
{
    unsigned int before = c->wanted;

    WRITE_ONCE(c->wanted, MIN(MAX(state, allowed.fastest), allowed.slowest));
    c->wants_slowest = c->wanted == allowed.slowest;
    if (c->told.is_shared && c->wanted != before)
        tell_others(c);
    go_to(c, wanted_by_all(c));
}

static void choose(struct pstate_cpu *c, unsigned int load)
{
    const struct pstate_table *t = &c->told.table;
    struct pstate_policy policy = c->leader->policy;

    want(c, pstate_choose(t, &policy, READ_ONCE(pstate_tuning.up_threshold), c->stats.now, load),
         pstate_allowed(t, &policy));
}

/* Percent of the time since it was asked last. */
static unsigned int take_load(struct pstate_cpu *c)
{
    s_time_t now = time_now();
    uint64_t idle = sched_cpu_idle_time(c->number);
    uint64_t passed = (uint64_t)(now - c->sampled_at), slept = idle - c->idle_at_sample;

    c->sampled_at = now;
    c->idle_at_sample = idle;
    return slept < passed ? (unsigned int)((passed - slept) * 100 / passed) : 0;
}

static void start_timer(struct pstate_cpu *c)
{
    c->next = time_now() + MICROSECS(pstate_tuning.sampling_us);
    timer_set(&c->timer, c->next);
}

static void sample(void *data)
{
    struct pstate_cpu *c = data;

    if (READ_ONCE(c->leader->policy.governor) != GOVERNOR_ONDEMAND)
        return;
    choose(c, take_load(c));
    start_timer(c);
}

void pstate_softirq(void)
{
    struct pstate_cpu *c = cpu_at(cpu_number());

    if (!c)
        return;
    if (READ_ONCE(c->leader->policy.governor) != GOVERNOR_ONDEMAND) {
        choose(c, 0);
    } else if (c->timer.is_active || c->is_paused) { /* limits may be new */
        struct pstate_policy policy = c->leader->policy;

        want(c, c->wanted, pstate_allowed(&c->told.table, &policy));
    } else {
        (void)take_load(c);
        choose(c, 100); /* until it is known */
        start_timer(c);
    }
}

void pstate_sleep_begins(void)
{
    struct pstate_cpu *c = cpu_at(cpu_number());

    if (c && c->wants_slowest && c->timer.is_active) {
        timer_stop(&c->timer);
        c->is_paused = true;
    }
}

void pstate_sleep_ends(void)
{
    struct pstate_cpu *c = cpu_at(cpu_number());

    if (c && c->is_paused) {
        c->is_paused = false;
        timer_set(&c->timer, c->next);
    }
}

void pstate_leave(void)
{
    struct pstate_cpu *c = cpu_at(cpu_number());

    if (!c)
        return;
    timer_stop(&c->timer);
    c->is_written = c->is_paused = false;
}

/* --- from any CPU, under the control lock --- */

/* Finds whose policy a CPU shall share: NULL, its own. -EINVAL: they were told of another domain.
 */
static int find_leader(const struct pstate_upload *u, struct pstate_cpu **leader)
{
    *leader = NULL;
    for (unsigned int cpu = 0; cpu < CPU_MAX; cpu++) {
        struct pstate_cpu *c = pstate_cpus[cpu];

        if (!c || c->told.domain != u->domain)
            continue;
        if (c->told.is_shared != u->is_shared || c->told.n_in_domain != u->n_in_domain)
            return -EINVAL;
        if (u->is_shared && memcmp(&c->told.table, &u->table, sizeof(u->table)) != 0)
            return -EINVAL;
        if (u->is_shared)
            *leader = c->leader;
    }
    return 0;
}

int pstate_install(unsigned int cpu, const struct pstate_upload *u)
{
    const struct pstate *states = u->table.state;
    struct pstate_cpu *leader, *c;
    static bool is_said;
    int rc = find_leader(u, &leader);

    if (pstate_cpus[cpu] || rc)
        return rc ? rc : -EEXIST;
    c = mm_alloc(sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->told = *u;
    c->leader = leader ? leader : c;
    c->number = cpu;
    c->policy = (struct pstate_policy){.governor = default_governor,
                                       .min_khz = states[u->table.n - 1].khz,
                                       .max_khz = states[0].khz,
                                       .speed_khz = states[0].khz,
                                       .platform_limit = u->platform_limit};
    c->since = c->sampled_at = time_now();
    c->idle_since = c->idle_at_sample = sched_cpu_idle_time(cpu);
    spin_lock_init(&c->lock, RANK_PSTATE);
    timer_init(&c->timer, sample, c);
    __atomic_store_n(&pstate_cpus[cpu], c, __ATOMIC_RELEASE);
    if (!is_said)
        printk(LOG_INFO, "CPU %u: %u P-states, %u to %u MHz, governor %s\n", cpu, u->table.n,
               states[0].khz / 1000, states[u->table.n - 1].khz / 1000,
               pstate_governor_name(c->policy.governor));
    is_said = true;
    pstate_policy_changed(cpu);
    return 0;
}

const struct pstate_table *pstate_table_of(unsigned int cpu)
{
    return pstate_cpus[cpu] ? &pstate_cpus[cpu]->told.table : NULL;
}

struct pstate_policy *pstate_policy_of(unsigned int cpu)
{
    return pstate_cpus[cpu] ? &pstate_cpus[cpu]->leader->policy : NULL;
}

const struct pstate_register *pstate_register_of(unsigned int cpu)
{
    return &pstate_cpus[cpu]->told.reg;
}

unsigned int pstate_now(unsigned int cpu)
{
    return READ_ONCE(pstate_cpus[cpu]->stats.now);
}

void pstate_affected(unsigned int cpu, struct cpumask *cpus)
{
    unsigned int other;

    *cpus = (struct cpumask){0};
    for_each_cpu(other, &cpu_online_map)
    {
        if (shares_policy(other, pstate_cpus[cpu]))
            cpumask_set(cpus, other);
    }
}

void pstate_policy_changed(unsigned int cpu)
{
    struct cpumask cpus;
    unsigned int each;

    pstate_affected(cpu, &cpus);
    for_each_cpu(each, &cpus)
    {
        softirq_raise_on(each, SOFTIRQ_MACHINE);
    }
}

const struct pstate_stats *pstate_stats_of(unsigned int cpu)
{
    struct pstate_cpu *c = pstate_cpus[cpu];

    spin_lock(&c->lock);
    account(c);
    spin_unlock(&c->lock);
    return &c->stats;
}

void pstate_reset_stats(unsigned int cpu)
{
    struct pstate_cpu *c = pstate_cpus[cpu];

    spin_lock(&c->lock);
    account(c);
    memset(c->stats.busy_ns, 0, sizeof(c->stats.busy_ns));
    memset(c->stats.entries, 0, sizeof(c->stats.entries));
    memset(c->stats.moves, 0, sizeof(c->stats.moves));
    spin_unlock(&c->lock);
}
