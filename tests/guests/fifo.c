/* SPDX-License-Identifier: MIT */
/*
 * The FIFO event ABI: switching to it, the queues in order of arrival and priority, masks, events
 * that come before their word, more ports than the 2-level ABI has, and the way back.
 */
#include "lib/report.h"
#include "runtime/clock.h"
#include "runtime/event.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"

#include <xen/sched.h>

#define WORDS   1024u
#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED  (1u << EVTCHN_FIFO_MASKED)
#define LINKED  (1u << EVTCHN_FIFO_LINKED)

static evtchn_fifo_control_block_t *block;
static event_word_t *array[5];

static long init_control(uint64_t gfn, uint32_t offset, uint32_t vcpu)
{
    struct evtchn_init_control op = {.control_gfn = gfn, .offset = offset, .vcpu = vcpu};
    long answer = event_op(EVTCHNOP_init_control, &op);

    return answer ? answer : op.link_bits;
}

static long expand(uint64_t gfn)
{
    struct evtchn_expand_array op = {.array_gfn = gfn};

    return event_op(EVTCHNOP_expand_array, &op);
}

static long set_priority(uint32_t port, uint32_t priority)
{
    struct evtchn_set_priority op = {.port = port, .priority = priority};

    return event_op(EVTCHNOP_set_priority, &op);
}

static event_word_t *word(uint32_t port)
{
    return &array[port / WORDS][port % WORDS];
}

/* Takes the next port out of the queue of the highest priority; 0 when all are empty. */
static uint32_t take(void)
{
    unsigned int queue;
    uint32_t port, next;

    if (!block->ready)
        return 0;
    queue = __builtin_ctz(block->ready);
    port = block->head[queue];
    next = __atomic_fetch_and(word(port), ~(LINKED | EVTCHN_FIFO_LINK_MASK), __ATOMIC_SEQ_CST) &
           EVTCHN_FIFO_LINK_MASK;
    __atomic_fetch_and(word(port), ~PENDING, __ATOMIC_SEQ_CST);
    block->head[queue] = next;
    if (!next)
        __atomic_fetch_and(&block->ready, ~(1u << queue), __ATOMIC_SEQ_CST);
    return port;
}

BEHAVIOUR(refused, "wrong arguments, and operations before the switch, are refused")
{
    EXPECT(expand(page_mfn(page_alloc())), -XEN_EOPNOTSUPP);
    EXPECT(set_priority(event_bind_ipi(0), 0), -XEN_ENOSYS);
    EXPECT(init_control(page_mfn(page_alloc()), 0, 999), -XEN_ENOENT);
    EXPECT(init_control(page_mfn(page_alloc()), 4, 0), -XEN_EINVAL);
    EXPECT(init_control(page_mfn(page_alloc()), 4096 - 64, 0), -XEN_EINVAL);
    EXPECT(init_control(~0ull >> 12, 0, 0), -XEN_EINVAL);
}

BEHAVIOUR(switch_over,
          "the first control block switches the domain; the second for a vCPU is refused")
{
    void *page = page_alloc();

    block = page;
    EXPECT(init_control(page_mfn(page), 0, 0), EVTCHN_FIFO_LINK_BITS);
    EXPECT(init_control(page_mfn(page), 512, 0), -XEN_EINVAL);
    EXPECT(expand(~0ull >> 12), -XEN_EINVAL);
}

BEHAVIOUR(early, "an event raised before its word exists arrives when the page is given")
{
    long port = event_bind_ipi(0);

    EXPECT(event_send(port), 0);
    EXPECT(block->ready, 0);
    array[0] = page_alloc();
    EXPECT(expand(page_mfn(array[0])), 0);
    EXPECT(take(), port);
    EXPECT(take(), 0);
    EXPECT(event_close(port), 0);
}

BEHAVIOUR(order, "events queue in order of arrival within a priority, a higher priority first")
{
    long port[4];

    for (unsigned int i = 0; i < 4; i++)
        port[i] = event_bind_ipi(0);
    EXPECT(set_priority(port[3], EVTCHN_FIFO_PRIORITY_MIN + 1), -XEN_EINVAL);
    EXPECT(set_priority(port[3], EVTCHN_FIFO_PRIORITY_MAX), 0);
    for (unsigned int i = 4; i-- > 0;)
        EXPECT(event_send(port[i]), 0);
    EXPECT(event_send(port[1]), 0);
    EXPECT(block->ready, 1u | 1u << EVTCHN_FIFO_PRIORITY_DEFAULT);
    EXPECT(take(), port[3]);
    EXPECT(take(), port[2]);
    EXPECT(take(), port[1]);
    EXPECT(event_send(port[2]), 0);
    EXPECT(take(), port[0]);
    EXPECT(take(), port[2]);
    EXPECT(take(), 0);
    for (unsigned int i = 0; i < 4; i++)
        EXPECT(event_close(port[i]), 0);
}

BEHAVIOUR(mask, "a masked event is pending and in no queue until it is unmasked")
{
    long port = event_bind_ipi(0);

    __atomic_fetch_or(word(port), MASKED, __ATOMIC_SEQ_CST);
    EXPECT(event_send(port), 0);
    EXPECT(*word(port), PENDING | MASKED);
    EXPECT(take(), 0);
    EXPECT(event_unmask(port), 0);
    EXPECT(*word(port), PENDING | LINKED);
    EXPECT(take(), port);
    EXPECT(event_close(port), 0);
}

BEHAVIOUR(many, "more ports than the 2-level ABI has, and an event on the last")
{
    long port = 0;

    for (unsigned int i = 1; i < 5; i++) {
        array[i] = page_alloc();
        EXPECT(expand(page_mfn(array[i])), 0);
    }
    while (port >= 0 && port < 5000)
        port = event_bind_ipi(0);
    REQUIRE(port, 5000);
    EXPECT(event_send(port), 0);
    EXPECT(take(), port);
}

BEHAVIOUR(linked, "ports that were closed and stay in a queue are passed over, up to a limit")
{
    long port;

    for (uint32_t p = 4001; p <= 5000; p++)
        EXPECT(event_close(p), 0);
    for (uint32_t p = 4001; p < 4100; p++)
        *word(p) |= LINKED;
    port = event_bind_ipi(0);
    EXPECT(port, 4100);
    for (uint32_t p = 4001; p < 4100; p++)
        *word(p) &= ~LINKED;
    EXPECT(event_close(port), 0);
}

BEHAVIOUR(beyond, "after a reset there is no port of the FIFO ABI alone")
{
    static evtchn_port_t port[1] = {4999};
    struct sched_poll poll = {.nr_ports = 1, .timeout = clock_now() + 20000000};
    struct evtchn_reset op = {.dom = DOMID_SELF};

    EXPECT(event_op(EVTCHNOP_reset, &op), 0);
    /* The masks follow the pending bits in memory. */
    event_mask(port[0] - EVTCHN_2L_NR_CHANNELS);
    set_xen_guest_handle(poll.ports, port);
    event_disable();
    EXPECT(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, arg(&poll)), -XEN_EINVAL);
}

BEHAVIOUR(reset, "a reset closes every port and goes back to the 2-level ABI")
{
    struct evtchn_reset op = {.dom = DOMID_SELF};
    long port;

    EXPECT(event_op(EVTCHNOP_reset, &op), 0);
    EXPECT(expand(page_mfn(array[0])), -XEN_EOPNOTSUPP);
    port = event_bind_ipi(0);
    EXPECT_TRUE(port > 0);
    EXPECT(event_send(port), 0);
    EXPECT_TRUE(event_is_pending(port));
    EXPECT(event_close(port), 0);
}
