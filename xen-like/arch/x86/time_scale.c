/* SPDX-License-Identifier: MIT */
/* The multiplier and shift of the pvclock formula for a counter's frequency. */
#include "arch/time.h"

struct time_scale time_scale_for(uint64_t hz)
{
    struct time_scale s = {0};

    /* Bring the counter between 1 and 2 GHz, so that nanoseconds per tick is a fraction with its
     * top bit set. */
    while (hz > 2 * (uint64_t)NSEC_PER_SEC) {
        hz >>= 1;
        s.shift--;
    }
    while (hz <= (uint64_t)NSEC_PER_SEC) {
        hz <<= 1;
        s.shift++;
    }
    s.mul_frac = (uint32_t)((((uint64_t)NSEC_PER_SEC << 32) + hz / 2) / hz);
    return s;
}
