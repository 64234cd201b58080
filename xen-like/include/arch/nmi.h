/* SPDX-License-Identifier: MIT */
/* What the machine says of itself beside interrupts: NMIs, machine checks, CPUs that hang. */
#ifndef CORBEL_ARCH_NMI_H
#define CORBEL_ARCH_NMI_H

#include "types.h"

struct regs;

/* From the NMI gate: notes it, for nmi_report. */
void nmi_handle(struct regs *regs);
/* What the handlers left to do once nothing is held. */
void machine_softirq(void);

/* Lets machine checks be reported on this CPU; the first CPU also starts looking for corrected
 * errors (mce_start_polling). */
void mce_init_cpu(void);
void mce_start_polling(void);
/* From the machine-check gate: notes errors that were corrected or can be lived with, ends the
 * guest that met one that cannot, or the machine when it is the machine that did. */
void mce_handle(struct regs *regs, bool from_guest);
/* Prints what was noted. */
void mce_report(void);

/*
 * The command line's `watchdog`: each CPU's timer counts, and each CPU looks whether its
 * neighbour's does; one that stands still for 5 s gets an NMI and shows where it is.
 */
void watchdog_init(void);
/* From the softirq: starts this CPU's timer, once. */
void watchdog_start(void);
/* This CPU waits for another, perhaps with interrupts off; called over and over while it does. */
void watchdog_waits(void);
/* This CPU goes off line. */
void watchdog_stop(void);
/* In the NMI handler: does not return when the NMI was for this. */
void watchdog_nmi(struct regs *regs);

#endif
