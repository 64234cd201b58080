/* SPDX-License-Identifier: MIT */
/*
 * Every I/O port and every model-specific register a CPU may have, read and written by an
 * unprivileged guest: nothing reaches the machine.
 */
#include "lib/child.h"
#include "lib/report.h"
#include "runtime/clock.h"
#include "runtime/console.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"
#include "runtime/trap.h"

#include <xen/physdev.h>
#include <xen/sched.h>

struct probe {
    uint32_t number;
    uint64_t value;
};

static void port_in(void *data)
{
    struct probe *p = data;
    uint32_t value;

    asm volatile("inl %w1, %0" : "=a"(value) : "d"(p->number));
    p->value = value;
}

static void port_out(void *data)
{
    const struct probe *p = data;

    asm volatile("outl %0, %w1" : : "a"((uint32_t)p->value), "d"(p->number));
}

static void msr_read(void *data)
{
    struct probe *p = data;
    uint32_t low, high;

    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(p->number));
    p->value = (uint64_t)high << 32 | low;
}

static void msr_write(void *data)
{
    const struct probe *p = data;

    asm volatile("wrmsr"
                 :
                 : "a"((uint32_t)p->value), "d"((uint32_t)(p->value >> 32)), "c"(p->number));
}

/* Ports by a kernel with I/O privilege level 3, which is all a guest may ask for. */
ROLE(ports)
{
    struct physdev_set_iopl iopl = {.iopl = 3};
    struct trap_record record;
    unsigned int reached = 0;

    (void)argument;
    hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, arg(&iopl));
    for (uint32_t port = 0; port < 0x10000; port++) {
        struct probe probe = {port, 0};

        if (!trap_probe(port_in, &probe, &record) && (uint32_t)probe.value != ~0u)
            reached++;
        probe.value =
            0xfe0606fe; /* to 0xcf9, 0x64, 0x92 or a power register: the machine would restart */
        trap_probe(port_out, &probe, &record);
    }
    /* The clock and configuration ports are emulated: they answer without a device behind them. */
    print("%u ports answer\n", reached);
    EXPECT_TRUE(reached <= 24);
}

/* What writing could do to the machine's CPU must not be let through: the value is one that would
 * show. */
static void probe_msrs(uint32_t from, uint32_t to)
{
    struct trap_record record;

    for (uint32_t msr = from; msr < to; msr++) {
        struct probe probe = {msr, 0};

        /* The guest's own segment bases are its own affair, and it stands on them. */
        if (msr >= 0xc0000100 && msr <= 0xc0000102)
            continue;
        trap_probe(msr_read, &probe, &record);
        probe.value = ~probe.value;
        trap_probe(msr_write, &probe, &record);
        probe.value = 0;
        trap_probe(msr_write, &probe, &record);
        mailbox[0] = msr;
    }
}

ROLE(msrs)
{
    (void)argument;
    probe_msrs(0, 0x2000);
    probe_msrs(0x40000000, 0x40000400);
    probe_msrs(0xc0000000, 0xc0000400);
    probe_msrs(0xc0010000, 0xc0010400);
}

/* Instructions that would reach the machine from ring 0; any answer but an effect is right. */
static void privileged(void *data)
{
    uint64_t n = (uint64_t)data, zero = 0;

    switch (n) {
    case 0:
        asm volatile("hlt");
        break;
    case 1:
        asm volatile("invd");
        break;
    case 2:
        asm volatile("wbinvd");
        break;
    case 3:
        asm volatile("lgdt %0" : : "m"(zero));
        break;
    case 4:
        asm volatile("lidt %0" : : "m"(zero));
        break;
    case 5:
        asm volatile("lldt %w0" : : "r"(0));
        break;
    case 6:
        asm volatile("ltr %w0" : : "r"(0xe040));
        break;
    case 7:
        asm volatile("mov %0, %%cr8" : : "r"(15UL));
        break;
    case 8:
        asm volatile("mov %0, %%cr4" : : "r"(0UL));
        break;
    case 9:
        asm volatile("mov %0, %%cr0" : : "r"(0UL));
        break;
    case 10:
        asm volatile("xsetbv" : : "a"(0), "d"(0), "c"(0));
        break;
    case 11:
        asm volatile(".byte 0x0f, 0x01, 0xca"); /* clac */
        break;
    case 12:
        asm volatile("swapgs");
        break;
    case 13:
        asm volatile("sysretq");
        break;
    case 14:
        asm volatile(".byte 0x0f, 0x01, 0xd8"); /* vmrun */
        break;
    case 15:
        asm volatile(".byte 0x0f, 0x01, 0xdd"); /* clgi */
        break;
    default:
        asm volatile("lmsw %w0" : : "r"(0));
    }
}

ROLE(instructions)
{
    struct trap_record record;

    (void)argument;
    for (uint64_t n = 1; n <= 16; n++)
        trap_probe(privileged, (void *)n, &record);
}

BEHAVIOUR(probes, "no port, register or instruction lets a guest touch the machine")
{
    uint64_t start = clock_now();

    EXPECT(child_run("ports", 0, 1, 30000), SHUTDOWN_poweroff);
    EXPECT_TRUE(child_run("msrs", 0, 1, 30000) != CHILD_RUNS);
    EXPECT_TRUE(child_run("instructions", 0, 1, 5000) != CHILD_RUNS);
    child_sleep(5000000);
    EXPECT_TRUE(clock_now() > start);
}
