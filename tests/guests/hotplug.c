/* SPDX-License-Identifier: MIT */
/*
 * CPUs taken off line and brought back, by sysctl and platform_op, while vCPUs work, exchange
 * events and wait for timers: everybody goes on, no event is lost, and what is refused is refused
 * as Xen does. With one CPU only the refusals can be seen.
 */
#define __XEN_TOOLS__ 1
#include "lib/report.h"
#include "lib/vcpus.h"
#include "runtime/clock.h"
#include "runtime/event.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"

#include <xen/errno.h>
#include <xen/platform.h>
#include <xen/sysctl.h>
#include <xen/vcpu.h>

#define MS       1000000UL
#define ROUNDS   20
#define PATIENCE (30000 * MS) /* a busy host may leave a CPU standing for long */

static struct xen_sysctl sys;
static xen_platform_op_t platform;

static long sysctl(uint32_t command)
{
    sys.cmd = command;
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hypercall1(__HYPERVISOR_sysctl, arg(&sys));
}

static long hotplug(uint32_t op, uint32_t cpu)
{
    long answer;

    /* Xen may be busy with what the last change left to do. */
    for (unsigned int tries = 0; tries < 100; tries++) {
        sys.u.cpu_hotplug.op = op;
        sys.u.cpu_hotplug.cpu = cpu;
        answer = sysctl(XEN_SYSCTL_cpu_hotplug);
        if (answer != -XEN_EBUSY)
            break;
        for (uint64_t end = clock_now() + 2 * MS; clock_now() < end;)
            vcpu_yield();
    }
    return answer;
}

static long offline(uint32_t cpu)
{
    return hotplug(XEN_SYSCTL_CPU_HOTPLUG_OFFLINE, cpu);
}

static long online(uint32_t cpu)
{
    return hotplug(XEN_SYSCTL_CPU_HOTPLUG_ONLINE, cpu);
}

static long platform_op(uint32_t command, uint32_t cpu)
{
    platform.cmd = command;
    platform.interface_version = XENPF_INTERFACE_VERSION;
    if (command == XENPF_get_cpuinfo)
        platform.u.pcpu_info.xen_cpuid = cpu;
    else
        platform.u.cpu_ol.cpuid = cpu;
    return hypercall1(__HYPERVISOR_platform_op, arg(&platform));
}

static bool is_online(uint32_t cpu)
{
    return platform_op(XENPF_get_cpuinfo, cpu) == 0 &&
           (platform.u.pcpu_info.flags & XEN_PCPU_FLAGS_ONLINE);
}

static unsigned int cpu_count(void)
{
    return sysctl(XEN_SYSCTL_physinfo) == 0 ? sys.u.physinfo.nr_cpus : 0;
}

BEHAVIOUR(refusals, "the first CPU, CPUs that are not there and unknown operations are refused")
{
    report_answer("offline_first", offline(0));
    report_answer("online_first", online(0));
    report_answer("offline_absent", offline(100000));
    report_answer("online_absent", online(100000));
    report_answer("unknown_op", hotplug(77, 0));
    report_answer("platform_offline_first", platform_op(XENPF_cpu_offline, 0));
    report_answer("platform_online_first", platform_op(XENPF_cpu_online, 0));
    report_answer("platform_offline_absent", platform_op(XENPF_cpu_offline, 100000));
    report_answer("platform_online_absent", platform_op(XENPF_cpu_online, 100000));
    if (cpu_count() == 1) {
        report_answer("threads_off", hotplug(XEN_SYSCTL_CPU_HOTPLUG_SMT_DISABLE, 0));
        report_answer("threads_on", hotplug(XEN_SYSCTL_CPU_HOTPLUG_SMT_ENABLE, 0));
    }
    EXPECT(offline(0), -XEN_EINVAL);
    EXPECT_TRUE(is_online(0));
    EXPECT(platform_op(XENPF_get_cpuinfo, 100000), 0);
    EXPECT(platform.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
}

static unsigned int n_changes;

static void changed(uint32_t port, void *data)
{
    (void)port;
    (void)data;
    n_changes++;
}

BEHAVIOUR(facts, "what is told of CPUs follows, and VIRQ_PCPU_STATE tells of the change")
{
    unsigned int n = cpu_count();
    long port;

    if (n < 2) {
        report_skip("one CPU");
        return;
    }
    port = event_bind_virq(VIRQ_PCPU_STATE, 0);
    REQUIRE(port > 0, true);
    event_disable();
    event_set_handler(port, changed, 0);
    EXPECT(offline(n - 1), 0);
    EXPECT(cpu_count(), n - 1);
    EXPECT(is_online(n - 1), false);
    EXPECT(platform.u.pcpu_info.max_present, n - 1);
    report_answer("offline_again", offline(n - 1));
    EXPECT(platform_op(XENPF_cpu_offline, n - 1), 0);
    event_enable();
    EXPECT(n_changes, 1);
    event_disable();
    EXPECT(online(n - 1), 0);
    EXPECT(cpu_count(), n);
    EXPECT(is_online(n - 1), true);
    report_answer("online_again", online(n - 1));
    EXPECT(platform_op(XENPF_cpu_online, n - 1), 0);
    event_enable();
    EXPECT(n_changes, 2);
    event_disable();
    event_set_handler(port, 0, 0);
    EXPECT(event_close(port), 0);
}

/* Ball games: another vCPU sends an event and waits until this one's handler has seen it. */
static struct game {
    long port;
    uint64_t sent, seen;
} games[VCPUS_MAX];
static bool is_over;
static unsigned int n_playing;

static void seen(uint32_t port, void *data)
{
    (void)port;
    __atomic_add_fetch(&((struct game *)data)->seen, 1, __ATOMIC_SEQ_CST);
}

static void __attribute__((noreturn)) play(uint64_t id)
{
    struct game *g = &games[id];

    while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) {
        __atomic_add_fetch(&g->sent, 1, __ATOMIC_SEQ_CST);
        event_send((uint32_t)g->port);
        /* An event that is lost stops the game for ever. */
        while (__atomic_load_n(&g->seen, __ATOMIC_ACQUIRE) != g->sent &&
               !__atomic_load_n(&is_over, __ATOMIC_ACQUIRE))
            ;
    }
    __atomic_sub_fetch(&n_playing, 1, __ATOMIC_SEQ_CST);
    vcpu_stop_self((unsigned int)id);
}

