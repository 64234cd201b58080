/* SPDX-License-Identifier: MIT */
/* MSI and MSI-X: where a function is to write which message. */
#include "arch/apic.h"
#include "arch/cpu.h"
#include "arch/pci.h"
#include "arch/smp.h"
#include "irq_desc.h"

/* MSI capability: offsets from its start, by whether addresses have 64 bits. */
#define MSI_CONTROL          2
#define MSI_ADDRESS_LOW      4
#define MSI_ADDRESS_HIGH     8
#define MSI_DATA(is_64)      ((is_64) ? 12u : 8u)
#define MSI_MASK(is_64)      ((is_64) ? 16u : 12u)
#define MSI_CONTROL_ENABLE   0x0001
#define MSI_CONTROL_MULTIPLE 0x0070
#define MSI_CONTROL_64BIT    0x0080
#define MSI_CONTROL_MASKABLE 0x0100

#define MSIX_CONTROL        2
#define MSIX_TABLE          4
#define MSIX_CONTROL_SIZE   0x07ff
#define MSIX_CONTROL_ENABLE 0x8000
#define MSIX_TABLE_BIR      0x7
#define MSIX_ENTRY_SIZE     16
#define MSIX_ENTRY_MASKED   1u

#define BAR_IO      0x1
#define BAR_TYPE    0x6
#define BAR_TYPE_64 0x4
#define BAR_FLAGS   0xf
#define BAR_LAST    5

/* Message address and data of the local APIC: fixed delivery, edge, to one CPU (Intel SDM 3,
 * "Message Signalled Interrupts"). */
#define MSI_APIC_ADDRESS    0xfee00000u
#define MSI_APIC_DEST_SHIFT 12

static uint32_t msi_address(const struct irq_desc *desc)
{
    return MSI_APIC_ADDRESS | smp_apic_id(desc->cpu) << MSI_APIC_DEST_SHIFT;
}

static void msi_write_message(const struct irq_desc *desc)
{
    uint16_t bdf = desc->device->bdf;
    unsigned int cap = desc->device->msi_cap;
    bool is_64 = pci_read(bdf, cap + MSI_CONTROL, 2) & MSI_CONTROL_64BIT;

    pci_write(bdf, cap + MSI_ADDRESS_LOW, 4, msi_address(desc));
    if (is_64)
        pci_write(bdf, cap + MSI_ADDRESS_HIGH, 4, 0);
    pci_write(bdf, cap + MSI_DATA(is_64), 2, desc->vector);
}

static void msi_mask_message(const struct irq_desc *desc, bool masked)
{
    uint16_t bdf = desc->device->bdf;
    unsigned int cap = desc->device->msi_cap;
    uint32_t control = pci_read(bdf, cap + MSI_CONTROL, 2);

    if (control & MSI_CONTROL_MASKABLE)
        pci_write(bdf, cap + MSI_MASK(control & MSI_CONTROL_64BIT), 4, masked);
}

static void msi_switch(const struct pci_device *dev, bool on)
{
    uint32_t control = pci_read(dev->bdf, dev->msi_cap + MSI_CONTROL, 2);

    control &= ~(uint32_t)(MSI_CONTROL_MULTIPLE | MSI_CONTROL_ENABLE);
    pci_write(dev->bdf, dev->msi_cap + MSI_CONTROL, 2, control | (on ? MSI_CONTROL_ENABLE : 0));
}

/* The address BAR `n` decodes, or 0. */
static paddr_t bar_address(uint16_t bdf, unsigned int n)
{
    uint32_t low = pci_read(bdf, PCI_BAR0 + 4 * n, 4);
    paddr_t high = 0;

    if ((low & BAR_IO) || n > BAR_LAST)
        return 0;
    if ((low & BAR_TYPE) == BAR_TYPE_64)
        high = n < BAR_LAST ? pci_read(bdf, PCI_BAR0 + 4 * n + 4, 4) : 0;
    return (low & ~(uint32_t)BAR_FLAGS) | high << 32;
}

/* The control domain programs BARs: one that lies over RAM must not make us write there. */
static bool range_is_mmio(paddr_t base, size_t len)
{
    for (uint64_t frame = base >> PAGE_SHIFT; frame <= (base + len - 1) >> PAGE_SHIFT; frame++)
        if (mfn_valid(MFN(frame)))
            return false;
    return base + len > base;
}

