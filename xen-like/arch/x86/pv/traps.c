/* SPDX-License-Identifier: MIT */
/* Bouncing traps, events and failures to a PV guest's handlers: the frames of the PV ABI. */
#include "counters.h"
#include "trace.h"
#include "arch/cpu.h"
#include "arch/pv_desc.h"
#include "arch/pv_mm.h"
#include "arch/trap.h"
#include "console.h"
#include "event.h"
#include "guest.h"

#define RFLAGS_IF 0x200ul
/* TF, IOPL, NT, RF, VM, AC do not reach a handler. */
#define RFLAGS_CLEAR 0x77100ul
#define VECTORS_WITH_ERROR                                                                         \
    ((1u << TRAP_DF) | (1u << TRAP_TS) | (1u << TRAP_NP) | (1u << TRAP_SS) | (1u << TRAP_GP) |     \
     (1u << TRAP_PF) | (1u << TRAP_AC))

void pv_toggle_mode(struct vcpu *v)
{
    v->arch.flags ^= VCPU_KERNEL_MODE;
    __asm__ volatile("swapgs");
    cpu_write_cr3(v->arch.flags & VCPU_KERNEL_MODE ? v->arch.cr3_kernel : v->arch.cr3_user);
}

struct bounce {
    uint64_t rip;
    bool mask_events, has_error, failsafe;
    uint32_t error;
};

void pv_trap_stack_fault(uint64_t sp)
{
    domain_crash(current->domain, "no usable kernel stack at %#lx for a trap\n", sp);
}

/* Builds the frame on the guest kernel's stack and redirects `regs` to it. Crashes the domain when
 * it cannot. Page faults mostly go by entry_fault.S. */
static void bounce_to_kernel(struct vcpu *v, struct regs *regs, const struct bounce *b)
{
    uint64_t frame[12], sp, mask = v->vcpu_info->evtchn_upcall_mask;
    bool from_kernel = v->arch.flags & VCPU_KERNEL_MODE;
    unsigned int n = 0;

    if (from_kernel)
        sp = regs->rsp & ~15ul;
    else {
        pv_toggle_mode(v);
        sp = v->arch.kernel_sp & ~15ul;
    }
    frame[n++] = regs->rcx;
    frame[n++] = regs->r11;
    if (b->failsafe) {
        uint16_t ds, es, fs, gs;
        __asm__ volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
                         : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
        frame[n++] = ds;
        frame[n++] = es;
        frame[n++] = fs;
        frame[n++] = gs;
    }
    if (b->has_error)
        frame[n++] = b->error;
    frame[n++] = regs->rip;
    frame[n++] = (from_kernel ? regs->cs & ~3ul & 0xffff : regs->cs & 0xffff) | (mask & 1) << 32;
    frame[n++] = (regs->rflags & ~RFLAGS_IF) | (mask & 0xff ? 0 : RFLAGS_IF);
    frame[n++] = regs->rsp;
    frame[n++] = regs->ss & 0xffff;
    sp -= n * 8;
    if (guest_write(sp, frame, n * 8)) {
        pv_trap_stack_fault(sp);
        return;
    }
    regs->rip = b->rip;
    regs->cs = GUEST_CS64;
    regs->ss = GUEST_DS;
    regs->rsp = sp;
    regs->rflags = (regs->rflags & ~RFLAGS_CLEAR) | RFLAGS_IF;
    regs->vector = 0; /* leave by iret */
    if (b->mask_events)
        v->vcpu_info->evtchn_upcall_mask = 1;
}

void pv_inject_trap(struct regs *regs, unsigned int vector, uint32_t error)
{
    struct vcpu *v = current;
    const struct trap_gate *gate = &v->arch.traps[vector & 0xff];

    if (!gate->address) {
        domain_crash(v->domain, "trap %u (error %#x) without a handler\n", vector, error);
        return;
    }
    COUNT(guest_exceptions);
    TRACE(TRC_PV_TRAP | TRC_64_FLAG, (uint32_t)regs->rip, (uint32_t)(regs->rip >> 32), vector);
    struct bounce b = {
        .rip = gate->address,
        .mask_events = gate->flags & 4,
        .has_error = vector < 32 && (VECTORS_WITH_ERROR >> vector & 1),
        .error = error,
    };
    bounce_to_kernel(v, regs, &b);
}

void pv_inject_page_fault(struct regs *regs, uint64_t address, uint32_t error)
{
    struct vcpu *v = current;

    COUNT(guest_page_faults);
    TRACE(TRC_PV_PAGE_FAULT | TRC_64_FLAG, (uint32_t)regs->rip, (uint32_t)(regs->rip >> 32),
          (uint32_t)address, (uint32_t)(address >> 32), error);
    v->vcpu_info->arch.cr2 = address;
    /* Both of the guest's modes run in ring 3: it is told the one it thinks of. */
    if (v->arch.flags & VCPU_KERNEL_MODE)
        error &= ~PF_USER;
    pv_inject_trap(regs, TRAP_PF, error);
}

void pv_deliver_event(struct regs *regs)
{
    struct vcpu *v = current;

    if (!v->arch.event_callback) {
        domain_crash(v->domain, "an event without a callback\n");
        return;
    }
    struct bounce b = {.rip = v->arch.event_callback, .mask_events = true};
    bounce_to_kernel(v, regs, &b);
}

void pv_failsafe(struct regs *regs)
{
    struct vcpu *v = current;

    if (!v->arch.failsafe_callback) {
        domain_crash(v->domain, "a bad return frame and no failsafe callback\n");
        return;
    }
    struct bounce b = {.rip = v->arch.failsafe_callback,
                       .mask_events = v->arch.flags & VCPU_FAILSAFE_MASKS,
                       .failsafe = true};
    bounce_to_kernel(v, regs, &b);
}

void pv_syscall_fault(void)
{
    struct vcpu *v = current;
    domain_crash(v->domain,
                 v->arch.syscall_callback ? "no usable kernel stack at %#lx for a system call\n"
                                          : "a system call without a callback (stack %#lx)\n",
                 v->arch.kernel_sp);
}

void pv_user_syscall(struct regs *regs)
{
    struct vcpu *v = current;

    if (!v->arch.syscall_callback) {
        pv_syscall_fault();
        return;
    }
    struct bounce b = {.rip = v->arch.syscall_callback,
                       .mask_events = v->arch.flags & VCPU_SYSCALL_MASKS};
    bounce_to_kernel(v, regs, &b);
}

void pv_syscall32(struct regs *regs)
{
    struct vcpu *v = current;

    if ((v->arch.flags & VCPU_KERNEL_MODE) || !v->arch.syscall32_callback) {
        regs->rip -= 2;
        pv_inject_trap(regs, TRAP_UD, 0);
        return;
    }
    struct bounce b = {.rip = v->arch.syscall32_callback,
                       .mask_events = v->arch.flags & VCPU_SYSCALL32_MASKS};
    bounce_to_kernel(v, regs, &b);
}
