/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions of a guest's kernel, met as #GP, and CPUID asked through the
 * forced-emulation prefix. The instruction is copied once, decoded here, and only then acted on.
 */
#include "arch/cpu.h"
#include "arch/emulate.h"
#include "arch/fpu.h"
#include "arch/pv_mm.h"
#include "arch/trap.h"
#include "guest.h"
#include "hypercall.h"

/* Registers by their number in instructions. */
uint64_t *reg_by_number(struct regs *r, unsigned int n)
{
    static const uint8_t offset[16] = {
        offsetof(struct regs, rax), offsetof(struct regs, rcx), offsetof(struct regs, rdx),
        offsetof(struct regs, rbx), offsetof(struct regs, rsp), offsetof(struct regs, rbp),
        offsetof(struct regs, rsi), offsetof(struct regs, rdi), offsetof(struct regs, r8),
        offsetof(struct regs, r9),  offsetof(struct regs, r10), offsetof(struct regs, r11),
        offsetof(struct regs, r12), offsetof(struct regs, r13), offsetof(struct regs, r14),
        offsetof(struct regs, r15),
    };
    return (uint64_t *)((char *)r + offset[n & 15]);
}

unsigned int insn_fetch(uint64_t rip, uint8_t *buf)
{
    unsigned int in_page = (unsigned int)(PAGE_SIZE - (rip & (PAGE_SIZE - 1)));

    /* Two words in one go, unless the instruction may end on the last mapped page. */
    if (likely(in_page >= INSN_BUFFER))
        return guest_read(buf, rip, INSN_BUFFER) == 0 ? INSN_MAX : 0;
    if (guest_read(buf, rip, INSN_MAX) == 0)
        return INSN_MAX;
    return in_page < INSN_MAX && guest_read(buf, rip, in_page) == 0 ? in_page : 0;
}

static bool read_cr(struct vcpu *v, unsigned int cr, uint64_t *out)
{
    switch (cr) {
    case 0:
        *out = v->arch.cr0 | (v->arch.flags & VCPU_TS ? 8 : 0);
        return true;
    case 2:
        *out = v->vcpu_info->arch.cr2;
        return true;
    case 3:
        *out = v->arch.cr3_kernel;
        return true;
    case 4:
        *out = v->arch.cr4;
        return true;
    default:
        return false;
    }
}

#define CR4_GUEST_MAY                                                                              \
    ((1ul << 2) | (1ul << 3) | (1ul << 9) | (1ul << 10) |                                          \
     (1ul << 18)) /* TSD DE OSFXSR OSXMMEXCPT OSXSAVE */

static bool write_cr(struct vcpu *v, unsigned int cr, uint64_t val)
{
    switch (cr) {
    case 0:
        if ((val ^ v->arch.cr0) & ~8ul)
            return false; /* only TS is the guest's */
        hc_fpu_taskswitch(val >> 3 & 1, 0, 0, 0, 0);
        return true;
    case 2:
        v->vcpu_info->arch.cr2 = val;
        return true;
    case 3: {
        mfn_t mfn = MFN(val >> PAGE_SHIFT);
        /* An instruction cannot be half done: only tables that are validated already. */
        return !v->arch.n_deferred && mfn_valid(mfn) && (mfn_to_page(mfn)->type & PGT_VALIDATED) &&
               (mfn_to_page(mfn)->type & PGT_COUNT) && pv_new_baseptr(v, mfn) == 0;
    }
    case 4:
        if ((val & (1ul << 18)) && !fpu_has_xsave())
            return false;
        /* Bits beyond the guest's are taken as they stand: kernels set what they found. */
        v->arch.cr4 = (v->arch.cr4 & ~CR4_GUEST_MAY) | (val & CR4_GUEST_MAY);
        return true;
    default:
        return false;
    }
}

