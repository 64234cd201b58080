/* SPDX-License-Identifier: MIT */
/* The FIFO ABI with a guest that plays by its rules, and with one that does not. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "event.h"
#include "fakes.h"

#define VCPUS   2
#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED  (1u << EVTCHN_FIFO_MASKED)
#define LINKED  (1u << EVTCHN_FIFO_LINKED)

static struct domain *a;
static mfn_t blocks, array[2];
static unsigned int seed;

static unsigned int pick(unsigned int n)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 16) % n;
}

static evtchn_fifo_control_block_t *block(unsigned int vcpu)
{
    return (void *)((char *)mfn_to_virt(blocks) + vcpu * 128);
}

static event_word_t *word(evtchn_port_t port)
{
    return (event_word_t *)mfn_to_virt(array[port / 1024]) + port % 1024;
}

static int init_control(uint64_t gfn, unsigned int offset, unsigned int vcpu)
{
    evtchn_init_control_t init = {.control_gfn = gfn, .offset = offset, .vcpu = vcpu};
    int rc = evtchn_fifo_init_control(a, &init);

    assert_int_equal(init.link_bits, EVTCHN_FIFO_LINK_BITS);
    return rc;
}

static int setup(void **state)
{
    (void)state;
    seed = 1;
    a = fake_domain(&event_room, 0, VCPUS);
    blocks = fake_give_frame(a);
    memset(mfn_to_virt(blocks), 0, PAGE_SIZE);
    for (unsigned int i = 0; i < 2; i++) {
        array[i] = fake_give_frame(a);
        memset(mfn_to_virt(array[i]), 0, PAGE_SIZE);
    }
    return evtchn_set_limit(a, 8191);
}

/* Both vCPUs and the first 1,024 words. */
static int setup_ready(void **state)
{
    int rc = setup(state);

    for (unsigned int v = 0; v < VCPUS && rc == 0; v++)
        rc = init_control(blocks.n, v * 128, v);
    return rc ? rc : evtchn_fifo_expand_array(a, GFN(array[0].n));
}

static int teardown(void **state)
{
    (void)state;
    fake_domain_end(&event_room, a);
    return 0;
}

/* What a guest's interrupt handler does first: the next event of vCPU `v` by priority, or 0. */
static evtchn_port_t take(unsigned int v, unsigned int *priority)
{
    evtchn_fifo_control_block_t *b = block(v);
    evtchn_port_t port;

    a->vcpu[v]->vcpu_info->evtchn_upcall_pending = 0;
    while (b->ready) {
        unsigned int queue = __builtin_ctz(b->ready);
        event_word_t next;

        port = b->head[queue];
        assert_int_not_equal(port, 0);
        assert_true(*word(port) & LINKED);
        next = *word(port) & EVTCHN_FIFO_LINK_MASK;
        *word(port) &= ~(LINKED | EVTCHN_FIFO_LINK_MASK);
        b->head[queue] = next;
        if (!next)
            b->ready &= ~(1u << queue);
        if (priority)
            *priority = queue;
        if ((*word(port) & (PENDING | MASKED)) == PENDING) {
            *word(port) &= ~PENDING;
            return port;
        }
    }
    return 0;
}

