/* SPDX-License-Identifier: MIT */
/* Page tables for grant tests: each address of each domain maps at most one frame. */
#ifndef TESTS_UNIT_GRANT_FAKE_MAP_H
#define TESTS_UNIT_GRANT_FAKE_MAP_H

#include "fakes.h"

#define FAKE_SLOTS 64

/* What address (n + 1) * PAGE_SIZE of a domain maps; mfn 0: nothing. */
struct fake_slot {
    uint64_t mfn;
    bool writable;
};
extern struct fake_slot fake_slot[FAKE_DOMAINS][FAKE_SLOTS];

static inline uint64_t fake_slot_address(unsigned int n)
{
    return (n + 1) * PAGE_SIZE;
}

#endif
