/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's mechanism: who runs where. The order within a queue is the policy's (policy.h),
 * the choice of a CPU is in balance.c.
 *
 * A vCPU belongs to the run queue of v->cpu, whose lock guards its place, its runstate, v->allowed
 * and v->cpu itself. Never are two of these locks held. `running` is the vCPU a CPU has chosen; the
 * one before is on its way into its struct until sched_context_saved. As long as is_running says
 * that a vCPU's registers are on a CPU only that CPU may choose it: all others pass it over.
 *
 * Core scheduling: the threads of a core share one queue, and while one runs a vCPU of some domain
 * the others run vCPUs of the same or idle. A thread for which only others' vCPUs are left idles;
 * when one of those is behind what runs, the threads are made to choose anew, one after the other:
 * the first finds the others idle and is free to choose.
 */
#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/smp.h"
#include "arch/topology.h"
#include "boot.h"
#include "console.h"
#include "counters.h"
#include "internal.h"
#include "trace.h"

struct sched_cpu *sched_cpus[CPU_MAX];
struct cpumask sched_idle_cpus, sched_tickless_cpus;

static struct sched_cpu boot_cpu;
static struct domain idle_domain;

struct sched_cpu *sched_lock_cpu_of(const struct vcpu *v)
{
    for (;;) {
        unsigned int cpu = __atomic_load_n(&v->cpu, __ATOMIC_ACQUIRE);
        struct sched_cpu *sc = sched_cpus[cpu];

        spin_lock(&sc->rq->lock);
        if (likely(cpu == v->cpu))
            return sc;
        spin_unlock(&sc->rq->lock);
    }
}

/* Moves the runstate to `state` at `now`, charging the time since the last change. */
static void set_runstate(struct vcpu *v, int state, uint64_t now)
{
    now = MAX(now, v->runstate.state_entry_time); /* set by a CPU whose clock is a little ahead */
    TRACE(TRC_SCHED_RUNSTATE_CHANGE | (uint32_t)v->runstate.state << 8 | (uint32_t)state << 4,
          TRACE_VCPU(v));
    v->runstate.time[v->runstate.state] += now - v->runstate.state_entry_time;
    v->runstate.state_entry_time = now;
    v->runstate.state = state;
}

/* Of one that does not run; waiting for a cap's next period is waiting for a CPU. */
static int idle_state(const struct vcpu *v)
{
    unsigned int flags = READ_ONCE(v->pause_flags) & ~(unsigned int)VPF_PARKED;

    return flags == 0                              ? RUNSTATE_runnable
           : (flags & (VPF_BLOCKED | VPF_POLLING)) ? RUNSTATE_blocked
                                                   : RUNSTATE_offline;
}

void sched_set_runstate(struct vcpu *v)
{
    set_runstate(v, idle_state(v), (uint64_t)time_now());
}

static void slice_ended(void *data)
{
    (void)data;
    softirq_raise(SOFTIRQ_SCHEDULE);
}

/* With core scheduling the queue of a thread of the same core that was started before. */
static struct sched_queue *shared_queue(unsigned int cpu)
{
    const struct cpumask *threads = topology_siblings(cpu);
    unsigned int other;

    if (boot_options.sched_core)
        for_each_cpu(other, threads)
        {
            if (other != cpu && sched_cpus[other])
                return sched_cpus[other]->rq;
        }
    return NULL;
}

static void init_cpu(struct sched_cpu *sc, unsigned int cpu)
{
    struct sched_queue *shared = shared_queue(cpu);

    *sc = (struct sched_cpu){.idle = {.id = cpu, .cpu = cpu}};
    sc->rq = shared ? shared : &sc->own;
    spin_lock_init(&sc->own.lock, RANK_SCHED);
    policy_queue_init(&sc->own.queue);
    cpumask_set(&sc->rq->cpus, cpu);
    timer_init(&sc->slice, slice_ended, NULL);
    sc->slice.cpu = cpu;
    sc->idle.domain = &idle_domain;
    sc->idle.is_idle = sc->idle.is_running = true;
    sc->idle.vcpu_info = &sc->idle.private_info;
    sc->idle.runstate.state = RUNSTATE_running;
    sc->idle.runstate.state_entry_time = (uint64_t)time_now();
    sc->running = &sc->idle;
    sched_cpus[cpu] = sc;
    cpumask_set(&sched_idle_cpus, cpu);
}

