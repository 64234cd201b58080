/* SPDX-License-Identifier: MIT */
/* The paravirtual clock. */
#include "runtime/clock.h"
#include "runtime/start.h"

#define NS_PER_SECOND 1000000000UL

static uint64_t scale(uint64_t ticks, uint32_t multiplier, int8_t shift)
{
    ticks = shift < 0 ? ticks >> -shift : ticks << shift;
    return (uint64_t)((unsigned __int128)ticks * multiplier >> 32);
}

uint64_t clock_read(const volatile struct vcpu_time_info *info)
{
    uint32_t version;
    uint64_t now;

    /* An odd or changed version means the hypervisor was writing meanwhile. */
    do {
        version = info->version;
        asm volatile("" : : : "memory");
        now = info->system_time +
              scale(clock_tsc() - info->tsc_timestamp, info->tsc_to_system_mul, info->tsc_shift);
        asm volatile("" : : : "memory");
    } while (version & 1 || version != info->version);
    return now;
}

uint64_t clock_now(void)
{
    return clock_read(&guest_vcpu()->time);
}

void clock_wall(uint64_t *seconds, uint32_t *nanoseconds)
{
    volatile struct shared_info *info = &shared_info;
    uint32_t version;
    uint64_t base, extra;

    do {
        version = info->wc_version;
        asm volatile("" : : : "memory");
        base = (uint64_t)info->wc_sec_hi << 32 | info->wc_sec;
        extra = info->wc_nsec + clock_now();
        asm volatile("" : : : "memory");
    } while (version & 1 || version != info->wc_version);
    *seconds = base + extra / NS_PER_SECOND;
    *nanoseconds = extra % NS_PER_SECOND;
}
