/* SPDX-License-Identifier: MIT */
/* Model-specific registers as guests see them; what is not listed faults, as on Xen 4.17. */
#include "arch/cpu.h"
#include "arch/emulate.h"
#include "arch/msr.h"
#include "arch/pv_mm.h"
#include "arch/trap.h"
#include "arch/context.h"

bool pv_read_msr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = 0;
    switch (msr) {
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
    case MSR_PAT:
    case MSR_TSC:
        return cpu_rdmsr_safe(msr, val) == 0;
    case MSR_EFER:
        *val = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX;
        return true;
    case MSR_APIC_BASE:
        if (!v->domain->is_control)
            return false;
        *val = cpu_rdmsr(MSR_APIC_BASE) & ~(1ul << 10);
        return true;
    case MSR_MISC_ENABLE:
        return cpu_rdmsr_safe(msr, val) == 0;
    case MSR_BIOS_SIGN_ID:
    case 0x17: /* platform id */
    case 0x8:  /* reserved on all CPUs, read by nobody twice */
        return msr != 0x8 && cpu_rdmsr_safe(msr, val) == 0;
    case 0x10a: /* ARCH_CAPABILITIES */
        return false;
    case 0xc0010010: /* AMD SYSCFG, HWCR, NB_CFG, patch level */
    case 0xc0010015:
    case 0xc001001f:
        return cpu_rdmsr_safe(msr, val) == 0;
    case 0xc0010064 ... 0xc001006b: /* AMD P-states */
        return v->domain->is_control && cpu_rdmsr_safe(msr, val) == 0;
    case 0x179: /* MCG_CAP, MCG_STATUS: no banks for guests */
    case 0x17a:
        return true;
    case 0x1d9: /* DEBUGCTL */
        return true;
    case MSR_MTRRCAP:
    case 0x200 ... 0x20f:
    case 0x250:
    case 0x258:
    case 0x259:
    case 0x268 ... 0x26f:
    case 0x2ff:
        return v->domain->is_control && cpu_rdmsr_safe(msr, val) == 0;
    default:
        return false;
    }
}

static void fill_hypercall_page_at(struct vcpu *v, uint64_t gfn);

bool pv_write_msr(struct vcpu *v, uint32_t msr, uint64_t val)
{
    switch (msr) {
    case MSR_FS_BASE:
    case MSR_GS_BASE:
    case MSR_KERNEL_GS_BASE:
        if (!pv_canonical(val))
            return false;
        cpu_wrmsr(msr, val);
        return true;
    case MSR_PAT:
        return val == PAT_VALUE;
    case MSR_EFER:
        return (val & ~(uint64_t)(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX)) == 0;
    case MSR_MISC_ENABLE:
    case MSR_BIOS_SIGN_ID:
        return true; /* ignored, as Xen does */
    case MSR_APIC_BASE:
        return v->domain->is_control;
    case 0x1d9:
        return val == 0;
    case 0x40000000:
        fill_hypercall_page_at(v, val >> PAGE_SHIFT);
        return true;
    default:
        return false;
    }
}

static void fill_hypercall_page_at(struct vcpu *v, uint64_t gfn)
{
    struct page_info *pg;
    if (page_get_from_gfn(v->domain, GFN(gfn), true, &pg))
        return;
    arch_fill_hypercall_page(page_to_virt(pg));
    page_put_writable(pg);
}
