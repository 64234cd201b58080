/* SPDX-License-Identifier: MIT */
/* Switching vCPUs on this CPU: registers, segments, descriptor tables, FPU, address space. */
#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/fpu.h"
#include "arch/idle.h"
#include "arch/pstate.h"
#include "arch/msr.h"
#include "arch/protect.h"
#include "arch/pv_desc.h"
#include "arch/pv_mm.h"
#include "arch/tlb.h"
#include "arch/vcpu_areas.h"
#include "console.h"

void context_resume(void (*fn)(void)) noreturn;
void exit_to_guest(void);
void segments_load(uint32_t ds, uint32_t es, uint32_t fs, uint32_t gs);

static void save_segments(struct arch_vcpu *a)
{
    __asm__ volatile("mov %%ds, %0; mov %%es, %1; mov %%fs, %2; mov %%gs, %3"
                     : "=m"(a->ds), "=m"(a->es), "=m"(a->fs), "=m"(a->gs));
    a->fs_base = cpu_rdmsr(MSR_FS_BASE);
    uint64_t gs = cpu_rdmsr(MSR_GS_BASE), other = cpu_rdmsr(MSR_KERNEL_GS_BASE);
    bool kernel = a->flags & VCPU_KERNEL_MODE;
    a->gs_base_kernel = kernel ? gs : other;
    a->gs_base_user = kernel ? other : gs;
}

static void load_segments(const struct arch_vcpu *a)
{
    bool kernel = a->flags & VCPU_KERNEL_MODE;
    segments_load(a->ds, a->es, a->fs, a->gs);
    cpu_wrmsr(MSR_FS_BASE, a->fs_base);
    cpu_wrmsr(MSR_GS_BASE, kernel ? a->gs_base_kernel : a->gs_base_user);
    cpu_wrmsr(MSR_KERNEL_GS_BASE, kernel ? a->gs_base_user : a->gs_base_kernel);
}

static void load_debug_registers(const struct arch_vcpu *a)
{
    __asm__ volatile(
        "mov %0, %%dr0; mov %1, %%dr1; mov %2, %%dr2; mov %3, %%dr3; mov %4, %%dr7" ::"r"(a->dr[0]),
        "r"(a->dr[1]), "r"(a->dr[2]), "r"(a->dr[3]), "r"(a->dr[7]));
}

static void sleep(void)
{
    pstate_sleep_begins();
    idle_sleep();
    pstate_sleep_ends();
}

static void noreturn idle_loop(void)
{
    for (;;) {
        if (!softirq_is_pending()) {
            if (heap_scrub_step())
                cpu_irq_window();
            else
                sleep();
        }
        if (softirq_is_pending())
            softirq_run();
    }
}

void context_idle(void)
{
    context_resume(idle_loop);
}

/* No CPU but this one may hold what was loaded for `prev` once its address space is left. */
static void leave_domain(struct vcpu *prev, const struct vcpu *next)
{
    if (prev->is_idle)
        return;
    if (prev->domain != next->domain)
        cpumask_clear(&prev->domain->dirty_cpus, cpu_number());
    sched_context_saved(prev);
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
    if (!prev->is_idle) {
        prev->arch.regs = *guest_regs();
        save_segments(&prev->arch);
        fpu_save(prev);
        if (prev->arch.dr[7] & 0xff)
            __asm__ volatile("mov %0, %%dr7" ::"r"(0x400ul));
    }
    cpu_info()->current_vcpu = next;
    desc_load(NULL);
    if (next->is_idle) {
        tlb_load_cr3(image_to_paddr(hv_l4));
        leave_domain(prev, next);
        context_resume(idle_loop);
    }
    next->arch.gdt_ldt_ptes[GDT_RESERVED_PAGE] = desc_reserved_pte();
    if (prev->domain != next->domain)
        cpumask_set(&next->domain->dirty_cpus, cpu_number()); /* before its tables are loaded */
    pv_load_cr3(next);
    protect_switch(prev, next);
    leave_domain(prev, next);
    desc_load(next);
    load_segments(&next->arch);
    fpu_load(next);
    if (next->arch.dr[7] & 0xff)
        load_debug_registers(&next->arch);
    *guest_regs() = next->arch.regs;
    vcpu_resume_guest_areas(next);
    context_resume(exit_to_guest);
}
