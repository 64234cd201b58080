/* SPDX-License-Identifier: MIT */
/* I/O APICs: redirection entries by GSI. Callers hold the interrupt lock (irq.c) or run before it
 * matters. */
#include "arch/acpi.h"
#include "arch/apic.h"
#include "arch/cpu.h"
#include "console.h"

#define IOAPIC_SELECT 0x00 /* offsets in the window */
#define IOAPIC_DATA   0x10

#define IOAPIC_REG_ID      0x00
#define IOAPIC_REG_VERSION 0x01
#define IOAPIC_REG_ARB     0x02
#define IOAPIC_REG_RTE     0x10 /* two registers each */

#define RTE_ACTIVE_LOW (1u << 13)
#define RTE_LEVEL      (1u << 15)
#define RTE_MASKED     (1u << 16)
#define RTE_DEST_SHIFT 24 /* in the high word */

struct ioapic {
    volatile uint8_t *regs;
    paddr_t base;
    unsigned int gsi_base, n_pins;
};

static struct ioapic ioapics[ACPI_MAX_IOAPICS];
static unsigned int n_ioapics;

static uint32_t ioapic_read(const struct ioapic *io, uint32_t reg)
{
    *(volatile uint32_t *)(io->regs + IOAPIC_SELECT) = reg;
    return *(volatile uint32_t *)(io->regs + IOAPIC_DATA);
}

static void ioapic_write(const struct ioapic *io, uint32_t reg, uint32_t value)
{
    *(volatile uint32_t *)(io->regs + IOAPIC_SELECT) = reg;
    *(volatile uint32_t *)(io->regs + IOAPIC_DATA) = value;
}

static const struct ioapic *ioapic_of_gsi(unsigned int gsi)
{
    for (unsigned int i = 0; i < n_ioapics; i++)
        if (gsi >= ioapics[i].gsi_base && gsi - ioapics[i].gsi_base < ioapics[i].n_pins)
            return &ioapics[i];
    return NULL;
}

static uint32_t rte_register(const struct ioapic *io, unsigned int gsi)
{
    return IOAPIC_REG_RTE + 2 * (gsi - io->gsi_base);
}

void ioapic_init(void)
{
    for (unsigned int i = 0; i < acpi.n_ioapics; i++) {
        struct ioapic *io = &ioapics[n_ioapics];

        io->base = acpi.ioapic[i].base;
        io->gsi_base = acpi.ioapic[i].gsi_base;
        io->regs = ioremap(io->base, PAGE_SIZE);
        if (!io->regs) {
            printk(LOG_ERR, "IOAPIC: cannot map %#lx, its interrupts will not work\n", io->base);
            continue;
        }
        io->n_pins = ((ioapic_read(io, IOAPIC_REG_VERSION) >> 16) & 0xff) + 1;
        n_ioapics++;
        for (unsigned int pin = 0; pin < io->n_pins; pin++)
            ioapic_route(io->gsi_base + pin, 0, false, false, true);
        printk(LOG_INFO, "IOAPIC: %#lx, GSIs %u-%u\n", io->base, io->gsi_base,
               io->gsi_base + io->n_pins - 1);
    }
    if (n_ioapics == 0)
        printk(LOG_ERR, "IOAPIC: none found by ACPI; only MSI interrupts will work\n");
}

unsigned int ioapic_gsi_limit(void)
{
    unsigned int limit = 0;

    for (unsigned int i = 0; i < n_ioapics; i++)
        limit = MAX(limit, ioapics[i].gsi_base + ioapics[i].n_pins);
    return limit;
}

bool ioapic_has_gsi(unsigned int gsi)
{
    return ioapic_of_gsi(gsi) != NULL;
}

void ioapic_route(unsigned int gsi, uint8_t vector, bool level, bool active_low, bool masked)
{
    const struct ioapic *io = ioapic_of_gsi(gsi);
    uint32_t reg = rte_register(io, gsi);

    ioapic_write(io, reg, RTE_MASKED); /* no interrupt may see half of the new entry */
    ioapic_write(io, reg + 1, apic_id() << RTE_DEST_SHIFT);
    ioapic_write(io, reg,
                 (uint32_t)vector | (active_low ? RTE_ACTIVE_LOW : 0) | (level ? RTE_LEVEL : 0) |
                     (masked ? RTE_MASKED : 0));
}

void ioapic_set_destination(unsigned int gsi, uint32_t apic_id)
{
    const struct ioapic *io = ioapic_of_gsi(gsi);

    /* One register: an edge would be lost while the pin is masked. */
    ioapic_write(io, rte_register(io, gsi) + 1, apic_id << RTE_DEST_SHIFT);
}

void ioapic_set_mask(unsigned int gsi, bool masked)
{
    const struct ioapic *io = ioapic_of_gsi(gsi);
    uint32_t reg = rte_register(io, gsi);
    uint32_t low = ioapic_read(io, reg) & ~RTE_MASKED;

    ioapic_write(io, reg, low | (masked ? RTE_MASKED : 0));
}

static const struct ioapic *ioapic_at(paddr_t base)
{
    for (unsigned int i = 0; i < n_ioapics; i++)
        if (ioapics[i].base == base)
            return &ioapics[i];
    return NULL;
}

int ioapic_read_register(paddr_t base, uint32_t reg, uint32_t *value)
{
    const struct ioapic *io = ioapic_at(base);

    if (!io || (reg > IOAPIC_REG_ARB && ioapic_register_gsi(base, reg) < 0))
        return -EINVAL;
    *value = ioapic_read(io, reg);
    return 0;
}

int ioapic_register_gsi(paddr_t base, uint32_t reg)
{
    const struct ioapic *io = ioapic_at(base);

    if (!io || reg < IOAPIC_REG_RTE || reg >= IOAPIC_REG_RTE + 2 * io->n_pins)
        return -EINVAL;
    return (int)(io->gsi_base + (reg - IOAPIC_REG_RTE) / 2);
}
