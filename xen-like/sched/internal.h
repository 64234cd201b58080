/* SPDX-License-Identifier: MIT */
/*
 * What the files of the scheduler share. sched.c: the life of a vCPU on CPUs; balance.c: which CPU
 * for which vCPU; pool.c: which CPUs for which domain, and its parameters.
 */
#ifndef CORBEL_SCHED_INTERNAL_H
#define CORBEL_SCHED_INTERNAL_H

#include "policy.h"
#include "domain.h"
#include "spinlock.h"

/* A queue and the CPUs it serves: one, or with core scheduling all threads of a core. */
struct sched_queue {
    struct spinlock lock; /* RANK_SCHED */
    struct run_queue queue;
    struct cpumask cpus;
};

struct sched_cpu {
    struct sched_queue *rq;
    struct sched_queue own; /* rq, unless it is shared */
    struct vcpu *running;
    struct timer slice;
    uint64_t next_look; /* when to compare with other queues again */
    bool others_wait;   /* what the last look saw */
    bool may_find_more; /* it brought one here, or one was parked: if it idles it looks again */
    unsigned int pool;  /* POOL_NONE: none */
    struct vcpu idle;
};

extern struct sched_cpu *sched_cpus[CPU_MAX]; /* NULL: not started */
extern struct cpumask sched_idle_cpus;        /* running their idle vCPU */
/* Running a vCPU that had nobody beside it: no timer makes them look. */
extern struct cpumask sched_tickless_cpus;

static inline struct vcpu *unit_vcpu(struct sched_unit *u)
{
    return container_of(u, struct vcpu, sched);
}

/* NULL when the CPU idles. */
static inline struct sched_unit *running_unit(const struct sched_cpu *sc)
{
    return sc->running->is_idle ? NULL : &sc->running->sched;
}

static inline bool may_run_on(const struct vcpu *v, unsigned int cpu)
{
    return cpumask_test(&v->allowed, cpu);
}

/* Locks the queue of v->cpu. */
struct sched_cpu *sched_lock_cpu_of(const struct vcpu *v);
/* The least vtime that runs at `rq`, INT64_MAX when all its CPUs idle. */
int64_t sched_least_running(const struct sched_queue *rq);

/* `v`, in no queue, waits for its domain's next period of the cap. v->cpu's queue is locked. */
void sched_park(struct vcpu *v);
/* The domain that another CPU of the queue runs (core scheduling), NULL when all idle. Locked. */
const struct domain *sched_core_domain(const struct sched_queue *rq, unsigned int me);

/* --- balance.c --- */
/* Where `v`, which wakes, is to run: an idle CPU of a whole idle core, near its last one, that it
 * prefers, if there is such. */
unsigned int sched_choose_cpu(const struct vcpu *v);
/* Another CPU than `me` that could run one that waits in `rq`, locked, and does not look by itself;
 * CPU_MAX: none. */
unsigned int sched_find_helper(const struct sched_queue *rq, unsigned int me);
/* Makes it look; the next that wakes chooses another CPU. Nothing for CPU_MAX. */
void sched_call_helper(unsigned int cpu);
/*
 * Before CPU `me` chooses: fetches a vCPU that waits elsewhere and is behind all here. `now` is
 * system time. Returns whether anybody waits elsewhere, so that the CPU should look again.
 */
bool sched_balance(struct sched_cpu *sc, unsigned int me, struct vcpu *prev, uint64_t now);

/* --- pool.c --- */
/* Works out v->allowed from affinity, pool and what runs. The queue of v->cpu is locked. */
void sched_update_allowed(struct vcpu *v);

#endif
