/* SPDX-License-Identifier: MIT */
/* The local APIC: set-up, end of interrupt, its timer; and silence for the 8259s. */
#include "arch/acpi.h"
#include "arch/apic.h"
#include "arch/cpu.h"
#include "boot.h"
#include "console.h"
#include "irq.h"

/* Register offsets of the memory-mapped form; x2APIC's MSR is 0x800 + offset / 16. */
#define APIC_ID          0x020
#define APIC_TPR         0x080
#define APIC_EOI         0x0b0
#define APIC_SVR         0x0f0
#define APIC_ESR         0x280
#define APIC_ICR         0x300
#define APIC_ICR_HIGH    0x310
#define APIC_LVT_TIMER   0x320
#define APIC_LVT_THERMAL 0x330
#define APIC_LVT_PERF    0x340
#define APIC_LVT_LINT0   0x350
#define APIC_LVT_LINT1   0x360
#define APIC_LVT_ERROR   0x370
#define APIC_TIMER_INIT  0x380
#define APIC_TIMER_NOW   0x390
#define APIC_TIMER_DIV   0x3e0
#define APIC_VERSION     0x030

#define APIC_SVR_ENABLE         (1u << 8)
#define APIC_LVT_MASKED         (1u << 16)
#define APIC_LVT_NMI            (4u << 8)
#define APIC_LVT_EXTINT         (7u << 8)
#define APIC_LVT_TIMER_DEADLINE (2u << 17)
#define APIC_TIMER_DIV_1        0xbu

#define APIC_ICR_PENDING    (1u << 12)
#define APIC_ICR_ASSERT     (1u << 14)
#define APIC_ICR_NMI        (4u << 8)
#define APIC_ICR_INIT       (5u << 8)
#define APIC_ICR_STARTUP    (6u << 8)
#define APIC_ICR_OTHERS     (3u << 18)
#define APIC_ICR_DEST_SHIFT 24
#define APIC_XAPIC_ID_LIMIT 255u /* 8-bit destinations, the last is "all" */
#define CPUID1_ECX_X2APIC   (1u << 21)

#define MSR_APIC_BASE    0x1b
#define APIC_BASE_ENABLE (1ull << 11)
#define APIC_BASE_X2APIC (1ull << 10)
#define MSR_X2APIC_FIRST 0x800
#define MSR_TSC_DEADLINE 0x6e0

#define CPUID1_EDX_APIC         (1u << 9)
#define CPUID1_ECX_TSC_DEADLINE (1u << 24)

#define APIC_DEFAULT_BASE 0xfee00000ul

/* 8259s, remapped clear of the exceptions should one of them ever raise a spurious interrupt. */
#define PIC1_COMMAND 0x20
#define PIC1_DATA    0x21
#define PIC2_COMMAND 0xa0
#define PIC2_DATA    0xa1
#define PIC_VECTOR   0x20

static volatile uint8_t *apic_regs; /* NULL in x2APIC mode */
static bool timer_by_deadline;

static uint32_t apic_read(unsigned int reg)
{
    if (!apic_regs)
        return (uint32_t)cpu_rdmsr(MSR_X2APIC_FIRST + reg / 16);
    return *(volatile uint32_t *)(apic_regs + reg);
}

static void apic_write(unsigned int reg, uint32_t value)
{
    if (!apic_regs)
        cpu_wrmsr(MSR_X2APIC_FIRST + reg / 16, value);
    else
        *(volatile uint32_t *)(apic_regs + reg) = value;
}

uint32_t apic_id(void)
{
    uint32_t id = apic_read(APIC_ID);

    return apic_regs ? id >> 24 : id;
}

void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

uint32_t apic_take_errors(void)
{
    apic_write(APIC_ESR, 0); /* latches the errors since the last write */
    return apic_read(APIC_ESR);
}

bool apic_timer_has_deadline(void)
{
    return cpu_cpuid(1, 0).c & CPUID1_ECX_TSC_DEADLINE;
}

void apic_timer_use_deadline(bool yes)
{
    timer_by_deadline = yes;
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER | (yes ? APIC_LVT_TIMER_DEADLINE : 0));
    /* The write above must reach the APIC before the first write of the deadline MSR (SDM 3,
     * TSC-Deadline Mode). */
    __asm__ volatile("mfence" ::: "memory");
}

void apic_timer_set_count(uint32_t ticks)
{
    apic_write(APIC_TIMER_INIT, ticks);
}

void apic_timer_set_deadline(uint64_t tsc)
{
    cpu_wrmsr(MSR_TSC_DEADLINE, tsc);
}

uint32_t apic_timer_count(void)
{
    return apic_read(APIC_TIMER_NOW);
}

