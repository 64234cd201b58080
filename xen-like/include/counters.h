/* SPDX-License-Identifier: MIT */
/* Counters of what happens, one set for each CPU, always on. A count costs one addition to memory.
 */
#ifndef CORBEL_COUNTERS_H
#define CORBEL_COUNTERS_H

#include "arch/current.h"

enum counter {
#define COUNTER(name) COUNTER_##name,
#include "abi/counters.def"
#undef COUNTER
    COUNTERS
};

/* Wraps at 2^32, as tools that read twice expect. */
struct counters {
    uint32_t hypercalls[64]; /* by number; first: entry.S counts them */
    uint32_t value[COUNTERS];
};

#define COUNT(name) (cpu_info()->counters->value[COUNTER_##name]++)

#endif
