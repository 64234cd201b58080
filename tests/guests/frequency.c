/* SPDX-License-Identifier: MIT */
/*
 * P-states as dom0 and xenpm drive them. The machine has none, but the scratch registers of its
 * second and third serial ports keep what was written to them: uploaded as the control registers
 * of the first two CPUs, they show each state the hypervisor really sets. With one CPU, one of
 * them; without those ports (run.py --serials 0) nothing can be seen. Under cpufreq=none, which the
 * word off=1 tells it, all is refused.
 */
#define __XEN_TOOLS__ 1
#include "lib/report.h"
#include "lib/child.h"
#include "lib/sleep.h"
#include "runtime/clock.h"
#include "runtime/event.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"

#include <xen/errno.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sysctl.h>
#include <xen/vcpu.h>

#define MS       1000000UL
#define PATIENCE (20000 * MS) /* a busy host may leave a CPU standing for long */
#define STATES   4
#define ROOM     80
#define PX_ALL   (XEN_PX_PCT | XEN_PX_PSS | XEN_PX_PPC | XEN_PX_PSD)
#define SPACE_IO 1
#define SW_ALL   0xfc

static const uint16_t registers[] = {0x2ff, 0x3ef};
static const uint32_t mhz[STATES] = {3000, 2000, 1500, 1000};
static const uint8_t values[STATES] = {0x51, 0x52, 0x53, 0x54};

static struct xen_sysctl sys;
static xen_platform_op_t op;
static xen_processor_px_t states[ROOM];
static uint64_t moves[ROOM * ROOM];
static pm_px_val_t times[ROOM];
static uint32_t cpus[8], frequencies[ROOM];
static char governors[256];

static long sysctl(uint32_t command)
{
    sys.cmd = command;
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hypercall1(__HYPERVISOR_sysctl, arg(&sys));
}

static long platform_op(uint32_t command)
{
    op.cmd = command;
    op.interface_version = XENPF_INTERFACE_VERSION;
    return hypercall1(__HYPERVISOR_platform_op, arg(&op));
}

static uint32_t acpi_id(uint32_t cpu)
{
    memset(&op, 0, sizeof(op));
    op.u.pcpu_info.xen_cpuid = cpu;
    platform_op(XENPF_get_cpuinfo);
    return op.u.pcpu_info.acpi_id;
}

static uint32_t n_cpus(void)
{
    acpi_id(1);
    return op.u.pcpu_info.flags & XEN_PCPU_FLAGS_ONLINE ? 2 : 1;
}

