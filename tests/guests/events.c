/* SPDX-License-Identifier: MIT */
/*
 * Event channels: ports bound to ourselves in every way, their pending and mask bits, and the
 * upcall that follows; what happens to a port that is closed, moved or never was.
 */
#include "lib/report.h"
#include "runtime/event.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"
#include "runtime/trap.h"

/* A domain that never was. */
#define NOBODY 0x7000

static unsigned int upcalls;
static uint32_t last_port;

static void count(uint32_t port, void *data)
{
    (void)data;
    last_port = port;
    upcalls++;
}

static long status_of(uint32_t port)
{
    struct evtchn_status status;
    long answer = event_status(port, &status);

    return answer ? answer : (long)status.status;
}

BEHAVIOUR(send_to_self, "an event sent to our own IPI port arrives as an upcall, once")
{
    long port = event_bind_ipi(0);

    REQUIRE(port > 0, true);
    upcalls = 0;
    event_set_handler(port, count, 0);
    event_enable();
    EXPECT(event_send(port), 0);
    EXPECT(upcalls, 1);
    EXPECT(last_port, port);
    EXPECT(event_send(port), 0);
    EXPECT(upcalls, 2);
    event_disable();
    event_set_handler(port, 0, 0);
    EXPECT(event_close(port), 0);
}

BEHAVIOUR(upcall_masked,
          "while the vCPU masks upcalls an event only sets its bits; opening them delivers")
{
    long port = event_bind_ipi(0);

    upcalls = 0;
    event_set_handler(port, count, 0);
    event_disable();
    EXPECT(event_send(port), 0);
    EXPECT(event_send(port), 0);
    EXPECT(upcalls, 0);
    EXPECT_TRUE(event_is_pending(port));
    EXPECT(guest_vcpu()->evtchn_upcall_pending, 1);
    EXPECT_TRUE(guest_vcpu()->evtchn_pending_sel & 1UL << port / 64);
    event_enable();
    EXPECT(upcalls, 1);
    EXPECT(event_is_pending(port), false);
    event_disable();
    event_set_handler(port, 0, 0);
    EXPECT(event_close(port), 0);
}

BEHAVIOUR(port_masked, "a masked port stays pending without an upcall, and unmasking it makes one")
{
    long port = event_bind_ipi(0);

    upcalls = 0;
    event_set_handler(port, count, 0);
    event_mask(port);
    event_enable();
    EXPECT(event_send(port), 0);
    EXPECT(upcalls, 0);
    EXPECT_TRUE(event_is_pending(port));
    EXPECT(guest_vcpu()->evtchn_upcall_pending, 0);
    EXPECT(event_unmask(port), 0);
    EXPECT(upcalls, 1);
    EXPECT(event_unmask(port), 0);
    EXPECT(upcalls, 1);
    event_disable();
    event_set_handler(port, 0, 0);
    EXPECT(event_close(port), 0);
}

BEHAVIOUR(loopback, "two ports of one domain can be connected, and each notifies the other")
{
    long a = event_alloc_unbound(DOMID_SELF, DOMID_SELF), b;
    struct evtchn_status status;

    REQUIRE(a > 0, true);
    EXPECT(event_status(a, &status), 0);
    EXPECT(status.status, EVTCHNSTAT_unbound);
    report_answer("unbound_dom", status.u.unbound.dom);
    b = event_connect(DOMID_SELF, a);
    REQUIRE(b > 0, true);
    EXPECT(event_status(a, &status), 0);
    EXPECT(status.status, EVTCHNSTAT_interdomain);
    EXPECT(status.u.interdomain.port, b);
    /* A new interdomain port is marked pending, so that nothing sent before is lost. */
    EXPECT_TRUE(event_is_pending(b));
    event_clear(b);
    upcalls = 0;
    event_set_handler(a, count, 0);
    event_set_handler(b, count, 0);
    event_enable();
    EXPECT(event_send(a), 0);
    EXPECT(last_port, b);
    EXPECT(event_send(b), 0);
    EXPECT(last_port, a);
    EXPECT(upcalls, 2);
    event_disable();
    EXPECT(event_connect(DOMID_SELF, a), -XEN_EINVAL);
    EXPECT(event_close(a), 0);
    EXPECT(status_of(b), EVTCHNSTAT_unbound);
    EXPECT(status_of(a), EVTCHNSTAT_closed);
    EXPECT(event_send(b), 0);
    EXPECT(event_close(b), 0);
    event_set_handler(a, 0, 0);
    event_set_handler(b, 0, 0);
}

