/* SPDX-License-Identifier: MIT */
/* TSC-based system time, parameters for guests' pvclock, the LAPIC one-shot timer. */
#ifndef CORBEL_ARCH_TIME_H
#define CORBEL_ARCH_TIME_H

#include "types.h"

struct time_scale {
    uint32_t mul_frac;
    int32_t shift;
    uint64_t tsc_base;
}; /* ns = ((tsc-base) << shift) * mul_frac >> 32 */
extern struct time_scale time_scale;
extern uint32_t tsc_khz;
void time_init(void); /* calibrates TSC and LAPIC timer, reads the RTC */
/* The timer of a CPU started later, in the mode time_init chose. */
void time_init_cpu(void);
/* LAPIC timer interrupt; raises SOFTIRQ_TIMER. */
void time_interrupt(void);

/*
 * The scale of a counter that runs at `hz` (1 kHz to 1 THz), tsc_base 0: the same two numbers a
 * guest finds in its vcpu_time_info. mul_frac has its top bit set: the scale is good to one part in
 * 2^29.
 */
struct time_scale time_scale_for(uint64_t hz);
/* Nanoseconds since tsc_base by the pvclock formula (<xen/xen.h>, struct vcpu_time_info). */
static inline uint64_t time_scale_apply(const struct time_scale *s, uint64_t tsc)
{
    uint64_t delta = tsc - s->tsc_base;

    delta = s->shift >= 0 ? delta << s->shift : delta >> -s->shift;
    return (uint64_t)(((unsigned __int128)delta * s->mul_frac) >> 32);
}

/*
 * Seconds since 1970 read from the CMOS clock, which is taken to keep UTC. Waits up to a second's
 * update to pass (2 ms); 0 when there is no believable clock.
 */
uint64_t rtc_read(void);
struct rtc_fields {
    uint8_t second, minute, hour, day, month, year, century, status_b;
};
/* The same from the raw registers; 0 when a field is out of range. */
uint64_t rtc_to_seconds(const struct rtc_fields *raw);

#endif
