/* SPDX-License-Identifier: MIT */
/* What a parent sets and reads of its children's CPU time, and how a child tells its own. */
#ifndef GUESTS_MEASURE_H
#define GUESTS_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/child.h"

/* As `xl sched-credit2` sets them; cap and reservation in hundredths of a CPU, 0: none. */
struct parameters {
    uint32_t weight, cap, reservation;
};

/* Sets them for the running child; false after a report_error when refused. */
bool child_set_parameters(const struct child *child, const struct parameters *p);

/* Nanoseconds the child's vCPUs have run, as getdomaininfo tells `xl list`. */
uint64_t child_cpu_time(const struct child *child);

/* In a child: nanoseconds that its vCPU `id` has run, by its runstate. */
uint64_t own_cpu_time(unsigned int id);

#endif
