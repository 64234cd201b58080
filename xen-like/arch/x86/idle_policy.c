/* SPDX-License-Identifier: MIT */
/* Which idle state for how long a sleep. Pure. */
#include "arch/idle.h"

#define REPAID_AFTER                                                                               \
    2 /* times its latency: ACPI does not tell from when on a state saves power                    \
       */

static bool is_allowed(const struct idle_state *s, struct idle_limit limit)
{
    return s->type < limit.type || (s->type == limit.type && s->sub <= limit.sub);
}

unsigned int idle_choose(const struct idle_states *states, struct idle_limit limit,
                         s_time_t expected)
{
    unsigned int best = 1;

    for (unsigned int i = 2; i < states->n && i < IDLE_STATES_MAX; i++) {
        const struct idle_state *s = &states->state[i];

        if (is_allowed(s, limit) &&
            (s_time_t)s->latency_us * REPAID_AFTER * MICROSECS(1) <= expected)
            best = i;
    }
    return best;
}

bool idle_add(struct idle_states *states, struct idle_state s)
{
    const struct idle_state *last;

    if (states->n == 0) /* what every CPU has */
        *states = (struct idle_states){.n = 2, .state = {{0}, {.type = 1}}};
    last = &states->state[states->n - 1];
    if (s.type < 1 || s.type > 3 || states->n >= IDLE_STATES_MAX)
        return false;
    if (s.type == 1 && !s.by_mwait)
        return true; /* hlt is there already */
    if (s.type < last->type || (states->n > 2 && s.latency_us < last->latency_us))
        return false; /* not deeper than the one before */
    s.sub = s.type == last->type ? (uint8_t)(last->sub + 1) : 0;
    states->state[states->n++] = s;
    return true;
}
