/* SPDX-License-Identifier: MIT */
/*
 * Scheduling and time: sched_op blocks, polls and yields; single-shot timers fire once, in time;
 * the clocks in shared info go forward; the runstate area accounts for every nanosecond.
 */
#include "lib/report.h"
#include "runtime/clock.h"
#include "runtime/event.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"
#include "runtime/trap.h"

#include <xen/sched.h>
#include <xen/vcpu.h>

#define MS 1000000UL

static unsigned int ticks;
static uint64_t tick_time;

static void tick(uint32_t port, void *data)
{
    (void)port;
    (void)data;
    ticks++;
    tick_time = clock_now();
}

/* A bound, unmasked VIRQ_TIMER port, with upcalls shut; stops the periodic timer. */
static long timer_port(void)
{
    long port;

    /* A new vCPU has periodic ticks: none of them may be taken for ours. */
    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
    port = event_bind_virq(VIRQ_TIMER, 0);
    event_disable();
    event_set_handler(port, tick, 0);
    ticks = 0;
    return port;
}

static void timer_close(long port)
{
    event_disable();
    event_set_handler(port, 0, 0);
    EXPECT(event_close(port), 0);
}

BEHAVIOUR(clock_forward,
          "system time goes forward, is never read torn, and counts real nanoseconds")
{
    uint64_t start = clock_now(), last = start, backwards = 0;

    for (unsigned int i = 0; i < 20000; i++) {
        uint64_t now = clock_now();

        backwards += now < last;
        last = now;
    }
    EXPECT(backwards, 0);
    EXPECT_TRUE(last > start);
    EXPECT_TRUE(guest_vcpu()->time.tsc_to_system_mul != 0);
    EXPECT(guest_vcpu()->time.version & 1, 0);
}

BEHAVIOUR(wall_clock, "the wall clock is past 2020 and agrees with itself")
{
    EXPECT_TRUE(shared_info.wc_sec > 1577836800);
    EXPECT(shared_info.wc_version & 1, 0);
    EXPECT_TRUE(shared_info.wc_nsec < 1000000000);
}

BEHAVIOUR(single_shot, "a single-shot timer fires once, not before its time, and not much after")
{
    long port = timer_port();
    uint64_t due = clock_now() + 5 * MS;
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = due};

    REQUIRE(port > 0, true);
    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, arg(&timer)), 0);
    EXPECT(ticks, 0);
    event_wait();
    EXPECT(ticks, 1);
    EXPECT_TRUE(tick_time >= due);
    EXPECT_TRUE(tick_time < due + 200 * MS);
    timer_close(port);
}

BEHAVIOUR(single_shot_past, "a timer in the past fires at once, with VCPU_SSHOTTMR_future too")
{
    long port = timer_port();
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = clock_now() - MS};

    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, arg(&timer)), 0);
    event_wait();
    EXPECT(ticks, 1);
    timer = (struct vcpu_set_singleshot_timer){.timeout_abs_ns = clock_now() - MS,
                                               .flags = VCPU_SSHOTTMR_future};
    REQUIRE(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, arg(&timer)), 0);
    event_wait();
    EXPECT(ticks, 2);
    timer_close(port);
}

BEHAVIOUR(single_shot_stop, "a stopped timer does not fire, and a new time replaces the old")
{
    long port = timer_port();
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = clock_now() + 3 * MS};
    uint64_t until;

    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, arg(&timer)), 0);
    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_stop_singleshot_timer, 0, 0), 0);
    event_enable();
    until = clock_now() + 10 * MS;
    while (clock_now() < until)
        ;
    EXPECT(ticks, 0);
    event_disable();
    timer.timeout_abs_ns = clock_now() + 1000 * MS;
    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, arg(&timer)), 0);
    timer.timeout_abs_ns = clock_now() + 3 * MS;
    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, arg(&timer)), 0);
    event_wait();
    EXPECT(ticks, 1);
    EXPECT_TRUE(clock_now() < timer.timeout_abs_ns + 500 * MS);
    timer_close(port);
}

BEHAVIOUR(timer_op, "set_timer_op arms the same timer, and 0 stops it")
{
    long port = timer_port();
    uint64_t due = clock_now() + 3 * MS;

    EXPECT(hypercall1(__HYPERVISOR_set_timer_op, due), 0);
    event_wait();
    EXPECT(ticks, 1);
    EXPECT_TRUE(tick_time >= due);
    EXPECT(hypercall1(__HYPERVISOR_set_timer_op, clock_now() + 3 * MS), 0);
    EXPECT(hypercall1(__HYPERVISOR_set_timer_op, 0), 0);
    event_enable();
    due = clock_now() + 8 * MS;
    while (clock_now() < due)
        ;
    EXPECT(ticks, 1);
    timer_close(port);
}

