/* SPDX-License-Identifier: MIT */
/* TSC-based system time, parameters for guests' pvclock, the LAPIC one-shot timer. */
#ifndef CORBEL_ARCH_TIME_H
#define CORBEL_ARCH_TIME_H

#include "types.h"

struct time_scale { uint32_t mul_frac; int32_t shift; uint64_t tsc_base; }; /* ns = ((tsc-base) << shift) * mul_frac >> 32 */
extern struct time_scale time_scale;
extern uint32_t tsc_khz;
void time_init(void);             /* calibrates TSC and LAPIC timer, reads the RTC */
/* LAPIC timer interrupt; raises SOFTIRQ_TIMER. */
void time_interrupt(void);

#endif
