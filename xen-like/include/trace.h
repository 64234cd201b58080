/* SPDX-License-Identifier: MIT */
/*
 * Binary trace in a buffer for each CPU, in the format of <xen/trace.h>: Xen's own xentrace reads
 * it. Off, a trace point costs one load and one branch.
 */
#ifndef CORBEL_TRACE_H
#define CORBEL_TRACE_H

#include "types.h"

#include <xen/trace.h>

#define TRACE_WORDS_MAX 7
#define TRACE_PAGES_MAX 1024 /* of one CPU's buffer */

/* Events wanted (TRC_* class and subclass bits); 0 while tracing is off. */
extern uint32_t trace_wanted;

/* Writes one record with `n` words (at most TRACE_WORDS_MAX) into this CPU's buffer, if the event
 * is wanted. Any context with interrupts off. */
void trace_record(uint32_t event, unsigned int n, const uint32_t *words);

/* For entry.S: a guest kernel makes hypercall `number`. */
void trace_hypercall(uint64_t number);
/* The TRACE softirq: a buffer is half full. */
void trace_tell_reader(void);

#define TRACE(event, ...)                                                                          \
    do {                                                                                           \
        if (unlikely(READ_ONCE(trace_wanted)))                                                     \
            trace_record((event),                                                                  \
                         sizeof((const uint32_t[]){0, ##__VA_ARGS__}) / sizeof(uint32_t) - 1,      \
                         (const uint32_t[]){0, ##__VA_ARGS__} + 1);                                \
    } while (0)
/* A vCPU in one word, as trace tools take it: domain in the high half. */
#define TRACE_VCPU(v) ((uint32_t)(v)->domain->id << 16 | (v)->id)

/*
 * For the sysctl. trace_set_size: pages of each CPU's buffer, once; -EINVAL, -ENOMEM, -EBUSY when
 * there are buffers of another size. trace_enable: -EINVAL without buffers. trace_info: the first
 * frame and the bytes of the table of buffers (struct t_info), 0 when there is none.
 */
int trace_set_size(unsigned int pages);
int trace_enable(void);
void trace_disable(void);
void trace_set_events(uint32_t mask);
uint32_t trace_events(void);
void trace_set_cpus(uint64_t low, uint64_t high);
void trace_info(uint64_t *mfn, uint32_t *bytes);

#endif
