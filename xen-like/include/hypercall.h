/* SPDX-License-Identifier: MIT */
/*
 * Hypercalls: family entry points. Each takes the caller's registers as raw 64-bit values, does one
 * copy-in, all checks, then acts, and returns the value for rax. Names and numbers are the ABI's
 * (<xen/xen.h>). `current` is the caller; its address space is active.
 */
#ifndef CORBEL_HYPERCALL_H
#define CORBEL_HYPERCALL_H

#include "types.h"
#include "errno.h"

#define HC_ARGS uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5

/*
 * Long work: `return hypercall_restart(nr, a1..a5)` makes the guest issue the call again with these
 * arguments once pending work (interrupts, other vCPUs) was served. Works inside multicall too.
 */
int64_t hypercall_restart(unsigned int nr, HC_ARGS);
/* The same for a call that cannot go on because of another CPU: softirqs and requests are served in
 * between. */
int64_t hypercall_wait(unsigned int nr, HC_ARGS);
/* Opens an interrupt window and tells whether softirq work is waiting; call it every few hundred
 * steps. */
bool hypercall_preempt_check(void);

int64_t hc_set_trap_table(HC_ARGS);
int64_t hc_mmu_update(HC_ARGS);
int64_t hc_set_gdt(HC_ARGS);
int64_t hc_stack_switch(HC_ARGS);
int64_t hc_set_callbacks(HC_ARGS);
int64_t hc_fpu_taskswitch(HC_ARGS);
int64_t hc_platform_op(HC_ARGS);
int64_t hc_set_debugreg(HC_ARGS);
int64_t hc_get_debugreg(HC_ARGS);
int64_t hc_update_descriptor(HC_ARGS);
int64_t hc_memory_op(HC_ARGS);
int64_t hc_multicall(HC_ARGS);
int64_t hc_update_va_mapping(HC_ARGS);
int64_t hc_set_timer_op(HC_ARGS);
int64_t hc_xen_version(HC_ARGS);
int64_t hc_console_io(HC_ARGS);
int64_t hc_grant_table_op(HC_ARGS);
int64_t hc_vm_assist(HC_ARGS);
int64_t hc_update_va_mapping_otherdomain(HC_ARGS);
int64_t hc_iret(HC_ARGS);
int64_t hc_vcpu_op(HC_ARGS);
int64_t hc_set_segment_base(HC_ARGS);
int64_t hc_mmuext_op(HC_ARGS);
int64_t hc_sched_op(HC_ARGS);
int64_t hc_callback_op(HC_ARGS);
int64_t hc_nmi_op(HC_ARGS);
int64_t hc_event_channel_op(HC_ARGS);
int64_t hc_physdev_op(HC_ARGS);
int64_t hc_sysctl(HC_ARGS);
int64_t hc_domctl(HC_ARGS);

#endif
