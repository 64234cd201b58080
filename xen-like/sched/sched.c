/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's mechanism: who runs where. The order within a CPU's queue is the policy's
 * (policy.h).
 *
 * A vCPU belongs to the run queue of v->cpu, whose lock guards its place, its runstate and v->cpu
 * itself. Never are two of these locks held. `running` is the vCPU a CPU has chosen; the one before
 * is on its way into its struct until sched_context_saved. As long as is_running says that a vCPU's
 * registers are on a CPU it may wait in that CPU's queue only: whoever takes vCPUs to another CPU
 * passes it over.
 */
#include "policy.h"
#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/smp.h"
#include "console.h"
#include "domain.h"
#include "counters.h"
#include "spinlock.h"
#include "trace.h"

struct sched_cpu {
    struct spinlock lock; /* RANK_SCHED */
    struct run_queue queue;
    struct vcpu *running;
    struct timer slice;
    struct vcpu idle;
};

static struct sched_cpu boot_cpu;
static struct sched_cpu *sched_cpus[CPU_MAX];
static struct domain idle_domain;
static struct cpumask idle_cpus;

static struct vcpu *unit_vcpu(struct sched_unit *u)
{
    return container_of(u, struct vcpu, sched);
}

static struct sched_unit *running_unit(const struct sched_cpu *sc)
{
    return sc->running->is_idle ? NULL : &sc->running->sched;
}

static struct sched_cpu *lock_cpu_of(const struct vcpu *v)
{
    for (;;) {
        unsigned int cpu = __atomic_load_n(&v->cpu, __ATOMIC_ACQUIRE);
        struct sched_cpu *sc = sched_cpus[cpu];

        spin_lock(&sc->lock);
        if (likely(cpu == v->cpu))
            return sc;
        spin_unlock(&sc->lock);
    }
}

/* Moves the runstate to `state`, charging the time since the last change. */
static void set_runstate(struct vcpu *v, int state)
{
    uint64_t now = (uint64_t)time_now();

    TRACE(TRC_SCHED_RUNSTATE_CHANGE | (uint32_t)v->runstate.state << 8 | (uint32_t)state << 4,
          TRACE_VCPU(v));
    v->runstate.time[v->runstate.state] += now - v->runstate.state_entry_time;
    v->runstate.state_entry_time = now;
    v->runstate.state = state;
}

static int idle_state(const struct vcpu *v)
{
    unsigned int flags = READ_ONCE(v->pause_flags);

    return flags == 0                              ? RUNSTATE_runnable
           : (flags & (VPF_BLOCKED | VPF_POLLING)) ? RUNSTATE_blocked
                                                   : RUNSTATE_offline;
}

static void slice_ended(void *data)
{
    (void)data;
    softirq_raise(SOFTIRQ_SCHEDULE);
}

static void init_cpu(struct sched_cpu *sc, unsigned int cpu)
{
    *sc = (struct sched_cpu){.idle = {.id = cpu, .cpu = cpu}};
    spin_lock_init(&sc->lock, RANK_SCHED);
    timer_init(&sc->slice, slice_ended, NULL);
    sc->slice.cpu = cpu;
    sc->idle.domain = &idle_domain;
    sc->idle.is_idle = sc->idle.is_running = true;
    sc->idle.vcpu_info = &sc->idle.private_info;
    sc->running = &sc->idle;
    sched_cpus[cpu] = sc;
    cpumask_set(&idle_cpus, cpu);
}

void sched_init(void)
{
    idle_domain.id = DOMID_IDLE;
    init_cpu(&boot_cpu, 0);
    cpu_info()->current_vcpu = &boot_cpu.idle;
}

int sched_cpu_init(unsigned int cpu)
{
    struct sched_cpu *sc = mm_alloc(sizeof(*sc));

    if (!sc)
        return -ENOMEM;
    init_cpu(sc, cpu);
    cpu_infos[cpu]->current_vcpu = &sc->idle;
    return 0;
}

void sched_vcpu_init(struct vcpu *v)
{
    for (unsigned int i = 0; i < CPUMASK_WORDS; i++)
        v->affinity.word[i] = ~0ul;
    policy_unit_init(&v->sched, &sched_cpus[v->cpu]->queue);
}

void sched_vcpu_destroy(struct vcpu *v)
{
    struct sched_cpu *sc = lock_cpu_of(v);

    policy_remove(&sc->queue, &v->sched);
    spin_unlock(&sc->lock);
}

static bool may_run_on(const struct vcpu *v, unsigned int cpu)
{
    return cpumask_test(&v->affinity, cpu) && cpumask_test(&cpu_online_map, cpu);
}

