/* SPDX-License-Identifier: MIT */
/*
 * PCI functions: configuration space through ports 0xcf8/0xcfc (segment 0, registers 0..255), which
 * functions exist, and their message-signalled interrupts. A function is named by bus << 8 | device
 * << 3 | function ("bdf").
 */
#ifndef CORBEL_ARCH_PCI_H
#define CORBEL_ARCH_PCI_H

#include "types.h"
#include "errno.h"

struct irq_desc;

/* Configuration cycles of 1, 2 or 4 bytes, aligned to their size. A function that is not there
 * reads as ones. */
uint32_t pci_read(uint16_t bdf, unsigned int reg, unsigned int size);
void pci_write(uint16_t bdf, unsigned int reg, unsigned int size, uint32_t value);

/*
 * The control domain's cycles: `address` is what it wrote to port 0xcf8, `byte` the offset (0..3)
 * in port 0xcfc. Writes cannot change what the hypervisor put in a function's MSI capability, nor
 * enable MSI on a function none of whose interrupts it has mapped.
 */
uint32_t pci_guest_read(uint32_t address, unsigned int byte, unsigned int size);
void pci_guest_write(uint32_t address, unsigned int byte, unsigned int size, uint32_t value);

#define PCI_COMMAND        0x04
#define PCI_COMMAND_MEMORY 0x0002
#define PCI_BAR0           0x10
#define PCI_CAP_MSI        0x05
#define PCI_CAP_MSIX       0x11

/* What the hypervisor knows of one function. Guarded by the interrupt lock. */
struct pci_device {
    uint16_t bdf;
    uint8_t msi_cap, msix_cap;    /* offsets of the capabilities, 0 = none */
    uint8_t msi_size;             /* bytes of the MSI capability */
    bool is_virtual;              /* an SR-IOV virtual function: its BARs are elsewhere */
    struct irq_desc *msi;         /* its one MSI, or NULL */
    unsigned int n_msix;          /* MSI-X entries in use */
    unsigned int msix_entries;    /* size of the table */
    paddr_t msix_base;            /* where the table was mapped */
    volatile uint8_t *msix_table; /* NULL = not mapped */
};

/* The offset of capability `id`, 0 when the function has none. Bounded whatever the list holds. */
unsigned int pci_find_capability(uint16_t bdf, uint8_t id);
/* The function's record, made when hardware answers for it; NULL otherwise. */
struct pci_device *pci_device_find(uint16_t bdf);
/* Makes the record at the control domain's word. -ENOMEM. A function known already is looked at
 * again: 0. */
int pci_device_add(uint16_t bdf, bool is_virtual);
/* Forgets the function; its interrupts must be gone. -ENODEV when it is not known. */
int pci_device_remove(uint16_t bdf);

/* --- MSI and MSI-X (arch/x86/msi.c; PCI Local Bus 3.0, section 6.8) --- */
/*
 * Programs the message of `desc` (vector, device and entry set) into its function and leaves it
 * masked where it can be. -ENODEV: no such capability. -EEXIST: already in use. -EINVAL: no such
 * entry. -ENXIO: table unreachable. -ENOMEM: no room to map it.
 */
int msi_enable(struct irq_desc *desc);
/* Takes the message away again. */
void msi_disable(struct irq_desc *desc);
void msi_set_mask(struct irq_desc *desc, bool masked);
/* Writes the message again after the function lost it (suspend, reset). */
/* The message goes to desc->cpu from now on; none is lost. */
void msi_move(struct irq_desc *desc);
void msi_restore(struct irq_desc *desc, bool masked);
/* Maps the function's MSI-X table. Errors as msi_enable. */
int msix_map_table(struct pci_device *dev);

#endif
