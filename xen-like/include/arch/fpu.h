/* SPDX-License-Identifier: MIT */
/* Floating point and vector state: saved and loaded whole at each switch of vCPUs. */
#ifndef CORBEL_ARCH_FPU_H
#define CORBEL_ARCH_FPU_H

#include "arch/cpu.h"
#include "domain.h"

void fpu_init(void);
/* The same settings on a CPU started later. */
void fpu_init_cpu(void);
bool fpu_has_xsave(void);
/* XCR0 bits the host offers. */
uint64_t fpu_host_xcr0(void);
/* Allocates the area of a new vCPU in its reset state. */
int fpu_vcpu_init(struct vcpu *v);
void fpu_vcpu_free(struct vcpu *v);
/*
 * Takes the 512 bytes of an FXSAVE image from a context given by a guest or tool: bits the CPU
 * would refuse to load are cleared.
 */
void fpu_set_legacy(struct vcpu *v, const void *image);
/* Bytes of a vCPU's XSAVE image, vcpu.arch.fpu: the standard format. */
uint32_t fpu_state_size(void);
/*
 * Loads a saved XSAVE image into a vCPU that does not run; it may be shorter than the machine's.
 * -EINVAL when the CPU would refuse `xcr0` or the image's header.
 */
int fpu_set_state(struct vcpu *v, uint64_t xcr0, const void *image, uint32_t size);
void fpu_save(struct vcpu *v);
void fpu_load(struct vcpu *v);
/* XSETBV by the guest; -EINVAL for a value the CPU would refuse. */
int fpu_set_xcr0(struct vcpu *v, uint64_t xcr0);
/* CPUID leaf 0xd as guests see it. */
void fpu_cpuid(uint32_t sub, struct cpuid_regs *r);

#endif
