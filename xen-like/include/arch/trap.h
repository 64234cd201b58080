/* SPDX-License-Identifier: MIT */
/* Exceptions, and how guests are told of them. */
#ifndef CORBEL_ARCH_TRAP_H
#define CORBEL_ARCH_TRAP_H

#include "domain.h"
#include "guest.h"

enum {
    TRAP_DE = 0,
    TRAP_DB = 1,
    TRAP_NMI = 2,
    TRAP_BP = 3,
    TRAP_OF = 4,
    TRAP_UD = 6,
    TRAP_NM = 7,
    TRAP_DF = 8,
    TRAP_TS = 10,
    TRAP_NP = 11,
    TRAP_SS = 12,
    TRAP_GP = 13,
    TRAP_PF = 14,
    TRAP_MF = 16,
    TRAP_AC = 17,
    TRAP_MC = 18,
    TRAP_XM = 19,
};
#define PV_STACK_ROOM 128 /* the largest frame built below a stack pointer */
#define PF_PRESENT    1u
#define PF_WRITE      2u
#define PF_USER       4u
#define PF_RSVD       8u
#define PF_INSN       16u

/* From assembly. */
void trap_from_guest(struct regs *regs);
void trap_from_hypervisor(struct regs *regs);
void pv_deliver_event(struct regs *regs);
void pv_deliver_nmi(struct regs *regs);
void pv_failsafe(struct regs *regs);
void pv_syscall_fault(void);
/* The current domain's frame of a trap cannot be written at `sp`: it crashes. For the assembly. */
void pv_trap_stack_fault(uint64_t sp);
void pv_user_syscall(struct regs *regs);
void pv_syscall32(struct regs *regs);

/*
 * Makes the guest take trap `vector` at its handler. `error` is used by vectors that have one.
 * Crashes the domain when it has no handler or no usable stack.
 */
void pv_inject_trap(struct regs *regs, unsigned int vector, uint32_t error);
void pv_inject_page_fault(struct regs *regs, uint64_t address, uint32_t error);
/* Makes an NMI wait for `v` and wakes it; from any CPU, not from a handler that interrupts
 * anything. */
void pv_raise_nmi(struct vcpu *v);
/* Whether one waits that would be delivered at once. */
static inline bool pv_nmi_is_due(const struct vcpu *v)
{
    return unlikely(READ_ONCE(v->arch.nmi_pending)) && !v->arch.nmi_masked;
}
/* Gate 2 of the current vCPU's trap table. -EINVAL: not an address of the guest's. */
int pv_set_nmi_callback(struct vcpu *v, uint64_t address);
void pv_clear_nmi_callback(struct vcpu *v);
/* The assists a domain can ask for (<xen/xen.h>). */
#define PV_VM_ASSISTS                                                                              \
    (1ul << VMASST_TYPE_4gb_segments | 1ul << VMASST_TYPE_4gb_segments_notify |                    \
     1ul << VMASST_TYPE_writable_pagetables | 1ul << VMASST_TYPE_pae_extended_cr3 |                \
     1ul << VMASST_TYPE_architectural_iopl | 1ul << VMASST_TYPE_runstate_update_flag)

static inline bool pv_canonical(uint64_t a)
{
    return (uint64_t)((int64_t)(a << 16) >> 16) == a;
}
/* An address the hypervisor may jump to for the guest: sysret faults in ring 0 on a non-canonical
 * one. */
static inline bool pv_callback_ok(uint64_t a)
{
    return pv_canonical(a) && (a < HYPERVISOR_START || a >= HYPERVISOR_END);
}
/* A kernel stack below which frames may be built without another look: entry.S writes there
 * unchecked. */
static inline bool pv_stack_ok(uint64_t sp)
{
    return pv_canonical(sp) && guest_range_ok(sp - PV_STACK_ROOM, PV_STACK_ROOM);
}
/* Switches between the guest's kernel and user mode: CR3, GS bases, flag. */
void pv_toggle_mode(struct vcpu *v);
/* Privileged instructions of the guest's kernel (arch/x86/pv/emulate.c); true when done. */
bool pv_emulate_privileged(struct vcpu *v, struct regs *regs);
/* `ud2; "xen"; cpuid`: true when it was that. */
bool pv_emulate_forced_cpuid(struct vcpu *v, struct regs *regs);
/* CPUID as the domain of `v` sees it. */
void pv_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t sub, struct regs *regs);
/* Prints a guest's registers. */
void regs_dump(const struct regs *regs, const struct vcpu *v);

#endif
