/* SPDX-License-Identifier: MIT */
/*
 * Clocks: system time from the TSC, the one-shot timer of the local APIC, the wall clock.
 *
 * The TSC's and the APIC timer's frequencies are measured once against a counter of known
 * frequency: the ACPI PM timer, or channel 2 of the PIT. Both ends of a measurement are read
 * between two TSC reads, and the narrowest of several brackets is taken, so that a pause of the
 * machine (an emulator's host, SMM) between reading one counter and the other does not count.
 * System time is then one fixed scale of the TSC for ever: guests compute the same by their own
 * pvclock, whose parameters never change. The TSC is taken to be invariant.
 */
#include "arch/acpi.h"
#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/time.h"
#include "console.h"
#include "sched.h"
#include "timer.h"

#define PM_TIMER_HZ   3579545u
#define PM_TIMER_MASK 0xffffffu /* 24 bits are always there */

#define PIT_HZ         1193182u
#define PIT_MASK       0xffffu
#define PIT_CHANNEL2   0x42
#define PIT_COMMAND    0x43
#define PIT_CH2_MODE0  0xb0 /* channel 2, low then high byte, mode 0, binary */
#define PIT_CH2_LATCH  0x80
#define PORT_B         0x61
#define PORT_B_GATE2   0x01
#define PORT_B_SPEAKER 0x02

#define CALIBRATION_ROUNDS 5
#define CALIBRATION_MS     10
#define BRACKET_TRIES      12

struct time_scale time_scale;
uint32_t tsc_khz;

static uint64_t tsc_per_ns;   /* 32.32 fixed point */
static uint64_t apic_per_ns;  /* 32.32; 0 = the deadline mode is in use */
static uint64_t wall_seconds; /* wall clock at system time 0 */
static uint32_t wall_nanoseconds;

/* A counter of known frequency that counts up. */
struct reference {
    const char *name;
    uint32_t (*read)(void);
    uint32_t hz, mask;
};

static uint32_t pm_timer_read(void)
{
    return cpu_inl((uint16_t)acpi.pm_timer_port);
}

static uint32_t pit_read(void)
{
    cpu_outb(PIT_COMMAND, PIT_CH2_LATCH);
    uint32_t low = cpu_inb(PIT_CHANNEL2);

    return PIT_MASK - (low | (uint32_t)cpu_inb(PIT_CHANNEL2) << 8); /* it counts down */
}

static void pit_start(void)
{
    uint8_t port_b = cpu_inb(PORT_B);

    cpu_outb(PORT_B, (uint8_t)((port_b & ~PORT_B_SPEAKER) | PORT_B_GATE2));
    cpu_outb(PIT_COMMAND, PIT_CH2_MODE0);
    cpu_outb(PIT_CHANNEL2, 0xff);
    cpu_outb(PIT_CHANNEL2, 0xff);
}

/* One moment, seen on all three counters. */
struct sample {
    uint64_t tsc;
    uint64_t width; /* TSC ticks the reading took */
    uint32_t ref;
    uint32_t apic; /* counts down */
};

static struct sample sample_take(const struct reference *ref)
{
    struct sample best = {.width = UINT64_MAX};

    for (unsigned int i = 0; i < BRACKET_TRIES; i++) {
        uint64_t before = cpu_rdtsc();
        uint32_t apic = apic_timer_count();
        uint32_t value = ref->read();
        uint64_t after = cpu_rdtsc();

        if (after - before < best.width) {
            best.width = after - before;
            best.tsc = before + best.width / 2;
            best.ref = value;
            best.apic = apic;
        }
    }
    return best;
}

/* Whether the counter moves at all: a port that nobody answers reads as ones. */
static bool reference_works(const struct reference *ref)
{
    uint32_t first = ref->read();

    for (unsigned int i = 0; i < 100000; i++)
        if (((ref->read() - first) & ref->mask) > 8)
            return true;
    return false;
}

static const struct reference *reference_find(void)
{
    static const struct reference pm_timer = {"ACPI PM timer", pm_timer_read, PM_TIMER_HZ,
                                              PM_TIMER_MASK};
    static const struct reference pit = {"PIT", pit_read, PIT_HZ, PIT_MASK};

    if (acpi.pm_timer_port && reference_works(&pm_timer))
        return &pm_timer;
    pit_start();
    if (reference_works(&pit))
        return &pit;
    panic("No clock to measure the TSC by: neither an ACPI PM timer nor a PIT counts\n");
}

struct frequencies {
    uint64_t tsc_hz, apic_hz;
};