int msix_map_table(struct pci_device *dev)
{
    if (!dev->msix_cap)
        return -ENODEV;
    if (dev->is_virtual || !(pci_read(dev->bdf, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY))
        return -ENXIO;
    uint32_t where = pci_read(dev->bdf, dev->msix_cap + MSIX_TABLE, 4);
    paddr_t bar = bar_address(dev->bdf, where & MSIX_TABLE_BIR);
    paddr_t base = bar + (where & ~(uint32_t)MSIX_TABLE_BIR);
    unsigned int n = (pci_read(dev->bdf, dev->msix_cap + MSIX_CONTROL, 2) & MSIX_CONTROL_SIZE) + 1;

    if (dev->msix_table && dev->msix_base == base && dev->msix_entries == n)
        return 0;
    if (bar == 0 || !range_is_mmio(base, n * MSIX_ENTRY_SIZE))
        return -ENXIO;
    dev->msix_table = ioremap(base, n * MSIX_ENTRY_SIZE);
    dev->msix_base = base;
    dev->msix_entries = n;
    return dev->msix_table ? 0 : -ENOMEM;
}

static volatile uint32_t *msix_entry(const struct irq_desc *desc)
{
    return (volatile uint32_t *)(desc->device->msix_table + desc->entry * MSIX_ENTRY_SIZE);
}

static void msix_write_message(const struct irq_desc *desc)
{
    volatile uint32_t *entry = msix_entry(desc);

    entry[3] |= MSIX_ENTRY_MASKED; /* the message may only change while masked */
    entry[0] = msi_address(desc);
    entry[1] = 0;
    entry[2] = desc->vector;
}

/* The table does not answer while the function's memory is switched off. */
static bool msix_reachable(const struct pci_device *dev)
{
    return dev->msix_table && (pci_read(dev->bdf, PCI_COMMAND, 2) & PCI_COMMAND_MEMORY);
}

static int msi_enable_single(struct irq_desc *desc)
{
    struct pci_device *dev = desc->device;

    if (!dev->msi_cap)
        return -ENODEV;
    if (dev->msi || dev->n_msix)
        return -EEXIST;
    dev->msi = desc;
    msi_switch(dev, false);
    msi_write_message(desc);
    msi_mask_message(desc, true);
    msi_switch(dev, true);
    return 0;
}

static bool msix_entry_in_use(const struct irq_desc *desc)
{
    for (unsigned int v = VECTOR_FIRST_DEVICE; v <= VECTOR_LAST_DEVICE; v++) {
        const struct irq_desc *other = irq_of_vector(v);

        if (other && other != desc && other->kind == IRQ_MSIX && other->device == desc->device &&
            other->entry == desc->entry)
            return true;
    }
    return false;
}

static int msix_enable_entry(struct irq_desc *desc)
{
    struct pci_device *dev = desc->device;

    if (dev->msi || msix_entry_in_use(desc))
        return -EEXIST;
    int rc = msix_map_table(dev);

    if (rc)
        return rc;
    if (desc->entry >= dev->msix_entries)
        return -EINVAL;
    msix_write_message(desc);
    dev->n_msix++;
    return 0;
}

int msi_enable(struct irq_desc *desc)
{
    return desc->kind == IRQ_MSIX ? msix_enable_entry(desc) : msi_enable_single(desc);
}

void msi_disable(struct irq_desc *desc)
{
    struct pci_device *dev = desc->device;

    if (desc->kind == IRQ_MSI) {
        msi_switch(dev, false);
        dev->msi = NULL;
        return;
    }
    if (msix_reachable(dev))
        msix_entry(desc)[3] |= MSIX_ENTRY_MASKED;
    if (--dev->n_msix == 0) {
        uint32_t control = pci_read(dev->bdf, dev->msix_cap + MSIX_CONTROL, 2);

        pci_write(dev->bdf, dev->msix_cap + MSIX_CONTROL, 2,
                  control & ~(uint32_t)MSIX_CONTROL_ENABLE);
    }
}

void msi_set_mask(struct irq_desc *desc, bool masked)
{
    if (desc->kind == IRQ_MSI) {
        msi_mask_message(desc, masked);
    } else if (msix_reachable(desc->device)) {
        volatile uint32_t *entry = msix_entry(desc);

        entry[3] = (entry[3] & ~MSIX_ENTRY_MASKED) | masked;
        (void)entry[3]; /* reading back makes the write reach the function */
    }
}

void msi_restore(struct irq_desc *desc, bool masked)
{
    if (desc->kind == IRQ_MSI) {
        msi_switch(desc->device, false);
        msi_write_message(desc);
        msi_switch(desc->device, true);
    } else if (msix_reachable(desc->device)) {
        msix_write_message(desc);
    }
    msi_set_mask(desc, masked);
}

void msi_move(struct irq_desc *desc)
{
    if (desc->kind == IRQ_MSI) {
        /* One register of three: the message stays whole. */
        pci_write(desc->device->bdf, desc->device->msi_cap + MSI_ADDRESS_LOW, 4, msi_address(desc));
    } else if (msix_reachable(desc->device)) {
        bool was_masked = msix_entry(desc)[3] & MSIX_ENTRY_MASKED;

        msix_write_message(desc); /* masked, the function remembers what it has to say */
        msi_set_mask(desc, was_masked);
    }
}
