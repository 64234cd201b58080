/* SPDX-License-Identifier: MIT */
/* PCI functions: capabilities, the records of those in use, and the control domain's configuration
 * writes. */
#include "arch/pci.h"
#include "irq_desc.h"

#define PCI_VENDOR      0x00
#define PCI_STATUS      0x06
#define PCI_STATUS_CAPS 0x0010
#define PCI_CAP_POINTER 0x34
#define PCI_CAP_FIRST   0x40
#define PCI_CAPS_MAX    48 /* that many of 4 bytes fit */

#define MSI_CONTROL_ENABLE   0x0001
#define MSI_CONTROL_MULTIPLE 0x0070
#define MSI_CONTROL_64BIT    0x0080
#define MSI_CONTROL_MASKABLE 0x0100
#define MSIX_CONTROL_MASKALL 0x4000

/* Records by bus, then device and function; a bus's table is made when it is first needed and kept.
 */
static struct pci_device **bus_table[256];

unsigned int pci_find_capability(uint16_t bdf, uint8_t id)
{
    if (!(pci_read(bdf, PCI_STATUS, 2) & PCI_STATUS_CAPS))
        return 0;
    unsigned int at = pci_read(bdf, PCI_CAP_POINTER, 1) & 0xfc;

    for (unsigned int i = 0; i < PCI_CAPS_MAX && at >= PCI_CAP_FIRST; i++) {
        if (pci_read(bdf, at, 1) == id)
            return at;
        at = pci_read(bdf, at + 1, 1) & 0xfc;
    }
    return 0;
}

static struct pci_device **device_slot(uint16_t bdf)
{
    struct pci_device ***bus = &bus_table[bdf >> 8];

    if (!*bus)
        *bus = mm_alloc(256 * sizeof(**bus));
    return *bus ? &(*bus)[bdf & 0xff] : NULL;
}

static void device_look(struct pci_device *dev)
{
    dev->msi_cap = (uint8_t)pci_find_capability(dev->bdf, PCI_CAP_MSI);
    dev->msix_cap = (uint8_t)pci_find_capability(dev->bdf, PCI_CAP_MSIX);
    if (dev->msi_cap) {
        uint32_t control = pci_read(dev->bdf, dev->msi_cap + 2u, 2);

        dev->msi_size = (uint8_t)(10 + (control & MSI_CONTROL_64BIT ? 4 : 0) +
                                  (control & MSI_CONTROL_MASKABLE ? 10 : 0));
    }
}

int pci_device_add(uint16_t bdf, bool is_virtual)
{
    struct pci_device **slot = device_slot(bdf);

    if (slot && !*slot)
        *slot = mm_alloc(sizeof(**slot));
    if (!slot || !*slot)
        return -ENOMEM;
    (*slot)->bdf = bdf;
    (*slot)->is_virtual = is_virtual;
    device_look(*slot);
    return 0;
}

struct pci_device *pci_device_find(uint16_t bdf)
{
    struct pci_device **slot = device_slot(bdf);

    if (slot && !*slot && pci_read(bdf, PCI_VENDOR, 2) != 0xffff)
        pci_device_add(bdf, false);
    return slot ? *slot : NULL;
}

int pci_device_remove(uint16_t bdf)
{
    struct pci_device **slot = device_slot(bdf);

    if (!slot || !*slot)
        return -ENODEV;
    mm_free(*slot);
    *slot = NULL;
    return 0;
}

static uint16_t bdf_of_address(uint32_t address)
{
    return (uint16_t)(address >> 8);
}

uint32_t pci_guest_read(uint32_t address, unsigned int byte, unsigned int size)
{
    return pci_read(bdf_of_address(address), (address & 0xfc) + byte, size);
}

static bool overlaps(unsigned int reg, unsigned int size, unsigned int from, unsigned int to)
{
    return reg < to && reg + size > from;
}

/* Forces bits of the 16-bit register at `at`, as far as a write of `size` bytes at `reg` covers
 * them. */
static void force_bits(unsigned int reg, unsigned int size, uint32_t *value, unsigned int at,
                       uint16_t clear, uint16_t set)
{
    if (!overlaps(reg, size, at, at + 2))
        return;
    if (at >= reg)
        *value = (*value & ~((uint32_t)clear << 8 * (at - reg))) | (uint32_t)set << 8 * (at - reg);
    else
        *value = (*value & ~((uint32_t)clear >> 8 * (reg - at))) | (uint32_t)set >> 8 * (reg - at);
}

/* What of a write the control domain may do; false = nothing. */
static bool filter_write(const struct pci_device *dev, unsigned int reg, unsigned int size,
                         uint32_t *value)
{
    if (dev->msi_cap) {
        /* One message a function, and its address, data and mask are the hypervisor's. */
        if (overlaps(reg, size, dev->msi_cap + 4u, dev->msi_cap + dev->msi_size))
            return false;
        force_bits(reg, size, value, dev->msi_cap + 2u,
                   MSI_CONTROL_MULTIPLE | (dev->msi ? 0 : MSI_CONTROL_ENABLE), 0);
    }
    if (dev->msix_cap && dev->n_msix == 0)
        force_bits(reg, size, value, dev->msix_cap + 2u, 0, MSIX_CONTROL_MASKALL);
    return true;
}

void pci_guest_write(uint32_t address, unsigned int byte, unsigned int size, uint32_t value)
{
    uint16_t bdf = bdf_of_address(address);
    unsigned int reg = (address & 0xfc) + byte;

    spin_lock(&irq_lock);
    struct pci_device **bus = bus_table[bdf >> 8];
    const struct pci_device *dev = bus ? bus[bdf & 0xff] : NULL;

    if (!dev || filter_write(dev, reg, size, &value))
        pci_write(bdf, reg, size, value);
    spin_unlock(&irq_lock);
}