void sched_init(void)
{
    idle_domain.id = DOMID_IDLE;
    init_cpu(&boot_cpu, 0);
    cpu_info()->current_vcpu = &boot_cpu.idle;
    sched_pools_init();
}

int sched_cpu_init(unsigned int cpu)
{
    struct sched_cpu *sc = mm_alloc(sizeof(*sc));

    if (!sc)
        return -ENOMEM;
    init_cpu(sc, cpu);
    cpu_infos[cpu]->current_vcpu = &sc->idle;
    sched_pool_add_new(cpu);
    return 0;
}

void sched_vcpu_init(struct vcpu *v)
{
    struct sched_cpu *sc;

    v->hard_affinity = v->soft_affinity = cpumask_all();
    sched_update_allowed(v);
    v->cpu = cpumask_next(&v->allowed, 0);
    sc = sched_lock_cpu_of(v);
    policy_unit_init(&v->sched, &v->domain->sched, &sc->rq->queue);
    spin_unlock(&sc->rq->lock);
}

void sched_vcpu_destroy(struct vcpu *v)
{
    struct sched_cpu *sc = sched_lock_cpu_of(v);

    policy_remove(&sc->rq->queue, &v->sched);
    spin_unlock(&sc->rq->lock);
}

/* --- caps --- */

static void unpark(struct vcpu *v)
{
    if (__atomic_fetch_and(&v->pause_flags, ~(unsigned int)VPF_PARKED, __ATOMIC_SEQ_CST) ==
        VPF_PARKED)
        sched_wake(v);
}

static void cap_period_ended(void *data)
{
    struct domain *d = data;
    struct vcpu *v;

    if (!policy_group_may_run(&d->sched, (uint64_t)time_now())) {
        timer_set(&d->cap_timer, (s_time_t)d->sched.period_end);
        return;
    }
    for_each_vcpu (d, v)
        unpark(v);
}

void sched_park(struct vcpu *v)
{
    __atomic_fetch_or(&v->pause_flags, VPF_PARKED, __ATOMIC_SEQ_CST);
    timer_set(&v->domain->cap_timer, (s_time_t)v->domain->sched.period_end);
}

void sched_domain_init(struct domain *d)
{
    policy_group_init(&d->sched);
    timer_init(&d->cap_timer, cap_period_ended, d);
}

void sched_cap_changed(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v)
        unpark(v);
}

/* --- waking and sleeping --- */

int64_t sched_least_running(const struct sched_queue *rq)
{
    int64_t least = INT64_MAX;
    unsigned int cpu;

    for_each_cpu(cpu, &rq->cpus)
    {
        const struct sched_unit *u = running_unit(sched_cpus[cpu]);

        if (u)
            least = MIN(least, u->vtime);
    }
    return least;
}

/* Whether `sc` is to look for what it runs next, now that `v` waits in its queue. */
static bool should_look(const struct sched_cpu *sc, const struct vcpu *v)
{
    const struct sched_unit *running = running_unit(sc);

    /* One that ran alone has no end to its slice: it looks again and gets one. */
    return !running || READ_ONCE(sc->running->pause_flags) || !sc->slice.is_active ||
           policy_preempts(&v->sched, running);
}

