/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: proportional share by virtual time.
 *
 * Each vCPU's vtime grows with the CPU it uses, slower the larger its weight; the runnable one with
 * the least vtime runs. A vCPU that wakes is brought up to (least vtime - WAKE_CREDIT), so that
 * sleeping earns a small head start but no hoard. It preempts the running one when it is behind it
 * by more than PREEMPT_MARGIN. The queue is a red-black tree: O(log n). Guarded by sched_lock; one
 * CPU today.
 */
#include "sched.h"
#include "arch/context.h"
#include "console.h"
#include "domain.h"
#include "spinlock.h"

/* Short: a guest with more vCPUs than there are CPUs spins waiting for its own others. */
#define SLICE          MILLISECS(5)
#define WAKE_CREDIT    MILLISECS(5)
#define PREEMPT_MARGIN MILLISECS(1)

static struct spinlock sched_lock = SPINLOCK_INIT(RANK_SCHED);
static struct rb_tree queue;
static int64_t floor_vtime; /* see raise_floor */
static struct timer slice_timer;
static struct vcpu idle_vcpu;
static struct domain idle_domain;

static struct vcpu *unit_vcpu(const struct rb_node *n)
{
    return rb_entry(n, struct vcpu, sched.node);
}

static bool runs_before(const struct rb_node *a, const struct rb_node *b)
{
    return unit_vcpu(a)->sched.vtime < unit_vcpu(b)->sched.vtime;
}

static void enqueue(struct vcpu *v)
{
    if (!v->sched.is_queued) {
        v->sched.is_queued = true;
        rb_insert(&queue, &v->sched.node, runs_before);
    }
}

static void dequeue(struct vcpu *v)
{
    if (v->sched.is_queued) {
        v->sched.is_queued = false;
        rb_erase(&queue, &v->sched.node);
    }
}

/* Moves the runstate to `state`, charging the time since the last change. */
static void set_runstate(struct vcpu *v, int state)
{
    uint64_t now = (uint64_t)time_now();
    v->runstate.time[v->runstate.state] += now - v->runstate.state_entry_time;
    v->runstate.state_entry_time = now;
    v->runstate.state = state;
}

static int idle_state(const struct vcpu *v)
{
    return v->pause_flags == 0                              ? RUNSTATE_runnable
           : (v->pause_flags & (VPF_BLOCKED | VPF_POLLING)) ? RUNSTATE_blocked
                                                            : RUNSTATE_offline;
}

/* Charges the running vCPU for the CPU used since it was last charged. */
static void charge(struct vcpu *v)
{
    uint64_t now = (uint64_t)time_now();
    if (v->is_idle || v->runstate.state != RUNSTATE_running)
        return;
    uint64_t ran = now - v->sched.charged_until;
    v->sched.charged_until = now;
    v->sched.vtime += (int64_t)(ran * SCHED_WEIGHT_DEFAULT / v->sched.weight);
}

static void slice_ended(void *data)
{
    (void)data;
    softirq_raise(SOFTIRQ_SCHEDULE);
}

void sched_init(void)
{
    idle_domain.id = DOMID_IDLE;
    idle_vcpu.domain = &idle_domain;
    idle_vcpu.is_idle = idle_vcpu.is_running = true;
    idle_vcpu.vcpu_info = &idle_vcpu.private_info;
    cpu_info()->current_vcpu = &idle_vcpu;
    timer_init(&slice_timer, slice_ended, NULL);
}

void sched_vcpu_init(struct vcpu *v)
{
    v->sched.weight = SCHED_WEIGHT_DEFAULT;
    v->sched.vtime = floor_vtime;
}

void sched_vcpu_destroy(struct vcpu *v)
{
    spin_lock(&sched_lock);
    dequeue(v);
    spin_unlock(&sched_lock);
}

/* The least vtime among the running and the waiting: how far the CPU has come. Never falls. */
static void raise_floor(const struct vcpu *running)
{
    const struct rb_node *first = rb_first(&queue);
    int64_t least = first ? unit_vcpu(first)->sched.vtime : INT64_MAX;

    if (!running->is_idle)
        least = MIN(least, running->sched.vtime);
    if (least != INT64_MAX)
        floor_vtime = MAX(floor_vtime, least);
}

void sched_wake(struct vcpu *v)
{
    struct vcpu *cur = current;

    spin_lock(&sched_lock);
    charge(cur);
    raise_floor(cur);
    if (!v->is_running) {
        v->sched.vtime = MAX(v->sched.vtime, floor_vtime - WAKE_CREDIT);
        set_runstate(v, RUNSTATE_runnable);
        enqueue(v);
    }
    if (cur->is_idle || v->sched.vtime + PREEMPT_MARGIN < cur->sched.vtime || cur->pause_flags)
        softirq_raise(SOFTIRQ_SCHEDULE);
    else if (!slice_timer.is_active)
        timer_set(&slice_timer, time_now() + SLICE); /* it ran alone, without an end to its slice */
    spin_unlock(&sched_lock);
}

void sched_sleep(struct vcpu *v)
{
    spin_lock(&sched_lock);
    if (v->is_running)
        softirq_raise(SOFTIRQ_SCHEDULE);
    else {
        dequeue(v);
        set_runstate(v, idle_state(v));
    }
    spin_unlock(&sched_lock);
}

void sched_yield(void)
{
    struct rb_node *next = rb_first(&queue);
    /* Behind the next in line, if there is one. */
    charge(current);
    if (next && unit_vcpu(next)->sched.vtime > current->sched.vtime)
        current->sched.vtime = unit_vcpu(next)->sched.vtime;
    softirq_raise(SOFTIRQ_SCHEDULE);
}

void schedule(void)
{
    struct vcpu *prev = current, *next;

    spin_lock(&sched_lock);
    charge(prev);
    if (!prev->is_idle && prev->pause_flags == 0)
        enqueue(prev);
    struct rb_node *first = rb_first(&queue);
    next = first ? unit_vcpu(first) : &idle_vcpu;
    dequeue(next);
    if (!next->is_idle) {
        raise_floor(next);
        if (rb_first(&queue))
            timer_set(&slice_timer, time_now() + SLICE);
        else
            timer_stop(&slice_timer); /* nobody waits: no tick */
    } else
        timer_stop(&slice_timer);
    if (next != prev) {
        if (!prev->is_idle)
            set_runstate(prev, idle_state(prev));
        if (!next->is_idle) {
            set_runstate(next, RUNSTATE_running);
            next->sched.charged_until = (uint64_t)time_now();
        }
    }
    spin_unlock(&sched_lock);
    if (next != prev)
        context_switch(prev, next);
}

int sched_set_params(struct domain *d, uint32_t weight, uint32_t cap)
{
    struct vcpu *v;

    if (weight < 1 || weight > 65535)
        return -EINVAL;
    if (cap)
        return -EOPNOTSUPP; /* the policy has none yet */
    for_each_vcpu (d, v) {
        v->sched.weight = weight;
        v->sched.cap = cap;
    }
    return 0;
}

void sched_get_params(const struct domain *d, uint32_t *weight, uint32_t *cap)
{
    const struct vcpu *v = d->max_vcpus ? d->vcpu[0] : NULL;
    *weight = v ? v->sched.weight : SCHED_WEIGHT_DEFAULT;
    *cap = v ? v->sched.cap : 0;
}

uint64_t sched_vcpu_runtime(const struct vcpu *v)
{
    uint64_t t = v->runstate.time[RUNSTATE_running];
    if (v->runstate.state == RUNSTATE_running)
        t += (uint64_t)time_now() - v->runstate.state_entry_time;
    return t;
}