static struct frequencies measure_once(const struct reference *ref)
{
    uint32_t wait = ref->hz / 1000 * CALIBRATION_MS;
    struct sample a = sample_take(ref);

    while (((ref->read() - a.ref) & ref->mask) < wait)
        cpu_relax();
    struct sample b = sample_take(ref);
    uint64_t elapsed = (b.ref - a.ref) & ref->mask;

    return (struct frequencies){
        .tsc_hz = (b.tsc - a.tsc) * ref->hz / elapsed,
        .apic_hz = (uint64_t)(a.apic - b.apic) * ref->hz / elapsed,
    };
}

/* The median of several rounds: one during which the reference wrapped unseen does not count. */
static struct frequencies measure(const struct reference *ref)
{
    struct frequencies round[CALIBRATION_ROUNDS];

    apic_timer_set_count(UINT32_MAX);
    for (unsigned int i = 0; i < CALIBRATION_ROUNDS; i++) {
        struct frequencies f = measure_once(ref);
        unsigned int at = i;

        for (; at > 0 && round[at - 1].tsc_hz > f.tsc_hz; at--)
            round[at] = round[at - 1];
        round[at] = f;
    }
    apic_timer_set_count(0);
    return round[CALIBRATION_ROUNDS / 2];
}

/* CPUID 0x80000007: it counts at one rate in all states of the CPU. */
static bool tsc_is_invariant(void)
{
    return cpu_cpuid(0x80000000, 0).a >= 0x80000007 && (cpu_cpuid(0x80000007, 0).d >> 8 & 1);
}

void time_init(void)
{
    const struct reference *ref = reference_find();
    struct frequencies f = measure(ref);

    tsc_khz = (uint32_t)(f.tsc_hz / 1000);
    if (tsc_khz == 0)
        panic("The TSC does not count\n");
    tsc_per_ns = ((uint64_t)tsc_khz << 32) / 1000000;
    if (apic_timer_has_deadline())
        apic_timer_use_deadline(true);
    else
        apic_per_ns = (f.apic_hz / 1000 << 32) / 1000000;
    time_scale = time_scale_for(f.tsc_hz);
    time_scale.tsc_base = cpu_rdtsc();
    wall_seconds = rtc_read();
    if (wall_seconds == 0)
        printk(LOG_WARN, "Time: the CMOS clock makes no sense, counting from 1970\n");
    printk(LOG_INFO, "Time: TSC %u.%03u MHz by the %s, %s; timer: %s\n", tsc_khz / 1000,
           tsc_khz % 1000, ref->name, tsc_is_invariant() ? "invariant" : "not said to be invariant",
           apic_per_ns ? "APIC one-shot" : "TSC deadline");
}

void time_init_cpu(void)
{
    if (!apic_per_ns)
        apic_timer_use_deadline(true);
}

void time_interrupt(void)
{
    softirq_raise(SOFTIRQ_TIMER);
}

s_time_t time_now(void)
{
    return (s_time_t)time_scale_apply(&time_scale, cpu_rdtsc());
}

static uint64_t scale_up(uint64_t ns, uint64_t per_ns)
{
    return (uint64_t)(((unsigned __int128)ns * per_ns) >> 32) + 1; /* never early by rounding */
}

void time_arm(s_time_t deadline)
{
    if (deadline == STIME_MAX) {
        if (apic_per_ns)
            apic_timer_set_count(0);
        else
            apic_timer_set_deadline(0);
        return;
    }
    s_time_t now = time_now();
    /* Beyond a day the timer fires early and is armed again; this keeps the sums small. */
    uint64_t ns = deadline > now ? MIN((uint64_t)(deadline - now), 86400ull * NSEC_PER_SEC) : 0;

    if (apic_per_ns)
        apic_timer_set_count((uint32_t)MIN(scale_up(ns, apic_per_ns), (uint64_t)UINT32_MAX));
    else
        apic_timer_set_deadline(cpu_rdtsc() + scale_up(ns, tsc_per_ns));
}

void time_get_wallclock(uint64_t *seconds, uint32_t *nanoseconds)
{
    *seconds = wall_seconds;
    *nanoseconds = wall_nanoseconds;
}

void time_set_wallclock(uint64_t seconds, uint32_t nanoseconds, s_time_t when)
{
    uint64_t ns = seconds * (uint64_t)NSEC_PER_SEC + nanoseconds - (uint64_t)when;

    wall_seconds = ns / (uint64_t)NSEC_PER_SEC;
    wall_nanoseconds = (uint32_t)(ns % (uint64_t)NSEC_PER_SEC);
}
