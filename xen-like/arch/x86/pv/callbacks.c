/* SPDX-License-Identifier: MIT */
/* Small hypercalls of a PV guest's CPU: traps, callbacks, stacks, segment bases, debug registers,
 * FPU, iret. */
#include "compiler.h"

#include <xen/callback.h>

#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/msr.h"
#include "arch/pv_desc.h"
#include "arch/pv_mm.h"
#include "arch/trap.h"
#include "guest.h"
#include "hypercall.h"
#include "lib/string.h"

void segment_load_gs(uint32_t selector); /* entry.S */

int64_t hc_set_trap_table(HC_ARGS)
{
    struct vcpu *v = current;
    (void)a2, (void)a3, (void)a4, (void)a5;

    if (a1 == 0) {
        memset(v->arch.traps, 0, 256 * sizeof(*v->arch.traps));
        return 0;
    }
    /* The table ends with an empty entry; there are 256 vectors, so more entries only repeat. */
    for (unsigned int i = 0; i < 512; i++) {
        trap_info_t t;
        if (guest_read(&t, a1 + i * sizeof(t), sizeof(t)))
            return -EFAULT;
        if (t.address == 0)
            return 0;
        if (!pv_canonical(t.address))
            return -EINVAL;
        v->arch.traps[t.vector] = (struct trap_gate){t.address, t.cs, t.flags};
    }
    return -EINVAL;
}

static int set_callback(struct vcpu *v, unsigned int type, unsigned int flags, uint64_t address)
{
    uint32_t mask_flag = 0;

    if (!pv_callback_ok(address))
        return -EINVAL;
    switch (type) {
    case CALLBACKTYPE_event:
        v->arch.event_callback = address;
        return 0;
    case CALLBACKTYPE_failsafe:
        v->arch.failsafe_callback = address;
        mask_flag = VCPU_FAILSAFE_MASKS;
        break;
    case CALLBACKTYPE_syscall:
        v->arch.syscall_callback = address;
        mask_flag = VCPU_SYSCALL_MASKS;
        break;
    case CALLBACKTYPE_syscall32:
        v->arch.syscall32_callback = address;
        mask_flag = VCPU_SYSCALL32_MASKS;
        break;
    case CALLBACKTYPE_sysenter:
        v->arch.sysenter_callback = address;
        mask_flag = VCPU_SYSENTER_MASKS;
        break;
    case CALLBACKTYPE_nmi:
        return pv_set_nmi_callback(v, address);
    default:
        return -ENOSYS;
    }
    v->arch.flags =
        flags & CALLBACKF_mask_events ? v->arch.flags | mask_flag : v->arch.flags & ~mask_flag;
    return 0;
}

static bool callback_is_known(unsigned int type)
{
    return type <= CALLBACKTYPE_syscall ||
           (type >= CALLBACKTYPE_nmi && type <= CALLBACKTYPE_sysenter) ||
           type == CALLBACKTYPE_syscall32;
}

int64_t hc_callback_op(HC_ARGS)
{
    struct callback_register reg;
    struct callback_unregister unreg;
    (void)a3, (void)a4, (void)a5;

    switch (a1) {
    case CALLBACKOP_register:
        if (guest_read(&reg, a2, sizeof(reg)))
            return -EFAULT;
        return set_callback(current, reg.type, reg.flags, reg.address);
    case CALLBACKOP_unregister:
        if (guest_read(&unreg, a2, sizeof(unreg)))
            return -EFAULT;
        if (unreg.type == CALLBACKTYPE_nmi) {
            pv_clear_nmi_callback(current);
            return 0;
        }
        return callback_is_known(unreg.type) ? -EINVAL : -ENOSYS;
    default:
        return -ENOSYS;
    }
}

int64_t hc_set_callbacks(HC_ARGS)
{
    struct vcpu *v = current;
    (void)a4, (void)a5;

    if (!pv_callback_ok(a1) || !pv_callback_ok(a2) || !pv_callback_ok(a3))
        return -EINVAL;
    v->arch.event_callback = a1;
    v->arch.failsafe_callback = a2;
    v->arch.syscall_callback = a3;
    return 0;
}

int64_t hc_stack_switch(HC_ARGS)
{
    struct vcpu *v = current;
    (void)a3, (void)a4, (void)a5;

    if (!pv_stack_ok(a2))
        return -EINVAL;
    v->arch.kernel_ss = (uint16_t)(a1 | 3);
    v->arch.kernel_sp = a2 & ~15ul;
    return 0;
}

int64_t hc_fpu_taskswitch(HC_ARGS)
{
    struct vcpu *v = current;
    (void)a2, (void)a3, (void)a4, (void)a5;

    if (a1) {
        v->arch.flags |= VCPU_TS;
        cpu_write_cr0(cpu_read_cr0() | 8);
    } else {
        v->arch.flags &= ~VCPU_TS;
        __asm__ volatile("clts");
    }
    return 0;
}

