/* SPDX-License-Identifier: MIT */
/* The timer queue: a red-black tree by expiry. Guarded by timer_lock. */
#include "timer.h"
#include "spinlock.h"

static struct spinlock timer_lock = SPINLOCK_INIT(RANK_TIMER);
static struct rb_tree queue;

static struct timer *node_timer(const struct rb_node *n)
{
    return rb_entry(n, struct timer, node);
}

static bool fires_before(const struct rb_node *a, const struct rb_node *b)
{
    return node_timer(a)->expires < node_timer(b)->expires;
}

static s_time_t first_expiry(void)
{
    struct rb_node *n = rb_first(&queue);
    return n ? node_timer(n)->expires : STIME_MAX;
}

void timer_init(struct timer *t, void (*fn)(void *), void *data)
{
    *t = (struct timer){.fn = fn, .data = data};
}

void timer_set(struct timer *t, s_time_t expires)
{
    spin_lock(&timer_lock);
    s_time_t before = first_expiry();
    if (t->is_active)
        rb_erase(&queue, &t->node);
    t->expires = expires;
    t->is_active = true;
    rb_insert(&queue, &t->node, fires_before);
    s_time_t now_first = first_expiry();
    spin_unlock(&timer_lock);
    if (now_first != before)
        time_arm(now_first);
}

void timer_stop(struct timer *t)
{
    spin_lock(&timer_lock);
    if (t->is_active)
        rb_erase(&queue, &t->node);
    t->is_active = false;
    spin_unlock(&timer_lock);
    /* The hardware may still fire for it: an empty softirq costs less than arming it anew each
     * time. */
}

void timer_softirq(void)
{
    s_time_t now = time_now();

    for (;;) {
        spin_lock(&timer_lock);
        struct rb_node *n = rb_first(&queue);
        struct timer *t = n ? node_timer(n) : NULL;
        if (!t || t->expires > now) {
            spin_unlock(&timer_lock);
            break;
        }
        rb_erase(&queue, &t->node);
        t->is_active = false;
        spin_unlock(&timer_lock);
        t->fn(t->data);
    }
    time_arm(timer_next());
}

s_time_t timer_next(void)
{
    spin_lock(&timer_lock);
    s_time_t t = first_expiry();
    spin_unlock(&timer_lock);
    return t;
}