static uint8_t in_byte(uint16_t port)
{
    uint8_t value;

    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void out_byte(uint16_t port, uint8_t value)
{
    asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

/* What a good upload for a CPU looks like, to be changed by a test and sent. */
static struct xen_processor_performance *prepare(uint32_t cpu)
{
    struct xen_pct_register reg = {.space_id = SPACE_IO, .bit_width = 8, .address = registers[cpu]};
    uint32_t n = n_cpus(), id = acpi_id(cpu);

    for (unsigned int i = 0; i < STATES; i++)
        states[i] = (xen_processor_px_t){
            .core_frequency = mhz[i], .transition_latency = 10, .control = values[i]};
    memset(&op, 0, sizeof(op));
    op.u.set_pminfo.id = id;
    op.u.set_pminfo.type = XEN_PM_PX;
    op.u.set_pminfo.u.perf =
        (struct xen_processor_performance){.flags = PX_ALL,
                                           .control_register = reg,
                                           .status_register = reg,
                                           .state_count = STATES,
                                           .domain_info = {5, 0, 7, SW_ALL, n},
                                           .shared_type = XEN_CPUPERF_SHARED_TYPE_ALL};
    set_xen_guest_handle(op.u.set_pminfo.u.perf.states, states);
    return &op.u.set_pminfo.u.perf;
}

static long upload(void)
{
    return platform_op(XENPF_set_processor_pminfo);
}

static long pm_op(uint32_t command, uint32_t cpu)
{
    sys.u.pm_op.cmd = command;
    sys.u.pm_op.cpuid = cpu;
    return sysctl(XEN_SYSCTL_pm_op);
}

static long get_para(uint32_t cpu, uint32_t n_cpus)
{
    struct xen_get_cpufreq_para *para = &sys.u.pm_op.u.get_para;

    memset(&sys, 0, sizeof(sys));
    para->cpu_num = n_cpus;
    para->freq_num = STATES;
    para->gov_num = 4;
    set_xen_guest_handle(para->affected_cpus, cpus);
    set_xen_guest_handle(para->scaling_available_frequencies, frequencies);
    set_xen_guest_handle(para->scaling_available_governors, governors);
    return pm_op(GET_CPUFREQ_PARA, cpu);
}

static long set_governor(uint32_t cpu, const char *name)
{
    memset(&sys, 0, sizeof(sys));
    memcpy(sys.u.pm_op.u.set_gov.scaling_governor, name, strlen(name));
    return pm_op(SET_CPUFREQ_GOV, cpu);
}

static long set_para(uint32_t cpu, uint32_t what, uint32_t value)
{
    memset(&sys, 0, sizeof(sys));
    sys.u.pm_op.u.set_para.ctrl_type = what;
    sys.u.pm_op.u.set_para.ctrl_value = value;
    return pm_op(SET_CPUFREQ_PARA, cpu);
}

static long stats(uint32_t type, uint32_t cpu)
{
    memset(&sys, 0, sizeof(sys));
    sys.u.get_pmstat.type = type;
    sys.u.get_pmstat.cpuid = cpu;
    set_xen_guest_handle(sys.u.get_pmstat.u.getpx.trans_pt, moves);
    set_xen_guest_handle(sys.u.get_pmstat.u.getpx.pt, times);
    return sysctl(XEN_SYSCTL_get_pmstat);
}

/* Works until CPU `cpu`'s register has the value of `state`. */
static bool reaches(uint32_t cpu, unsigned int state)
{
    for (uint64_t end = clock_now() + PATIENCE; clock_now() < end;)
        if (in_byte(registers[cpu]) == values[state])
            return true;
    return false;
}

static unsigned int n_cpus_told; /* CPUs that have P-states */

BEHAVIOUR(off, "with cpufreq=none frequencies are not taken and not told")
{
    if (!guest_number("off", 0)) {
        report_skip("not off");
        return;
    }
    prepare(0);
    EXPECT(upload(), -XEN_ENOSYS);
    EXPECT(stats(PMSTAT_get_max_px, 0), -XEN_ENODEV);
    EXPECT(get_para(0, 1), -XEN_ENODEV);
    EXPECT(set_governor(0, "powersave"), -XEN_ENODEV);
    EXPECT(pm_op(XEN_SYSCTL_pm_op_enable_turbo, 0), -XEN_EACCES);
}

BEHAVIOUR(refusals, "before an upload nothing is known, and nonsense is not taken")
{
    struct physdev_set_iopl iopl = {.iopl = 1};
    struct xen_processor_performance *perf;

    if (guest_number("off", 0)) {
        report_skip("off");
        return;
    }
    REQUIRE(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, arg(&iopl)), 0);
    EXPECT(stats(PMSTAT_get_max_px, 0), -XEN_EINVAL);
    EXPECT(get_para(0, 1), -XEN_EINVAL);
    EXPECT(set_governor(0, "powersave"), -XEN_EINVAL);
    EXPECT(pm_op(XEN_SYSCTL_pm_op_enable_turbo, 0), -XEN_EACCES);
    prepare(0);
    op.u.set_pminfo.id = 4711;
    EXPECT(upload(), -XEN_EINVAL);
    prepare(0)->state_count = 1;
    EXPECT(upload(), -XEN_EINVAL);
    prepare(0)->state_count = 0xffffffff;
    EXPECT(upload(), -XEN_EINVAL);
    prepare(0)->platform_limit = STATES;
    EXPECT(upload(), -XEN_EINVAL);
    prepare(0)->shared_type = 4;
    EXPECT(upload(), -XEN_EINVAL);
    prepare(0)->status_register.space_id = 0x7f;
    EXPECT(upload(), -XEN_EINVAL);
    perf = prepare(0);
    perf->control_register.space_id = perf->status_register.space_id = 0x7f;
    EXPECT(upload(), -XEN_ENODEV); /* this CPU has no such registers */
    prepare(0)->control_register.bit_width = 64;
    EXPECT(upload(), -XEN_EINVAL);
    prepare(0)->control_register.address = 0x10000;
    EXPECT(upload(), -XEN_EINVAL);
    prepare(0)->control_register.address = 0xcf8; /* the hypervisor's own */
    EXPECT(upload(), -XEN_EACCES);
    prepare(0);
    states[1].core_frequency = 3000;
    EXPECT(upload(), -XEN_EINVAL);
    prepare(0);
    states[2].control = 0x100; /* of a register of eight bits */
    EXPECT(upload(), -XEN_EINVAL);
    perf = prepare(0);
    set_xen_guest_handle(perf->states, (xen_processor_px_t *)8);
    EXPECT(upload(), -XEN_EFAULT);
    EXPECT(stats(PMSTAT_get_max_px, 0), -XEN_EINVAL); /* still */
}

BEHAVIOUR(uploaded, "an upload sets a state, and CPUs of one domain share a policy")
{
    if (guest_number("off", 0)) {
        report_skip("off");
        return;
    }
    out_byte(registers[0], 0xaa);
    if (in_byte(registers[0]) != 0xaa) {
        report_skip("no serial port at 0x2f8 whose scratch register could stand for one of a CPU");
        return;
    }
    prepare(0);
    REQUIRE(upload(), 0);
    n_cpus_told = 1;
    EXPECT_TRUE(in_byte(registers[0]) != 0xaa);
    EXPECT(stats(PMSTAT_get_max_px, 0), 0);
    EXPECT(sys.u.get_pmstat.u.getpx.total, STATES);
    EXPECT(get_para(0, 77), -XEN_EAGAIN);
    EXPECT(sys.u.pm_op.u.get_para.cpu_num, 1);
    EXPECT(sys.u.pm_op.u.get_para.freq_num, STATES);
    EXPECT(sys.u.pm_op.u.get_para.gov_num, 4);
    if (n_cpus() == 2) {
        prepare(1);
        REQUIRE(upload(), 0);
        n_cpus_told = 2;
    }
    EXPECT(get_para(0, n_cpus_told), 0);
    EXPECT(cpus[0], 0);
    EXPECT(frequencies[STATES - 1], mhz[STATES - 1] * 1000);
    EXPECT_TRUE(memcmp(governors, "userspace performance powersave ondemand", 41) == 0);
    EXPECT_TRUE(memcmp(sys.u.pm_op.u.get_para.scaling_governor, "ondemand", 9) == 0);
    EXPECT(sys.u.pm_op.u.get_para.u.ondemand.up_threshold, 80);
    EXPECT(sys.u.pm_op.u.get_para.cpuinfo_max_freq, 3000000);
    EXPECT(sys.u.pm_op.u.get_para.turbo_enabled, 0);
    EXPECT(pm_op(XEN_SYSCTL_pm_op_enable_turbo, 0), -XEN_EOPNOTSUPP);
}

static bool nothing_to_see(void)
{
    if (n_cpus_told == 0)
        report_skip("nothing was uploaded");
    return n_cpus_told == 0;
}

BEHAVIOUR(fixed, "governors that do not look at load set their state, within the limits")
{
    if (nothing_to_see())
        return;
    EXPECT(set_governor(0, "powersave"), 0);
    EXPECT_TRUE(reaches(0, 3));
    EXPECT(set_para(0, SCALING_MIN_FREQ, 1200000), 0);
    EXPECT_TRUE(reaches(0, 2));
    EXPECT(set_para(0, SCALING_MIN_FREQ, 0), 0);
    EXPECT(set_governor(0, "performance"), 0);
    EXPECT_TRUE(reaches(0, 0));
    EXPECT(set_para(0, SCALING_MAX_FREQ, 2500000), 0);
    EXPECT_TRUE(reaches(0, 1));
    EXPECT(set_para(0, SCALING_MIN_FREQ, 2600000), -XEN_EINVAL); /* above the upper */
    prepare(0)->flags = XEN_PX_PPC;
    op.u.set_pminfo.u.perf.platform_limit = 2; /* firmware's own */
    EXPECT(upload(), 0);
    EXPECT_TRUE(reaches(0, 2));
    EXPECT(get_para(0, n_cpus_told), 0);
    EXPECT(sys.u.pm_op.u.get_para.scaling_max_freq, 1500000);
    EXPECT(stats(PMSTAT_get_pxstat, 0), 0);
    EXPECT(sys.u.get_pmstat.u.getpx.usable, 2);
    prepare(0)->platform_limit = STATES;
    EXPECT(upload(), -XEN_EINVAL);
    prepare(0);
    EXPECT(upload(), 0);
    EXPECT_TRUE(reaches(0, 1));
    EXPECT(set_para(0, SCALING_MAX_FREQ, 0xffffffff), 0);
    EXPECT(set_para(0, SCALING_SETSPEED, 1000000), -XEN_EINVAL); /* not this governor's */
    EXPECT(set_governor(0, "userspace"), 0);
    EXPECT(set_para(0, UP_THRESHOLD, 50), -XEN_EINVAL);
    EXPECT(set_para(0, SCALING_SETSPEED, 1400000), 0);
    EXPECT_TRUE(reaches(0, 2));
    EXPECT(get_para(0, n_cpus_told), 0);
    EXPECT(sys.u.pm_op.u.get_para.u.userspace.scaling_setspeed, 1500000);
    EXPECT(set_governor(0, "conservative"), -XEN_EINVAL);
    EXPECT(set_para(0, 99, 0), -XEN_EINVAL);
    EXPECT(pm_op(GET_CPUFREQ_AVGFREQ, 0), 0);
    EXPECT(sys.u.pm_op.u.get_avgfreq, 1500000);
    if (n_cpus_told == 2) {
        EXPECT_TRUE(reaches(1, 2)); /* it shares the policy */
        EXPECT(set_para(1, SCALING_SETSPEED, 0), 0);
        EXPECT_TRUE(reaches(0, 3));
        EXPECT_TRUE(reaches(1, 3));
    }
}

BEHAVIOUR(ondemand, "under load a CPU runs in its fastest state, and idle in its slowest")
{
    unsigned int tries = 0;

    if (nothing_to_see())
        return;
    REQUIRE(sleep_prepare(), true);
    EXPECT(set_governor(0, "ondemand"), 0);
    EXPECT(set_para(0, SAMPLING_RATE, 1), -XEN_EINVAL);
    EXPECT(set_para(0, UP_THRESHOLD, 10), -XEN_EINVAL);
    EXPECT(set_para(0, UP_THRESHOLD, 101), -XEN_EINVAL);
    EXPECT(set_para(0, UP_THRESHOLD, 60), 0);
    EXPECT(set_para(0, SAMPLING_RATE, 20000), 0);
    EXPECT(get_para(0, n_cpus_told), 0);
    EXPECT(sys.u.pm_op.u.get_para.u.ondemand.up_threshold, 60);
    EXPECT(sys.u.pm_op.u.get_para.u.ondemand.sampling_rate, 20000);
    for (unsigned int round = 0; round < 3; round++) {
        EXPECT_TRUE(reaches(0, 0));
        for (tries = 0; tries < 200 && in_byte(registers[0]) != values[3]; tries++)
            sleep_for(50 * MS);
        EXPECT_TRUE(tries < 200);
    }
    EXPECT(sleep_end(), 0);
}

BEHAVIOUR(counted, "transitions and times in each state are told")
{
    uint64_t start, sum = 0;

    if (nothing_to_see())
        return;
    EXPECT(set_governor(0, "userspace"), 0);
    EXPECT(set_para(0, SCALING_SETSPEED, 3000000), 0);
    EXPECT_TRUE(reaches(0, 0));
    start = clock_now();
    EXPECT(stats(PMSTAT_reset_pxstat, 0), 0);
    for (unsigned int round = 0; round < 3; round++)
        for (unsigned int i = STATES; i-- > 0;) { /* 3, 2, 1, 0 */
            EXPECT(set_para(0, SCALING_SETSPEED, mhz[i] * 1000), 0);
            EXPECT_TRUE(reaches(0, i));
            for (uint64_t end = clock_now() + 5 * MS; clock_now() < end;)
                ;
        }
    EXPECT(stats(PMSTAT_get_pxstat, 0), 0);
    for (unsigned int i = 0; i < STATES; i++) {
        EXPECT(times[i].freq, mhz[i]);
        EXPECT(times[i].count, 3);
        EXPECT_TRUE(times[i].residency >= 15 * MS);
        sum += times[i].residency;
    }
    EXPECT_TRUE(sum <= clock_now() - start);
    EXPECT(moves[0 * STATES + 3], 3);
    EXPECT(moves[3 * STATES + 2], 3);
    EXPECT(moves[1 * STATES + 0], 3);
    EXPECT(moves[0 * STATES + 1], 0);
    EXPECT(sys.u.get_pmstat.u.getpx.cur, 0);
    EXPECT(sys.u.get_pmstat.u.getpx.last, 1);
    EXPECT(sys.u.get_pmstat.u.getpx.usable, STATES);
    EXPECT(stats(0x1f, 0), -XEN_ENOSYS);
    EXPECT(stats(PMSTAT_reset_pxstat, 0), 0);
    EXPECT(stats(PMSTAT_get_pxstat, 0), 0);
    EXPECT(times[3].count, 0);
    set_xen_guest_handle(sys.u.get_pmstat.u.getpx.pt, (pm_px_val_t *)8);
    EXPECT(sysctl(XEN_SYSCTL_get_pmstat), -XEN_EFAULT);
}

BEHAVIOUR(accounted, "run times are times, whatever the frequency was")
{
    struct vcpu_runstate_info before, after;
    uint64_t start, passed, told = 0;

    if (nothing_to_see())
        return;
    EXPECT(set_governor(0, "userspace"), 0);
    start = clock_now();
    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, arg(&before));
    for (unsigned int i = 0; i < 40; i++) {
        EXPECT(set_para(0, SCALING_SETSPEED, mhz[i % STATES] * 1000), 0);
        for (uint64_t end = clock_now() + 2 * MS; clock_now() < end;)
            ;
    }
    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, 0, arg(&after));
    passed = clock_now() - start;
    for (unsigned int i = 0; i < 4; i++)
        told += after.time[i] - before.time[i];
    EXPECT_TRUE(told <= passed);
    EXPECT_TRUE(told >= 80 * MS);
    EXPECT_TRUE(after.time[RUNSTATE_running] - before.time[RUNSTATE_running] >= told * 9 / 10);
}

