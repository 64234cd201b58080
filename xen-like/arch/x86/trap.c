/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts: the guest's are handed to pv/, the hypervisor's own are mended by
 * fixups or fatal. */
#include "counters.h"
#include "arch/cpu.h"
#include "arch/nmi.h"
#include "arch/protect.h"
#include "arch/pv_desc.h"
#include "arch/pv_mm.h"
#include "arch/trap.h"
#include "console.h"
#include "debug.h"
#include "guest.h"
#include "irq.h"

struct extable_entry {
    uint64_t insn, fixup;
};
extern const struct extable_entry __extable_start[], __extable_end[];

static const char *const trap_names[] = {
    "divide error",
    "debug",
    "NMI",
    "breakpoint",
    "overflow",
    "bound range",
    "invalid opcode",
    "device not available",
    "double fault",
    "coprocessor overrun",
    "invalid TSS",
    "segment not present",
    "stack fault",
    "general protection",
    "page fault",
    "reserved",
    "x87 error",
    "alignment check",
    "machine check",
    "SIMD error",
};

/* Words of a guest kernel's stack, found through its page tables, so that any vCPU's can be shown.
 */
static void guest_stack_dump(const struct regs *r, const struct vcpu *v)
{
    printk(LOG_ERR, "guest stack from %016lx:\n", r->rsp);
    for (unsigned int i = 0; i < 32; i += 4) {
        uint64_t word[4] = {0};
        for (unsigned int k = 0; k < 4; k++) {
            uint64_t va = (r->rsp & ~7ul) + (i + k) * 8;
            struct page_info *pt;
            const uint64_t *slot = pv_walk_l1(v, va, &pt);
            if (!slot || !(*slot & PTE_P) || !mfn_valid(paddr_to_mfn(*slot & PTE_ADDR)))
                return;
            word[k] = *(const uint64_t *)((const char *)paddr_to_virt(*slot & PTE_ADDR) +
                                          (va & (PAGE_SIZE - 1)));
        }
        printk(LOG_ERR, "  %016lx %016lx %016lx %016lx\n", word[0], word[1], word[2], word[3]);
    }
}

void regs_dump(const struct regs *r, const struct vcpu *v)
{
    if (v && !v->is_idle)
        printk(LOG_ERR, "d%uv%u, %s mode, vector %u error %#x\n", v->domain->id, v->id,
               r->cs & 3 ? (v->arch.flags & VCPU_KERNEL_MODE ? "guest kernel" : "guest user")
                         : "hypervisor",
               r->vector, r->error_code);
    printk(LOG_ERR, "rip %04lx:%016lx rflags %08lx\n", r->cs & 0xffff, r->rip, r->rflags);
    printk(LOG_ERR, "rax %016lx rbx %016lx rcx %016lx\n", r->rax, r->rbx, r->rcx);
    printk(LOG_ERR, "rdx %016lx rsi %016lx rdi %016lx\n", r->rdx, r->rsi, r->rdi);
    printk(LOG_ERR, "rbp %016lx rsp %016lx r8  %016lx\n", r->rbp, r->rsp, r->r8);
    printk(LOG_ERR, "r9  %016lx r10 %016lx r11 %016lx\n", r->r9, r->r10, r->r11);
    printk(LOG_ERR, "r12 %016lx r13 %016lx r14 %016lx\n", r->r12, r->r13, r->r14);
    printk(LOG_ERR, "r15 %016lx ss  %04lx cr2 %016lx cr3 %016lx\n", r->r15, r->ss & 0xffff,
           cpu_read_cr2(), cpu_read_cr3());
    if (v && !v->is_idle && (v->arch.flags & VCPU_KERNEL_MODE) && (r->cs & 3))
        guest_stack_dump(r, v);
}

static bool fixup(struct regs *regs)
{
    for (const struct extable_entry *e = __extable_start; e < __extable_end; e++)
        if (e->insn == regs->rip) {
            regs->rip = e->fixup;
            return true;
        }
    return false;
}

static bool in_ldt_window(const struct vcpu *v, uint64_t va)
{
    return va >= PERDOMAIN_LDT(v->id) && va < PERDOMAIN_LDT(v->id) + 16 * PAGE_SIZE;
}

void trap_from_hypervisor(struct regs *regs)
{
    if (regs->vector >= 0x20) {
        irq_dispatch(regs->vector);
        return;
    }
    if (regs->vector == TRAP_NMI) {
        nmi_handle(regs);
        return;
    }
    if (regs->vector == TRAP_MC) {
        mce_handle(regs, false);
        return;
    }
    if (regs->vector == TRAP_DB) {
        /* A guest's watchpoint met by our access to its memory: it is told nothing, as its own code
         * did not run. */
        __asm__ volatile("mov %0, %%dr6" ::"r"(0xffff0ff0ul));
        regs->rflags &= ~0x100ul;
        return;
    }
    if (regs->vector == TRAP_PF && !current->is_idle && in_ldt_window(current, cpu_read_cr2()) &&
        pv_ldt_fault(current, cpu_read_cr2()))
        return;
    if (regs->vector != TRAP_DF && fixup(regs))
        return;
    printk(LOG_ERR, "*** %s in the hypervisor\n",
           regs->vector < ARRAY_SIZE(trap_names) ? trap_names[regs->vector] : "exception");
    regs_dump(regs, current);
    backtrace_print(regs->rip, regs->rbp);
    panic("fatal exception %u, error %#x, at %#lx\n", regs->vector, regs->error_code, regs->rip);
}

