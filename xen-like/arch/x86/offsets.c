/* SPDX-License-Identifier: MIT */
/* Compiled to assembly only: struct offsets for the .S files, picked out by rules.mk. */
#include "domain.h"
#include "counters.h"
#include "arch/current.h"

#define EMIT(name, value) __asm__ volatile("\n.ascii \"->" #name " %0\"" ::"i"((long)(value)))
#define REG(name)         EMIT(R_##name, offsetof(struct regs, name))

void emit_offsets(void);
void emit_offsets(void)
{
    EMIT(CPU_STACK_SIZE, CPU_STACK_SIZE);
    EMIT(R_SIZE, sizeof(struct regs));
    EMIT(CPU_TAIL, sizeof(struct cpu_info) - sizeof(struct regs));
    EMIT(CI_CURRENT, offsetof(struct cpu_info, current_vcpu));
    /* From the end of guest_regs, where a syscall's stub leaves the stack pointer. */
    EMIT(CI_SCRATCH, offsetof(struct cpu_info, scratch) - sizeof(struct regs));
    EMIT(CI_COUNTERS, offsetof(struct cpu_info, counters));
    EMIT(CI_XEN_CR3, offsetof(struct cpu_info, xen_cr3));
    EMIT(CI_SOFTIRQ, offsetof(struct cpu_info, softirq_pending));
    REG(rax);
    REG(rcx);
    REG(rdx);
    REG(rsi);
    REG(rdi);
    REG(r8);
    REG(r11);
    REG(r10);
    REG(rip);
    REG(cs);
    REG(rflags);
    REG(rsp);
    REG(ss);
    REG(vector);
    EMIT(V_INFO, offsetof(struct vcpu, vcpu_info));
    EMIT(V_FLAGS, offsetof(struct vcpu, arch.flags));
    EMIT(V_NMI, offsetof(struct vcpu, arch.nmi_pending)); /* and nmi_masked above it */
    EMIT(V_KERNEL_SP, offsetof(struct vcpu, arch.kernel_sp));
    EMIT(V_CR3_KERNEL, offsetof(struct vcpu, arch.cr3_kernel));
    EMIT(V_CR3_USER, offsetof(struct vcpu, arch.cr3_user));
    EMIT(V_SYSCALL_CALLBACK, offsetof(struct vcpu, arch.syscall_callback));
    EMIT(V_TRAPS, offsetof(struct vcpu, arch.traps));
    EMIT(GATE_SIZE, sizeof(struct trap_gate));
    EMIT(GATE_ADDRESS, offsetof(struct trap_gate, address));
    EMIT(GATE_FLAGS, offsetof(struct trap_gate, flags));
    EMIT(VI_CR2, offsetof(struct vcpu_info, arch.cr2));
    EMIT(COUNTER_GUEST_PAGE_FAULTS, offsetof(struct counters, value[COUNTER_guest_page_faults]));
    EMIT(COUNTER_GUEST_EXCEPTIONS, offsetof(struct counters, value[COUNTER_guest_exceptions]));
    EMIT(VCPU_KERNEL_MODE, VCPU_KERNEL_MODE);
    EMIT(VCPU_SYSCALL_MASKS, VCPU_SYSCALL_MASKS);
}
