/* SPDX-License-Identifier: MIT */
/*
 * The policy: proportional share by virtual time, with caps and reservations.
 *
 * Each vCPU's vtime grows with the CPU it uses, slower the larger its weight; the waiting one with
 * the least runs next. A vCPU that wakes is brought up to (floor - WAKE_CREDIT), so that sleeping
 * earns a small head start but no hoard. It preempts the running one when it is behind it by more
 * than PREEMPT_MARGIN. The queue is a red-black tree: O(log n).
 *
 * A cap is a budget of the domain for each SCHED_CAP_PERIOD. It is kept exactly in the long run: an
 * overdrawn budget goes into the next period with its debt, an unused one is lost. One that lives
 * at its cap keeps it for a while: it was out of budget, and came to run late for others' reasons.
 *
 * A reservation R of a vCPU is a weight that rises with the load: with the weights W in the queue,
 * and reservations that add up to S there, W/(1-S) is at least what all weights come to when each
 * reserved one counts for its reservation, so R of that is a weight that earns R of the CPU.
 */
#include "policy.h"

#define WAKE_CREDIT      MILLISECS(5)
#define PREEMPT_MARGIN   MILLISECS(1)
#define MIGRATE_BOUND    MILLISECS(20) /* how far from a queue's floor one may join it */
#define SLICE_MIN        MILLISECS(1)
#define RUN_MIN          MICROSECS(100) /* less is not worth a switch */
#define CAP_OWED_PERIODS 20 /* periods' budget that may pile up for one that lives at its cap: */
#define CAP_HUNGRY       MILLISECS(1000) /* it was out of budget at most so long ago */
#define RESERVED_MAX     95              /* hundredths of a CPU that may be promised in one queue */

static struct sched_unit *node_unit(const struct rb_node *n)
{
    return n ? rb_entry(n, struct sched_unit, node) : NULL;
}

static bool runs_before(const struct rb_node *a, const struct rb_node *b)
{
    return node_unit(a)->key < node_unit(b)->key;
}

void policy_queue_init(struct run_queue *q)
{
    *q = (struct run_queue){.least = INT64_MAX};
}

void policy_group_init(struct sched_group *g)
{
    *g = (struct sched_group){.weight = SCHED_WEIGHT_DEFAULT};
}

void policy_unit_init(struct sched_unit *u, struct sched_group *g, const struct run_queue *q)
{
    u->group = g;
    u->vtime = q->floor;
    g->n_units++;
}

/* Hundredths of a CPU promised to one unit of `g`. */
static uint32_t unit_reservation(const struct sched_group *g)
{
    return g->reservation / MAX(g->n_units, 1u);
}

static void publish_least(struct run_queue *q)
{
    const struct sched_unit *first = policy_first(q);

    WRITE_ONCE(q->least, first ? first->key + q->offset : INT64_MAX);
}

void policy_insert(struct run_queue *q, struct sched_unit *u)
{
    if (u->is_queued)
        return;
    u->is_queued = true;
    u->weight = READ_ONCE(u->group->weight);
    u->reservation = unit_reservation(u->group);
    u->key = u->vtime - q->offset;
    q->n++;
    q->weight += u->weight;
    q->reserved += u->reservation;
    rb_insert(&q->tree, &u->node, runs_before);
    publish_least(q);
}

