/* SPDX-License-Identifier: MIT */
/* Ending the machine. */
#ifndef CORBEL_ARCH_POWER_H
#define CORBEL_ARCH_POWER_H

#include "compiler.h"
#include "types.h"

void machine_restart(void) noreturn; /* ACPI reset register, keyboard controller, triple fault */
void machine_power_off(void);        /* ACPI S5 where dom0 told us how; returns when it cannot */
void machine_halt(void) noreturn;

/*
 * What the control domain, which can read the DSDT's \_S5, wants written to the PM1 control
 * registers to power off (XENPF_enter_acpi_sleep). Kept for machine_power_off. -EPERM when firmware
 * names no PM1 register.
 */
int power_set_soft_off(uint16_t pm1a_value, uint16_t pm1b_value);

#endif