static evtchn_port_t ipi(unsigned int vcpu)
{
    evtchn_port_t port;

    assert_int_equal(evtchn_bind_ipi(a, vcpu, &port), 0);
    return port;
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    assert_int_equal(evtchn_fifo_expand_array(a, GFN(array[0].n)), -EOPNOTSUPP);
    assert_int_equal(evtchn_set_priority(a, 1, 0), -ENOSYS);
    assert_int_equal(init_control(blocks.n, 0, VCPUS), -ENOENT);
    assert_int_equal(init_control(blocks.n, 4, 0), -EINVAL);
    assert_int_equal(init_control(blocks.n, PAGE_SIZE - 64, 0), -EINVAL);
    assert_int_equal(init_control(FAKE_FRAMES + 5, 0, 0), -EINVAL);
    fake_fail_alloc = 1;
    assert_int_equal(init_control(blocks.n, 0, 0), -ENOMEM);
    assert_int_equal(init_control(blocks.n, 0, 0), 0);
    assert_int_equal(init_control(blocks.n, 128, 0), -EINVAL); /* it has one */
    assert_int_equal(evtchn_set_priority(a, 1, EVTCHN_FIFO_PRIORITY_MIN + 1), -EINVAL);
    assert_int_equal(evtchn_set_priority(a, 9999, 0), -EINVAL);
    assert_int_equal(evtchn_fifo_expand_array(a, GFN(FAKE_FRAMES + 5)), -EINVAL);
    for (unsigned int i = 0; i < EVTCHN_FIFO_NR_CHANNELS / 1024; i++)
        assert_int_equal(evtchn_fifo_expand_array(a, GFN(array[0].n)), 0);
    assert_int_equal(evtchn_fifo_expand_array(a, GFN(array[0].n)), -ENOSPC);
}

static void events_come_in_order_and_by_priority(void **state)
{
    evtchn_port_t port[6];
    unsigned int priority;

    (void)state;
    for (unsigned int i = 0; i < 6; i++)
        port[i] = ipi(0);
    assert_int_equal(evtchn_set_priority(a, port[4], 0), 0);
    for (unsigned int i = 0; i < 5; i++)
        assert_int_equal(evtchn_send(a, port[i]), 0);
    assert_int_equal(evtchn_send(a, port[1]), 0); /* pending already */
    assert_int_equal(fake_kicks[0][0], 1);
    assert_int_equal(take(0, &priority), port[4]);
    assert_int_equal(priority, 0);
    for (unsigned int i = 0; i < 2; i++)
        assert_int_equal(take(0, &priority), port[i]);
    assert_int_equal(evtchn_send(a, port[5]), 0);
    assert_int_equal(take(0, NULL), port[2]);
    assert_int_equal(take(0, NULL), port[3]);
    assert_int_equal(take(0, NULL), port[5]);
    assert_int_equal(priority, EVTCHN_FIFO_PRIORITY_DEFAULT);
    assert_int_equal(take(0, NULL), 0);
}

static void a_mask_holds_an_event_back(void **state)
{
    evtchn_port_t port = ipi(1);

    (void)state;
    *word(port) |= MASKED;
    assert_true(evtchn_port_is_masked(a, port));
    assert_int_equal(evtchn_send(a, port), 0);
    assert_int_equal(take(1, NULL), 0);
    assert_int_equal(evtchn_port_is_pending(a, port), 1);
    assert_int_equal(evtchn_unmask(a, port), 0);
    assert_int_equal(take(1, NULL), port);
    assert_int_equal(evtchn_port_is_pending(a, port), 0);
}

static void an_event_before_its_word_waits_for_it(void **state)
{
    evtchn_port_t port = ipi(0), late = 0;

    (void)state;
    assert_int_equal(evtchn_send(a, port), 0); /* still 2-level */
    assert_int_equal(init_control(blocks.n, 0, 0), 0);
    while (late < 1030)
        late = ipi(0);
    assert_int_equal(evtchn_send(a, late), 0);
    assert_int_equal(take(0, NULL), 0);
    assert_int_equal(evtchn_fifo_expand_array(a, GFN(array[0].n)), 0);
    assert_int_equal(take(0, NULL), port);
    assert_int_equal(evtchn_fifo_expand_array(a, GFN(array[1].n)), 0);
    assert_int_equal(take(0, NULL), late);
    assert_int_equal(take(0, NULL), 0);
}

static void more_ports_than_two_levels_have(void **state)
{
    evtchn_port_t port;

    (void)state;
    for (evtchn_port_t want = 1; want <= 8191; want++) {
        assert_int_equal(evtchn_bind_ipi(a, 0, &port), 0);
        assert_int_equal(port, want);
    }
    assert_int_equal(evtchn_bind_ipi(a, 0, &port), -ENOSPC);
    assert_int_equal(evtchn_reset(a), 0);
    for (evtchn_port_t want = 1; want < 4096; want++)
        assert_int_equal(evtchn_bind_ipi(a, 0, &port), 0);
    assert_int_equal(evtchn_bind_ipi(a, 0, &port), -ENOSPC);
    assert_int_equal(fake_frame[blocks.n].refs, 1);
    assert_int_equal(fake_frame[array[0].n].refs, 1);
}

