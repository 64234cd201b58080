/* SPDX-License-Identifier: MIT */
/* The simulated machine: see machine.h. */
#include "machine.h"

#include <stdlib.h>
#include <string.h>

#include "arch/context.h"
#include "arch/smp.h"
#include "arch/topology.h"
#include "counters.h"
#include "sched/internal.h"
#include "spinlock.h"
#include "trace.h"

#define TIMERS_MAX (CPU_MAX + MACHINE_DOMAINS)

unsigned int this_cpu;
struct cpu_info *cpu_infos[CPU_MAX];
struct cpumask cpu_online_map;
struct boot_options boot_options;
uint32_t trace_wanted; /* off */
s_time_t machine_now;
struct domain machine_domains[MACHINE_DOMAINS];
unsigned int machine_n_domains;

static struct counters counters;
static struct cpu_info infos[CPU_MAX];
static struct cpumask wants_schedule, siblings[CPU_MAX];
static unsigned int n_cpus, n_threads, n_per_node, n_held;
static struct timer *timers[TIMERS_MAX];
static unsigned int n_timers;
static jmp_buf switched;
static uint64_t seed;

/* What each vCPU does with its time. */
static struct behaviour {
    struct vcpu vcpu;
    s_time_t work, sleep;    /* 0: as the test says */
    uint64_t work_until;     /* runtime at which it sleeps */
    s_time_t wakes_at, woke; /* STIME_MAX: not */
    s_time_t worst_wait;
} behaviours[MACHINE_VCPUS];
static unsigned int n_vcpus;
static struct vcpu *vcpu_slots[MACHINE_VCPUS];

/* --- what the scheduler asks of a machine --- */

void trace_record(uint32_t event, unsigned int n, const uint32_t *words)
{
    (void)event, (void)n, (void)words;
    fail_msg("a record while tracing is off");
}

s_time_t time_now(void)
{
    return machine_now;
}

void timer_init(struct timer *t, void (*fn)(void *), void *data)
{
    *t = (struct timer){.fn = fn, .data = data};
    assert_true(n_timers < TIMERS_MAX);
    timers[n_timers++] = t;
}

void timer_set(struct timer *t, s_time_t expires)
{
    t->expires = expires;
    t->is_active = true;
    t->cpu = this_cpu;
}

void timer_stop(struct timer *t)
{
    t->is_active = false;
}

void softirq_raise_on(unsigned int cpu, enum softirq s)
{
    assert_int_equal(s, SOFTIRQ_SCHEDULE);
    if (cpumask_test(&cpu_online_map, cpu)) /* one that is off line sleeps on */
        cpumask_set(&wants_schedule, cpu);
}

void softirq_raise(enum softirq s)
{
    softirq_raise_on(this_cpu, s);
}

void printk(int level, const char *fmt, ...)
{
    (void)level, (void)fmt;
}

void cpu_serve_requests(void)
{
}

unsigned int smp_cpu_count(void)
{
    return n_cpus;
}

const struct cpumask *topology_siblings(unsigned int cpu)
{
    return &siblings[cpu];
}

unsigned int topology_node(unsigned int cpu)
{
    return cpu / n_per_node;
}

void *mm_alloc(size_t size)
{
    return calloc(1, size);
}

void spin_lock(struct spinlock *l)
{
    assert_int_equal(l->owner, l->next);
    l->next++;
    if (l->rank == RANK_SCHED)
        assert_int_equal(n_held++, 0); /* one run queue at a time */
}

void spin_unlock(struct spinlock *l)
{
    l->owner++;
    if (l->rank == RANK_SCHED)
        n_held--;
}

struct domain *domain_next(const struct domain *d)
{
    size_t i = d ? (size_t)(d - machine_domains) + 1 : 0;

    return i < machine_n_domains ? &machine_domains[i] : NULL;
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
    assert_true(next->is_running);
    cpu_infos[this_cpu]->current_vcpu = next;
    if (!prev->is_idle)
        sched_context_saved(prev);
    longjmp(switched, 1);
}

/* --- the simulation --- */

unsigned int machine_random(unsigned int n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned int)(seed >> 33) % n;
}

/* The pools a test left behind. */
static void destroy_pools(void)
{
    unsigned int id;

    machine_n_domains = 0;
    for (id = 1; sched_pool_find(id, true, &id); id++) {
        while (sched_pool_remove_cpu(id, SCHED_POOL_ANY) == 0)
            ;
        assert_int_equal(sched_pool_destroy(id), 0);
    }
}