static void pic_disable(void)
{
    cpu_outb(PIC1_COMMAND, 0x11); /* ICW1: cascade, ICW4 follows */
    cpu_outb(PIC2_COMMAND, 0x11);
    cpu_outb(PIC1_DATA, PIC_VECTOR);
    cpu_outb(PIC2_DATA, PIC_VECTOR + 8);
    cpu_outb(PIC1_DATA, 4); /* ICW3: the slave is on line 2 */
    cpu_outb(PIC2_DATA, 2);
    cpu_outb(PIC1_DATA, 1); /* ICW4: 8086 mode */
    cpu_outb(PIC2_DATA, 1);
    cpu_outb(PIC1_DATA, 0xff);
    cpu_outb(PIC2_DATA, 0xff);
}

/*
 * A CPU whose number does not fit xAPIC's 8 bits is reached in x2APIC mode only. Elsewhere it is a
 * matter of taste: without interrupt remapping devices reach the same CPUs in both.
 */
static bool apic_wants_x2apic(void)
{
    if (boot_options.x2apic)
        return cpu_cpuid(1, 0).c & CPUID1_ECX_X2APIC;
    for (unsigned int i = 0; i < acpi.n_cpus; i++)
        if (acpi.cpu[i].enabled && acpi.cpu[i].apic_id >= APIC_XAPIC_ID_LIMIT)
            return cpu_cpuid(1, 0).c & CPUID1_ECX_X2APIC;
    return false;
}

/* Chooses the mode for all CPUs: the firmware's, which cannot be left without a reset, or x2APIC
 * where it is needed. */
static void apic_map(void)
{
    uint64_t base = cpu_rdmsr(MSR_APIC_BASE);

    if (!(cpu_cpuid(1, 0).d & CPUID1_EDX_APIC))
        panic("This CPU has no local APIC (CPUID 1 EDX bit 9): Corbel needs one\n");
    if (((base & APIC_BASE_ENABLE) && (base & APIC_BASE_X2APIC)) || apic_wants_x2apic())
        return;
    apic_regs = ioremap(acpi.lapic_base ? acpi.lapic_base : APIC_DEFAULT_BASE, PAGE_SIZE);
    if (!apic_regs)
        panic("Cannot map the local APIC at %#lx\n", acpi.lapic_base);
}

void apic_init_cpu(void)
{
    uint64_t base = cpu_rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE;

    cpu_wrmsr(MSR_APIC_BASE, base);
    if (!apic_regs)
        cpu_wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
    apic_write(APIC_SVR, APIC_SVR_ENABLE | VECTOR_SPURIOUS);
    apic_write(APIC_TPR, 0);
    unsigned int last_lvt = (apic_read(APIC_VERSION) >> 16) & 0xff;

    apic_write(APIC_LVT_LINT0, APIC_LVT_EXTINT | APIC_LVT_MASKED);
    apic_write(APIC_LVT_LINT1, APIC_LVT_NMI);
    if (last_lvt >= 4)
        apic_write(APIC_LVT_PERF, APIC_LVT_MASKED);
    if (last_lvt >= 5)
        apic_write(APIC_LVT_THERMAL, APIC_LVT_MASKED);
    apic_take_errors();
    apic_write(APIC_LVT_ERROR, VECTOR_ERROR);
    apic_write(APIC_TIMER_DIV, APIC_TIMER_DIV_1);
    apic_timer_use_deadline(false);
    apic_timer_set_count(0);
    /* An interrupt that firmware left in service would block all of lower priority. */
    for (unsigned int i = 0; i < 256; i++)
        apic_eoi();
}

void apic_init(void)
{
    pic_disable();
    apic_map();
    apic_init_cpu();
    printk(LOG_INFO, "APIC: local APIC %u%s\n", apic_id(), apic_regs ? "" : " (x2APIC)");
}

/* Interrupts are off, so nothing comes between the two halves of the register. */
static void apic_write_icr(uint32_t dest, uint32_t command)
{
    if (!apic_regs) {
        /* The MSR does not wait for earlier stores as the memory-mapped register does. */
        __asm__ volatile("mfence; lfence" ::: "memory");
        cpu_wrmsr(MSR_X2APIC_FIRST + APIC_ICR / 16, (uint64_t)dest << 32 | command);
        return;
    }
    while (apic_read(APIC_ICR) & APIC_ICR_PENDING)
        cpu_relax();
    apic_write(APIC_ICR_HIGH, dest << APIC_ICR_DEST_SHIFT);
    apic_write(APIC_ICR, command);
}

void apic_send_ipi(uint32_t dest, unsigned int vector)
{
    apic_write_icr(dest, APIC_ICR_ASSERT | vector);
}

void apic_send_nmi(uint32_t dest)
{
    apic_write_icr(dest, APIC_ICR_ASSERT | APIC_ICR_NMI);
}

void apic_send_nmi_others(void)
{
    apic_write_icr(0, APIC_ICR_OTHERS | APIC_ICR_ASSERT | APIC_ICR_NMI);
}

void apic_send_init(uint32_t dest)
{
    apic_write_icr(dest, APIC_ICR_ASSERT | APIC_ICR_INIT);
}

void apic_send_startup(uint32_t dest, paddr_t page)
{
    apic_write_icr(dest, APIC_ICR_ASSERT | APIC_ICR_STARTUP | (uint32_t)(page >> PAGE_SHIFT));
}
