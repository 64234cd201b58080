/* SPDX-License-Identifier: MIT */
/* Interrupts: vectors, who handles them, and physical IRQs bound to a domain (pirqs). */
#ifndef CORBEL_IRQ_H
#define CORBEL_IRQ_H

#include "domain.h"

/* Fixed vectors of the hypervisor; 0x30..0xdf are handed out to devices. */
#define VECTOR_FIRST_DEVICE 0x30
#define VECTOR_LAST_DEVICE  0xdf
#define VECTOR_TIMER        0xf0
#define VECTOR_SERIAL       0xf1
#define VECTOR_NOTIFY       0xfa /* from another CPU: look at softirqs and events */
#define VECTOR_REQUEST      0xfb /* from another CPU: cpu_serve_requests */
#define VECTOR_ERROR        0xfe
#define VECTOR_SPURIOUS     0xff

/* Called by the trap room for every vector >= 0x20, interrupts off; acknowledges the LAPIC. */
void irq_dispatch(unsigned int vector);
void irq_init(void); /* mask the PICs, set up LAPIC and IOAPICs found by ACPI */
void irq_dump(void); /* console key */
/* What is delivered to `cpu`, which goes off line, goes to the first CPU from now on. */
void irq_leave_cpu(unsigned int cpu);
/* A handler of the hypervisor's own for an ISA IRQ (the serial line). */
int irq_request_isa(unsigned int isa_irq, unsigned int vector, void (*fn)(void *), void *data);

/* --- for event/: the domain's physical IRQs --- */
int pirq_bind(struct domain *d, unsigned int pirq, evtchn_port_t port, bool shareable);
void pirq_unbind(struct domain *d, unsigned int pirq);
/* The guest finished with `pirq` (PHYSDEVOP_eoi). -EINVAL outside the domain's numbers. */
int pirq_eoi(struct domain *d, unsigned int pirq);

/* --- for hypercall/physdev.c --- */
struct physdev_map_pirq;
/*
 * Maps a GSI or a PCI function's message as a pirq of `d`; map->pirq < 0 asks for a free number,
 * which it then is. -EINVAL, -ENODEV, -EEXIST, -EBUSY, -ENOSPC, -ENOMEM, -ENXIO; -EOPNOTSUPP:
 * several messages at once.
 */
int pirq_map(struct domain *d, struct physdev_map_pirq *map);
int pirq_unmap(struct domain *d, int pirq);
/* Promises a number to a later pirq_map; -ENOSPC. */
int pirq_reserve(struct domain *d, bool for_gsi);
evtchn_port_t pirq_port(struct domain *d, unsigned int pirq); /* 0 = not bound */
bool pirq_is_shared(struct domain *d, unsigned int pirq);
/* Trigger and polarity of a line. -EEXIST when that was said before, or it is in use; -EINVAL: no
 * such line. */
int pirq_setup_gsi(unsigned int gsi, bool level, bool active_low);
/* ioapic_read_register() under the interrupt lock. */
int pirq_read_ioapic(paddr_t base, uint32_t reg, uint32_t *value);
/* A page of the guest's in which bit `pirq` says whether it owes PHYSDEVOP_eoi. -EINVAL, -EBUSY
 * (has one). */
int pirq_register_eoi_map(struct domain *d, gfn_t gfn, bool auto_unmask);
/* A PCI function (bus << 8 | devfn) and all its messages. -ENODEV when there is none; -EBUSY:
 * messages in use. */
int pirq_add_device(uint16_t bdf, bool is_virtual);
int pirq_remove_device(uint16_t bdf);
int pirq_restore_device(uint16_t bdf);
int pirq_prepare_msix(uint16_t bdf);
int pirq_release_msix(uint16_t bdf);

#endif
