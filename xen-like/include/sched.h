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

/* What the policy keeps for each vCPU. */
struct sched_unit {
    struct rb_node node;    /* in the run queue, ordered by vtime */
    int64_t vtime;          /* ns of CPU used, scaled by SCHED_WEIGHT_DEFAULT / weight */
    uint32_t weight;        /* 1..65535 */
    uint32_t cap;           /* percent of a CPU, 0 = none */
    uint64_t charged_until; /* system time up to which vtime counts */
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
/* Weight and cap of all vCPUs of `d`; -EINVAL outside the range. */
int sched_set_params(struct domain *d, uint32_t weight, uint32_t cap);
void sched_get_params(const struct domain *d, uint32_t *weight, uint32_t *cap);
/* Nanoseconds `v` has run. */
uint64_t sched_vcpu_runtime(struct vcpu *v);
/* Its runstate as of now. */
void sched_get_runstate(struct vcpu *v, struct vcpu_runstate_info *info);
/* Where `v` may run; -EINVAL when no online CPU is among them. It is moved if it must be. */
int sched_set_affinity(struct vcpu *v, const struct cpumask *cpus);

/* --- softirqs: work noticed in interrupts or hypercalls, done before returning to a guest --- */
enum softirq {
    SOFTIRQ_TIMER,
    SOFTIRQ_SCHEDULE,
    SOFTIRQ_CONSOLE,
    SOFTIRQ_TRACE,
    SOFTIRQ_REAP,
    SOFTIRQ_MACHINE, /* NMIs, machine checks, the watchdog's start */
    SOFTIRQ_COUNT
};
void softirq_raise(enum softirq s);
/* The same on another CPU, which is made to look. */
void softirq_raise_on(unsigned int cpu, enum softirq s);
bool softirq_is_pending(void);
/* Runs all pending; SCHEDULE last, which may not return. */
void softirq_run(void);

#endif