static void place(struct sched_queue *rq, struct vcpu *v)
{
    uint64_t now = (uint64_t)time_now();
    unsigned int cpu;

    for_each_cpu(cpu, &rq->cpus)
    {
        if (running_unit(sched_cpus[cpu]))
            policy_charge(&rq->queue, running_unit(sched_cpus[cpu]), now);
    }
    int64_t running = sched_least_running(rq);

    if (running == INT64_MAX && rq->queue.n == 0)
        policy_adopt(&rq->queue, &v->sched);
    policy_advance(&rq->queue, running);
    policy_wake(&rq->queue, &v->sched);
    set_runstate(v, RUNSTATE_runnable, now);
    policy_insert(&rq->queue, &v->sched);
    for_each_cpu(cpu, &rq->cpus)
    {
        if (!may_run_on(v, cpu) || !should_look(sched_cpus[cpu], v))
            continue;
        if (cpu == v->cpu)
            cpumask_clear(&sched_idle_cpus, cpu); /* the next that wakes chooses another */
        softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
    }
}

void sched_wake(struct vcpu *v)
{
    for (;;) {
        struct sched_cpu *sc = sched_lock_cpu_of(v);
        struct sched_queue *rq = sc->rq;

        if (READ_ONCE(v->pause_flags) || v->sched.is_queued || sc->running == v) {
            spin_unlock(&rq->lock);
            return;
        }
        unsigned int cpu =
            __atomic_load_n(&v->is_running, __ATOMIC_ACQUIRE) ? v->cpu : sched_choose_cpu(v);

        if (sched_cpus[cpu]->rq == rq) {
            __atomic_store_n(&v->cpu, cpu, __ATOMIC_RELEASE);
            place(rq, v);
            spin_unlock(&rq->lock);
            return;
        }
        __atomic_store_n(&v->cpu, cpu, __ATOMIC_RELEASE);
        spin_unlock(&rq->lock);
    }
}

void sched_sleep(struct vcpu *v)
{
    struct sched_cpu *sc = sched_lock_cpu_of(v);

    if (sc->running == v) {
        softirq_raise_on(v->cpu, SOFTIRQ_SCHEDULE);
    } else if (READ_ONCE(v->pause_flags)) {
        policy_remove(&sc->rq->queue, &v->sched);
        sched_set_runstate(v);
    }
    spin_unlock(&sc->rq->lock);
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
    struct sched_cpu *sc = sched_lock_cpu_of(v);

    policy_charge(&sc->rq->queue, &v->sched, (uint64_t)time_now());
    policy_yield(&sc->rq->queue, &v->sched);
    spin_unlock(&sc->rq->lock);
    softirq_raise(SOFTIRQ_SCHEDULE);
}

/* --- choosing --- */

const struct domain *sched_core_domain(const struct sched_queue *rq, unsigned int me)
{
    unsigned int cpu;

    for_each_cpu(cpu, &rq->cpus)
    {
        if (cpu != me && running_unit(sched_cpus[cpu]))
            return sched_cpus[cpu]->running->domain;
    }
    return NULL;
}

/* Makes the threads that run something ahead of `u` choose anew; false when none is. */
static bool make_room(const struct sched_queue *rq, unsigned int me, const struct sched_unit *u)
{
    bool is_any = false;
    unsigned int cpu;

    for_each_cpu(cpu, &rq->cpus)
    {
        const struct sched_unit *running = running_unit(sched_cpus[cpu]);

        if (cpu == me || !running || running->vtime <= u->key + rq->queue.offset)
            continue;
        softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
        is_any = true;
    }
    return is_any;
}

/* Whether `v` waits for another thread of the core than `me`, which runs nothing of its domain. */
static bool needs_sibling(const struct sched_queue *rq, const struct vcpu *v, unsigned int me)
{
    struct cpumask threads = cpumask_and(&rq->cpus, &v->allowed);

    return !may_run_on(v, me) && !cpumask_empty(&threads);
}

