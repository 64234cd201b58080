/* SPDX-License-Identifier: MIT */
/* Further vCPUs of a micro-guest: no traps and no events of their own, only code that runs. */
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

#endif
