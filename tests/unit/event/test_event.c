/* SPDX-License-Identifier: MIT */
/* The event room's behaviours one by one: errors, both ends of a tie, polling, limits, end of a
 * domain. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "event.h"
#include "fakes.h"

static struct domain *a, *b;

static int setup(void **state)
{
    (void)state;
    b = fake_domain(&event_room, 1, 2);
    a = fake_domain(&event_room, 0, 2);
    return evtchn_set_limit(a, 1023) || evtchn_set_limit(b, 1023);
}

static int teardown(void **state)
{
    (void)state;
    fake_domain_end(&event_room, a);
    fake_domain_end(&event_room, b);
    return 0;
}

static bool is_pending(const struct domain *d, evtchn_port_t port)
{
    return d->shared_info->evtchn_pending[port / 64] >> port % 64 & 1;
}

static uint32_t state_of(struct domain *d, evtchn_port_t port)
{
    evtchn_status_t status = {0};

    assert_int_equal(evtchn_status(d, port, &status), 0);
    return status.status;
}

/* A port of `a` tied to one of `b`. */
static void tie(evtchn_port_t *pa, evtchn_port_t *pb)
{
    fake_switch_to(1);
    assert_int_equal(evtchn_alloc_unbound(b, 0, pb), 0);
    fake_switch_to(0);
    assert_int_equal(evtchn_bind_interdomain(a, 1, *pb, pa), 0);
}

static void tied_ports_notify_each_other(void **state)
{
    evtchn_port_t pa, pb;

    (void)state;
    tie(&pa, &pb);
    assert_true(is_pending(a, pa)); /* for events lost before the tie */
    assert_int_equal(evtchn_send(a, pa), 0);
    assert_true(is_pending(b, pb));
    assert_int_equal(b->shared_info->vcpu_info[0].evtchn_pending_sel, 1);
    assert_int_equal(b->shared_info->vcpu_info[0].evtchn_upcall_pending, 1);
    assert_int_equal(fake_kicks[1][0], 1);
    assert_int_equal(evtchn_send(a, pa), 0);
    assert_int_equal(fake_kicks[1][0], 1); /* already pending: nothing more to tell */
}

static void closing_one_end_unbinds_the_other(void **state)
{
    evtchn_port_t pa, pb, again;

    (void)state;
    tie(&pa, &pb);
    assert_int_equal(evtchn_close(a, pa), 0);
    assert_int_equal(state_of(b, pb), EVTCHNSTAT_unbound);
    assert_int_equal(evtchn_send(b, pb), 0); /* into the void */
    assert_int_equal(evtchn_close(a, pa), -EINVAL);
    assert_int_equal(evtchn_bind_interdomain(a, 1, pb, &again), 0);
    assert_int_equal(state_of(b, pb), EVTCHNSTAT_interdomain);
}

static void only_the_domain_named_may_bind(void **state)
{
    evtchn_port_t pb, port;

    (void)state;
    fake_switch_to(1);
    assert_int_equal(evtchn_alloc_unbound(b, DOMID_SELF, &pb), 0); /* for b itself */
    assert_int_equal(evtchn_bind_interdomain(a, 1, pb, &port), -EINVAL);
    assert_int_equal(evtchn_bind_interdomain(a, 3, pb, &port), -ESRCH);
    assert_int_equal(evtchn_bind_interdomain(b, DOMID_SELF, pb, &port), 0);
    assert_int_equal(evtchn_send(b, port), 0);
    assert_true(is_pending(b, pb));
}

static void virqs_are_bound_once_and_where_they_belong(void **state)
{
    evtchn_port_t timer, global, port;

    (void)state;
    assert_int_equal(evtchn_bind_virq(a, VIRQ_TIMER, 1, &timer), 0);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_TIMER, 1, &port), -EEXIST);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_TIMER, 2, &port), -ENOENT);
    assert_int_equal(evtchn_bind_virq(a, NR_VIRQS, 0, &port), -EINVAL);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_DOM_EXC, 1, &port), -EINVAL);
    assert_int_equal(evtchn_bind_virq(a, VIRQ_DOM_EXC, 0, &global), 0);
    assert_int_equal(evtchn_bind_vcpu(a, timer, 0), -EINVAL);
    assert_int_equal(evtchn_bind_vcpu(a, global, 1), 0);
    send_guest_vcpu_virq(a->vcpu[1], VIRQ_TIMER);
    assert_true(is_pending(a, timer));
    send_global_virq(VIRQ_DOM_EXC);
    assert_true(is_pending(a, global));
    assert_int_equal(fake_kicks[0][0], 0);
    assert_int_equal(fake_kicks[0][1], 1);
    assert_int_equal(evtchn_close(a, timer), 0);
    send_guest_vcpu_virq(a->vcpu[1], VIRQ_TIMER);
    assert_false(is_pending(a, timer));
    assert_int_equal(evtchn_bind_virq(a, VIRQ_TIMER, 1, &port), 0);
}

static void a_pirq_is_bound_outside_all_locks(void **state)
{
    evtchn_port_t port, other;

    (void)state;
    fake_pirq_result = -EEXIST;
    assert_int_equal(evtchn_bind_pirq(a, 9, 0, &port), -EEXIST);
    fake_pirq_result = 0;
    assert_int_equal(evtchn_bind_pirq(a, 9, 0, &other), 0);
    assert_int_equal(other, port); /* the failed one gave its port back */
    assert_int_equal(evtchn_port_pirq(a, other), 9);
    assert_int_equal(fake_pirqs_bound, 1);
    assert_int_equal(evtchn_close(a, other), 0);
    assert_int_equal(fake_pirqs_bound, 0);
    assert_int_equal(evtchn_port_pirq(a, other), -1);
}

