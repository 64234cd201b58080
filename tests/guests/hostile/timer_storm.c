/* SPDX-License-Identifier: MIT */
/*
 * Timers in the past, at the next nanosecond, periodic at the shortest period, polls that time out
 * at once: the guest that sets them burns its own share, others keep theirs and the clock goes on.
 */
#include "lib/child.h"
#include "lib/random.h"
#include "lib/report.h"
#include "lib/vcpus.h"
#include "runtime/clock.h"
#include "runtime/event.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

static uint64_t odd_time(uint64_t *state)
{
    uint64_t now = clock_now();

    switch (random_from(state) % 8) {
    case 0:
        return 0;
    case 1:
        return 1;
    case 2:
        return now - 1;
    case 3:
        return now + 1;
    case 4:
        return ~0UL >> random_from(state) % 64;
    case 5:
        return 1UL << 63;
    default:
        return now + random_from(state) % 3000;
    }
}

static void storm(uint64_t id)
{
    uint64_t state = id + 11;

    for (;;) {
        struct vcpu_set_singleshot_timer single = {.timeout_abs_ns = odd_time(&state),
                                                   .flags = random_from(&state) % 3};
        struct vcpu_set_periodic_timer periodic = {
            .period_ns = random_from(&state) % 4 ? 1000000 : odd_time(&state)};
        struct sched_poll poll = {.timeout = clock_now() - 1 + random_from(&state) % 100};

        hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, id, arg(&single));
        hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, id, arg(&periodic));
        hypercall1(__HYPERVISOR_set_timer_op, odd_time(&state));
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, arg(&poll));
        mailbox[id]++;
    }
}

ROLE(stormer)
{
    for (unsigned int id = 1; id < argument; id++)
        REQUIRE(vcpu_start(id, storm, id), 0);
    event_bind_virq(VIRQ_TIMER, 0);
    storm(0);
}

ROLE(worker)
{
    (void)argument;
    for (;;)
        mailbox[0]++;
}

BEHAVIOUR(storm, "beside a storm of timers a working guest works, and dom0's clock and sleep hold")
{
    static struct child stormer, worker;
    uint64_t start, late = 0, before;

    REQUIRE(child_start(&worker, "worker", 0, 1), true);
    REQUIRE(child_start(&stormer, "stormer", 4, 4), true);
    for (unsigned int i = 0; i < 100; i++) {
        start = clock_now();
        child_sleep(5000000);
        uint64_t took = clock_now() - start;

        EXPECT_TRUE(took >= 4900000);
        if (took > late)
            late = took;
    }
    EXPECT_TRUE(late < 250000000);
    for (unsigned int id = 0; id < 4; id++)
        EXPECT_TRUE(stormer.mailbox[id] > 0);
    before = worker.mailbox[0];
    child_sleep(200000000);
    EXPECT_TRUE(worker.mailbox[0] > before + 1000);
    child_destroy(&stormer);
    child_destroy(&worker);
}
