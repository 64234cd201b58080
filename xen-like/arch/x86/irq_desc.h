/* SPDX-License-Identifier: MIT */
/*
 * Interrupt sources and the domains they go to: shared by irq.c, pirq.c and msi.c.
 *
 * A source (struct irq_desc) is a pin of an I/O APIC, or one message of a PCI function. It has a
 * vector once it is used. It either has a handler of the hypervisor's own, or goes to guests: each
 * of them knows it by a number of its own (struct pirq) and hears of it through an event channel.
 *
 * A level-triggered pin is masked when it fires and unmasked when every guest that was told has
 * said it is done (PHYSDEVOP_eoi): a guest that does not is without this interrupt, and hurts
 * nobody else but those it shares the pin with. Edges and messages are acknowledged at once; more
 * of them than the guest takes melt into one pending event.
 *
 * irq_lock guards all of it, pci_device included.
 */
#ifndef CORBEL_X86_IRQ_DESC_H
#define CORBEL_X86_IRQ_DESC_H

#include "irq.h"

#define IRQ_MAX_GUESTS 8

struct pci_device;

enum irq_kind { IRQ_GSI, IRQ_MSI, IRQ_MSIX };

/* A domain's name for a source. */
struct pirq {
    struct domain *domain;
    struct irq_desc *desc; /* NULL = not mapped */
    evtchn_port_t port;    /* 0 = not bound; stays after an unmap until the port is closed */
    bool is_reserved;      /* promised by PHYSDEVOP_get_free_pirq */
    bool awaits_eoi;       /* told of a level interrupt, has not said it is done */
};

struct pirq_table {
    unsigned int n;
    struct pirq pirq[];
};

struct irq_desc {
    enum irq_kind kind;
    uint8_t vector;        /* 0 = none yet */
    bool is_level, is_low; /* GSI only */
    bool is_configured;    /* trigger and polarity were told by the control domain */
    unsigned int cpu;      /* where it is delivered */
    unsigned int gsi;
    struct pci_device *device; /* MSI, MSI-X */
    unsigned int entry;        /* MSI-X: entry of the table */
    void (*handler)(void *);   /* the hypervisor's own, or NULL */
    void *data;
    unsigned int n_guests;
    unsigned int n_in_flight; /* guests that owe an EOI */
    struct pirq *guest[IRQ_MAX_GUESTS];
    struct pirq *mapped; /* MSI, MSI-X: the one pirq it is mapped as */
    uint64_t count;
};

extern struct spinlock irq_lock;

/* --- vectors (vector.c) --- */
/* A free vector of the devices' range, or 0. */
uint8_t vector_alloc(void);
void vector_free(uint8_t vector);

/* --- sources (irq.c); all with irq_lock held --- */
unsigned int irq_gsi_limit(void); /* GSIs are below this */
/* The source of `gsi`, or NULL when there is no such pin. */
struct irq_desc *irq_of_gsi(unsigned int gsi);
/* A new message source with a vector and its message programmed; *out is freed by irq_free_msi.
 * Errors of msi_enable, -ENOSPC without a free vector. */
int irq_create_msi(struct pci_device *dev, enum irq_kind kind, unsigned int entry,
                   struct irq_desc **out);
void irq_free_msi(struct irq_desc *desc);
/* The source that fires `vector`, or NULL. */
struct irq_desc *irq_of_vector(unsigned int vector);
/* Adds a guest; the first one starts the source. -EBUSY, -ENOSPC. */
int irq_attach(struct irq_desc *desc, struct pirq *p, bool shareable);
void irq_detach(struct irq_desc *desc, struct pirq *p);
/* One guest is done with a level interrupt. */
void irq_guest_done(struct irq_desc *desc, struct pirq *p);
/* Whether a guest must say it is done with interrupts of this source. */
static inline bool irq_needs_eoi(const struct irq_desc *desc)
{
    return desc->kind == IRQ_GSI && desc->is_level;
}

#endif
