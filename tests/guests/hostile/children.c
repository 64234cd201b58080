/* SPDX-License-Identifier: MIT */
/*
 * The harness of the hostile tests proves itself: children are built, run, crash, are destroyed,
 * and leave nothing behind.
 */
#include "lib/child.h"
#include "lib/report.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"

#include <xen/sched.h>

ROLE(adder)
{
    mailbox[0] = argument + 1;
}

ROLE(crasher)
{
    (void)argument;
    guest_panic("as I was told");
}

ROLE(sleeper)
{
    (void)argument;
    for (;;)
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
}

ROLE(failing)
{
    EXPECT(argument, argument + 1);
}

/* Pokes its watchdog so often and then no more. */
ROLE(watched)
{
    struct sched_watchdog dog = {.timeout = 1};

    dog.id = (uint32_t)hypercall2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, arg(&dog));
    EXPECT_TRUE(dog.id == 1);
    for (uint64_t i = 0; i < argument; i++) {
        child_sleep(300000000);
        EXPECT(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, arg(&dog)), 0);
    }
    if (argument) /* ends with the watchdog set */
        return;
    for (;;)
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
}

BEHAVIOUR(mailbox, "a child runs its role and answers through the shared page")
{
    static struct child child;

    REQUIRE(child_start(&child, "adder", 41, 1), true);
    EXPECT(child_wait(&child, 5000), SHUTDOWN_poweroff);
    EXPECT(child.mailbox[0], 42);
    child_destroy(&child);
}

BEHAVIOUR(ends, "crash, failure and sleep are told apart")
{
    EXPECT(child_run("crasher", 0, 1, 5000), SHUTDOWN_crash);
    EXPECT(child_run("failing", 1, 1, 5000), SHUTDOWN_reboot);
    EXPECT(child_run("sleeper", 0, 1, 50), CHILD_RUNS);
}

BEHAVIOUR(watchdog, "a guest's watchdog ends it when it is not poked, and only then")
{
    EXPECT(child_run("watched", 5, 1, 5000), SHUTDOWN_poweroff);
    EXPECT(child_run("watched", 0, 1, 5000), SHUTDOWN_watchdog);
}

BEHAVIOUR(leak, "twenty children leave as much free memory as there was")
{
    uint64_t before = machine_free_pages();

    for (unsigned int i = 0; i < 20; i++)
        REQUIRE(child_run("adder", i, 1 + i % 4, 5000), SHUTDOWN_poweroff);
    /* Xen gives some of it back later, when its CPUs have been idle. */
    EXPECT_TRUE(machine_free_pages() + 64 >= before);
}
