/* SPDX-License-Identifier: MIT */
/*
 * CPUID as PV guests see it: the host's leaves with what a PV guest cannot use taken away, and
 * Xen's own leaves at 0x40000000 (<xen/arch-x86/cpuid.h>). Feature names follow the CPU manuals.
 */
#include "compiler.h"

#include <xen/arch-x86/cpuid.h>
#include <xen/version.h>

#include "arch/cpu.h"
#include "arch/cpu_policy.h"
#include "arch/fpu.h"
#include "arch/trap.h"

#define BIT(n) (1u << (n))

/* Leaf 1 ecx: DTES64 MONITOR DS-CPL VMX SMX EIST TM2 CNXT-ID SDBG xTPR PDCM PCID DCA x2APIC
 * TSC-deadline */
#define L1C_HIDE                                                                                   \
    (BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(10) | BIT(11) | BIT(14) |  \
     BIT(15) | BIT(17) | BIT(18) | BIT(21) | BIT(24))
/* Leaf 1 edx: VME PSE MTRR PGE PSE36 DS ACPI SEP TM PBE; a PV kernel's view of the MMU is ours */
#define L1D_HIDE                                                                                   \
    (BIT(1) | BIT(3) | BIT(11) | BIT(12) | BIT(13) | BIT(17) | BIT(21) | BIT(22) | BIT(29) |       \
     BIT(31))
/* Leaf 7: FSGSBASE SMEP INVPCID PQM MPX PQE SMAP PT */
#define L7B_HIDE                                                                                   \
    (BIT(0) | BIT(1) | BIT(7) | BIT(10) | BIT(12) | BIT(14) | BIT(15) | BIT(20) | BIT(25))
/* PKU OSPKE UMIP WAITPKG SHSTK TME LA57 RDPID ENQCMD PKS */
#define L7C_HIDE                                                                                   \
    (BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(7) | BIT(13) | BIT(16) | BIT(22) | BIT(29) | BIT(31))
/* 0x80000001 ecx: SVM ExtApic OSVW IBS SKINIT WDT LWP NodeId TopoExt PerfCtr; edx: PSE MTRR PGE
 * PSE36 1GB RDTSCP */
#define E1C_HIDE                                                                                   \
    (BIT(2) | BIT(3) | BIT(9) | BIT(10) | BIT(12) | BIT(13) | BIT(15) | BIT(19) | BIT(22) |        \
     BIT(23) | BIT(24) | BIT(26) | BIT(27) | BIT(28) | BIT(29))
#define E1D_HIDE (BIT(1) | BIT(3) | BIT(12) | BIT(13) | BIT(17) | BIT(25) | BIT(26) | BIT(27))

#define XEN_LEAF_MAX 5

static void xen_leaf(uint32_t leaf, struct cpuid_regs *r)
{
    *r = (struct cpuid_regs){0};
    switch (leaf - 0x40000000) {
    case 0:
        *r = (struct cpuid_regs){0x40000000 + XEN_LEAF_MAX, XEN_CPUID_SIGNATURE_EBX,
                                 XEN_CPUID_SIGNATURE_ECX, XEN_CPUID_SIGNATURE_EDX};
        break;
    case 1:
        r->a = 4u << 16 | 17;
        break;
    case 2:
        r->a = 1;
        r->b = 0x40000000; /* MSR that fills a hypercall page */
        r->c = XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD;
        break;
    case 5:
        r->b = 52; /* machine addresses may have as many bits as the CPU offers */
        break;
    }
}

static void hide_leaf_1(struct cpuid_regs *r)
{
    r->c &= ~(L1C_HIDE | BIT(27)); /* OSXSAVE is what CR4 says: see show_vcpu() */
    r->c |= BIT(31);               /* hypervisor present */
    r->d &= ~L1D_HIDE;
    r->d |= BIT(6) | BIT(9); /* PAE, APIC */
    if (!fpu_has_xsave())
        r->c &= ~(BIT(26) | BIT(28));
    r->b &= 0x0000ffff; /* cache line, brand; who asks is added later */
}

static void hide(uint32_t leaf, uint32_t sub, struct cpuid_regs *r)
{
    switch (leaf) {
    case 1:
        hide_leaf_1(r);
        break;
    case 5:
    case 6:
    case 0xa:
    case 0xb:
    case 0xf:
    case 0x10:
    case 0x12:
    case 0x14:
    case 0x1f:
        *r = (struct cpuid_regs){0};
        break;
    case 4:
        r->a &= 0x3ff; /* no sharing told: topology is virtual */
        break;
    case 7:
        if (sub == 0) {
            r->a = 0;
            r->b &= ~L7B_HIDE;
            r->c &= ~L7C_HIDE;
            r->d &= BIT(2) | BIT(3) | BIT(4) | BIT(8) |
                    BIT(10); /* no speculation-control MSRs for guests yet */
        } else
            *r = (struct cpuid_regs){0};
        break;
    case 0xd:
        fpu_cpuid(sub, r);
        break;
    case 0x80000001:
        r->c &= ~E1C_HIDE;
        r->d &= ~E1D_HIDE;
        r->d |= BIT(11); /* syscall */
        break;
    case 0x80000007:
        r->d &= BIT(8); /* invariant TSC */
        break;
    case 0x80000008:
        r->b &= BIT(0) | BIT(2) | BIT(9);
        r->c = 0;
        break;
    case 0x8000000a:
    case 0x8000001b:
    case 0x8000001d:
    case 0x8000001e:
    case 0x8000001f:
        *r = (struct cpuid_regs){0};
        break;
    }
}

struct cpuid_regs pv_cpuid_offered(uint32_t leaf, uint32_t sub)
{
    uint32_t base = leaf & 0xf0000000;
    struct cpuid_regs r = {0};

    if ((base != 0 && base != 0x80000000) || leaf > cpu_cpuid(base, 0).a)
        return r;
    r = cpu_cpuid(leaf, sub);
    hide(leaf, sub, &r);
    return r;
}

/* What depends on who asks: the APIC id, OSXSAVE, and MTRRs for dom0, as under Xen. */
static void show_vcpu(const struct vcpu *v, struct cpuid_regs *r)
{
    /* A kernel that has not set CR4.OSXSAVE yet is told whether it may, as Xen does. */
    if ((r->c & BIT(26)) && ((v->arch.cr4 & (1ul << 18)) || (v->arch.flags & VCPU_KERNEL_MODE)))
        r->c |= BIT(27);
    if (v->domain->is_control)
        r->d |= cpu_cpuid(1, 0).d & BIT(12);
    r->b |= v->id << 25 | 1u << 16;
}

void pv_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t sub, struct regs *regs)
{
    struct cpuid_regs r = {0};

    if ((leaf & 0xf0000000) == 0x40000000)
        xen_leaf(leaf, &r);
    else
        r = cpu_policy_leaf(v->domain, leaf, sub);
    if (leaf == 1)
        show_vcpu(v, &r);
    regs->rax = r.a;
    regs->rbx = r.b;
    regs->rcx = r.c;
    regs->rdx = r.d;
}