BEHAVIOUR(close_clears, "closing a port forgets that it was pending; closing twice is an error")
{
    long port = event_bind_ipi(0);

    event_mask(port);
    EXPECT(event_send(port), 0);
    EXPECT(event_close(port), 0);
    EXPECT(event_is_pending(port), false);
    EXPECT(event_close(port), -XEN_EINVAL);
    EXPECT(event_send(port), -XEN_EINVAL);
    EXPECT(status_of(port), EVTCHNSTAT_closed);
    EXPECT(event_bind_ipi(0), port);
    EXPECT(event_close(port), 0);
}

BEHAVIOUR(statuses, "status tells how a port is bound")
{
    struct evtchn_status status;
    long ipi = event_bind_ipi(0), virq = event_bind_virq(VIRQ_DEBUG, 0);

    EXPECT(event_status(ipi, &status), 0);
    EXPECT(status.status, EVTCHNSTAT_ipi);
    EXPECT(status.vcpu, 0);
    EXPECT(event_status(virq, &status), 0);
    EXPECT(status.status, EVTCHNSTAT_virq);
    EXPECT(status.u.virq, VIRQ_DEBUG);
    EXPECT(status_of(0), EVTCHNSTAT_closed);
    report_answer("port_4095", status_of(4095));
    report_answer("port_4096", status_of(4096));
    report_answer("port_high", status_of(0x80000000));
    status = (struct evtchn_status){.dom = NOBODY, .port = 1};
    EXPECT(event_op(EVTCHNOP_status, &status), -XEN_ESRCH);
    EXPECT(event_close(ipi), 0);
    EXPECT(event_close(virq), 0);
}

BEHAVIOUR(virqs, "a virtual interrupt has one port per vCPU or per domain, and only some exist")
{
    long port = event_bind_virq(VIRQ_TIMER, 0);
    static char name[] = "virq_00";

    REQUIRE(port > 0, true);
    EXPECT(event_bind_virq(VIRQ_TIMER, 0), -XEN_EEXIST);
    EXPECT(event_bind_virq(VIRQ_TIMER, 200), -XEN_ENOENT);
    EXPECT(event_bind_virq(24, 0), -XEN_EINVAL);
    EXPECT(event_close(port), 0);
    for (unsigned int virq = 0; virq < 24; virq++) {
        name[5] = '0' + virq / 10;
        name[6] = '0' + virq % 10;
        port = event_bind_virq(virq, 0);
        report_answer(name, port > 0 ? 1 : port);
        if (port > 0)
            EXPECT(event_close(port), 0);
    }
}

BEHAVIOUR(bind_vcpu, "interdomain and global ports may move to a vCPU that exists; IPIs may not")
{
    long unbound = event_alloc_unbound(DOMID_SELF, DOMID_SELF), ipi = event_bind_ipi(0);
    long debug = event_bind_virq(VIRQ_DEBUG, 0);
    struct evtchn_bind_vcpu move = {.port = unbound, .vcpu = 0};

    EXPECT(event_op(EVTCHNOP_bind_vcpu, &move), 0);
    move.vcpu = 7;
    EXPECT(event_op(EVTCHNOP_bind_vcpu, &move), -XEN_ENOENT);
    move = (struct evtchn_bind_vcpu){.port = ipi};
    EXPECT(event_op(EVTCHNOP_bind_vcpu, &move), -XEN_EINVAL);
    move = (struct evtchn_bind_vcpu){.port = debug};
    report_answer("debug_virq", event_op(EVTCHNOP_bind_vcpu, &move));
    move = (struct evtchn_bind_vcpu){.port = 4000};
    EXPECT(event_op(EVTCHNOP_bind_vcpu, &move), -XEN_EINVAL);
    EXPECT(event_close(unbound), 0);
    EXPECT(event_close(ipi), 0);
    EXPECT(event_close(debug), 0);
}