void machine_stop(void)
{
    destroy_pools();
    for (unsigned int cpu = 1; cpu < CPU_MAX; cpu++)
        free(sched_cpus[cpu]);
    memset(sched_cpus, 0, sizeof(sched_cpus));
}

void machine_start(unsigned int cpus, unsigned int threads, unsigned int per_node)
{
    machine_stop();
    n_cpus = cpus;
    n_threads = threads;
    n_per_node = per_node;
    n_timers = n_vcpus = machine_n_domains = n_held = 0;
    machine_now = 1000;
    seed = 1;
    wants_schedule = cpu_online_map = (struct cpumask){{0}};
    memset(machine_domains, 0, sizeof(machine_domains));
    memset(behaviours, 0, sizeof(behaviours));
    for (unsigned int cpu = 0; cpu < CPU_MAX; cpu++) {
        infos[cpu].counters = &counters;
        cpu_infos[cpu] = &infos[cpu];
        siblings[cpu] = (struct cpumask){{0}};
        for (unsigned int t = cpu / threads * threads; t < (cpu / threads + 1) * threads; t++)
            if (t < cpus)
                cpumask_set(&siblings[cpu], t);
    }
    this_cpu = 0;
    sched_init();
    cpumask_set(&cpu_online_map, 0);
    for (unsigned int cpu = 1; cpu < cpus; cpu++) {
        assert_int_equal(sched_cpu_init(cpu), 0);
        cpumask_set(&cpu_online_map, cpu);
    }
}

struct domain *machine_domain(unsigned int count)
{
    struct domain *d = &machine_domains[machine_n_domains++];

    assert_true(machine_n_domains <= MACHINE_DOMAINS && n_vcpus + count <= MACHINE_VCPUS);
    d->max_vcpus = count;
    d->vcpu = &vcpu_slots[n_vcpus];
    sched_domain_init(d);
    for (unsigned int i = 0; i < count; i++) {
        struct behaviour *b = &behaviours[n_vcpus++];

        b->vcpu = (struct vcpu){.domain = d, .id = i, .pause_flags = VPF_BLOCKED};
        b->vcpu.runstate.state = RUNSTATE_blocked;
        b->vcpu.runstate.state_entry_time = (uint64_t)machine_now;
        b->wakes_at = STIME_MAX;
        b->woke = STIME_MAX;
        d->vcpu[i] = &b->vcpu;
        sched_vcpu_init(&b->vcpu);
    }
    return d;
}

void machine_set(struct domain *d, uint32_t weight, uint32_t cap, uint32_t reservation)
{
    assert_int_equal(sched_set_params(d, &(struct sched_params){weight, cap, reservation}), 0);
}

static struct behaviour *behaviour_of(const struct vcpu *v)
{
    return (struct behaviour *)(uintptr_t)v;
}

void machine_block(struct vcpu *v, bool blocked)
{
    unsigned int before = v->pause_flags;

    v->pause_flags = blocked ? before | VPF_BLOCKED : before & ~(unsigned int)VPF_BLOCKED;
    if (before == 0 && blocked)
        sched_sleep(v);
    else if (before && v->pause_flags == 0)
        sched_wake(v);
}

static s_time_t about(s_time_t ns)
{
    return ns / 2 + ns * machine_random(1000) / 1000;
}

void machine_alternate(struct vcpu *v, s_time_t work, s_time_t sleep)
{
    behaviour_of(v)->work = work;
    behaviour_of(v)->sleep = sleep;
    behaviour_of(v)->wakes_at = machine_now + about(sleep);
}

struct vcpu *machine_running(unsigned int cpu)
{
    return infos[cpu].current_vcpu;
}

/* No vCPU where it may not be, on two CPUs, or asleep and running; threads of one core in one
 * domain if asked for; nobody waits who could run on an idle CPU. */
static void machine_check(void)
{
    bool idle[CPU_MAX];

    for (unsigned int cpu = 0; cpu < n_cpus; cpu++) {
        const struct vcpu *v = infos[cpu].current_vcpu;

        idle[cpu] = v->is_idle;
        if (v->is_idle)
            continue;
        assert_int_equal(v->pause_flags, 0);
        assert_int_equal(v->cpu, cpu);
        assert_true(cpumask_test(&v->allowed, cpu));
        unsigned int id;
        assert_true(cpumask_test(&sched_pool_find(v->domain->pool, false, &id)->cpus, cpu));
        for (unsigned int t = cpu / n_threads * n_threads; boot_options.sched_core && t < cpu; t++)
            if (!infos[t].current_vcpu->is_idle)
                assert_ptr_equal(infos[t].current_vcpu->domain, v->domain);
    }
    if (boot_options.sched_core)
        return; /* idling beside another domain is its point */
    for (unsigned int i = 0; i < n_vcpus; i++) {
        const struct vcpu *v = &behaviours[i].vcpu;

        if (v->sched.is_queued && policy_group_may_run(v->sched.group, (uint64_t)machine_now))
            for (unsigned int cpu = 0; cpu < n_cpus; cpu++)
                assert_false(idle[cpu] && cpumask_test(&v->allowed, cpu));
    }
}