static void masked_events_wait_and_unmask_delivers(void **state)
{
    evtchn_port_t port;

    (void)state;
    assert_int_equal(evtchn_bind_ipi(a, 0, &port), 0);
    a->shared_info->evtchn_mask[0] |= 1ul << port;
    assert_int_equal(evtchn_send(a, port), 0);
    assert_true(is_pending(a, port));
    assert_true(evtchn_port_is_masked(a, port));
    assert_int_equal(a->vcpu[0]->vcpu_info->evtchn_upcall_pending, 0);
    assert_int_equal(evtchn_unmask(a, port), 0);
    assert_int_equal(a->vcpu[0]->vcpu_info->evtchn_upcall_pending, 1);
    assert_int_equal(evtchn_unmask(a, 5000), -EINVAL);
}

static void pollers_wake_for_their_port(void **state)
{
    evtchn_port_t port, other;

    (void)state;
    assert_int_equal(evtchn_bind_ipi(a, 0, &port), 0);
    assert_int_equal(evtchn_bind_ipi(a, 0, &other), 0);
    a->shared_info->evtchn_mask[0] = ~0ul;
    a->vcpu[0]->pause_flags = a->vcpu[1]->pause_flags = VPF_POLLING;
    a->vcpu[0]->poll_port = port;
    a->vcpu[1]->poll_port = 0;
    assert_int_equal(evtchn_send(a, other), 0);
    assert_int_equal(a->vcpu[0]->pause_flags, VPF_POLLING);
    assert_int_equal(a->vcpu[1]->pause_flags, 0);
    assert_int_equal(evtchn_send(a, port), 0);
    assert_int_equal(a->vcpu[0]->pause_flags, 0);
}

static void limits_and_memory_are_respected(void **state)
{
    evtchn_port_t port = 0;

    (void)state;
    fake_domain_end(&event_room, a);
    a = fake_domain(&event_room, 0, 2);
    assert_int_equal(evtchn_set_limit(a, 130), 0);
    fake_fail_alloc = 1;
    for (evtchn_port_t want = 1; want < 128; want++)
        assert_int_equal(evtchn_bind_ipi(a, 0, &port), 0);
    assert_int_equal(port, 127);
    assert_int_equal(evtchn_bind_ipi(a, 0, &port), -ENOMEM);
    for (evtchn_port_t want = 128; want <= 130; want++) {
        assert_int_equal(evtchn_bind_ipi(a, 0, &port), 0);
        assert_int_equal(port, want);
    }
    assert_int_equal(evtchn_bind_ipi(a, 0, &port), -ENOSPC);
    assert_int_equal(evtchn_close(a, 7), 0);
    assert_int_equal(evtchn_bind_ipi(a, 0, &port), 0);
    assert_int_equal(port, 7); /* the lowest */
    assert_int_equal(evtchn_close(a, 0), -EINVAL);
}

static void reset_needs_a_paused_target(void **state)
{
    evtchn_port_t pa, pb;

    (void)state;
    tie(&pa, &pb);
    assert_int_equal(evtchn_reset(b), -EINVAL);
    b->controller_pauses = 1;
    assert_int_equal(evtchn_reset(b), 0);
    assert_int_equal(state_of(b, pb), EVTCHNSTAT_closed);
    assert_int_equal(state_of(a, pa), EVTCHNSTAT_unbound);
}

static void a_dying_domain_gives_up_in_steps(void **state)
{
    evtchn_port_t port;
    struct domain *c = fake_domain(&event_room, 2, 1);
    unsigned int steps = 1;

    (void)state;
    assert_int_equal(evtchn_set_limit(c, 1023), 0);
    for (unsigned int i = 0; i < 300; i++)
        assert_int_equal(evtchn_bind_ipi(c, 0, &port), 0);
    fake_preempt_every = 1;
    c->is_dying = true;
    assert_int_equal(evtchn_bind_ipi(c, 0, &port), -EINVAL);
    while (event_room.teardown(c) == -ERESTART_HYPERCALL)
        steps++;
    assert_int_equal(steps, 300 / 64 + 1);
    fake_preempt_every = 0;
    fake_domain_end(&event_room, c);
    fake_switch_to(0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup_clean, teardown)

static int setup_clean(void **state)
{
    for (unsigned int i = 0; i < FAKE_DOMAINS; i++)
        for (unsigned int v = 0; v < 8; v++)
            fake_kicks[i][v] = 0;
    fake_fail_alloc = 0;
    return setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tied_ports_notify_each_other),      TEST(closing_one_end_unbinds_the_other),
        TEST(only_the_domain_named_may_bind),    TEST(virqs_are_bound_once_and_where_they_belong),
        TEST(a_pirq_is_bound_outside_all_locks), TEST(masked_events_wait_and_unmask_delivers),
        TEST(pollers_wake_for_their_port),       TEST(limits_and_memory_are_respected),
        TEST(reset_needs_a_paused_target),       TEST(a_dying_domain_gives_up_in_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
