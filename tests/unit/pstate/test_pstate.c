/* SPDX-License-Identifier: MIT */
/* Which P-states are taken from ACPI, and which of them each governor chooses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "arch/pstate.h"

#define THRESHOLD 80

static struct pstate_policy any(enum pstate_governor governor)
{
    return (struct pstate_policy){.governor = governor, .max_khz = UINT32_MAX};
}

/* 3000, 2400, 1800, 1200, 800 MHz. */
static struct pstate_table usual(void)
{
    static const uint64_t mhz[] = {3000, 2400, 1800, 1200, 800};
    struct pstate_table t = {0};

    for (unsigned int i = 0; i < 5; i++)
        assert_true(pstate_add(&t, mhz[i], 0x10 + i, 0xff));
    return t;
}

static unsigned int chosen(struct pstate_policy p, unsigned int now, unsigned int load)
{
    struct pstate_table t = usual();

    return pstate_choose(&t, &p, THRESHOLD, now, load);
}

static void takes_what_goes_down(void **state)
{
    struct pstate_table t = usual();

    (void)state;
    assert_int_equal(t.n, 5);
    assert_int_equal(t.state[1].khz, 2400000);
    assert_int_equal(t.state[1].control, 0x11);
    assert_false(pstate_add(&t, 800, 0, 0xff));   /* as fast as the last */
    assert_false(pstate_add(&t, 900, 0, 0xff));   /* faster */
    assert_false(pstate_add(&t, 0, 0, 0xff));     /* none */
    assert_false(pstate_add(&t, 400, 256, 0xff)); /* not a value of this register */
    assert_int_equal(t.n, 5);
    assert_true(pstate_add(&t, 400, 255, 0xff));
}

static void nothing_wraps(void **state)
{
    struct pstate_table t = {0};

    (void)state;
    assert_false(pstate_add(&t, UINT64_MAX, 0, 0xff));
    assert_false(pstate_add(&t, UINT32_MAX / 1000 + 1, 0, 0xff));
    assert_false(pstate_add(&t, (1ull << 32) + 1000, 0, 0xff));
    assert_false(pstate_add(&t, 1000, 1ull << 32, 0xffffffff));
    for (unsigned int i = 0; i < 100; i++)
        assert_int_equal(pstate_add(&t, 4000 - i, i, 0xff), i < PSTATES_MAX);
    assert_int_equal(t.n, PSTATES_MAX);
}

static void governors_have_xen_names(void **state)
{
    enum pstate_governor g = GOVERNOR_COUNT;

    (void)state;
    assert_true(pstate_governor_find("ondemand", 9, &g));
    assert_int_equal(g, GOVERNOR_ONDEMAND);
    assert_true(pstate_governor_find("powersaveXXXXXXX", 9, &g)); /* the bytes end there */
    assert_int_equal(g, GOVERNOR_POWERSAVE);
    g = GOVERNOR_USERSPACE;
    assert_false(pstate_governor_find("power", 16, &g));
    assert_false(pstate_governor_find("powersaver", 16, &g));
    assert_false(pstate_governor_find("", 16, &g));
    assert_int_equal(g, GOVERNOR_USERSPACE);
    for (unsigned int i = 0; i < GOVERNOR_COUNT; i++) {
        assert_true(pstate_governor_find(pstate_governor_name((enum pstate_governor)i), 16, &g));
        assert_int_equal(g, i);
    }
}

static void fixed_governors_do_not_look_at_load(void **state)
{
    struct pstate_policy p = any(GOVERNOR_USERSPACE);

    (void)state;
    for (unsigned int load = 0; load <= 100; load += 50) {
        assert_int_equal(chosen(any(GOVERNOR_PERFORMANCE), 2, load), 0);
        assert_int_equal(chosen(any(GOVERNOR_POWERSAVE), 2, load), 4);
        p.speed_khz = 1800000;
        assert_int_equal(chosen(p, 0, load), 2);
        p.speed_khz = 1800001; /* at least that */
        assert_int_equal(chosen(p, 0, load), 1);
        p.speed_khz = 0;
        assert_int_equal(chosen(p, 0, load), 4);
        p.speed_khz = UINT32_MAX;
        assert_int_equal(chosen(p, 4, load), 0);
    }
}

static void ondemand_follows_load(void **state)
{
    struct pstate_policy p = any(GOVERNOR_ONDEMAND);

    (void)state;
    assert_int_equal(chosen(p, 4, 100), 0);
    assert_int_equal(chosen(p, 4, THRESHOLD + 1), 0); /* at once to the top */
    assert_int_equal(chosen(p, 2, THRESHOLD), 2);     /* between: as it is */
    assert_int_equal(chosen(p, 2, THRESHOLD - 9), 2);
    assert_int_equal(chosen(p, 0, 0), 4);
    assert_int_equal(chosen(p, 0, 40), 2); /* 3000 * 40 % is 70 % of 1714 */
    assert_int_equal(chosen(p, 2, 40), 3);
}

/* At a steady need ondemand comes to rest, in a state whose load is below the threshold. */
static void ondemand_settles(void **state)
{
    struct pstate_table t = usual();
    struct pstate_policy p = any(GOVERNOR_ONDEMAND);

    (void)state;
    for (uint32_t need = 0; need <= 2400; need += 50) { /* MHz */
        unsigned int now = 4, before = 0, load = 0;

        for (unsigned int i = 0; i < 8; i++) {
            load = MIN(need * 100000 / t.state[now].khz, 100u);
            before = now;
            now = pstate_choose(&t, &p, THRESHOLD, now, load);
        }
        assert_int_equal(now, before);
        assert_true(load <= THRESHOLD);
    }
}

static void limits_hold(void **state)
{
    struct pstate_table t = usual();
    struct pstate_policy p = any(GOVERNOR_PERFORMANCE);

    (void)state;
    p.max_khz = 2000000;
    assert_int_equal(chosen(p, 0, 100), 2);
    p.platform_limit = 3;
    assert_int_equal(chosen(p, 0, 100), 3);
    p.platform_limit = UINT32_MAX;
    assert_int_equal(chosen(p, 0, 100), 4);
    p = any(GOVERNOR_POWERSAVE);
    p.min_khz = 1000000;
    assert_int_equal(chosen(p, 0, 0), 3);
    p.platform_limit = 4; /* stronger than what the user wants */
    assert_int_equal(chosen(p, 0, 0), 4);
    for (unsigned int g = 0; g < GOVERNOR_COUNT; g++)
        for (uint32_t low = 0; low <= 3200; low += 100)
            for (uint32_t high = 0; high <= 3200; high += 100)
                for (unsigned int now = 0; now < t.n; now++) {
                    p = (struct pstate_policy){.governor = (enum pstate_governor)g,
                                               .min_khz = low * 1000,
                                               .max_khz = high * 1000,
                                               .speed_khz = 2000000,
                                               .platform_limit = 1};
                    struct pstate_range r = pstate_allowed(&t, &p);
                    unsigned int to = pstate_choose(&t, &p, THRESHOLD, now, low % 101);

                    assert_true(r.fastest >= 1 && r.fastest <= r.slowest && r.slowest < t.n);
                    assert_true(to >= r.fastest && to <= r.slowest);
                }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_goes_down),
        cmocka_unit_test(nothing_wraps),
        cmocka_unit_test(governors_have_xen_names),
        cmocka_unit_test(fixed_governors_do_not_look_at_load),
        cmocka_unit_test(ondemand_follows_load),
        cmocka_unit_test(ondemand_settles),
        cmocka_unit_test(limits_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
