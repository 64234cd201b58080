/* SPDX-License-Identifier: MIT */
/*
 * Which CPU for which vCPU: placing those that wake, fetching those that wait elsewhere.
 *
 * Queues are compared without locks, by the vtime of the first that waits in each (queue.least);
 * only the one chosen is locked. Nobody pushes: a CPU with waiters wakes one that could help, and
 * that one fetches, and wakes the next.
 */
#include "arch/smp.h"
#include "arch/topology.h"
#include "boot.h"
#include "internal.h"

#define LOOK_PERIOD SCHED_SLICE /* between looks of a busy CPU at others' queues */
#define SCAN_BUSY   8           /* how many of a queue are looked at, by a busy CPU */
#define SCAN_IDLE   64          /* and by one that has nothing else to do */
#define TRIES_BUSY  4           /* queues a busy CPU locks in vain */

static bool core_is_idle(unsigned int cpu)
{
    const struct cpumask *threads = topology_siblings(cpu);
    struct cpumask idle = cpumask_and(threads, &sched_idle_cpus);

    return cpumask_equal(&idle, threads);
}

/* The best of the idle `cpus` for one that ran on `last`; CPU_MAX when there is none. */
static unsigned int best_idle(const struct cpumask *cpus, unsigned int last)
{
    unsigned int cpu, best = CPU_MAX, best_score = 0;

    if (cpumask_test(cpus, last) && core_is_idle(last))
        return last;
    for_each_cpu(cpu, cpus)
    {
        unsigned int score = 1 + 4 * core_is_idle(cpu) + 2 * (cpu == last) +
                             (topology_node(cpu) == topology_node(last));

        if (score > best_score) {
            best = cpu;
            best_score = score;
        }
        if (score >= 6) /* a whole core near by: as good as it gets */
            break;
    }
    return best;
}

/* The one of `cpus` with the fewest waiting, `last` if it is no worse. */
static unsigned int least_busy(const struct cpumask *cpus, unsigned int last)
{
    unsigned int cpu, best = cpumask_test(cpus, last) ? last : cpumask_next(cpus, 0);

    for_each_cpu(cpu, cpus)
    {
        if (READ_ONCE(sched_cpus[cpu]->rq->queue.n) + 1 < READ_ONCE(sched_cpus[best]->rq->queue.n))
            best = cpu;
    }
    return best;
}

unsigned int sched_choose_cpu(const struct vcpu *v)
{
    struct cpumask preferred = cpumask_and(&v->allowed, &v->soft_affinity);
    struct cpumask idle = cpumask_and(&preferred, &sched_idle_cpus);
    unsigned int cpu = best_idle(&idle, v->cpu);

    if (cpu == CPU_MAX) {
        idle = cpumask_and(&v->allowed, &sched_idle_cpus);
        cpu = best_idle(&idle, v->cpu);
    }
    if (cpu == CPU_MAX)
        cpu = least_busy(cpumask_empty(&preferred) ? &v->allowed : &preferred, v->cpu);
    return cpu == CPU_MAX ? v->cpu : cpu;
}

/* One of `cpus`, neither `me` nor one of the queue's own, that may run one that waits in `rq`;
 * CPU_MAX: none. */
static unsigned int find_among(struct cpumask cpus, const struct sched_queue *rq, unsigned int me)
{
    unsigned int cpu, n = 0;

    cpumask_clear(&cpus, me);
    for_each_cpu(cpu, &rq->cpus) cpumask_clear(&cpus, cpu);
    cpu = CPU_MAX;
    if (cpumask_empty(&cpus))
        return CPU_MAX;
    for (struct sched_unit *u = policy_first(&rq->queue); u && n < SCAN_IDLE && cpu == CPU_MAX;
         u = policy_next(u), n++) {
        struct cpumask may_help = cpumask_and(&cpus, &unit_vcpu(u)->allowed);

        cpu = cpumask_next(&may_help, 0);
    }
    return cpu;
}

unsigned int sched_find_helper(const struct sched_queue *rq, unsigned int me)
{
    struct cpumask idle = sched_idle_cpus;
    unsigned int cpu;

    if (rq->queue.n == 0)
        return CPU_MAX;
    if (boot_options.sched_core) /* a thread that idles beside a busy one does so for that one */
        for_each_cpu(cpu, &sched_idle_cpus)
        {
            if (!core_is_idle(cpu))
                cpumask_clear(&idle, cpu);
        }
    cpu = find_among(idle, rq, me);
    return cpu != CPU_MAX ? cpu : find_among(sched_tickless_cpus, rq, me);
}

void sched_call_helper(unsigned int cpu)
{
    if (cpu == CPU_MAX)
        return;
    cpumask_clear(&sched_idle_cpus, cpu);
    softirq_raise_on(cpu, SOFTIRQ_SCHEDULE);
}

/* What CPU `me` looks for. */
struct wish {
    unsigned int me;
    int64_t limit;             /* with less vtime than this; INT64_MAX: anybody, it would idle */
    const struct domain *only; /* of this domain (core scheduling), NULL: any */
    uint64_t now;
    bool saw_unsaved; /* one suited but for its registers, on their way to memory */
};

static bool may_take(const struct wish *wish, const struct vcpu *v)
{
    return may_run_on(v, wish->me) && (!wish->only || v->domain == wish->only) &&
           (wish->limit == INT64_MAX || cpumask_test(&v->soft_affinity, wish->me) ||
            !cpumask_test(&v->soft_affinity, v->cpu));
}