BEHAVIOUR(port_limit, "all 4095 ports can be bound, one more is refused, and all can be closed")
{
    unsigned int bound = 0, closed = 0;
    long port;

    while ((port = event_alloc_unbound(DOMID_SELF, DOMID_SELF)) > 0)
        bound++;
    EXPECT(port, -XEN_ENOSPC);
    report_answer("bound", bound);
    EXPECT_TRUE(bound > (guest_is_dom0() ? 4000 : 100));
    EXPECT(event_alloc_unbound(DOMID_SELF, DOMID_SELF), -XEN_ENOSPC);
    for (uint32_t at = 1; at < EVENT_PORTS; at++)
        if (status_of(at) == EVTCHNSTAT_unbound)
            closed += !event_close(at);
    EXPECT(closed, bound);
}

BEHAVIOUR(reset, "reset closes every port of the domain")
{
    struct evtchn_reset reset = {.dom = DOMID_SELF};
    long a, b;

    if (!guest_is_dom0()) {
        report_skip("a domU would lose its console");
        return;
    }
    a = event_bind_ipi(0);
    b = event_bind_virq(VIRQ_DEBUG, 0);
    EXPECT(event_op(EVTCHNOP_reset, &reset), 0);
    EXPECT(status_of(a), EVTCHNSTAT_closed);
    EXPECT(status_of(b), EVTCHNSTAT_closed);
    reset.dom = NOBODY;
    EXPECT(event_op(EVTCHNOP_reset, &reset), -XEN_ESRCH);
}

asm(".pushsection .text\nuser_program:\n mov $7, %ebx\n ud2\n .popsection");
extern char user_program[];

BEHAVIOUR(user_mode,
          "an event that arrives in user mode enters the kernel and returns to user mode")
{
    long port = event_bind_ipi(0);
    struct trap_record record;
    upcalls = 0;
    event_set_handler(port, count, 0);
    event_disable();
    EXPECT(event_send(port), 0);
    /* Entering user mode opens events: the upcall comes before its first instruction. */
    trap_run_user((void (*)(void *))user_program, 0, 0, &record);
    EXPECT(upcalls, 1);
    EXPECT(record.frame.vector, VECTOR_UD);
    EXPECT(record.frame.rbx, 7);
    event_set_handler(port, 0, 0);
    EXPECT(event_close(port), 0);
}

BEHAVIOUR(arguments, "wrong ports, domains, vCPUs, pointers and commands are refused")
{
    struct evtchn_bind_pirq pirq = {.pirq = 0xffffff};

    EXPECT(event_send(0), -XEN_EINVAL);
    EXPECT(event_send(4000), -XEN_EINVAL);
    EXPECT(event_send(0xffffffff), -XEN_EINVAL);
    EXPECT(event_close(0), -XEN_EINVAL);
    EXPECT(event_close(0xffffffff), -XEN_EINVAL);
    report_answer("unmask_closed", event_unmask(4000));
    report_answer("unmask_high", event_unmask(0xffffffff));
    EXPECT(event_bind_ipi(200), -XEN_ENOENT);
    EXPECT(event_bind_ipi(0xffffffff), -XEN_ENOENT);
    EXPECT(event_alloc_unbound(NOBODY, DOMID_SELF), -XEN_ESRCH);
    report_answer("remote_never_was", event_alloc_unbound(DOMID_SELF, NOBODY));
    EXPECT(event_connect(NOBODY, 1), -XEN_ESRCH);
    EXPECT(event_connect(DOMID_SELF, 4000), -XEN_EINVAL);
    report_answer("bind_pirq", event_op(EVTCHNOP_bind_pirq, &pirq));
    for (unsigned int command = 0; command < 15; command++)
        EXPECT(event_op(command, (void *)0x1000), -XEN_EFAULT);
    EXPECT(event_op(99, 0), -XEN_ENOSYS);
}
