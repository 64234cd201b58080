/* SPDX-License-Identifier: MIT */
/* PCI configuration cycles by mechanism 1 (PCI Local Bus 3.0, section 3.2.2.3.2). */
#include "arch/cpu.h"
#include "arch/pci.h"
#include "spinlock.h"

#define PCI_ADDRESS 0xcf8
#define PCI_DATA    0xcfc
#define PCI_ENABLE  0x80000000u

static struct spinlock pci_lock = SPINLOCK_INIT(RANK_PCI);

static uint16_t select_register(uint16_t bdf, unsigned int reg)
{
    cpu_outl(PCI_ADDRESS, PCI_ENABLE | (uint32_t)bdf << 8 | (reg & 0xfc));
    return (uint16_t)(PCI_DATA + (reg & 3));
}

uint32_t pci_read(uint16_t bdf, unsigned int reg, unsigned int size)
{
    spin_lock(&pci_lock);
    uint16_t port = select_register(bdf, reg);
    uint32_t value = size == 1 ? cpu_inb(port) : size == 2 ? cpu_inw(port) : cpu_inl(port);

    spin_unlock(&pci_lock);
    return value;
}

void pci_write(uint16_t bdf, unsigned int reg, unsigned int size, uint32_t value)
{
    spin_lock(&pci_lock);
    uint16_t port = select_register(bdf, reg);

    if (size == 1)
        cpu_outb(port, (uint8_t)value);
    else if (size == 2)
        cpu_outw(port, (uint16_t)value);
    else
        cpu_outl(port, value);
    spin_unlock(&pci_lock);
}
