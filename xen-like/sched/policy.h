/* SPDX-License-Identifier: MIT */
/*
 * What the scheduler's mechanism (sched.c) asks of its policy (fair.c): in which order the vCPUs
 * that wait for one CPU run. Pure: a queue and units, times are given; no locks, no clocks, no
 * CPUs.
 *
 * The mechanism holds the queue's lock in each call. A unit is in at most one queue; the running
 * one is in none.
 */
#ifndef CORBEL_SCHED_POLICY_H
#define CORBEL_SCHED_POLICY_H

#include "sched.h"
#include "types.h"

/* How long a vCPU runs while others wait. Short: a guest with more vCPUs than there are CPUs spins
 * waiting for its own others. */
#define SCHED_SLICE MILLISECS(5)

struct run_queue {
    struct rb_tree tree; /* by vtime */
    unsigned int n;
    int64_t floor; /* how far this CPU has come in vtime; never falls */
};

/* A new unit, as if it had waited at `q` all the time. */
void policy_unit_init(struct sched_unit *u, const struct run_queue *q);
void policy_insert(struct run_queue *q, struct sched_unit *u);
void policy_remove(struct run_queue *q, struct sched_unit *u);
/* The next to run, NULL when nobody waits; it stays in the queue. */
struct sched_unit *policy_first(const struct run_queue *q);
/* The one after `u` in order, NULL at the end: for thieves. */
struct sched_unit *policy_next(const struct sched_unit *u);
/* Charges a running unit up to `now`; policy_start begins that at `now`. */
void policy_start(struct sched_unit *u, uint64_t now);
void policy_charge(struct sched_unit *u, uint64_t now);
/* Moves the floor to the least of the waiting and `running` (NULL: idle). */
void policy_advance(struct run_queue *q, const struct sched_unit *running);
/* `u` wakes: a long sleep must have earned no hoard. */
void policy_wake(const struct run_queue *q, struct sched_unit *u);
/* Whether `u`, just woken, is to run before `running` goes on. */
bool policy_preempts(const struct sched_unit *u, const struct sched_unit *running);
/* `u`, running, lets the next in line go first. */
void policy_yield(const struct run_queue *q, struct sched_unit *u);
/* `u`, in no queue, changes from one CPU's time to another's. */
void policy_migrate(struct sched_unit *u, const struct run_queue *from, const struct run_queue *to);

#endif
