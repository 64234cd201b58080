/* SPDX-License-Identifier: MIT */
/*
 * The policy: proportional share by virtual time.
 *
 * Each vCPU's vtime grows with the CPU it uses, slower the larger its weight; the waiting one with
 * the least vtime runs. A vCPU that wakes is brought up to (floor - WAKE_CREDIT), so that sleeping
 * earns a small head start but no hoard. It preempts the running one when it is behind it by more
 * than PREEMPT_MARGIN. The queue is a red-black tree: O(log n).
 */
#include "policy.h"

#define WAKE_CREDIT    MILLISECS(5)
#define PREEMPT_MARGIN MILLISECS(1)

static struct sched_unit *node_unit(const struct rb_node *n)
{
    return n ? rb_entry(n, struct sched_unit, node) : NULL;
}

static bool runs_before(const struct rb_node *a, const struct rb_node *b)
{
    return node_unit(a)->vtime < node_unit(b)->vtime;
}

void policy_unit_init(struct sched_unit *u, const struct run_queue *q)
{
    u->weight = SCHED_WEIGHT_DEFAULT;
    u->vtime = q->floor;
}

void policy_insert(struct run_queue *q, struct sched_unit *u)
{
    if (u->is_queued)
        return;
    u->is_queued = true;
    q->n++;
    rb_insert(&q->tree, &u->node, runs_before);
}

void policy_remove(struct run_queue *q, struct sched_unit *u)
{
    if (!u->is_queued)
        return;
    u->is_queued = false;
    q->n--;
    rb_erase(&q->tree, &u->node);
}

struct sched_unit *policy_first(const struct run_queue *q)
{
    return node_unit(rb_first(&q->tree));
}

struct sched_unit *policy_next(const struct sched_unit *u)
{
    return node_unit(rb_next(&u->node));
}

void policy_start(struct sched_unit *u, uint64_t now)
{
    u->charged_until = now;
}

void policy_charge(struct sched_unit *u, uint64_t now)
{
    uint64_t ran = now - u->charged_until;

    u->charged_until = now;
    u->vtime += (int64_t)(ran * SCHED_WEIGHT_DEFAULT / u->weight);
}

void policy_advance(struct run_queue *q, const struct sched_unit *running)
{
    const struct sched_unit *first = policy_first(q);
    int64_t least = first ? first->vtime : INT64_MAX;

    if (running)
        least = MIN(least, running->vtime);
    if (least != INT64_MAX)
        q->floor = MAX(q->floor, least);
}

void policy_wake(const struct run_queue *q, struct sched_unit *u)
{
    u->vtime = MAX(u->vtime, q->floor - WAKE_CREDIT);
}

bool policy_preempts(const struct sched_unit *u, const struct sched_unit *running)
{
    return u->vtime + PREEMPT_MARGIN < running->vtime;
}

void policy_yield(const struct run_queue *q, struct sched_unit *u)
{
    const struct sched_unit *next = policy_first(q);

    if (next && next->vtime > u->vtime)
        u->vtime = next->vtime;
}

void policy_migrate(struct sched_unit *u, const struct run_queue *from, const struct run_queue *to)
{
    u->vtime += READ_ONCE(to->floor) - READ_ONCE(from->floor);
}
