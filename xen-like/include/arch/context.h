/* SPDX-License-Identifier: MIT */
/* vCPU contexts as control operations see them, and the hypercall page. */
#ifndef CORBEL_ARCH_CONTEXT_H
#define CORBEL_ARCH_CONTEXT_H

#include "domain.h"

/*
 * Loads a PV context (XEN_DOMCTL_setvcpucontext, VCPUOP_initialise) into a vCPU that is not
 * running: all checks first, takes the page tables' and GDT's references. -EINVAL when anything in
 * it is not allowed. Marks it initialised.
 */
int arch_vcpu_set_context(struct vcpu *v, const vcpu_guest_context_t *ctx);
void arch_vcpu_get_context(struct vcpu *v, vcpu_guest_context_t *ctx);
/* 128 stubs of 32 bytes: mov $nr, %eax; syscall; ret. iret saves what it must first. */
void arch_fill_hypercall_page(void *page);
/* A CPU just started goes idle. */
void context_idle(void) noreturn;
/* Switches this CPU from `prev` to `next` and goes on with next's guest, or idles. */
void context_switch(struct vcpu *prev, struct vcpu *next) noreturn;

#endif
