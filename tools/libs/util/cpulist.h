/* SPDX-License-Identifier: MIT */
/* Sets of CPUs as users write them ("0-3,^2,7", "all"), and as xl prints them. Pure. */
#ifndef UTIL_CPULIST_H
#define UTIL_CPULIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPULIST_MAX 128 /* CPUs 0..127 */

/* Bit n of byte n / 8: in the order the control interface has. */
struct cpulist {
    uint8_t bits[CPULIST_MAX / 8];
};

bool cpulist_has(const struct cpulist *list, unsigned int cpu);
void cpulist_add(struct cpulist *list, unsigned int cpu);
unsigned int cpulist_count(const struct cpulist *list);

/*
 * Reads "all", "none", or numbers and ranges with commas, each with a "^" before it to take it out
 * again. Returns NULL, or what is wrong (a static text).
 */
const char *cpulist_parse(struct cpulist *list, const char *text);

/* Writes the ranges among CPUs 0..n_cpus - 1: "all" when all are in, "none" when none is. */
void cpulist_format(const struct cpulist *list, unsigned int n_cpus, char *text, size_t size);

#endif
