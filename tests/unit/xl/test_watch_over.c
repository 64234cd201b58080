/* SPDX-License-Identifier: MIT */
/* What becomes of a guest that stopped, with a hypervisor of ours and clocks that jump. */
#include "domain/life.h"
#include "util/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

/* The guest: domain 5, then 6; the second one powers off. */
static struct {
    time_t now, time_of_day;
    time_t lives_s, day_step_s; /* until it stops; what that time of day is by then */
    domid_t domid;
    unsigned n_created, n_destroyed;
} guest;

time_t time(time_t *out)
{
    if (out)
        *out = guest.time_of_day;
    return guest.time_of_day;
}

time_t clock_now_s(void)
{
    return guest.now;
}

int domain_wait_stopped(struct toolstack *ts, domid_t domid, unsigned int timeout_s)
{
    (void)ts, (void)domid, (void)timeout_s;
    guest.now += guest.lives_s;
    guest.time_of_day += guest.day_step_s;
    return 0;
}

int hv_domain_info(struct hv *hv, domid_t domid, struct xen_domctl_getdomaininfo *info)
{
    unsigned reason = guest.n_created ? SHUTDOWN_poweroff : SHUTDOWN_reboot;

    (void)hv;
    memset(info, 0, sizeof(*info));
    info->flags = XEN_DOMINF_shutdown | reason << XEN_DOMINF_shutdownshift;
    return domid == guest.domid ? 0 : -1;
}

char *domain_name(struct toolstack *ts, domid_t domid)
{
    (void)ts, (void)domid;
    return strdup("guest");
}

const char *domain_name_fault(const char *name)
{
    (void)name;
    return NULL;
}

const char *domain_action_name(enum domain_action action)
{
    (void)action;
    return "action";
}

int domain_destroy(struct toolstack *ts, domid_t domid)
{
    (void)ts;
    assert_int_equal(domid, guest.domid);
    guest.n_destroyed++;
    return 0;
}

int domain_create(struct toolstack *ts, const struct domain_config *config, domid_t *domid)
{
    (void)ts, (void)config;
    guest.n_created++;
    *domid = ++guest.domid;
    return 0;
}

int hv_domain_unpause(struct hv *hv, domid_t domid)
{
    (void)hv, (void)domid;
    return 0;
}

static void watch(time_t lives_s, time_t day_step_s)
{
    static struct domain_config config;
    struct toolstack ts = {0};

    memset(&guest, 0, sizeof(guest));
    guest.domid = 5;
    guest.time_of_day = 1000000;
    guest.lives_s = lives_s;
    guest.day_step_s = day_step_s;
    config.on_reboot = ACTION_RESTART;
    config.on_poweroff = ACTION_DESTROY;
    domain_watch_over(&ts, &config, 5);
}

static void restarts(void **state)
{
    (void)state;
    watch(600, 600);
    assert_int_equal(guest.n_created, 1);
    assert_int_equal(guest.n_destroyed, 2);
}

static void restarts_when_the_clock_was_set_back(void **state)
{
    (void)state;
    watch(600, -3000);
    assert_int_equal(guest.n_created, 1);
}

static void stops_one_that_reboots_at_once(void **state)
{
    (void)state;
    watch(1, 1);
    assert_int_equal(guest.n_created, 0);
    assert_int_equal(guest.n_destroyed, 1);
    watch(1, 7200); /* whatever the time of day says */
    assert_int_equal(guest.n_created, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restarts),
        cmocka_unit_test(restarts_when_the_clock_was_set_back),
        cmocka_unit_test(stops_one_that_reboots_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