static long hotplug(uint32_t what)
{
    long answer;

    do {
        memset(&sys, 0, sizeof(sys));
        sys.u.cpu_hotplug.op = what;
        sys.u.cpu_hotplug.cpu = 1;
        answer = sysctl(XEN_SYSCTL_cpu_hotplug);
    } while (answer == -XEN_EBUSY);
    return answer;
}

BEHAVIOUR(offline, "a CPU that comes back takes the state of its policy")
{
    if (n_cpus_told < 2) {
        report_skip("one CPU with P-states");
        return;
    }
    EXPECT(set_governor(0, "powersave"), 0);
    EXPECT_TRUE(reaches(1, 3));
    REQUIRE(hotplug(XEN_SYSCTL_CPU_HOTPLUG_OFFLINE), 0);
    EXPECT(get_para(1, 1), -XEN_EINVAL);
    EXPECT(get_para(0, 1), 0); /* it alone is left */
    EXPECT(set_governor(0, "performance"), 0);
    EXPECT_TRUE(reaches(0, 0));
    EXPECT(in_byte(registers[1]), values[3]);
    REQUIRE(hotplug(XEN_SYSCTL_CPU_HOTPLUG_ONLINE), 0);
    EXPECT_TRUE(reaches(1, 0));
    EXPECT(get_para(1, 2), 0);
}