/* Takes a vCPU that suits from `from`, if one can come. */
static struct vcpu *take_from(struct sched_queue *from, struct wish *wish)
{
    unsigned int n = 0, most = wish->limit == INT64_MAX ? SCAN_IDLE : SCAN_BUSY;
    struct sched_unit *next, *u;
    unsigned int helper = CPU_MAX;
    struct vcpu *v = NULL;

    spin_lock(&from->lock);
    for (u = policy_first(&from->queue);
         u && !v && n < most && u->key + from->queue.offset < wish->limit; u = next, n++) {
        next = policy_next(u);
        if (!may_take(wish, unit_vcpu(u)))
            continue;
        if (__atomic_load_n(&unit_vcpu(u)->is_running, __ATOMIC_ACQUIRE)) {
            wish->saw_unsaved = true;
            continue;
        }
        if (policy_group_may_run(u->group, wish->now)) {
            v = unit_vcpu(u);
        } else {
            /* Its next period ends the wait here too, where nobody else would look then. */
            policy_remove(&from->queue, u);
            sched_park(unit_vcpu(u));
        }
    }
    if (v) {
        policy_remove(&from->queue, &v->sched);
        __atomic_store_n(&v->cpu, wish->me, __ATOMIC_RELEASE);
        helper = sched_find_helper(from, wish->me); /* each that came to help calls the next */
    }
    spin_unlock(&from->lock);
    sched_call_helper(helper);
    return v;
}

/* `v`, fetched, joins the queue here, whose own next stands at `mine`. */
static void join(struct sched_cpu *sc, unsigned int me, struct vcpu *v, int64_t mine)
{
    struct sched_queue *rq = sc->rq;
    bool lost;

    spin_lock(&rq->lock);
    /* Meanwhile it may have been put to sleep, woken again or forbidden to be here. */
    lost = v->cpu == me && READ_ONCE(v->pause_flags) == 0 && !v->sched.is_queued &&
           sc->running != v && !may_run_on(v, me);
    if (v->cpu == me && !v->sched.is_queued && sc->running != v && !lost) {
        if (READ_ONCE(v->pause_flags) == 0) {
            if (mine == INT64_MAX && rq->queue.n == 0) {
                policy_adopt(&rq->queue, &v->sched);
            } else if (mine != INT64_MAX) {
                int64_t shift = policy_sync(&rq->queue, mine, v->sched.vtime);
                unsigned int cpu;

                for_each_cpu(cpu, &rq->cpus)
                {
                    if (running_unit(sched_cpus[cpu]))
                        running_unit(sched_cpus[cpu])->vtime -= shift;
                }
                policy_migrate(&v->sched, &rq->queue);
            }
            policy_insert(&rq->queue, &v->sched);
        } else {
            sched_set_runstate(v);
        }
    }
    spin_unlock(&rq->lock);
    if (lost)
        sched_wake(v);
}

/* The vtime of what would run here next, INT64_MAX when nothing would. */
static int64_t own_next(struct sched_cpu *sc, struct vcpu *prev, struct wish *wish)
{
    struct run_queue *q = &sc->rq->queue;
    int64_t mine;

    spin_lock(&sc->rq->lock);
    wish->only = sched_core_domain(sc->rq, wish->me);
    mine = q->least;
    if (wish->only) {
        const struct sched_unit *u = policy_first(q);

        while (u && u->group != &wish->only->sched)
            u = policy_next(u);
        mine = u ? u->key + q->offset : INT64_MAX;
    }
    if (!prev->is_idle && READ_ONCE(prev->pause_flags) == 0 && may_run_on(prev, wish->me) &&
        (!wish->only || prev->domain == wish->only)) {
        policy_charge(q, &prev->sched, wish->now);
        mine = MIN(mine, prev->sched.vtime);
    }
    spin_unlock(&sc->rq->lock);
    return mine;
}

/* The queue with the least vtime waiting, of those not in `seen`; NULL when nobody waits. */
static struct sched_queue *most_behind(const struct sched_cpu *sc, struct cpumask *seen)
{
    struct sched_queue *best = NULL;
    int64_t least = INT64_MAX;
    unsigned int cpu;

    for_each_cpu(cpu, &cpu_online_map)
    {
        struct sched_cpu *other = sched_cpus[cpu];
        int64_t l = READ_ONCE(other->rq->queue.least);

        if (other->rq == sc->rq || other->pool != sc->pool || cpumask_test(seen, cpu) || l >= least)
            continue;
        least = l;
        best = other->rq;
    }
    if (best)
        for_each_cpu(cpu, &best->cpus) cpumask_set(seen, cpu);
    return best;
}

bool sched_balance(struct sched_cpu *sc, unsigned int me, struct vcpu *prev, uint64_t now)
{
    struct cpumask seen = {{0}};
    struct wish wish = {.me = me, .now = now};
    struct sched_queue *from;
    struct vcpu *v = NULL;
    unsigned int tries = 0;
    int64_t mine = own_next(sc, prev, &wish);

    if (mine != INT64_MAX && now < sc->next_look)
        return sc->others_wait;
    sc->next_look = now + (uint64_t)LOOK_PERIOD;
    sc->others_wait = false;
    wish.limit = mine == INT64_MAX ? INT64_MAX : mine - SCHED_PULL_MARGIN;
    while (!v && (from = most_behind(sc, &seen)) != NULL) {
        sc->others_wait = true;
        if (READ_ONCE(from->queue.least) >= wish.limit)
            break;
        v = take_from(from, &wish);
        if (v) {
            sc->may_find_more = true;
            join(sc, me, v, mine);
        } else if (wish.limit != INT64_MAX && ++tries == TRIES_BUSY) {
            break;
        }
    }
    sc->may_find_more |= wish.saw_unsaved;
    return sc->others_wait;
}