static void page_fault(struct vcpu *v, struct regs *regs)
{
    uint64_t va = cpu_read_cr2();
    uint32_t error = regs->error_code;

    if (unlikely(va >= HYPERVISOR_START && va < HYPERVISOR_END)) {
        if (in_ldt_window(v, va)) {
            if (pv_ldt_fault(v, va))
                return;
            va = v->arch.ldt_base + (va - PERDOMAIN_LDT(v->id)); /* where the guest has its table */
        }
    } else if (unlikely(protect_smap_misfired(va, error)))
        return;
    else if ((v->arch.flags & VCPU_KERNEL_MODE) &&
             (error & (PF_PRESENT | PF_WRITE | PF_RSVD)) == (PF_PRESENT | PF_WRITE) &&
             (v->domain->vm_assist & (1ul << VMASST_TYPE_writable_pagetables)) &&
             pv_emulate_pt_write(v, va, regs))
        return;
    pv_inject_page_fault(regs, va, error);
}

static void general_protection(struct vcpu *v, struct regs *regs)
{
    uint8_t insn[2];

    if (regs->error_code & 2) {
        /* INT n through a gate ring 3 may not use. The instruction names the vector: emulators
         * differ in the error. */
        if (guest_read(insn, regs->rip, 2) || insn[0] != 0xcd) {
            pv_inject_trap(regs, TRAP_GP, regs->error_code);
            return;
        }
        const struct trap_gate *gate = &v->arch.traps[insn[1]];
        unsigned int ring = v->arch.flags & VCPU_KERNEL_MODE ? 1 : 3;
        if (gate->address && (gate->flags & 3) >= ring) {
            regs->rip += 2;
            pv_inject_trap(regs, insn[1], 0);
        } else
            pv_inject_trap(regs, TRAP_GP, insn[1] * 8u + 2);
        return;
    }
    if (regs->error_code == 0 && pv_emulate_privileged(v, regs)) {
        COUNT(privileged_instructions_emulated);
        return;
    }
    pv_inject_trap(regs, TRAP_GP, regs->error_code);
}

/* Its gate is open to ring 3, so that 32-bit system calls need no emulation; whether the guest's
 * is, we look. */
static void int80(struct vcpu *v, struct regs *regs)
{
    const struct trap_gate *gate = &v->arch.traps[0x80];
    unsigned int ring = v->arch.flags & VCPU_KERNEL_MODE ? 1 : 3;

    if (gate->address && (gate->flags & 3) >= ring) {
        pv_inject_trap(regs, 0x80, 0);
        return;
    }
    regs->rip -= 2;
    pv_inject_trap(regs, TRAP_GP, 0x80 * 8 + 2);
}

static void device_not_available(struct vcpu *v, struct regs *regs)
{
    __asm__ volatile("clts");
    v->arch.flags &= ~VCPU_TS;
    v->arch.cr0 &= ~8ul;
    pv_inject_trap(regs, TRAP_NM, 0);
}

static void debug_exception(struct vcpu *v, struct regs *regs)
{
    uint64_t dr6;
    __asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
    __asm__ volatile("mov %0, %%dr6" ::"r"(0xffff0ff0ul));
    v->arch.dr[6] = dr6;
    pv_inject_trap(regs, TRAP_DB, 0);
}

void trap_from_guest(struct regs *regs)
{
    struct vcpu *v = current;

    if (regs->vector >= 0x20 && regs->vector != 0x80) {
        irq_dispatch(regs->vector);
        return;
    }
    switch (regs->vector) {
    case TRAP_PF:
        page_fault(v, regs);
        break;
    case TRAP_GP:
        general_protection(v, regs);
        break;
    case TRAP_UD:
        if (!pv_emulate_forced_cpuid(v, regs))
            pv_inject_trap(regs, TRAP_UD, 0);
        break;
    case TRAP_NM:
        device_not_available(v, regs);
        break;
    case TRAP_DB:
        debug_exception(v, regs);
        break;
    case TRAP_NMI:
        nmi_handle(regs);
        break;
    case TRAP_MC:
        mce_handle(regs, true);
        break;
    case 0x80:
        int80(v, regs);
        break;
    default:
        pv_inject_trap(regs, regs->vector, regs->error_code);
    }
}
