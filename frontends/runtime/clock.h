/* SPDX-License-Identifier: MIT */
/* Time since boot, from the vCPU's time information (<xen/xen.h>, struct vcpu_time_info). */
#ifndef RUNTIME_CLOCK_H
#define RUNTIME_CLOCK_H

#include <stdint.h>

#include <xen/xen.h>

/* Nanoseconds since the machine started, by the time information of the vCPU that calls. */
uint64_t clock_read(const volatile struct vcpu_time_info *info);

/* The same on vCPU 0. */
uint64_t clock_now(void);

/* Seconds and nanoseconds since 1970. */
void clock_wall(uint64_t *seconds, uint32_t *nanoseconds);

/* The time stamp counter, after all earlier instructions. */
static inline uint64_t clock_tsc(void)
{
    uint32_t low, high;

    asm volatile("lfence\n rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

#endif
