/* SPDX-License-Identifier: MIT */
/*
 * Instructions chosen at boot, so that protections cost nothing where they are off.
 *
 * entry.S puts what works on every CPU into the code and lists in .altinsn which bytes replace it
 * when a feature is on. All replacements are made once, by the first CPU, before others start and
 * before any guest runs.
 */
#ifndef CORBEL_ARCH_ALTERNATIVE_H
#define CORBEL_ARCH_ALTERNATIVE_H

#define ALT_SMAP      0 /* stac and clac around accesses to guests' memory */
#define ALT_XPTI      1 /* guests run on tables without the hypervisor's memory */
#define ALT_IBRS      2 /* SPEC_CTRL is written at each entry and exit */
#define ALT_VERW      3 /* CPU buffers are cleared at each exit */
#define ALT_RETPOLINE 4 /* indirect calls by return */
#define ALT_LFENCE    5 /* indirect calls after lfence */

#ifndef __ASSEMBLY__
#include "types.h"

struct altinsn {
    uint64_t at;
    uint8_t feature, len; /* len <= sizeof(bytes) */
    uint8_t bytes[6];
};

/* Puts in the replacements of all features whose bit is set. */
void alternatives_apply(uint32_t features);
#endif

#endif
