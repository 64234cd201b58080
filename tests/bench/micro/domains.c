/* SPDX-License-Identifier: MIT */
/*
 * What several domains cost: an event to another domain and back, and small domains built one after
 * the other, all of them staying. `BENCH name count` a line; under QEMU's
 * `-icount shift=0,sleep=off` the figures of time are instructions.
 */
#include "../../guests/lib/child.h"
#include "../../guests/lib/report.h"
#include "runtime/clock.h"
#include "runtime/console.h"
#include "runtime/event.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"

#include <xen/sched.h>

#define ROUNDS  2000
#define N_SMALL 100

/* Words of the mailbox: the parent's port; the child's first word. */
#define MAIL_PORT  0
#define MAIL_READY 1

static unsigned int n_events, n_taken;

static void count_event(uint32_t port, void *data)
{
    (void)port;
    (void)data;
    n_events++;
}

/* Until there is an event not waited for yet. */
static void wait_for_event(void)
{
    while (n_events == n_taken)
        event_wait();
    n_taken = n_events;
}

static void give_way(void)
{
    hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

/* Answers each event of the parent's by one. */
ROLE(echo)
{
    long port;

    (void)argument;
    while (!mailbox[MAIL_PORT])
        give_way();
    port = event_connect(0, (uint32_t)mailbox[MAIL_PORT]);
    event_set_handler((uint32_t)port, count_event, 0);
    for (;;) {
        wait_for_event();
        event_send((uint32_t)port);
    }
}

ROLE(idle)
{
    mailbox[MAIL_READY] = argument;
    for (;;)
        event_wait();
}

BEHAVIOUR(event_round_trip,
          "an event to another domain, which answers by one, both sleeping between")
{
    static struct child child;
    uint64_t start;
    long port;

    REQUIRE(child_start(&child, "echo", 0, 1), true);
    port = event_alloc_unbound(DOMID_SELF, child.id);
    REQUIRE(port > 0, true);
    event_set_handler((uint32_t)port, count_event, 0);
    child.mailbox[MAIL_PORT] = (uint64_t)port;
    /* The tie itself sends one; the child answers what was sent before it listened. */
    wait_for_event();
    for (unsigned int i = 0; i < ROUNDS / 10; i++) {
        event_send((uint32_t)port);
        wait_for_event();
    }
    start = clock_now();
    for (unsigned int i = 0; i < ROUNDS; i++) {
        event_send((uint32_t)port);
        wait_for_event();
    }
    print("BENCH event_round_trip %lu\n", (clock_now() - start) / ROUNDS);
    child_destroy(&child);
}

BEHAVIOUR(hundred_domains, "domains up to their first word; the hundredth costs what the first did")
{
    static struct child child[N_SMALL];
    uint64_t cost[N_SMALL], pages[N_SMALL];

    for (unsigned int i = 0; i < N_SMALL; i++) {
        uint64_t free = machine_free_pages(), start = clock_now();

        REQUIRE(child_start(&child[i], "idle", 1, 1), true);
        while (!child[i].mailbox[MAIL_READY])
            give_way();
        cost[i] = clock_now() - start;
        pages[i] = free - machine_free_pages();
    }
    print("BENCH domain_build_first %lu\n", cost[0]);
    print("BENCH domain_build_hundredth %lu\n", cost[N_SMALL - 1]);
    print("BENCH domain_overhead_kib %lu\n", (pages[N_SMALL - 1] - child[N_SMALL - 1].n_pages) * 4);
    for (unsigned int i = 0; i < N_SMALL; i++)
        child_destroy(&child[i]);
}
