/* SPDX-License-Identifier: MIT */
/* Static ACPI tables: found, checksummed, the parts the hypervisor needs. */
#ifndef CORBEL_ARCH_ACPI_H
#define CORBEL_ARCH_ACPI_H

#include "types.h"

#define ACPI_MAX_IOAPICS 16
#define ACPI_MAX_CPUS    128
struct acpi_info {
    paddr_t rsdp;
    paddr_t lapic_base;
    unsigned int n_cpus;
    struct {
        uint32_t apic_id;
        uint32_t acpi_id;
        bool enabled;
    } cpu[ACPI_MAX_CPUS];
    unsigned int n_ioapics;
    struct {
        uint32_t id;
        paddr_t base;
        uint32_t gsi_base;
    } ioapic[ACPI_MAX_IOAPICS];
    struct {
        uint32_t gsi;
        bool level, low;
    } isa[16]; /* interrupt source overrides applied */
    uint32_t pm1a_cnt, pm1b_cnt, pm_timer_port, sci_gsi;
    struct {
        uint8_t space, width;
        paddr_t addr;
        uint8_t value;
        bool valid;
    } reset;
    struct {
        paddr_t base;
        uint16_t segment;
        uint8_t bus_start, bus_end;
    } mcfg[4];
    unsigned int n_mcfg;
};
extern struct acpi_info acpi;
/* Fills `acpi` from the RSDP (0 = search the BIOS area); missing tables leave defaults. */
void acpi_init(paddr_t rsdp_hint);
/* Firmware's own number of a CPU, by its APIC's; 0 when it has none. */
uint32_t acpi_id_of(uint32_t apic_id);

#endif