void policy_remove(struct run_queue *q, struct sched_unit *u)
{
    if (!u->is_queued)
        return;
    u->is_queued = false;
    u->vtime = u->key + q->offset;
    q->n--;
    q->weight -= u->weight;
    q->reserved -= u->reservation;
    rb_erase(&q->tree, &u->node);
    publish_least(q);
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

/* The weight `u`, running beside those that wait in `q`, counts with now. */
static uint64_t effective_weight(const struct run_queue *q, const struct sched_unit *u)
{
    uint64_t weight = READ_ONCE(u->group->weight), r = unit_reservation(u->group);

    if (r == 0)
        return weight;
    uint64_t free = 100 - MIN(q->reserved + r, (uint64_t)RESERVED_MAX);
    return MAX(weight, r * (q->weight + weight) / free);
}

void policy_charge(const struct run_queue *q, struct sched_unit *u, uint64_t now)
{
    uint64_t ran = now > u->charged_until ? now - u->charged_until : 0;

    u->charged_until = now;
    u->vtime += (int64_t)(ran * SCHED_WEIGHT_DEFAULT / effective_weight(q, u));
    if (READ_ONCE(u->group->cap))
        __atomic_sub_fetch(&u->group->budget, (int64_t)ran, __ATOMIC_RELAXED);
}

void policy_advance(struct run_queue *q, int64_t running)
{
    int64_t least = MIN(q->least, running);

    if (least != INT64_MAX)
        WRITE_ONCE(q->floor, MAX(q->floor, least));
}

void policy_adopt(struct run_queue *q, const struct sched_unit *u)
{
    WRITE_ONCE(q->floor, u->vtime);
}

int64_t policy_sync(struct run_queue *q, int64_t mine, int64_t theirs)
{
    int64_t shift = mine - theirs - MIGRATE_BOUND;

    if (shift <= 0)
        return 0;
    q->offset -= shift;
    WRITE_ONCE(q->floor, q->floor - shift);
    publish_least(q);
    return shift;
}

/* No unit is further ahead of its queue than a few slices of its own bring it. */
static int64_t bound_ahead(const struct sched_unit *u)
{
    uint32_t weight = READ_ONCE(u->group->weight);

    return MIGRATE_BOUND * SCHED_WEIGHT_DEFAULT / MIN(weight, (uint32_t)SCHED_WEIGHT_DEFAULT);
}

void policy_wake(const struct run_queue *q, struct sched_unit *u)
{
    u->vtime = MIN(MAX(u->vtime, q->floor - WAKE_CREDIT), q->floor + bound_ahead(u));
}

bool policy_preempts(const struct sched_unit *u, const struct sched_unit *running)
{
    return u->vtime + PREEMPT_MARGIN < running->vtime;
}

void policy_yield(const struct run_queue *q, struct sched_unit *u)
{
    if (q->least != INT64_MAX && q->least > u->vtime)
        u->vtime = q->least;
}

void policy_migrate(struct sched_unit *u, const struct run_queue *q)
{
    u->vtime = MIN(MAX(u->vtime, q->floor - MIGRATE_BOUND), q->floor + bound_ahead(u));
}

/* --- caps --- */

static int64_t period_budget(uint32_t cap)
{
    return (int64_t)cap * SCHED_CAP_PERIOD / 100;
}

bool policy_group_may_run(struct sched_group *g, uint64_t now)
{
    uint32_t cap = READ_ONCE(g->cap);
    uint64_t end = __atomic_load_n(&g->period_end, __ATOMIC_ACQUIRE);

    if (cap == 0)
        return true;
    if (now >= end) {
        uint64_t periods = (now - end) / (uint64_t)SCHED_CAP_PERIOD + 1;

        /* Whoever moves the end also fills the budget. */
        if (__atomic_compare_exchange_n(&g->period_end, &end,
                                        end + periods * (uint64_t)SCHED_CAP_PERIOD, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
            int64_t old = __atomic_load_n(&g->budget, __ATOMIC_RELAXED), full = period_budget(cap);
            int64_t filled;

            /* One that lives at its cap is owed what it could not use at once. */
            bool is_hungry = end < READ_ONCE(g->hungry_until);
            int64_t most = is_hungry ? full * CAP_OWED_PERIODS : full;

            periods = MIN(periods, 1000ul);
            do
                filled = MIN(old + (int64_t)periods * full, most);
            while (!__atomic_compare_exchange_n(&g->budget, &old, filled, true, __ATOMIC_RELAXED,
                                                __ATOMIC_RELAXED));
        }
    }
    if (__atomic_load_n(&g->budget, __ATOMIC_RELAXED) > 0)
        return true;
    WRITE_ONCE(g->hungry_until, now + CAP_HUNGRY);
    return false;
}

void policy_group_set_cap(struct sched_group *g, uint32_t cap, uint64_t now)
{
    __atomic_store_n(&g->period_end, now + (uint64_t)SCHED_CAP_PERIOD, __ATOMIC_RELEASE);
    __atomic_store_n(&g->budget, period_budget(cap), __ATOMIC_RELAXED);
    WRITE_ONCE(g->cap, cap);
}

uint64_t policy_slice(const struct run_queue *q, const struct sched_unit *u)
{
    const struct sched_group *g = u->group;
    /* A light one's turns are as frequent as others', and shorter. */
    uint64_t weight = MIN(READ_ONCE(g->weight), (uint32_t)SCHED_WEIGHT_DEFAULT);
    uint64_t slice =
        q->n ? MAX(SCHED_SLICE * weight / SCHED_WEIGHT_DEFAULT, (uint64_t)SLICE_MIN) : 0;

    if (READ_ONCE(g->cap)) {
        int64_t share = __atomic_load_n(&g->budget, __ATOMIC_RELAXED) / (int64_t)g->n_units;
        uint64_t budget = (uint64_t)MAX(share, RUN_MIN);

        slice = slice ? MIN(slice, budget) : budget;
    }
    return slice;
}
