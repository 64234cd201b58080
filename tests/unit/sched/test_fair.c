/* SPDX-License-Identifier: MIT */
/* The scheduler (sched/sched.c with the policy, sched/fair.c) on a simulated clock: shares, wakes,
 * idling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "counters.h"
#include "trace.h"
#include "arch/context.h"
#include "arch/smp.h"
#include "domain.h"
#include "sched.h"
#include "spinlock.h"

#define N_VCPUS 6

static struct counters counters;
struct cpu_info fake_cpu = {.counters = &counters}, *cpu_infos[CPU_MAX];
uint32_t trace_wanted; /* off */
struct cpumask cpu_online_map;
static s_time_t now;
static struct timer *slice; /* the policy's one timer */
static bool want_schedule;
static jmp_buf switched;
static struct domain domain;
static struct vcpu vcpus[N_VCPUS];

void trace_record(uint32_t event, unsigned int n, const uint32_t *words)
{
    (void)event, (void)n, (void)words;
    fail_msg("a record while tracing is off");
}

s_time_t time_now(void)
{
    return now;
}

void timer_init(struct timer *t, void (*fn)(void *), void *data)
{
    *t = (struct timer){.fn = fn, .data = data};
    slice = t;
}

void timer_set(struct timer *t, s_time_t expires)
{
    t->expires = expires;
    t->is_active = true;
}

void timer_stop(struct timer *t)
{
    t->is_active = false;
}

void softirq_raise(enum softirq s)
{
    assert_int_equal(s, SOFTIRQ_SCHEDULE);
    want_schedule = true;
}

void softirq_raise_on(unsigned int cpu, enum softirq s)
{
    assert_int_equal(cpu, 0);
    softirq_raise(s);
}

void cpu_serve_requests(void)
{
}

void *mm_alloc(size_t size)
{
    return calloc(1, size);
}

void spin_lock(struct spinlock *l)
{
    assert_int_equal(l->owner, l->next);
    l->next++;
}

void spin_unlock(struct spinlock *l)
{
    l->owner++;
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
    assert_true(next->is_running);
    if (!prev->is_idle)
        sched_context_saved(prev);
    fake_cpu.current_vcpu = next;
    longjmp(switched, 1);
}

static void reschedule(void)
{
    want_schedule = false;
    if (setjmp(switched) == 0)
        schedule();
    assert_true(current->is_idle || current->pause_flags == 0);
}

/* Lets `ns` pass; the running vCPU uses them. */
static void run_for(s_time_t ns)
{
    s_time_t end = now + ns;

    while (now < end) {
        if (want_schedule)
            reschedule();
        s_time_t stop = slice->is_active && slice->expires < end ? slice->expires : end;
        now = stop > now ? stop : now;
        if (slice->is_active && slice->expires <= now) {
            slice->is_active = false;
            slice->fn(slice->data);
        }
    }
}

static void set_blocked(struct vcpu *v, bool blocked)
{
    bool was_runnable = v->pause_flags == 0;

    v->pause_flags = blocked ? VPF_BLOCKED : 0;
    if (was_runnable && blocked)
        sched_sleep(v);
    else if (!was_runnable && !blocked)
        sched_wake(v);
}

static int start(void **state)
{
    (void)state;
    now = 1000;
    cpu_online_map = cpumask_of(0);
    sched_init();
    domain = (struct domain){.max_vcpus = 0};
    for (unsigned int i = 0; i < N_VCPUS; i++) {
        vcpus[i] = (struct vcpu){.domain = &domain, .id = i, .pause_flags = VPF_BLOCKED};
        vcpus[i].runstate.state = RUNSTATE_blocked;
        vcpus[i].runstate.state_entry_time = (uint64_t)now;
        sched_vcpu_init(&vcpus[i]);
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < N_VCPUS; i++)
        set_blocked(&vcpus[i], true);
    run_for(MILLISECS(1));
    assert_true(current->is_idle);
    assert_false(slice->is_active);
    return 0;
}

static void hogs_share_by_weight(void **state)
{
    static const uint32_t weight[N_VCPUS] = {256, 512, 256, 1024, 128, 64};
    uint64_t total_weight = 0;
    (void)state;

    for (unsigned int i = 0; i < N_VCPUS; i++) {
        vcpus[i].sched.weight = weight[i];
        total_weight += weight[i];
        set_blocked(&vcpus[i], false);
    }
    run_for(10 * NSEC_PER_SEC);
    for (unsigned int i = 0; i < N_VCPUS; i++) {
        double share = (double)sched_vcpu_runtime(&vcpus[i]) / 1e10;
        double fair = (double)weight[i] / (double)total_weight;
        assert_true(share > fair - 0.01 && share < fair + 0.01);
    }
}

static void a_sleeper_wakes_within_a_slice_beside_hogs(void **state)
{
    (void)state;
    for (unsigned int i = 1; i < N_VCPUS; i++)
        set_blocked(&vcpus[i], false);
    for (unsigned int round = 0; round < 200; round++) {
        run_for(MILLISECS(37));
        s_time_t woken = now;
        set_blocked(&vcpus[0], false);
        while (current != &vcpus[0]) {
            run_for(MICROSECS(100));
            assert_true(now - woken <= MILLISECS(5));
        }
        run_for(MICROSECS(200)); /* a little work */
        set_blocked(&vcpus[0], true);
    }
}

static void one_that_ran_alone_gives_way_when_another_wakes(void **state)
{
    (void)state;
    set_blocked(&vcpus[0], false);
    run_for(MILLISECS(500));
    assert_ptr_equal(current, &vcpus[0]);
    assert_false(slice->is_active); /* alone: no tick */
    /* The other has as much behind it, so it does not preempt; it must get its turn all the same.
     */
    vcpus[1].sched.vtime = vcpus[0].sched.vtime + MILLISECS(501);
    set_blocked(&vcpus[1], false);
    run_for(NSEC_PER_SEC + MILLISECS(100));
    assert_true(sched_vcpu_runtime(&vcpus[1]) > (uint64_t)MILLISECS(250));
}

static void a_long_sleep_is_no_hoard(void **state)
{
    (void)state;
    set_blocked(&vcpus[1], false);
    run_for(5 * NSEC_PER_SEC);
    set_blocked(&vcpus[0], false);
    uint64_t before = sched_vcpu_runtime(&vcpus[1]);
    run_for(MILLISECS(200));
    assert_true(sched_vcpu_runtime(&vcpus[1]) - before > (uint64_t)MILLISECS(80));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hogs_share_by_weight, start, stop),
        cmocka_unit_test_setup_teardown(a_sleeper_wakes_within_a_slice_beside_hogs, start, stop),
        cmocka_unit_test_setup_teardown(one_that_ran_alone_gives_way_when_another_wakes, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_long_sleep_is_no_hoard, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