BEHAVIOUR(periodic, "a periodic timer fires again and again until it is stopped")
{
    long port = timer_port();
    struct vcpu_set_periodic_timer timer = {.period_ns = 10 * MS};

    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, 0, arg(&timer)), 0);
    /* A sleeping vCPU gets no periodic ticks: the timer runs while the vCPU does. */
    uint64_t until = clock_now() + 300 * MS;
    event_enable();
    while (ticks < 3 && clock_now() < until)
        ;
    event_disable();
    EXPECT_TRUE(ticks >= 3);
    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0), 0);
    timer.period_ns = 1000;
    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_periodic_timer, 0, arg(&timer)),
           -XEN_EINVAL);
    timer_close(port);
}

BEHAVIOUR(block_pending, "blocking with an event pending returns at once and opens upcalls")
{
    long port = event_bind_ipi(0);

    ticks = 0;
    event_set_handler(port, tick, 0);
    event_disable();
    EXPECT(event_send(port), 0);
    EXPECT(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_block, 0), 0);
    EXPECT(ticks, 1);
    EXPECT(guest_vcpu()->evtchn_upcall_mask, 0);
    timer_close(port);
}

BEHAVIOUR(yield, "yield returns")
{
    EXPECT(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0), 0);
}

static long poll(evtchn_port_t *ports, unsigned int count, uint64_t timeout)
{
    struct sched_poll op = {.nr_ports = count, .timeout = timeout};

    set_xen_guest_handle(op.ports, ports);
    return hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, arg(&op));
}

BEHAVIOUR(poll_ports,
          "poll sleeps until its port is pending or its time is over, without an upcall")
{
    long port = event_bind_ipi(0);
    evtchn_port_t list[2] = {port, 4000};
    uint64_t start = clock_now();

    ticks = 0;
    event_set_handler(port, tick, 0);
    event_mask(port);
    event_disable();
    EXPECT(poll(list, 1, start + 5 * MS), 0);
    EXPECT_TRUE(clock_now() >= start + 5 * MS);
    EXPECT(event_send(port), 0);
    EXPECT(poll(list, 1, 0), 0);
    EXPECT(ticks, 0);
    EXPECT_TRUE(event_is_pending(port));
    event_clear(port);
    report_answer("closed_port", poll(list + 1, 1, clock_now() + MS));
    list[1] = 0xffffff;
    EXPECT(poll(list + 1, 1, clock_now() + MS), -XEN_EINVAL);
    EXPECT(poll(list, 129, 0), -XEN_EINVAL);
    EXPECT(poll((void *)0x1000, 1, 0), -XEN_EFAULT);
    event_set_handler(port, 0, 0);
    EXPECT(event_close(port), 0);
}

BEHAVIOUR(poll_upcall, "poll does not sleep beside a pending upcall that is not masked")
{
    long sent = event_bind_ipi(0), polled = event_bind_ipi(0);
    evtchn_port_t list[1] = {polled};

    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
    ticks = 0;
    event_set_handler(sent, tick, 0);
    event_disable();
    EXPECT(event_send(sent), 0);
    EXPECT(guest_vcpu()->evtchn_upcall_pending, 1);
    /* Opened by a store, as between another CPU's event and its interrupt: nothing is delivered
     * before the call. */
    guest_vcpu()->evtchn_upcall_mask = 0;
    uint64_t start = clock_now();
    EXPECT(poll(list, 1, start + 1000 * MS), 0);
    EXPECT_TRUE(clock_now() < start + 500 * MS);
    EXPECT(ticks, 1);
    EXPECT(event_close(polled), 0);
    timer_close(sent);
}