/* An idle CPU, the last one if it can be; else the last; else any it may use. */
static unsigned int choose_cpu(const struct vcpu *v)
{
    struct cpumask allowed = cpumask_and(&v->affinity, &cpu_online_map);
    struct cpumask idle = cpumask_and(&allowed, &idle_cpus);
    unsigned int cpu = cpumask_next(&idle, 0);

    if (cpumask_test(&idle, v->cpu) || (cpu == CPU_MAX && cpumask_test(&allowed, v->cpu)))
        return v->cpu;
    if (cpu == CPU_MAX)
        cpu = cpumask_next(&allowed, 0);
    return cpu == CPU_MAX ? v->cpu : cpu;
}

/* Takes `v`, in no queue and on no CPU, from the locked `from` to `cpu`'s time. */
static void assign_cpu(struct vcpu *v, const struct sched_cpu *from, unsigned int cpu)
{
    policy_migrate(&v->sched, &from->queue, &sched_cpus[cpu]->queue);
    __atomic_store_n(&v->cpu, cpu, __ATOMIC_RELEASE);
}

static void place(struct sched_cpu *sc, struct vcpu *v)
{
    struct sched_unit *running = running_unit(sc);

    if (running)
        policy_charge(running, (uint64_t)time_now());
    policy_advance(&sc->queue, running);
    policy_wake(&sc->queue, &v->sched);
    set_runstate(v, RUNSTATE_runnable);
    policy_insert(&sc->queue, &v->sched);
    /* One that ran alone has no end to its slice: it looks again and gets one. */
    if (!running || READ_ONCE(sc->running->pause_flags) || !sc->slice.is_active ||
        policy_preempts(&v->sched, running))
        softirq_raise_on(v->cpu, SOFTIRQ_SCHEDULE);
}

void sched_wake(struct vcpu *v)
{
    for (;;) {
        struct sched_cpu *sc = lock_cpu_of(v);

        if (READ_ONCE(v->pause_flags) || v->sched.is_queued || sc->running == v) {
            spin_unlock(&sc->lock);
            return;
        }
        unsigned int cpu =
            __atomic_load_n(&v->is_running, __ATOMIC_ACQUIRE) ? v->cpu : choose_cpu(v);

        if (cpu == v->cpu) {
            place(sc, v);
            spin_unlock(&sc->lock);
            return;
        }
        assign_cpu(v, sc, cpu);
        spin_unlock(&sc->lock);
    }
}

void sched_sleep(struct vcpu *v)
{
    struct sched_cpu *sc = lock_cpu_of(v);

    if (sc->running == v) {
        softirq_raise_on(v->cpu, SOFTIRQ_SCHEDULE);
    } else if (READ_ONCE(v->pause_flags)) {
        policy_remove(&sc->queue, &v->sched);
        set_runstate(v, idle_state(v));
    }
    spin_unlock(&sc->lock);
}

void sched_wait_saved(const struct vcpu *v)
{
    while (v != current && __atomic_load_n(&v->is_running, __ATOMIC_ACQUIRE)) {
        cpu_serve_requests();
        cpu_relax();
    }
}

void sched_yield_current(void)
{
    struct vcpu *v = current;
    struct sched_cpu *sc = lock_cpu_of(v);

    policy_charge(&v->sched, (uint64_t)time_now());
    policy_yield(&sc->queue, &v->sched);
    spin_unlock(&sc->lock);
    softirq_raise(SOFTIRQ_SCHEDULE);
}

/* Takes a vCPU that waits at `from` for the CPU `me`, if one may and can come. */
static struct vcpu *take_from(struct sched_cpu *from, unsigned int me)
{
    struct vcpu *v = NULL;

    spin_lock(&from->lock);
    for (struct sched_unit *u = policy_first(&from->queue); u && !v; u = policy_next(u))
        if (may_run_on(unit_vcpu(u), me) &&
            !__atomic_load_n(&unit_vcpu(u)->is_running, __ATOMIC_ACQUIRE))
            v = unit_vcpu(u);
    if (v) {
        policy_remove(&from->queue, &v->sched);
        assign_cpu(v, from, me);
    }
    spin_unlock(&from->lock);
    return v;
}