/* All threads idle, and `u`, which may not run on `me`, is the first in line: it gets the core. */
static void leave_core(const struct sched_queue *rq, struct sched_unit *u)
{
    struct cpumask threads = cpumask_and(&rq->cpus, &unit_vcpu(u)->allowed);

    softirq_raise_on(cpumask_next(&threads, 0), SOFTIRQ_SCHEDULE);
}

/* Takes the first out of the queue that may run on `me` now; NULL when there is none. */
static struct vcpu *take_next(struct sched_cpu *sc, unsigned int me, uint64_t now)
{
    struct sched_queue *rq = sc->rq;
    const struct domain *only = sched_core_domain(rq, me);
    struct sched_unit *next, *passed = NULL;

    for (struct sched_unit *u = policy_first(&rq->queue); u; u = next) {
        struct vcpu *v = unit_vcpu(u);

        next = policy_next(u);
        if ((v->cpu != me && __atomic_load_n(&v->is_running, __ATOMIC_ACQUIRE)) ||
            (!may_run_on(v, me) && !needs_sibling(rq, v, me)))
            continue;
        if (!policy_group_may_run(u->group, now)) {
            policy_remove(&rq->queue, u);
            sched_park(v);
            sc->may_find_more = true;
            continue;
        }
        if (only ? v->domain != only : !may_run_on(v, me)) {
            passed = passed ? passed : u;
            continue;
        }
        if (!may_run_on(v, me))
            continue;
        if (passed && only && make_room(rq, me, passed))
            return NULL;
        if (passed && !only && unit_vcpu(passed)->domain != v->domain)
            break;
        policy_remove(&rq->queue, u);
        return v;
    }
    if (passed && only)
        make_room(rq, me, passed);
    else if (passed)
        leave_core(rq, passed);
    return NULL;
}

static struct vcpu *choose_next(struct sched_cpu *sc, unsigned int me, struct vcpu *prev,
                                uint64_t now)
{
    struct sched_queue *rq = sc->rq;
    struct vcpu *next;

    if (!prev->is_idle) {
        policy_charge(&rq->queue, &prev->sched, now);
        if (READ_ONCE(prev->pause_flags) == 0 && may_run_on(prev, me))
            policy_insert(&rq->queue, &prev->sched);
    }
    sc->running = &sc->idle;
    next = take_next(sc, me, now);
    if (!next)
        return &sc->idle;
    __atomic_store_n(&next->cpu, me, __ATOMIC_RELEASE);
    sc->running = next;
    policy_advance(&rq->queue, sched_least_running(rq));
    return next;
}

static void set_slice(struct sched_cpu *sc, unsigned int me, const struct vcpu *next,
                      bool others_wait, uint64_t now)
{
    uint64_t slice = next->is_idle ? 0 : policy_slice(&sc->rq->queue, &next->sched);

    if (!slice && !next->is_idle && others_wait)
        slice = (uint64_t)SCHED_SLICE;
    if (slice)
        timer_set(&sc->slice, (s_time_t)(now + slice));
    else
        timer_stop(&sc->slice); /* nobody waits: no tick */
    if (slice || next->is_idle)
        cpumask_clear(&sched_tickless_cpus, me);
    else
        cpumask_set(&sched_tickless_cpus, me);
}

/* At one time for both, which is also what `prev` was charged up to: what guests see in their
 * runstates is what their caps and shares are reckoned by. */
static void set_running(struct vcpu *prev, struct vcpu *next, uint64_t now)
{
    set_runstate(prev, prev->is_idle ? RUNSTATE_runnable : idle_state(prev), now);
    set_runstate(next, RUNSTATE_running, now);
    if (!next->is_idle)
        policy_start(&next->sched, now);
    /* Before the lock goes: from now on nobody may take it elsewhere. */
    next->is_running = true;
}

/* The core has come to another domain: its idle threads look for vCPUs of that. */
static void wake_core(const struct sched_queue *rq, unsigned int me)
{
    unsigned int cpu;

    for_each_cpu(cpu, &rq->cpus)
    {
        if (cpu != me && !running_unit(sched_cpus[cpu]))
            softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
    }
}

