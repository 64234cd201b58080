/* SPDX-License-Identifier: MIT */
/*
 * Event channels by the thousand, sent to as fast as a guest can, closed while pending, to oneself
 * and to dom0, whose own events must still come.
 */
#include "lib/child.h"
#include "lib/random.h"
#include "lib/report.h"
#include "runtime/clock.h"
#include "runtime/event.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"

#include <xen/sched.h>

/* All ports there are, in a storm of binding, sending and closing. */
ROLE(own)
{
    uint64_t state = argument + 3;
    unsigned int highest = 0;

    for (unsigned int i = 0; i < 5000; i++) {
        long port = i % 3 ? event_bind_ipi(0) : event_alloc_unbound(DOMID_SELF, DOMID_SELF);

        if (port < 0) {
            EXPECT(port, -XEN_ENOSPC);
            break;
        }
        if (port > (long)highest)
            highest = port;
    }
    EXPECT_TRUE(highest >= 1000 && highest < EVENT_PORTS);
    for (unsigned int i = 0; i < 60000; i++) {
        uint32_t port = 2 + random_from(&state) % (highest + 4);

        switch (random_from(&state) % 8) {
        case 0:
            event_close(port);
            break;
        case 1:
            event_connect(DOMID_SELF, 2 + random_from(&state) % highest);
            break;
        case 2:
            event_unmask(port);
            break;
        default:
            event_send(port);
        }
        if (random_from(&state) % 64 == 0 && port != start_info->console.domU.evtchn)
            event_bind_virq(random_from(&state) % 24, 0);
    }
}

/* Sends to dom0 without end. */
ROLE(flood)
{
    long port = event_alloc_unbound(DOMID_SELF, 0);

    (void)argument;
    REQUIRE(port > 0, true);
    mailbox[0] = port;
    for (;;) {
        event_send(port);
        mailbox[1]++;
    }
}

BEHAVIOUR(storm, "a storm on a guest's own ports stays in the guest")
{
    for (unsigned int seed = 0; seed < 3; seed++)
        EXPECT(child_run("own", seed, 1, 20000), SHUTDOWN_poweroff);
}

static volatile unsigned int n_flood;

static void on_flood(uint32_t port, void *data)
{
    (void)port, (void)data;
    n_flood++;
}

BEHAVIOUR(flood, "dom0 is reached by a flood and still keeps its own time")
{
    static struct child children[2];
    uint64_t start, late = 0;
    long port[2];

    for (unsigned int i = 0; i < 2; i++) {
        REQUIRE(child_start(&children[i], "flood", 0, 1), true);
        while (!children[i].mailbox[0])
            child_sleep(1000000);
        port[i] = event_connect(children[i].id, children[i].mailbox[0]);
        REQUIRE(port[i] > 0, true);
        event_set_handler(port[i], on_flood, 0);
    }
    event_enable();
    for (unsigned int i = 0; i < 100; i++) {
        start = clock_now();
        child_sleep(2000000);
        uint64_t took = clock_now() - start;

        if (took > late)
            late = took;
    }
    event_disable();
    EXPECT_TRUE(n_flood > 100);
    /* Two guests in a loop: dom0 wakes within a few slices even on one CPU. */
    EXPECT_TRUE(late < 250000000);
    for (unsigned int i = 0; i < 2; i++) {
        event_set_handler(port[i], 0, 0);
        event_close(port[i]);
        child_destroy(&children[i]);
    }
}