BEHAVIOUR(runstate, "the runstate area says running, and its times add up to the time that passed")
{
    static struct vcpu_runstate_info info;
    struct vcpu_register_runstate_memory_area area = {0};
    long port = timer_port();
    uint64_t slept;

    area.addr.v = &info;
    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area, 0, arg(&area)),
           0);
    EXPECT(info.state, RUNSTATE_running);
    /* An emulator on a busy host may stand still between the timer's setting and the sleep. */
    for (unsigned int i = 0; i < 20; i++) {
        slept = info.time[RUNSTATE_blocked];
        EXPECT(hypercall1(__HYPERVISOR_set_timer_op, clock_now() + 5 * MS), 0);
        event_wait();
        if (info.time[RUNSTATE_blocked] >= slept + 4 * MS)
            break;
    }
    EXPECT_TRUE(info.time[RUNSTATE_blocked] >= slept + 4 * MS);
    EXPECT(info.state, RUNSTATE_running);
    timer_close(port);

    static struct vcpu_runstate_info copy;
    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, arg(&copy)), 0);
    EXPECT(copy.state, RUNSTATE_running);
    EXPECT(copy.state_entry_time, info.state_entry_time);
    area.addr.v = 0;
    report_answer("no_area", hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_runstate_memory_area,
                                        0, arg(&area)));
}

BEHAVIOUR(time_area, "a registered time area is kept like the one in shared info")
{
    static struct vcpu_time_info info;
    struct vcpu_register_time_memory_area area = {.addr.v = &info};
    uint64_t first;

    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_time_memory_area, 0, arg(&area)),
           0);
    first = info.version;
    EXPECT_TRUE(info.tsc_to_system_mul == guest_vcpu()->time.tsc_to_system_mul);
    EXPECT(first & 1, 0);
}

BEHAVIOUR(vcpu_arguments, "vcpu_op knows this vCPU only, and refuses what it does not know")
{
    struct vcpu_set_singleshot_timer timer = {0};
    struct vcpu_register_vcpu_info info = {.mfn = 0, .offset = 4000};

    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 0, 0), 1);
    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 200, 0), -XEN_ENOENT);
    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 0xffffffff, 0), -XEN_ENOENT);
    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 200, arg(&timer)),
           -XEN_ENOENT);
    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, 0x1000), -XEN_EFAULT);
    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, arg(&info)), -XEN_EINVAL);
    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, 99, 0, 0), -XEN_ENOSYS);
    report_answer("up_again", hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_up, 0, 0));
    report_answer("physid", hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_physid, 0, 0));
}

BEHAVIOUR(sched_arguments, "sched_op refuses what it does not know")
{
    struct sched_remote_shutdown remote = {.domain_id = 0x7000, .reason = SHUTDOWN_poweroff};

    EXPECT(hypercall2(__HYPERVISOR_sched_op, 99, 0), -XEN_ENOSYS);
    EXPECT(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_shutdown, 0x1000), -XEN_EFAULT);
    EXPECT(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, arg(&remote)),
           guest_is_dom0() ? -XEN_ESRCH : -XEN_EPERM);
}

BEHAVIOUR(watchdog, "watchdog timers are handed out, renewed and given back")
{
    struct sched_watchdog dog = {.id = 0, .timeout = 30};
    long id = hypercall2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, arg(&dog));

    report_answer("id", id);
    if (id <= 0)
        return;
    dog.id = id;
    EXPECT(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, arg(&dog)), 0);
    dog.timeout = 0;
    EXPECT(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, arg(&dog)), 0);
    EXPECT(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_watchdog, arg(&dog)), -XEN_EINVAL);
}

BEHAVIOUR(vcpu_info_moved,
          "a registered vcpu_info takes over from shared info, events and time included")
{
    static struct vcpu_info moved __attribute__((aligned(64)));
    long port = event_bind_ipi(0);
    struct vcpu_register_vcpu_info op = {.mfn = page_mfn(&moved),
                                         .offset = (uint64_t)&moved & (PAGE_SIZE - 1)};

    event_disable();
    event_mask(port);
    REQUIRE(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, arg(&op)), 0);
    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, 0, arg(&op)), -XEN_EINVAL);
    EXPECT_TRUE(moved.time.tsc_to_system_mul != 0);
    EXPECT(moved.evtchn_upcall_mask, 1);
    /* Whatever was pending at the old place is found again: everything is marked. */
    report_answer("pending", moved.evtchn_upcall_pending);
    report_answer("pending_sel", moved.evtchn_pending_sel);
    moved.evtchn_pending_sel = 0;
    moved.evtchn_upcall_pending = 0;
    event_clear(port);
    EXPECT(event_unmask(port), 0);
    EXPECT(event_send(port), 0);
    EXPECT(moved.evtchn_upcall_pending, 1);
    EXPECT_TRUE(moved.evtchn_pending_sel & 1UL << port / 64);
    event_mask(port);
    moved.evtchn_pending_sel = 0;
    moved.evtchn_upcall_pending = 0;
    EXPECT(event_close(port), 0);
}
