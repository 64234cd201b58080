/* SPDX-License-Identifier: MIT */
/* One-shot timers on the CPU that set them last; expiry runs in that CPU's timer softirq with no
 * locks held. */
#ifndef CORBEL_TIMER_H
#define CORBEL_TIMER_H

#include "types.h"
#include "lib/rbtree.h"

struct timer {
    struct rb_node node;
    s_time_t expires; /* system time, ns */
    void (*fn)(void *data);
    void *data;
    unsigned int cpu; /* whose queue it is in, or was in last */
    bool is_active;
};

void timer_init(struct timer *t, void (*fn)(void *), void *data);
/* (Re)arms `t` for `expires`; a time already past fires as soon as possible. */
void timer_set(struct timer *t, s_time_t expires);
/* Its function may be running on another CPU still. */
void timer_stop(struct timer *t);
/* Waits until it is not. No locks held that the function takes; not from the function. */
void timer_stop_wait(struct timer *t);
/* Runs what has expired and programs the hardware for the next; from the timer softirq. */
void timer_softirq(void);
/* Gives this CPU's timers, all of them, to the first CPU, whose softirq is to be raised then. */
void timer_leave_cpu(void);
/* Earliest expiry, STIME_MAX when none. */
s_time_t timer_next(void);

/* --- clocks (arch/x86/time.c) --- */
s_time_t time_now(void); /* system time; monotonic */
/* Wall clock at system time 0: seconds since 1970 and nanoseconds. */
void time_get_wallclock(uint64_t *seconds, uint32_t *nanoseconds);
/* Says that it was `seconds`, `nanoseconds` since 1970 when system time was `when` (XENPF_settime).
 */
void time_set_wallclock(uint64_t seconds, uint32_t nanoseconds, s_time_t when);
/* Arms this CPU's one-shot hardware timer; STIME_MAX disarms. */
void time_arm(s_time_t deadline);

#endif
