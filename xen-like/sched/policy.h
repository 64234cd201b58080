/* SPDX-License-Identifier: MIT */
/*
 * What the scheduler's mechanism (sched.c) asks of its policy (fair.c): in which order the vCPUs
 * that wait in one queue run, and for how long. Pure: queues, units, groups; times are given; no
 * locks, no clocks, no CPUs.
 *
 * The mechanism holds the queue's lock in each call that names one. A unit is in at most one queue;
 * a running one is in none. A group's units run on several CPUs at once, so its budget is changed
 * atomically.
 */
#ifndef CORBEL_SCHED_POLICY_H
#define CORBEL_SCHED_POLICY_H

#include "sched.h"
#include "types.h"

/* How long a vCPU runs while others wait. Short: a guest with more vCPUs than there are CPUs spins
 * waiting for its own others. */
#define SCHED_SLICE MILLISECS(5)
/* A cap is kept over each such period; what was used too much is taken off the next one. */
#define SCHED_CAP_PERIOD MILLISECS(10)
/* By how much of vtime a unit must be behind before another queue's CPU fetches it. */
#define SCHED_PULL_MARGIN MILLISECS(2)

struct run_queue {
    struct rb_tree tree; /* by vtime */
    unsigned int n;
    int64_t offset;    /* vtime = key + offset */
    int64_t floor;     /* how far this queue has come in vtime */
    int64_t least;     /* vtime of the first that waits, INT64_MAX: nobody; read without the lock */
    uint64_t weight;   /* of all that wait */
    uint64_t reserved; /* hundredths of a CPU their reservations add up to */
};

void policy_queue_init(struct run_queue *q);
void policy_group_init(struct sched_group *g);
/* A new unit of `g`, as if it had waited at `q` all the time. */
void policy_unit_init(struct sched_unit *u, struct sched_group *g, const struct run_queue *q);
void policy_insert(struct run_queue *q, struct sched_unit *u);
void policy_remove(struct run_queue *q, struct sched_unit *u);
/* The next to run, NULL when nobody waits; it stays in the queue. */
struct sched_unit *policy_first(const struct run_queue *q);
/* The one after `u` in order, NULL at the end. */
struct sched_unit *policy_next(const struct sched_unit *u);
/* Charges a running unit up to `now`; policy_start begins that at `now`. */
void policy_start(struct sched_unit *u, uint64_t now);
void policy_charge(const struct run_queue *q, struct sched_unit *u, uint64_t now);
/* Moves the floor to the least of the waiting and `running` vtimes (INT64_MAX: idle). */
void policy_advance(struct run_queue *q, int64_t running);
/* `u` joins the empty queue of an idle CPU: the queue takes over its time. */
void policy_adopt(struct run_queue *q, const struct sched_unit *u);
/*
 * The queue's CPU, whose own next vCPU is at `mine`, fetches one from a queue at `theirs`: nothing
 * compared the two for long when they are far apart. Returns by how much all vtimes of `q` fall;
 * the caller takes it off those that run.
 */
int64_t policy_sync(struct run_queue *q, int64_t mine, int64_t theirs);
/* `u` wakes: a long sleep must have earned no hoard, nor the queue's loss of time a long wait. */
void policy_wake(const struct run_queue *q, struct sched_unit *u);
/* Whether `u`, just woken, is to run before `running` goes on. */
bool policy_preempts(const struct sched_unit *u, const struct sched_unit *running);
/* `u`, running, lets the next in line go first. */
void policy_yield(const struct run_queue *q, struct sched_unit *u);
/* `u` joins `q` from another queue, which may have come much less or more far. */
void policy_migrate(struct sched_unit *u, const struct run_queue *q);

/* Whether `g` has budget left at `now`; begins a new period if one is due. */
bool policy_group_may_run(struct sched_group *g, uint64_t now);
/* Sets the cap (hundredths of a CPU, 0 none) from `now` on, with a whole period's budget. */
void policy_group_set_cap(struct sched_group *g, uint32_t cap, uint64_t now);
/* How long `u` may run from `now`: a slice if others wait, no longer than its group's budget; 0: no
 * end. */
uint64_t policy_slice(const struct run_queue *q, const struct sched_unit *u);

#endif
