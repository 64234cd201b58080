/* SPDX-License-Identifier: MIT */
/*
 * The scheduler's users' side. sched/sched.c says who runs where; the order in which the vCPUs of
 * one CPU run is the policy's, proportional share by virtual time: sched/fair.c.
 */
#ifndef CORBEL_SCHED_H
#define CORBEL_SCHED_H

#include "cpumask.h"
#include "types.h"
#include "lib/rbtree.h"

struct vcpu;
struct domain;
struct vcpu_runstate_info;

#define SCHED_WEIGHT_DEFAULT 256
#define SCHED_WEIGHT_MAX     65535

/* A domain's scheduling parameters and what is left of its cap. */
struct sched_group {
    uint32_t weight;      /* 1..SCHED_WEIGHT_MAX, of each vCPU */
    uint32_t cap;         /* hundredths of a CPU for all vCPUs together, 0 = none */
    uint32_t reservation; /* hundredths of a CPU for all together, at least; 0 = none */
    uint32_t n_units;
    int64_t budget;        /* ns left in this period of the cap; negative: overdrawn */
    uint64_t period_end;   /* system time */
    uint64_t hungry_until; /* a second after it was last out of budget */
};

/* What the policy keeps for each vCPU. */
struct sched_unit {
    struct sched_group *group;
    struct rb_node node;    /* in a run queue, ordered by key */
    int64_t vtime;          /* ns of CPU used, scaled by SCHED_WEIGHT_DEFAULT / weight */
    int64_t key;            /* in a run queue, instead of vtime: less the queue's offset */
    uint64_t charged_until; /* system time up to which vtime counts */
    uint32_t weight;        /* what it adds to the queue it is in */
    uint32_t reservation;
    bool is_queued;
};

void sched_init(void);
/* Run queue and idle vCPU of a CPU about to be started. -ENOMEM. */
int sched_cpu_init(unsigned int cpu);
void sched_vcpu_init(struct vcpu *v);
void sched_vcpu_destroy(struct vcpu *v);
/* `v` became runnable / stopped being so. */
void sched_wake(struct vcpu *v);
void sched_sleep(struct vcpu *v);
/* Waits until another CPU has put away the registers of `v`, which must not be runnable any more.
 */
void sched_wait_saved(const struct vcpu *v);
/* From the context switch: the registers of `v`, which ran here, are in its struct now. */
void sched_context_saved(struct vcpu *v);
/* Current gives way; called from hypercalls. */
void sched_yield_current(void);
/* Picks the next vCPU and switches to it; from the schedule softirq on the way to a guest. Does not
 * return. */
void schedule(void);
/* Nanoseconds `v` has run. */
uint64_t sched_vcpu_runtime(struct vcpu *v);
/* Its runstate as of now. */
void sched_get_runstate(struct vcpu *v, struct vcpu_runstate_info *info);
/* Nanoseconds `cpu` has had nothing to run. */
uint64_t sched_cpu_idle_time(unsigned int cpu);
/* The state of one that does not run, by its pause flags; its queue is locked. */
void sched_set_runstate(struct vcpu *v);
/* What `v` may run on has changed: it is moved if it must be. */
void sched_reconsider(struct vcpu *v);

/* --- a domain's parameters (pool.c) --- */
struct sched_params {
    uint32_t weight;      /* 1..SCHED_WEIGHT_MAX */
    uint32_t cap;         /* hundredths of a CPU, 0 = none */
    uint32_t reservation; /* hundredths of a CPU, 0 = none */
};
void sched_domain_init(struct domain *d);
/* -EINVAL outside the ranges, for a cap above its vCPUs' CPUs or under the reservation. */
int sched_set_params(struct domain *d, const struct sched_params *p);
void sched_get_params(const struct domain *d, struct sched_params *p);
/* A new cap holds at once: whoever waits for the old one's next period goes on. */
void sched_cap_changed(struct domain *d);
/*
 * Where `v` may run and where it likes to (NULL: as before); -EINVAL when no CPU of its pool is in
 * `hard`.
 */
int sched_set_affinity(struct vcpu *v, const struct cpumask *hard, const struct cpumask *soft);

/* --- CPU pools (pool.c) --- */
#define SCHED_POOL_ANY (~0u) /* as a pool or a CPU: choose one */
#define POOL_NONE      (~0u)
struct sched_pool {
    bool is_used;
    struct cpumask cpus;
};
void sched_pools_init(void);
/* A CPU just started joins pool 0. */
void sched_pool_add_new(unsigned int cpu);
/*
 * Takes `cpu` from its pool, whose number is left in *pool (POOL_NONE: it is in none): its vCPUs
 * move away, and have done so when sched_cpu_is_empty. -EBUSY: the last of a pool with domains.
 */
int sched_cpu_leave(unsigned int cpu, unsigned int *pool);
/* `cpu`, which runs, joins `pool`, or that of the other threads of its core where they share. */
void sched_cpu_join(unsigned int cpu, unsigned int pool);
/* Whether it idles and nobody waits there. */
bool sched_cpu_is_empty(unsigned int cpu);
/* By number, or the next higher one; NULL when there is none. */
const struct sched_pool *sched_pool_find(unsigned int id, bool or_next, unsigned int *found);
unsigned int sched_pool_count_domains(unsigned int id);
/* CPUs in no pool. */
struct cpumask sched_pool_free_cpus(void);
/* -EEXIST, -ENOSPC, -EINVAL; *id may be SCHED_POOL_ANY and becomes the number. */
int sched_pool_create(unsigned int *id);
/* -ENOENT; -EBUSY with CPUs or domains in it. */
int sched_pool_destroy(unsigned int id);
/* -ENOENT no such pool, -EINVAL no such CPU (there), -EBUSY in a pool already, or the last CPU of a
 * pool with domains. */
int sched_pool_add_cpu(unsigned int id, unsigned int cpu);
int sched_pool_remove_cpu(unsigned int id, unsigned int cpu);
/* -ENOENT no such pool, -ENODEV no CPU in it. */
int sched_pool_move_domain(struct domain *d, unsigned int id);

/* --- softirqs: work noticed in interrupts or hypercalls, done before returning to a guest --- */
enum softirq {
    SOFTIRQ_TIMER,
    SOFTIRQ_SCHEDULE,
    SOFTIRQ_CONSOLE,
    SOFTIRQ_TRACE,
    SOFTIRQ_REAP,
    SOFTIRQ_MACHINE, /* NMIs, machine checks, the watchdog's start, a new P-state policy */
    SOFTIRQ_COUNT
};
void softirq_raise(enum softirq s);
/* The same on another CPU, which is made to look. */
void softirq_raise_on(unsigned int cpu, enum softirq s);
bool softirq_is_pending(void);
/* Runs all pending; SCHEDULE last, which may not return. */
void softirq_run(void);

#endif
