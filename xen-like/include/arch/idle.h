/* SPDX-License-Identifier: MIT */
/*
 * How a CPU sleeps: C1 by hlt, and deeper states by mwait where the control domain uploaded them
 * from ACPI (XENPF_set_processor_pminfo) and the CPU can wake from them by itself.
 */
#ifndef CORBEL_ARCH_IDLE_H
#define CORBEL_ARCH_IDLE_H

#include "types.h"

#define IDLE_STATES_MAX 10 /* C0 and C1 among them */

struct idle_state {
    uint8_t type;        /* ACPI's: 1, 2, 3 */
    uint8_t sub;         /* the how-manieth of its type */
    bool by_mwait;       /* else hlt */
    uint32_t hint;       /* of mwait */
    uint32_t latency_us; /* to wake */
};

/* state[0] is C0, running; state[1] is always there. */
struct idle_states {
    unsigned int n;
    struct idle_state state[IDLE_STATES_MAX];
};

/* No state beyond: of a higher type, or of this type and a higher sub. */
struct idle_limit {
    uint32_t type, sub;
};

/* Which state to sleep in for about `expected` ns: the deepest allowed whose latency is repaid. */
unsigned int idle_choose(const struct idle_states *states, struct idle_limit limit,
                         s_time_t expected);
/* Adds a state told by ACPI, in order of depth; false when it is not one to use. */
bool idle_add(struct idle_states *states, struct idle_state s);

/* Looks what mwait can do here; once, on the first CPU, with clocks running. */
void idle_init(void);
/* Whether states deeper than C1 can be slept in: mwait works and the APIC's timer goes on. */
bool idle_has_deep_states(void);
/* Sleeps until an interrupt or a softirq; interrupts are off before and after. */
void idle_sleep(void);

/* What CPU `cpu` may sleep in from now on. */
void idle_set_states(unsigned int cpu, const struct idle_states *states);
unsigned int idle_state_count(unsigned int cpu);

struct idle_stats {
    unsigned int last;                 /* state it was in */
    uint64_t entries[IDLE_STATES_MAX]; /* [0]: the sum */
    uint64_t time_ns[IDLE_STATES_MAX]; /* [0]: what is left, not idle */
};
void idle_get_stats(unsigned int cpu, struct idle_stats *out);
void idle_reset_stats(unsigned int cpu);

extern struct idle_limit idle_limit; /* UINT32_MAX: none */

#endif
