/* SPDX-License-Identifier: MIT */
/* Restart, power off, halt. */
#include "arch/acpi.h"
#include "arch/cpu.h"
#include "arch/pci.h"
#include "arch/power.h"
#include "arch/smp.h"
#include "console.h"
#include "errno.h"

#define PM1_SLEEP_ENABLE 0x2000u /* ACPI 6.4, table 4.16 */

#define GAS_MEMORY 0
#define GAS_IO     1
#define GAS_PCI    2

#define RESET_CONTROL      0xcf9 /* of PC chipsets */
#define RESET_CONTROL_FULL 0x0e
#define DELAY_PORT         0x80
#define KBC_COMMAND        0x64
#define KBC_BUSY           0x02
#define KBC_PULSE_RESET    0xfe

static uint16_t soft_off_a, soft_off_b;
static bool soft_off_known;

int power_set_soft_off(uint16_t pm1a_value, uint16_t pm1b_value)
{
    if (!acpi.pm1a_cnt)
        return -EPERM;
    soft_off_a = pm1a_value | PM1_SLEEP_ENABLE;
    soft_off_b = pm1b_value | PM1_SLEEP_ENABLE;
    soft_off_known = true;
    return 0;
}

/* By reads of an unused port, about a microsecond each: works before there is a clock. */
static void wait_ms(unsigned int ms)
{
    for (unsigned int i = 0; i < ms * 1000; i++)
        cpu_inb(DELAY_PORT);
}

void machine_power_off(void)
{
    if (!soft_off_known) {
        printk(LOG_WARN, "Power: the control domain has not said how to power off\n");
        return;
    }
    printk(LOG_INFO, "Power: off\n");
    /* ACPI 6.4, section 7.4.2: SLP_TYP first, then the same with SLP_EN. */
    cpu_outw((uint16_t)acpi.pm1a_cnt, (uint16_t)(soft_off_a & ~PM1_SLEEP_ENABLE));
    if (acpi.pm1b_cnt)
        cpu_outw((uint16_t)acpi.pm1b_cnt, (uint16_t)(soft_off_b & ~PM1_SLEEP_ENABLE));
    cpu_outw((uint16_t)acpi.pm1a_cnt, soft_off_a);
    if (acpi.pm1b_cnt)
        cpu_outw((uint16_t)acpi.pm1b_cnt, soft_off_b);
    wait_ms(1000);
    printk(LOG_WARN, "Power: the machine is still on after S5 was asked for\n");
}

/* ACPI 6.4, section 4.8.3.6: a byte written to the reset register. */
static void reset_by_acpi(void)
{
    if (!acpi.reset.valid)
        return;
    if (acpi.reset.space == GAS_IO && acpi.reset.addr <= 0xffff) {
        cpu_outb((uint16_t)acpi.reset.addr, acpi.reset.value);
    } else if (acpi.reset.space == GAS_MEMORY) {
        volatile uint8_t *reg = ioremap(acpi.reset.addr, 1);

        if (reg)
            *reg = acpi.reset.value;
    } else if (acpi.reset.space == GAS_PCI) {
        /* A function of bus 0: device in bits 32-47, function in 16-31, register in 0-15. */
        uint16_t bdf =
            (uint16_t)((acpi.reset.addr >> 32 & 0x1f) << 3 | (acpi.reset.addr >> 16 & 7));

        pci_write(bdf, acpi.reset.addr & 0xff, 1, acpi.reset.value);
    }
}

static void reset_by_keyboard(void)
{
    for (unsigned int i = 0; i < 100000 && (cpu_inb(KBC_COMMAND) & KBC_BUSY); i++)
        cpu_relax();
    cpu_outb(KBC_COMMAND, KBC_PULSE_RESET);
}

void machine_restart(void)
{
    printk(LOG_INFO, "Power: restart\n");
    smp_stop_others();
    reset_by_acpi();
    wait_ms(50);
    cpu_outb(RESET_CONTROL, RESET_CONTROL_FULL);
    wait_ms(50);
    reset_by_keyboard();
    wait_ms(50);
    /* An exception without an interrupt table is a triple fault, which resets the CPU. */
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) no_idt = {0, 0};

    __asm__ volatile("lidt %0; int3" ::"m"(no_idt));
    machine_halt();
}

void machine_halt(void)
{
    for (;;)
        __asm__ volatile("cli; hlt");
}
