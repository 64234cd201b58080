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
#define VECTOR_ERROR        0xfe
#define VECTOR_SPURIOUS     0xff

/* Called by the trap room for every vector >= 0x20, interrupts off; acknowledges the LAPIC. */
void irq_dispatch(unsigned int vector);
void irq_init(void);              /* mask the PICs, set up LAPIC and IOAPICs found by ACPI */
void irq_dump(void);              /* console key */
/* A handler of the hypervisor's own for an ISA IRQ (the serial line). */
int irq_request_isa(unsigned int isa_irq, unsigned int vector, void (*fn)(void *), void *data);

/* --- for event/: the domain's physical IRQs --- */
int pirq_bind(struct domain *d, unsigned int pirq, evtchn_port_t port, bool shareable);
void pirq_unbind(struct domain *d, unsigned int pirq);
/* The guest finished with `pirq` (PHYSDEVOP_eoi, or evtchn unmask of a level pirq). */
int pirq_eoi(struct domain *d, unsigned int pirq);

/* --- for hypercall/physdev.c --- */
struct physdev_map_pirq;
int pirq_map(struct domain *d, struct physdev_map_pirq *map);
int pirq_unmap(struct domain *d, int pirq);

#endif
