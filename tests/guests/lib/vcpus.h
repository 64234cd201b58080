/* SPDX-License-Identifier: MIT */
/* Further vCPUs of a micro-guest: no traps and no events of their own, only code that runs; alone,
 * or together as workers that wait for a job, all do it, and wait again. */
#ifndef GUESTS_VCPUS_H
#define GUESTS_VCPUS_H

#include <stdint.h>

#define VCPUS_MAX 8

/*
 * Starts vCPU `id` (1..VCPUS_MAX - 1) in code(data), on the current tables and a stack of its own;
 * code must not return. Answers 0 or a negative Xen errno.
 */
long vcpu_start(unsigned int id, void (*code)(uint64_t data), uint64_t data);

/* Takes the vCPU that runs this down. */
void vcpu_stop_self(unsigned int id) __attribute__((noreturn));

/* Brings up to VCPUS_MAX - 1 others up, once; answers how many vCPUs work, this one included. */
unsigned int vcpus_start(void);

/*
 * Runs job(number, data) on every working vCPU at once, 0 being this one, and returns when all are
 * done. A job must not trap, print or report: it counts what went wrong in `data`.
 */
void vcpus_run(void (*job)(unsigned int number, void *data), void *data);

/* Lets other vCPUs of this guest have the CPU. */
void vcpu_yield(void);

#endif