void schedule(void)
{
    struct vcpu *prev = current, *next;
    unsigned int me = cpu_number(), helper;
    struct sched_cpu *sc = sched_cpus[me];
    struct sched_queue *rq = sc->rq;
    uint64_t now = (uint64_t)time_now();

    sc->may_find_more = false;
    bool others_wait = smp_cpu_count() > 1 && sched_balance(sc, me, prev, now);

    spin_lock(&rq->lock);
    now = (uint64_t)time_now();
    next = choose_next(sc, me, prev, now);
    set_slice(sc, me, next, others_wait, now);
    if (next != prev)
        set_running(prev, next, now);
    if (next->is_idle)
        cpumask_set(&sched_idle_cpus, me);
    else
        cpumask_clear(&sched_idle_cpus, me);
    if (boot_options.sched_core && !next->is_idle && next->domain != prev->domain)
        wake_core(rq, me);
    /* One that idles beside waiters may not run them; whoever let them wait called for help. */
    helper = next->is_idle || smp_cpu_count() == 1 ? CPU_MAX : sched_find_helper(rq, me);
    spin_unlock(&rq->lock);
    sched_call_helper(helper);
    if (next->is_idle && sc->may_find_more && smp_cpu_count() > 1)
        softirq_raise(SOFTIRQ_SCHEDULE);
    if (next != prev) {
        COUNT(context_switches);
        TRACE(TRC_SCHED_SWITCH, TRACE_VCPU(prev), TRACE_VCPU(next));
        context_switch(prev, next);
    }
}

void sched_context_saved(struct vcpu *v)
{
    __atomic_store_n(&v->is_running, false, __ATOMIC_SEQ_CST);
    if (unlikely(READ_ONCE(v->pause_flags)))
        return;
    /* Runnable, and not in our queue, or in it by a wake meanwhile: it may not run here any more.
     */
    if (unlikely(!v->sched.is_queued))
        sched_wake(v);
    else if (unlikely(!may_run_on(v, v->cpu)))
        sched_reconsider(v);
}

void sched_reconsider(struct vcpu *v)
{
    struct sched_cpu *sc = sched_lock_cpu_of(v);
    struct cpumask idle;
    bool must_move, moves;

    sched_update_allowed(v);
    must_move = !may_run_on(v, v->cpu);
    idle = cpumask_and(&v->allowed, &sched_idle_cpus);
    /* One that waits is also placed anew when an idle CPU has come within its reach. */
    moves = v->sched.is_queued && (must_move || !cpumask_empty(&idle));
    if (moves)
        policy_remove(&sc->rq->queue, &v->sched);
    else if (must_move && sc->running == v)
        softirq_raise_on(v->cpu, SOFTIRQ_SCHEDULE);
    else if (must_move && !__atomic_load_n(&v->is_running, __ATOMIC_ACQUIRE))
        __atomic_store_n(&v->cpu, sched_choose_cpu(v), __ATOMIC_RELEASE);
    spin_unlock(&sc->rq->lock);
    if (moves || must_move)
        sched_wake(v);
}

void sched_get_runstate(struct vcpu *v, struct vcpu_runstate_info *info)
{
    struct sched_cpu *sc = sched_lock_cpu_of(v);

    *info = v->runstate;
    info->time[info->state] += (uint64_t)time_now() - info->state_entry_time;
    spin_unlock(&sc->rq->lock);
}

uint64_t sched_vcpu_runtime(struct vcpu *v)
{
    struct vcpu_runstate_info info;

    sched_get_runstate(v, &info);
    return info.time[RUNSTATE_running];
}

uint64_t sched_cpu_idle_time(unsigned int cpu)
{
    return cpumask_test(&cpu_online_map, cpu) ? sched_vcpu_runtime(&sched_cpus[cpu]->idle) : 0;
}
