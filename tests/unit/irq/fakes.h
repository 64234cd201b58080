/* SPDX-License-Identifier: MIT */
/* A machine of one I/O APIC and a few PCI functions, for the interrupt rooms under test. */
#ifndef TESTS_UNIT_IRQ_FAKES_H
#define TESTS_UNIT_IRQ_FAKES_H

#include "arch/pci.h"
#include "domain.h"
#include "irq.h"

#define FAKE_GSIS 24

/* I/O APIC pins as last programmed. */
struct fake_pin {
    uint8_t vector;
    bool level, low, masked;
    uint32_t apic_id;
};
extern struct fake_pin fake_pin[FAKE_GSIS];
/* Configuration space of bus 0, device 3, function 0 (bdf 0x18); others are not there. */
#define FAKE_BDF 0x18
extern uint8_t fake_config[256];
/* Its MSI-X table, at the machine address its BAR says. */
#define FAKE_TABLE_AT 0xfe001000ul
#define FAKE_ENTRIES  4
extern uint32_t fake_table[FAKE_ENTRIES * 4];
/* Events made pending, by port; and local EOIs. */
extern unsigned int fake_pending[64], fake_eois;

/* Everything as after power-on: MSI at 0x50 (64-bit, maskable), MSI-X at 0x70. */
void fake_reset(void);
struct domain *fake_domain(domid_t id, bool is_control);
void fake_domain_free(struct domain *d);

#endif