static unsigned int start_games(void)
{
    unsigned int n;

    for (n = 1; n < VCPUS_MAX; n++) {
        if (hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, n, 0) < 0)
            break;
        games[n].port = event_bind_ipi(0);
        event_set_handler((uint32_t)games[n].port, seen, &games[n]);
        n_playing++;
        if (games[n].port < 0 || vcpu_start(n, play, n))
            return 0;
    }
    return n;
}

/* Whether all games go on, in time. */
static bool games_go_on(unsigned int n)
{
    for (unsigned int i = 1; i < n; i++) {
        uint64_t before = __atomic_load_n(&games[i].seen, __ATOMIC_ACQUIRE);

        for (uint64_t end = clock_now() + PATIENCE;
             __atomic_load_n(&games[i].seen, __ATOMIC_ACQUIRE) < before + 3;) {
            if (clock_now() > end)
                return false;
            vcpu_yield();
        }
    }
    return true;
}

static unsigned int n_ticks;

static void tick(uint32_t port, void *data)
{
    (void)port;
    (void)data;
    n_ticks++;
}

/* A timer set before a CPU goes fires after, wherever it was. */
static bool timer_comes(unsigned int cpu)
{
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = clock_now() + 10 * MS};
    unsigned int before = n_ticks;

    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, arg(&timer));
    if (offline(cpu))
        return false;
    for (uint64_t end = clock_now() + PATIENCE; n_ticks == before;) {
        if (clock_now() > end)
            return false;
        vcpu_yield();
    }
    return clock_now() >= timer.timeout_abs_ns;
}

BEHAVIOUR(under_load, "twenty times each CPU goes and comes back under load: all goes on")
{
    unsigned int n_cpus = cpu_count(), n;
    long port;

    if (n_cpus < 2) {
        report_skip("one CPU");
        return;
    }
    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
    port = event_bind_virq(VIRQ_TIMER, 0);
    event_set_handler((uint32_t)port, tick, 0);
    n = start_games();
    REQUIRE(n > 1, true);
    event_enable();
    for (unsigned int round = 0; round < ROUNDS && report_is_good(); round++)
        for (unsigned int cpu = 1; cpu < n_cpus; cpu++) {
            EXPECT_TRUE(timer_comes(cpu));
            EXPECT_TRUE(games_go_on(n));
            if ((round & 1) == 0) /* every second round leaves none but the first */
                EXPECT(online(cpu), 0);
            else if (cpu == n_cpus - 1)
                for (unsigned int back = 1; back < n_cpus; back++)
                    EXPECT(online(back), 0);
            EXPECT_TRUE(games_go_on(n));
        }
    EXPECT(cpu_count(), n_cpus);
    __atomic_store_n(&is_over, true, __ATOMIC_SEQ_CST);
    for (uint64_t end = clock_now() + PATIENCE; clock_now() < end;)
        if (__atomic_load_n(&n_playing, __ATOMIC_ACQUIRE) == 0)
            break;
    EXPECT(__atomic_load_n(&n_playing, __ATOMIC_ACQUIRE), 0);
    event_disable();
    event_close((uint32_t)port);
}