static void a_closed_port_in_a_queue_is_not_given_again(void **state)
{
    evtchn_port_t port = ipi(0), other;

    (void)state;
    assert_int_equal(evtchn_send(a, port), 0);
    assert_int_equal(evtchn_close(a, port), 0);
    other = ipi(0);
    assert_int_not_equal(other, port);
    assert_int_equal(take(0, NULL), 0); /* taken out, not delivered */
    assert_int_equal(ipi(0), port);
}

/* Ports change vCPU and priority while they wait; each event sent arrives once, none is lost. */
static void nothing_is_lost_on_the_way(void **state)
{
    evtchn_port_t mine, port[32];
    bool sent[32] = {false};

    (void)state;
    for (unsigned int i = 0; i < 32; i++) {
        assert_int_equal(evtchn_alloc_unbound(a, 0, &mine), 0);
        assert_int_equal(evtchn_bind_interdomain(a, 0, mine, &port[i]), 0);
    }
    for (unsigned int v = 0; v < VCPUS; v++)
        while (take(v, NULL))
            ;
    for (unsigned int step = 0; step < 200000; step++) {
        unsigned int i = pick(32), v = pick(VCPUS);
        evtchn_port_t got;

        switch (pick(5)) {
        case 0:
            assert_int_equal(evtchn_bind_vcpu(a, port[i], v), 0);
            break;
        case 1:
            assert_int_equal(evtchn_set_priority(a, port[i], pick(3)), 0);
            break;
        case 2:
            evtchn_set_pending(a, port[i]);
            sent[i] = true;
            break;
        default:
            got = take(v, NULL);
            for (i = 0; got && port[i] != got; i++)
                ;
            assert_true(!got || sent[i]);
            if (got)
                sent[i] = false;
            break;
        }
    }
    for (unsigned int v = 0; v < VCPUS; v++) {
        evtchn_port_t got;

        while ((got = take(v, NULL)))
            for (unsigned int i = 0; i < 32; i++)
                if (port[i] == got)
                    sent[i] = false;
    }
    for (unsigned int i = 0; i < 32; i++)
        assert_false(sent[i]);
}

/* A guest that writes anything anywhere: we stay within our own memory and come back. */
static void nonsense_in_the_array_harms_only_its_writer(void **state)
{
    uint32_t *shared[2] = {mfn_to_virt(array[0]), mfn_to_virt(blocks)};

    (void)state;
    for (unsigned int i = 0; i < 64; i++)
        ipi(i % VCPUS);
    for (unsigned int step = 0; step < 200000; step++) {
        shared[pick(2)][pick(1024)] = (pick(65536) << 16) ^ pick(65536) ^ (pick(16) << 28);
        evtchn_set_pending(a, 1 + pick(70));
        evtchn_unmask(a, 1 + pick(70));
        evtchn_set_priority(a, 1 + pick(70), pick(17));
        if (pick(50) == 0)
            evtchn_close(a, 1 + pick(64));
        if (pick(50) == 0)
            ipi(pick(VCPUS));
    }
}

#define TEST(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
#define READY(f) cmocka_unit_test_setup_teardown(f, setup_clean, teardown)

static int setup_clean(void **state)
{
    memset(fake_kicks, 0, sizeof(fake_kicks));
    return setup_ready(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bad_arguments_are_refused),        READY(events_come_in_order_and_by_priority),
        READY(a_mask_holds_an_event_back),      TEST(an_event_before_its_word_waits_for_it),
        READY(more_ports_than_two_levels_have), READY(a_closed_port_in_a_queue_is_not_given_again),
        READY(nothing_is_lost_on_the_way),      READY(nonsense_in_the_array_harms_only_its_writer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
