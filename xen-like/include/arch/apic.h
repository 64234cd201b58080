/* SPDX-License-Identifier: MIT */
/* The local APIC of this CPU and the machine's I/O APICs. */
#ifndef CORBEL_ARCH_APIC_H
#define CORBEL_ARCH_APIC_H

#include "types.h"
#include "errno.h"

/* --- local APIC (arch/x86/apic.c; Intel SDM volume 3, chapter "Advanced PIC") --- */
/* Maps the registers (acpi.lapic_base), masks both 8259s and turns this CPU's APIC on. Panics
 * without one. */
void apic_init(void);
/* Turns on the APIC of a CPU started later, in the mode apic_init chose. */
void apic_init_cpu(void);
uint32_t apic_id(void); /* of this CPU */
/* To the CPU with APIC id `dest`: an interrupt; INIT; start at real-mode `page`, below 1 MiB. */
void apic_send_ipi(uint32_t dest, unsigned int vector);
void apic_send_init(uint32_t dest);
void apic_send_startup(uint32_t dest, paddr_t page);
void apic_send_nmi(uint32_t dest);
/* An NMI to every other CPU. */
void apic_send_nmi_others(void);
void apic_eoi(void);
uint32_t apic_take_errors(void); /* error status register, cleared by reading */
/*
 * One-shot timer on VECTOR_TIMER. Count mode: fires after `ticks` (0 stops it). Deadline mode: when
 * the TSC reaches `tsc` (0 stops it); only where apic_timer_has_deadline().
 */
bool apic_timer_has_deadline(void);
void apic_timer_use_deadline(bool yes);
void apic_timer_set_count(uint32_t ticks);
void apic_timer_set_deadline(uint64_t tsc);
uint32_t apic_timer_count(void); /* ticks left */

/* --- I/O APICs (arch/x86/ioapic.c; Intel 82093AA data sheet) --- */
/* Maps every I/O APIC in `acpi` and masks all pins. */
void ioapic_init(void);
unsigned int ioapic_gsi_limit(void); /* GSIs are below this */
bool ioapic_has_gsi(unsigned int gsi);
/* Programs the pin of `gsi`: fixed delivery of `vector` to this CPU. Pin must exist. */
void ioapic_route(unsigned int gsi, uint8_t vector, bool level, bool active_low, bool masked);
/* Sends what the pin delivers to another CPU, by APIC id; nothing is lost meanwhile. */
void ioapic_set_destination(unsigned int gsi, uint32_t apic_id);
void ioapic_set_mask(unsigned int gsi, bool masked);
/*
 * Register `reg` of the I/O APIC at `base`, for a control domain that looks (PHYSDEVOP_apic_read).
 * -EINVAL when there is none or the register does not exist. Caller holds the interrupt lock: a
 * register is read in two steps.
 */
int ioapic_read_register(paddr_t base, uint32_t reg, uint32_t *value);
/* The GSI whose redirection entry is register `reg` of the I/O APIC at `base`; -EINVAL when it is
 * none. */
int ioapic_register_gsi(paddr_t base, uint32_t reg);

#endif
