/* SPDX-License-Identifier: MIT */
/* Sleeping of a micro-guest's first vCPU, so that its CPU is idle. */
#ifndef GUESTS_SLEEP_H
#define GUESTS_SLEEP_H

#include <stdbool.h>
#include <stdint.h>

/* Once, before sleep_for: no periodic timer, events masked. False: the timer's VIRQ is refused. */
bool sleep_prepare(void);

/* Gives the VIRQ back: the hypervisor's answer. */
long sleep_end(void);

/* Blocks for so many nanoseconds, or until another event comes. */
void sleep_for(uint64_t ns);

#endif
