/* SPDX-License-Identifier: MIT */
/*
 * The timer queues: a red-black tree by expiry for each CPU, guarded by its lock. timer.cpu names
 * the queue a timer is in or was last in; it changes with that queue's lock held.
 */
#include "timer.h"
#include "arch/cpu.h"
#include "arch/current.h"
#include "arch/smp.h"
#include "spinlock.h"

static struct timer_queue {
    struct spinlock lock;
    struct rb_tree tree;
    struct timer *running; /* whose function the softirq is in */
} __attribute__((aligned(64))) queues[CPU_MAX] = {
    [0] = {.lock = SPINLOCK_INIT(RANK_TIMER_FIRST)},
    [1 ... CPU_MAX - 1] = {.lock = SPINLOCK_INIT(RANK_TIMER)},
};

static struct timer *node_timer(const struct rb_node *n)
{
    return rb_entry(n, struct timer, node);
}

static bool fires_before(const struct rb_node *a, const struct rb_node *b)
{
    return node_timer(a)->expires < node_timer(b)->expires;
}

static s_time_t first_expiry(const struct timer_queue *q)
{
    struct rb_node *n = rb_first(&q->tree);
    return n ? node_timer(n)->expires : STIME_MAX;
}

void timer_init(struct timer *t, void (*fn)(void *), void *data)
{
    *t = (struct timer){.fn = fn, .data = data};
}

/* Locks the queue that `t` belongs to. */
static struct timer_queue *lock_queue_of(const struct timer *t)
{
    for (;;) {
        unsigned int cpu = __atomic_load_n(&t->cpu, __ATOMIC_ACQUIRE);
        struct timer_queue *q = &queues[cpu];

        spin_lock(&q->lock);
        if (likely(cpu == t->cpu))
            return q;
        spin_unlock(&q->lock);
    }
}

static void take_out(struct timer_queue *q, struct timer *t)
{
    if (t->is_active)
        rb_erase(&q->tree, &t->node);
    t->is_active = false;
}

void timer_set(struct timer *t, s_time_t expires)
{
    struct timer_queue *q = lock_queue_of(t), *here = &queues[cpu_number()];

    take_out(q, t);
    while (unlikely(q != here)) { /* it fires where it was set last */
        __atomic_store_n(&t->cpu, cpu_number(), __ATOMIC_RELEASE);
        spin_unlock(&q->lock);
        q = lock_queue_of(t);
        take_out(q, t);
    }
    s_time_t before = first_expiry(q);
    t->expires = expires;
    t->is_active = true;
    rb_insert(&q->tree, &t->node, fires_before);
    s_time_t now_first = first_expiry(q);
    spin_unlock(&q->lock);
    if (now_first != before)
        time_arm(now_first);
}

void timer_stop(struct timer *t)
{
    struct timer_queue *q = lock_queue_of(t);

    take_out(q, t);
    spin_unlock(&q->lock);
    /* The hardware may still fire for it: an empty softirq costs less than arming it anew each
     * time. */
}

void timer_stop_wait(struct timer *t)
{
    timer_stop(t);
    for (unsigned int cpu = 0; cpu < CPU_MAX; cpu++)
        while (cpu != cpu_number() &&
               __atomic_load_n(&queues[cpu].running, __ATOMIC_ACQUIRE) == t) {
            cpu_serve_requests();
            cpu_relax();
        }
    timer_stop(t); /* its function may have set it again */
}

void timer_softirq(void)
{
    struct timer_queue *q = &queues[cpu_number()];
    s_time_t now = time_now();

    for (;;) {
        spin_lock(&q->lock);
        struct rb_node *n = rb_first(&q->tree);
        struct timer *t = n ? node_timer(n) : NULL;
        if (!t || t->expires > now) {
            spin_unlock(&q->lock);
            break;
        }
        take_out(q, t);
        q->running = t;
        spin_unlock(&q->lock);
        t->fn(t->data);
        __atomic_store_n(&q->running, NULL, __ATOMIC_RELEASE);
    }
    time_arm(timer_next());
}

s_time_t timer_next(void)
{
    struct timer_queue *q = &queues[cpu_number()];

    spin_lock(&q->lock);
    s_time_t t = first_expiry(q);
    spin_unlock(&q->lock);
    return t;
}

void timer_leave_cpu(void)
{
    struct timer_queue *from = &queues[cpu_number()], *to = &queues[0];
    struct rb_node *n;

    spin_lock(&from->lock);
    spin_lock(&to->lock);
    while ((n = rb_first(&from->tree)) != NULL) {
        rb_erase(&from->tree, n);
        rb_insert(&to->tree, n, fires_before);
        __atomic_store_n(&node_timer(n)->cpu, 0, __ATOMIC_RELEASE);
    }
    spin_unlock(&to->lock);
    spin_unlock(&from->lock);
    time_arm(STIME_MAX);
}