static void settle(void)
{
    static unsigned int n; /* longjmp spares it */
    unsigned int cpu;

    for (n = 0; (cpu = cpumask_next(&wants_schedule, 0)) < CPU_MAX; n++) {
        assert_true(n < 100 * CPU_MAX); /* CPUs must not keep one another busy */
        /* A random one first: order must not matter. */
        unsigned int first = cpumask_next(&wants_schedule, machine_random(n_cpus));

        this_cpu = first < CPU_MAX ? first : cpu;
        cpumask_clear(&wants_schedule, this_cpu);
        if (setjmp(switched) == 0)
            schedule();
    }
    machine_check();
}

bool machine_offline(unsigned int cpu)
{
    unsigned int pool;

    if (!cpumask_test(&cpu_online_map, cpu) || sched_cpu_leave(cpu, &pool))
        return false;
    settle();
    assert_true(sched_cpu_is_empty(cpu));
    cpumask_clear(&cpu_online_map, cpu);
    return true;
}

void machine_online(unsigned int cpu)
{
    if (cpumask_test(&cpu_online_map, cpu))
        return;
    cpumask_set(&cpu_online_map, cpu);
    sched_cpu_join(cpu, 0);
    settle();
}

/* The next thing that happens by itself, no later than `end`. */
static s_time_t next_event(s_time_t end)
{
    for (unsigned int i = 0; i < n_timers; i++)
        if (timers[i]->is_active)
            end = MIN(end, timers[i]->expires);
    for (unsigned int i = 0; i < n_vcpus; i++)
        end = MIN(end, behaviours[i].wakes_at);
    for (unsigned int cpu = 0; cpu < n_cpus; cpu++) {
        struct vcpu *v = infos[cpu].current_vcpu;

        if (v->is_idle || !behaviour_of(v)->work)
            continue;
        uint64_t ran = sched_vcpu_runtime(v), until = behaviour_of(v)->work_until;
        end = MIN(end, machine_now + (s_time_t)(until > ran ? until - ran : 0));
    }
    return MAX(end, machine_now);
}

static void change_behaviour(struct behaviour *b)
{
    struct vcpu *v = &b->vcpu;

    if (b->wakes_at <= machine_now) {
        b->wakes_at = STIME_MAX;
        b->woke = machine_now;
        b->work_until = sched_vcpu_runtime(v) + (uint64_t)about(b->work);
        machine_block(v, false);
    } else if (b->work && infos[v->cpu].current_vcpu == v && v->pause_flags == 0) {
        if (b->woke != STIME_MAX)
            b->worst_wait = MAX(b->worst_wait, machine_now - b->woke);
        b->woke = STIME_MAX;
        if (sched_vcpu_runtime(v) >= b->work_until) {
            b->wakes_at = machine_now + about(b->sleep);
            this_cpu = v->cpu;
            machine_block(v, true);
        }
    }
}

void machine_run(s_time_t ns)
{
    s_time_t end = machine_now + ns;

    settle();
    while (machine_now < end) {
        machine_now = next_event(end);
        for (unsigned int i = 0; i < n_timers; i++) {
            struct timer *t = timers[i];

            if (!t->is_active || t->expires > machine_now)
                continue;
            t->is_active = false;
            this_cpu = t->cpu;
            t->fn(t->data);
        }
        for (unsigned int i = 0; i < n_vcpus; i++)
            change_behaviour(&behaviours[i]);
        settle();
        for (unsigned int i = 0; i < n_vcpus; i++)
            change_behaviour(&behaviours[i]);
        settle();
    }
}

uint64_t machine_ran(const struct domain *d)
{
    uint64_t ns = 0;
    struct vcpu *v;

    for_each_vcpu (d, v)
        ns += sched_vcpu_runtime(v);
    return ns;
}

s_time_t machine_worst_wait(const struct vcpu *v)
{
    return behaviour_of(v)->worst_wait;
}
