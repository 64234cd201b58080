/* SPDX-License-Identifier: MIT */
/*
 * A simulated machine under the scheduler's own code (sched/, unchanged): CPUs with timers, a clock
 * that jumps from one event to the next, domains whose vCPUs hog or sleep. After each step it
 * checks what must always hold; see machine_check.
 */
#ifndef TESTS_SCHED_MACHINE_H
#define TESTS_SCHED_MACHINE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "boot.h"
#include "domain.h"
#include "sched.h"

#define MACHINE_VCPUS   1200
#define MACHINE_DOMAINS 1100

extern s_time_t machine_now;
extern struct domain machine_domains[MACHINE_DOMAINS];
extern unsigned int machine_n_domains;

/* `cpus` CPUs, `threads` of each core, `per_node` CPUs of each memory node. */
void machine_start(unsigned int cpus, unsigned int threads, unsigned int per_node);
void machine_stop(void);
/* A domain with `n_vcpus` vCPUs that all sleep. */
struct domain *machine_domain(unsigned int n_vcpus);
void machine_set(struct domain *d, uint32_t weight, uint32_t cap, uint32_t reservation);
void machine_block(struct vcpu *v, bool blocked);
/* Makes `v` work for `work` ns and sleep for `sleep`, again and again, with some chance in both. */
void machine_alternate(struct vcpu *v, s_time_t work, s_time_t sleep);
/* Takes a CPU off line, when its pool can spare it; brings it back into pool 0. */
bool machine_offline(unsigned int cpu);
void machine_online(unsigned int cpu);
void machine_run(s_time_t ns);
/* Nanoseconds of CPU of the whole domain. */
uint64_t machine_ran(const struct domain *d);
/* The longest a waking vCPU that alternates waited for its CPU since the start. */
s_time_t machine_worst_wait(const struct vcpu *v);
struct vcpu *machine_running(unsigned int cpu);
/* A repeatable random number below n. */
unsigned int machine_random(unsigned int n);

#endif
