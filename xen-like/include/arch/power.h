/* SPDX-License-Identifier: MIT */
/* Ending the machine. */
#ifndef CORBEL_ARCH_POWER_H
#define CORBEL_ARCH_POWER_H

#include "compiler.h"
#include "types.h"

void machine_restart(void) noreturn; /* ACPI reset register, keyboard controller, triple fault */
void machine_power_off(void);        /* ACPI S5 where dom0 told us how; returns when it cannot */
void machine_halt(void) noreturn;

#endif
