/* SPDX-License-Identifier: MIT */
/* The timer queue (time/timer.c) against a plain array of expiries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "spinlock.h"
#include "timer.h"

#define N_TIMERS 64
#define ROUNDS   20000

struct vcpu *fake_current;
unsigned char fake_memory[FAKE_FRAMES * 4096ul];
static s_time_t now, armed = STIME_MAX;

static struct {
    struct timer timer;
    s_time_t expires; /* STIME_MAX: not set */
    unsigned int fired;
} t[N_TIMERS];

s_time_t time_now(void)
{
    return now;
}

void time_arm(s_time_t deadline)
{
    armed = deadline;
}

void cpu_serve_requests(void)
{
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

static s_time_t first_of_model(void)
{
    s_time_t first = STIME_MAX;
    for (unsigned int i = 0; i < N_TIMERS; i++)
        first = t[i].expires < first ? t[i].expires : first;
    return first;
}

static void expired(void *data)
{
    unsigned int i = (unsigned int)(uintptr_t)data;

    assert_true(t[i].expires <= now);
    t[i].expires = STIME_MAX;
    t[i].fired++;
    if (i % 8 == 0) { /* one that arms itself anew */
        t[i].expires = now + 1000;
        timer_set(&t[i].timer, t[i].expires);
    }
}

static void random_operations_agree_with_the_model(void **state)
{
    (void)state;
    srand(42);
    for (unsigned int i = 0; i < N_TIMERS; i++) {
        timer_init(&t[i].timer, expired, (void *)(uintptr_t)i);
        t[i].expires = STIME_MAX;
    }
    for (unsigned int round = 0; round < ROUNDS; round++) {
        unsigned int i = (unsigned int)rand() % N_TIMERS;
        switch (rand() % 4) {
        case 0:
        case 1:
            t[i].expires = now + rand() % 5000 - 500;
            timer_set(&t[i].timer, t[i].expires);
            break;
        case 2:
            t[i].expires = STIME_MAX;
            timer_stop(&t[i].timer);
            break;
        case 3:
            now += rand() % 700;
            timer_softirq();
            assert_true(first_of_model() > now);
            assert_int_equal(armed, first_of_model());
            break;
        }
        assert_int_equal(timer_next(), first_of_model());
        /* The hardware never waits longer than for the first; a stop may leave it early. */
        assert_true(armed <= first_of_model());
    }
    unsigned int fired = 0;
    for (unsigned int i = 0; i < N_TIMERS; i++)
        fired += t[i].fired;
    assert_true(fired > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_operations_agree_with_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
