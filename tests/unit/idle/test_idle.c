/* SPDX-License-Identifier: MIT */
/* Which idle states are taken from ACPI, and which of them a sleep of some length gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/idle.h"

#define NO_LIMIT ((struct idle_limit){UINT32_MAX, UINT32_MAX})

static struct idle_state mwait(uint8_t type, uint32_t hint, uint32_t latency_us)
{
    return (struct idle_state){
        .type = type, .by_mwait = true, .hint = hint, .latency_us = latency_us};
}

/* hlt, C1 by mwait, C2, two C3s. */
static struct idle_states usual(void)
{
    struct idle_states s = {0};

    assert_true(idle_add(&s, (struct idle_state){.type = 1, .latency_us = 1}));
    assert_true(idle_add(&s, mwait(1, 0x00, 2)));
    assert_true(idle_add(&s, mwait(2, 0x10, 20)));
    assert_true(idle_add(&s, mwait(3, 0x20, 100)));
    assert_true(idle_add(&s, mwait(3, 0x21, 200)));
    return s;
}

static void adds_in_order_of_depth(void **state)
{
    struct idle_states s = usual();

    (void)state;
    assert_int_equal(s.n, 6);
    assert_int_equal(s.state[1].by_mwait, 0);
    assert_int_equal(s.state[4].sub, 0);
    assert_int_equal(s.state[5].sub, 1);
    assert_false(idle_add(&s, mwait(2, 0x10, 300))); /* less deep than the last */
    assert_false(idle_add(&s, mwait(3, 0x22, 50)));  /* deeper, but faster awake */
    assert_false(idle_add(&s, mwait(0, 0, 1)));
    assert_false(idle_add(&s, mwait(4, 0x30, 500)));
    assert_int_equal(s.n, 6);
}

static void never_more_than_there_is_room_for(void **state)
{
    struct idle_states s = {0};
    unsigned int added = 0;

    (void)state;
    for (unsigned int i = 0; i < 100; i++)
        added += idle_add(&s, mwait(3, i, i));
    assert_int_equal(added, IDLE_STATES_MAX - 2);
    assert_int_equal(s.n, IDLE_STATES_MAX);
}

static void chooses_what_is_repaid(void **state)
{
    struct idle_states s = usual();

    (void)state;
    assert_int_equal(idle_choose(&s, NO_LIMIT, 0), 1);
    assert_int_equal(idle_choose(&s, NO_LIMIT, -5), 1);
    assert_int_equal(idle_choose(&s, NO_LIMIT, MICROSECS(5)), 2);
    assert_int_equal(idle_choose(&s, NO_LIMIT, MICROSECS(39)), 2);
    assert_int_equal(idle_choose(&s, NO_LIMIT, MICROSECS(40)), 3);
    assert_int_equal(idle_choose(&s, NO_LIMIT, MICROSECS(399)), 4);
    assert_int_equal(idle_choose(&s, NO_LIMIT, INT64_MAX), 5);
}

static void keeps_to_the_limit(void **state)
{
    struct idle_states s = usual();

    (void)state;
    assert_int_equal(idle_choose(&s, (struct idle_limit){0, 0}, INT64_MAX), 1);
    assert_int_equal(idle_choose(&s, (struct idle_limit){1, UINT32_MAX}, INT64_MAX), 2);
    assert_int_equal(idle_choose(&s, (struct idle_limit){1, 0}, INT64_MAX), 1);
    assert_int_equal(idle_choose(&s, (struct idle_limit){2, UINT32_MAX}, INT64_MAX), 3);
    assert_int_equal(idle_choose(&s, (struct idle_limit){3, 0}, INT64_MAX), 4);
    assert_int_equal(idle_choose(&s, (struct idle_limit){3, 1}, INT64_MAX), 5);
}

static void hostile_tables_stay_inside(void **state)
{
    struct idle_states s = {.n = 5000};

    (void)state;
    assert_in_range(idle_choose(&s, NO_LIMIT, INT64_MAX), 1, IDLE_STATES_MAX - 1);
    s.n = 3;
    s.state[2].latency_us = UINT32_MAX;
    assert_int_equal(idle_choose(&s, NO_LIMIT, MILLISECS(1)), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_in_order_of_depth),
        cmocka_unit_test(never_more_than_there_is_room_for),
        cmocka_unit_test(chooses_what_is_repaid),
        cmocka_unit_test(keeps_to_the_limit),
        cmocka_unit_test(hostile_tables_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
