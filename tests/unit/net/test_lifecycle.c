/* SPDX-License-Identifier: MIT */
/* The xenbus handshake: the usual stories, and that no pair of states makes it run in circles. */
#include "net/lifecycle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static enum lifecycle_step next(int frontend, int backend, bool online, bool connected)
{
    struct lifecycle_view view = {frontend, backend, online, connected};

    return lifecycle_next(&view);
}

static void test_a_guest_comes_and_goes(void **state)
{
    (void)state;
    assert_int_equal(next(0, 1, true, false), LIFECYCLE_OFFER); /* xl still writes */
    assert_int_equal(next(1, 1, true, false), LIFECYCLE_OFFER);
    assert_int_equal(next(1, 2, true, false), LIFECYCLE_REST);
    assert_int_equal(next(4, 2, true, false), LIFECYCLE_CONNECT);
    assert_int_equal(next(4, 4, true, true), LIFECYCLE_REST);
    assert_int_equal(next(5, 4, true, true), LIFECYCLE_FOLLOW);
    assert_int_equal(next(6, 5, true, false), LIFECYCLE_CLOSE);
    assert_int_equal(next(6, 6, true, false), LIFECYCLE_REST);
    assert_int_equal(next(1, 6, true, false), LIFECYCLE_OFFER); /* and comes again */
}

static void test_the_toolstack_removes_it(void **state)
{
    (void)state;
    for (int frontend = 0; frontend <= 8; frontend++)
        assert_int_equal(next(frontend, 5, false, true), LIFECYCLE_CLOSE);
    assert_int_equal(next(1, 6, false, false), LIFECYCLE_REST);
}

static void test_a_guest_vanishes(void **state)
{
    (void)state;
    assert_int_equal(next(0, 4, true, true), LIFECYCLE_CLOSE);
    assert_int_equal(next(0, 2, true, false), LIFECYCLE_REST); /* not written yet */
}

static void test_a_guest_crashes_and_starts_again(void **state)
{
    (void)state;
    assert_int_equal(next(1, 4, true, true), LIFECYCLE_OFFER);
}

static void test_a_killed_backend_takes_over(void **state)
{
    (void)state;
    assert_int_equal(next(4, 4, true, false), LIFECYCLE_CONNECT);
}

static void test_a_refused_frontend_stays_out(void **state)
{
    (void)state;
    assert_int_equal(next(4, 6, true, false), LIFECYCLE_REST);
    assert_int_equal(next(3, 6, true, false), LIFECYCLE_REST);
}

/* Carry out a step as the daemon does: the states after it. */
static void carry_out(enum lifecycle_step step, struct lifecycle_view *view)
{
    static const enum xenbus_state state_after[] = {
        [LIFECYCLE_OFFER] = XENBUS_INIT_WAIT,
        [LIFECYCLE_CONNECT] = XENBUS_CONNECTED,
        [LIFECYCLE_FOLLOW] = XENBUS_CLOSING,
        [LIFECYCLE_CLOSE] = XENBUS_CLOSED,
    };

    view->backend = state_after[step];
    view->connected = step == LIFECYCLE_CONNECT;
}

/* With the frontend standing still, every start comes to rest in at most three steps. */
static void test_comes_to_rest(void **state)
{
    (void)state;
    for (int start = 0; start < 9 * 9 * 4; start++) {
        struct lifecycle_view view = {start % 9, start / 9 % 9, start / 81 & 1, start / 162 & 1};
        enum lifecycle_step step;
        int steps = 0;

        while ((step = lifecycle_next(&view)) != LIFECYCLE_REST) {
            carry_out(step, &view);
            assert_true(++steps <= 3);
        }
        if (view.backend == XENBUS_CONNECTED && view.frontend == XENBUS_CONNECTED)
            assert_true(view.connected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_guest_comes_and_goes),
        cmocka_unit_test(test_the_toolstack_removes_it),
        cmocka_unit_test(test_a_guest_vanishes),
        cmocka_unit_test(test_a_guest_crashes_and_starts_again),
        cmocka_unit_test(test_a_killed_backend_takes_over),
        cmocka_unit_test(test_a_refused_frontend_stays_out),
        cmocka_unit_test(test_comes_to_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