static bool emulate_0f(struct vcpu *v, struct regs *r, const uint8_t *p, unsigned int rex,
                       unsigned int *len)
{
    uint64_t val;

    *len = 2;
    switch (p[1]) {
    case 0x06: /* clts */
        hc_fpu_taskswitch(0, 0, 0, 0, 0);
        return true;
    case 0x08: /* invd */
    case 0x09: /* wbinvd */
        if (v->domain->is_control)
            __asm__ volatile("wbinvd" ::: "memory");
        return true;
    case 0x20: /* mov cr -> reg */
        *len = 3;
        if ((p[2] & 0xc0) != 0xc0 || !read_cr(v, (p[2] >> 3 & 7) | (rex & 4 ? 8 : 0), &val))
            return false;
        *reg_by_number(r, (p[2] & 7) | (rex & 1 ? 8 : 0)) = val;
        return true;
    case 0x22: /* mov reg -> cr */
        *len = 3;
        return (p[2] & 0xc0) == 0xc0 && write_cr(v, (p[2] >> 3 & 7) | (rex & 4 ? 8 : 0),
                                                 *reg_by_number(r, (p[2] & 7) | (rex & 1 ? 8 : 0)));
    case 0x21: /* mov dr -> reg */
        *len = 3;
        if ((p[2] >> 3 & 6) == 4 && (v->arch.cr4 & (1ul << 3)))
            return false;
        val = (uint64_t)hc_get_debugreg(p[2] >> 3 & 7, 0, 0, 0, 0);
        *reg_by_number(r, (p[2] & 7) | (rex & 1 ? 8 : 0)) = val;
        return (p[2] & 0xc0) == 0xc0;
    case 0x23: /* mov reg -> dr */
        *len = 3;
        return (p[2] & 0xc0) == 0xc0 &&
               hc_set_debugreg(p[2] >> 3 & 7, *reg_by_number(r, (p[2] & 7) | (rex & 1 ? 8 : 0)), 0,
                               0, 0) == 0;
    case 0x30: /* wrmsr */
        return pv_write_msr(v, (uint32_t)r->rcx, (r->rdx << 32) | (uint32_t)r->rax);
    case 0x31: /* rdtsc, when CR4.TSD stops it */
        val = cpu_rdtsc();
        r->rax = (uint32_t)val;
        r->rdx = val >> 32;
        return true;
    case 0x32: /* rdmsr */
        if (!pv_read_msr(v, (uint32_t)r->rcx, &val))
            return false;
        r->rax = (uint32_t)val;
        r->rdx = val >> 32;
        return true;
    case 0x01:
        *len = 3;
        if (p[2] == 0xd1 && (uint32_t)r->rcx == 0) /* xsetbv */
            return (v->arch.cr4 & (1ul << 18)) &&
                   fpu_set_xcr0(v, (r->rdx << 32) | (uint32_t)r->rax) == 0;
        return false;
    case 0xa2:
        pv_cpuid(v, (uint32_t)r->rax, (uint32_t)r->rcx, r);
        return true;
    default:
        return false;
    }
}

bool pv_emulate_privileged(struct vcpu *v, struct regs *r)
{
    uint8_t insn[INSN_BUFFER] = {0};
    unsigned int n = insn_fetch(r->rip, insn), i = 0, rex = 0, len;
    struct port_insn port = {.size = 4};

    if (n < 1)
        return false;
    for (; i < 4; i++) {
        if (insn[i] == 0x66)
            port.size = 2;
        else if (insn[i] == 0xf3 || insn[i] == 0xf2)
            port.repeat = true;
        else if (insn[i] != 0x67 && insn[i] != 0x2e && insn[i] != 0x36 && insn[i] != 0x3e &&
                 insn[i] != 0x26)
            break;
    }
    if ((insn[i] & 0xf0) == 0x40)
        rex = insn[i++];
    if (i + 3 > n)
        return false;
    if (port_insn_decode(insn + i, r, &port)) {
        port.length += i;
        return pv_emulate_port(v, r, &port);
    }
    if (!(v->arch.flags & VCPU_KERNEL_MODE))
        return false;
    if (insn[i] == 0xf4) { /* hlt */
        r->rip += i + 1;
        hc_sched_op(SCHEDOP_block, 0, 0, 0, 0);
        return true;
    }
    if ((insn[i] == 0xfa || insn[i] == 0xfb) && v->arch.iopl >= 1) {
        /* cli, sti: no effect. popf cannot be seen, so a cli that worked could never be undone by
         * it. */
        r->rip += i + 1;
        return true;
    }
    if (insn[i] == 0x0f && insn[i + 1] == 0x01 && insn[i + 2] == 0xd1 &&
        !(v->arch.cr4 & (1ul << 18))) {
        pv_inject_trap(r, TRAP_UD, 0); /* xsetbv before the kernel set CR4.OSXSAVE */
        return true;
    }
    if (insn[i] != 0x0f || !emulate_0f(v, r, insn + i, rex, &len))
        return false;
    r->rip += i + len;
    r->vector = 0;
    return true;
}

bool pv_emulate_forced_cpuid(struct vcpu *v, struct regs *r)
{
    static const uint8_t prefix[7] = {0x0f, 0x0b, 'x', 'e', 'n', 0x0f, 0xa2};
    uint8_t insn[7];

    if (guest_read(insn, r->rip, sizeof(insn)))
        return false;
    for (unsigned int i = 0; i < sizeof(prefix); i++)
        if (insn[i] != prefix[i])
            return false;
    pv_cpuid(v, (uint32_t)r->rax, (uint32_t)r->rcx, r);
    r->rip += sizeof(prefix);
    return true;
}
