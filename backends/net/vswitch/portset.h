/* SPDX-License-Identifier: MIT */
/* A set of ports of one vSwitch, as a bitmap. */
#ifndef NET_VSWITCH_PORTSET_H
#define NET_VSWITCH_PORTSET_H

#include <stdbool.h>
#include <stdint.h>

/* Ports of one vSwitch are numbered 0 .. VSWITCH_PORTS_MAX - 1. */
#define VSWITCH_PORTS_MAX 256

struct portset {
    uint64_t words[VSWITCH_PORTS_MAX / 64];
};

static inline void portset_add(struct portset *set, unsigned port)
{
    set->words[port / 64] |= UINT64_C(1) << (port % 64);
}

static inline void portset_remove(struct portset *set, unsigned port)
{
    set->words[port / 64] &= ~(UINT64_C(1) << (port % 64));
}

static inline bool portset_has(const struct portset *set, unsigned port)
{
    return (set->words[port / 64] >> (port % 64)) & 1;
}

static inline bool portset_is_empty(const struct portset *set)
{
    uint64_t any = 0;

    for (unsigned i = 0; i < VSWITCH_PORTS_MAX / 64; i++)
        any |= set->words[i];
    return any == 0;
}

/* The first member at or after `from`; VSWITCH_PORTS_MAX when there is none. */
static inline unsigned portset_next(const struct portset *set, unsigned from)
{
    while (from < VSWITCH_PORTS_MAX) {
        uint64_t rest = set->words[from / 64] >> (from % 64);

        if (rest)
            return from + (unsigned)__builtin_ctzll(rest);
        from = (from / 64 + 1) * 64;
    }
    return VSWITCH_PORTS_MAX;
}

#define portset_for_each(port, set)                                                                \
    for (unsigned port = portset_next((set), 0); port < VSWITCH_PORTS_MAX;                         \
         port = portset_next((set), port + 1))

#endif