/* This CPU has nothing to do: a vCPU that waits for another comes here. */
static void steal_work(struct sched_cpu *sc, unsigned int me)
{
    unsigned int cpu;

    for_each_cpu(cpu, &cpu_online_map)
    {
        struct vcpu *v;

        if (cpu == me || READ_ONCE(sched_cpus[cpu]->queue.n) == 0)
            continue;
        v = take_from(sched_cpus[cpu], me);
        if (!v)
            continue;
        spin_lock(&sc->lock); /* meanwhile it may have been put to sleep, or woken again */
        if (v->cpu == me && READ_ONCE(v->pause_flags) == 0)
            policy_insert(&sc->queue, &v->sched);
        else if (v->cpu == me)
            set_runstate(v, idle_state(v));
        spin_unlock(&sc->lock);
        return;
    }
}

static struct vcpu *choose_next(struct sched_cpu *sc, struct vcpu *prev)
{
    struct sched_unit *first;

    if (!prev->is_idle) {
        policy_charge(&prev->sched, (uint64_t)time_now());
        if (READ_ONCE(prev->pause_flags) == 0 && may_run_on(prev, prev->cpu))
            policy_insert(&sc->queue, &prev->sched);
    }
    first = policy_first(&sc->queue);
    if (!first)
        return &sc->idle;
    policy_remove(&sc->queue, first);
    policy_advance(&sc->queue, first);
    return unit_vcpu(first);
}

void schedule(void)
{
    struct vcpu *prev = current, *next;
    unsigned int me = cpu_number();
    struct sched_cpu *sc = sched_cpus[me];

    if (sc->queue.n == 0 && (prev->is_idle || READ_ONCE(prev->pause_flags)))
        steal_work(sc, me);
    spin_lock(&sc->lock);
    next = choose_next(sc, prev);
    if (!next->is_idle && sc->queue.n)
        timer_set(&sc->slice, time_now() + SCHED_SLICE);
    else
        timer_stop(&sc->slice); /* nobody waits: no tick */
    sc->running = next;
    if (next != prev) {
        if (!prev->is_idle)
            set_runstate(prev, idle_state(prev));
        if (next->is_idle) {
            cpumask_set(&idle_cpus, me);
        } else {
            cpumask_clear(&idle_cpus, me);
            set_runstate(next, RUNSTATE_running);
            policy_start(&next->sched, (uint64_t)time_now());
        }
        /* Before the lock goes: from now on nobody may take it elsewhere. */
        next->is_running = true;
    }
    spin_unlock(&sc->lock);
    if (next != prev) {
        COUNT(context_switches);
        TRACE(TRC_SCHED_SWITCH, TRACE_VCPU(prev), TRACE_VCPU(next));
        context_switch(prev, next);
    }
}

void sched_context_saved(struct vcpu *v)
{
    __atomic_store_n(&v->is_running, false, __ATOMIC_SEQ_CST);
    /* Runnable, and not in our queue: it may not run here any more. */
    if (unlikely(READ_ONCE(v->pause_flags) == 0 && !v->sched.is_queued))
        sched_wake(v);
}

int sched_set_affinity(struct vcpu *v, const struct cpumask *cpus)
{
    struct cpumask usable = cpumask_and(cpus, &cpu_online_map);

    if (cpumask_empty(&usable))
        return -EINVAL;
    struct sched_cpu *sc = lock_cpu_of(v);

    v->affinity = *cpus;
    bool must_move = !may_run_on(v, v->cpu);

    if (must_move && sc->running == v)
        softirq_raise_on(v->cpu, SOFTIRQ_SCHEDULE);
    else if (must_move)
        policy_remove(&sc->queue, &v->sched);
    spin_unlock(&sc->lock);
    if (must_move)
        sched_wake(v);
    return 0;
}

int sched_set_params(struct domain *d, uint32_t weight, uint32_t cap)
{
    struct vcpu *v;

    if (weight < 1 || weight > 65535)
        return -EINVAL;
    if (cap)
        return -EOPNOTSUPP; /* the policy has none yet */
    for_each_vcpu (d, v) {
        v->sched.weight = weight;
        v->sched.cap = cap;
    }
    return 0;
}

void sched_get_params(const struct domain *d, uint32_t *weight, uint32_t *cap)
{
    const struct vcpu *v = d->max_vcpus ? d->vcpu[0] : NULL;
    *weight = v ? v->sched.weight : SCHED_WEIGHT_DEFAULT;
    *cap = v ? v->sched.cap : 0;
}

void sched_get_runstate(struct vcpu *v, struct vcpu_runstate_info *info)
{
    struct sched_cpu *sc = lock_cpu_of(v);

    *info = v->runstate;
    info->time[info->state] += (uint64_t)time_now() - info->state_entry_time;
    spin_unlock(&sc->lock);
}

uint64_t sched_vcpu_runtime(struct vcpu *v)
{
    struct vcpu_runstate_info info;

    sched_get_runstate(v, &info);
    return info.time[RUNSTATE_running];
}