int64_t hc_set_segment_base(HC_ARGS)
{
    (void)a3, (void)a4, (void)a5;

    switch (a1) {
    case SEGBASE_FS:
    case SEGBASE_GS_USER:
    case SEGBASE_GS_KERNEL:
        if (!pv_canonical(a2))
            return -EINVAL;
        /* In the guest's kernel GS_BASE is the kernel's own. */
        cpu_wrmsr(a1 == SEGBASE_FS        ? MSR_FS_BASE
                  : a1 == SEGBASE_GS_USER ? MSR_KERNEL_GS_BASE
                                          : MSR_GS_BASE,
                  a2);
        return 0;
    case SEGBASE_GS_USER_SEL:
        /* The selector becomes user space's: it is loaded between two swaps, faults load null. */
        __asm__ volatile("swapgs");
        segment_load_gs((uint16_t)a2);
        __asm__ volatile("swapgs");
        return 0;
    default:
        return -EINVAL;
    }
}

#define DR6_FIXED          0xffff0ff0ul
#define DR7_FIXED          0x400ul
#define DR7_GENERAL_DETECT 0x2000ul

int pv_set_debugreg(struct vcpu *v, unsigned int n, uint64_t value)
{
    switch (n) {
    case 4:
    case 5: /* other names of 6 and 7 while CR4.DE is clear */
        if (v->arch.cr4 & (1ul << 3))
            return -ENODEV;
        return pv_set_debugreg(v, n + 2, value);
    case 0 ... 3:
        if (!pv_canonical(value) || !guest_range_ok(value, 1))
            return -EPERM;
        v->arch.dr[n] = value;
        return 0;
    case 6:
        if (value & ~0xffffffffull)
            return -EINVAL;
        v->arch.dr[6] = (value & 0xe00f) | DR6_FIXED;
        return 0;
    case 7:
        if (value & ~0xffffffffull)
            return -EINVAL;
        if (value & DR7_GENERAL_DETECT)
            return -EPERM;
        value = (value & ~0xd800ul) | DR7_FIXED;
        /* I/O breakpoints (R/W = 2) would fire in the hypervisor too. */
        for (unsigned int i = 0; i < 4; i++)
            if ((value >> (2 * i) & 3) && (value >> (16 + 4 * i) & 3) == 2)
                return -EPERM;
        v->arch.dr[7] = value;
        return 0;
    default:
        return -ENODEV;
    }
}

int64_t hc_set_debugreg(HC_ARGS)
{
    struct vcpu *v = current;
    int rc = a1 < 8 ? pv_set_debugreg(v, (unsigned int)a1, a2) : -ENODEV;
    (void)a3, (void)a4, (void)a5;

    if (rc)
        return rc;
    __asm__ volatile(
        "mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2; mov %3, %%dr3" ::"r"(v->arch.dr[0]),
        "r"(v->arch.dr[1]), "r"(v->arch.dr[2]), "r"(v->arch.dr[3]));
    __asm__ volatile("mov %0, %%dr7" ::"r"(v->arch.dr[7]));
    return 0;
}

int64_t hc_get_debugreg(HC_ARGS)
{
    const struct vcpu *v = current;
    (void)a2, (void)a3, (void)a4, (void)a5;

    if ((a1 == 4 || a1 == 5) && !(v->arch.cr4 & (1ul << 3)))
        a1 += 2; /* other names of 6 and 7 while CR4.DE is clear */
    return a1 <= 3 || a1 == 6 || a1 == 7 ? (int64_t)v->arch.dr[a1] : -ENODEV;
}

int64_t hc_iret(HC_ARGS)
{
    struct vcpu *v = current;
    struct regs *r = guest_regs();
    struct iret_context frame;
    (void)a1, (void)a2, (void)a3, (void)a4, (void)a5;

    if (guest_read(&frame, r->rsp, sizeof(frame))) {
        domain_crash(v->domain, "iret with no readable frame at %#lx\n", r->rsp);
        return 0;
    }
    if ((frame.cs & 3) == 3) {
        if (!v->arch.cr3_user) {
            domain_crash(v->domain, "iret to user space without user page tables\n");
            return 0;
        }
        pv_toggle_mode(v);
    }
    r->rip = frame.rip;
    r->cs = (frame.cs & 0xffff) | 3;
    r->rflags = (frame.rflags & 0x250dd5) | 0x202;
    r->rsp = frame.rsp;
    r->ss = (frame.ss & 0xffff) | 3;
    if (frame.flags & VGCF_in_syscall) {
        r->rcx = r->rip;
        r->r11 = r->rflags;
    } else {
        r->rcx = frame.rcx;
        r->r11 = frame.r11;
    }
    r->vector = 0;
    v->vcpu_info->evtchn_upcall_mask = !(frame.rflags & 0x200);
    v->arch.nmi_masked = 0;
    return (int64_t)frame.rax;
}

int64_t hc_vm_assist(HC_ARGS)
{
    struct domain *d = current->domain;
    (void)a3, (void)a4, (void)a5;

    if (a2 >= 64 || !(PV_VM_ASSISTS >> a2 & 1))
        return -EINVAL;
    if (a1 == VMASST_CMD_enable)
        d->vm_assist |= 1ul << a2;
    else if (a1 == VMASST_CMD_disable)
        d->vm_assist &= ~(1ul << a2);
    else
        return -ENOSYS;
    return 0;
}
