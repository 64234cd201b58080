/* SPDX-License-Identifier: MIT */
/* Turning on what the CPU has to protect the hypervisor, and telling it at boot. */
#include "arch/protect.h"
#include "arch/alternative.h"
#include "arch/cpu.h"
#include "arch/msr.h"
#include "arch/trap.h"
#include "console.h"
#include "domain.h"
#include "spec_policy.h"
#include "lib/string.h"

#define CR4_UMIP (1ul << 11)
#define CR4_SMEP (1ul << 20)
#define CR4_SMAP (1ul << 21)
#define CR4_PGE  (1ul << 7)
/* CPUID 7.0 */
#define F7B_SMEP (1u << 7)
#define F7B_SMAP (1u << 20)
#define F7C_UMIP (1u << 2)
#define F7D_CAPS (1u << 29)

#define SPEC_CTRL_IBRS  1ul
#define SPEC_CTRL_STIBP 2ul
#define SPEC_CTRL_SSBD  4ul

struct protect_options protect_options = {.smep = true, .smap = true, .umip = true};
static struct spec_options spec_options = SPEC_OPTIONS_DEFAULT;
static struct spec_choice spec;
extern uint32_t spec_ctrl_inside, spec_ctrl_outside;
uint32_t spec_ctrl_inside, spec_ctrl_outside; /* written at entry and exit (entry.S) */
static uint64_t cr4_protection;               /* bits every CPU sets */

void rsb_fill(void); /* entry.S */

bool protect_parse_spec(const char *value)
{
    return spec_parse(&spec_options, value);
}

bool protect_parse_xpti(const char *value)
{
    return spec_parse_xpti(&spec_options, value);
}

static void read_cpu(struct spec_cpu *cpu)
{
    struct cpuid_regs vendor = cpu_cpuid(0, 0), one = cpu_cpuid(1, 0);
    unsigned int family = one.a >> 8 & 15, model = one.a >> 4 & 15;

    cpu->is_intel = vendor.b == 0x756e6547; /* "Genu" */
    cpu->is_amd = !cpu->is_intel;
    cpu->model = family == 6 || family == 15 ? model | (one.a >> 12 & 0xf0) : model;
    cpu->family = family == 15 ? family + (one.a >> 20 & 0xff) : family;
    if (vendor.a >= 7)
        cpu->leaf7_edx = cpu_cpuid(7, 0).d;
    if (cpu_cpuid(0x80000000, 0).a >= 0x80000008)
        cpu->ext8_ebx = cpu_cpuid(0x80000008, 0).b;
    if ((cpu->leaf7_edx & F7D_CAPS) && cpu_rdmsr_safe(MSR_ARCH_CAPABILITIES, &cpu->arch_caps))
        cpu->arch_caps = 0;
    cpu->smep = cr4_protection & CR4_SMEP;
}

static uint64_t choose_cr4(void)
{
    struct cpuid_regs seven = {0};
    uint64_t bits = 0;

    if (cpu_cpuid(0, 0).a >= 7)
        seven = cpu_cpuid(7, 0);
    if ((seven.b & F7B_SMEP) && protect_options.smep)
        bits |= CR4_SMEP;
    if ((seven.b & F7B_SMAP) && protect_options.smap)
        bits |= CR4_SMAP;
    if ((seven.c & F7C_UMIP) && protect_options.umip)
        bits |= CR4_UMIP;
    return bits;
}

static const char *yes(bool on, const char *word)
{
    return on ? word : "";
}

static void report(void)
{
    static const char *const thunks[] = {"", "jmp", "lfence", "retpoline"};

    printk(LOG_INFO, "Protection:%s%s%s, W^X\n", yes(cr4_protection & CR4_SMEP, " SMEP"),
           yes(cr4_protection & CR4_SMAP, " SMAP"), yes(cr4_protection & CR4_UMIP, " UMIP"));
    printk(LOG_INFO, "Speculation: this CPU has%s%s%s%s\n", yes(spec.is_meltdown, " Meltdown"),
           yes(spec.is_l1tf, " L1TF"), yes(spec.is_mds, " MDS"),
           yes(!spec.is_meltdown && !spec.is_mds, " neither Meltdown nor MDS"));
    printk(LOG_INFO, "Speculation: indirect calls by %s, SPEC_CTRL:%s%s%s%s\n", thunks[spec.thunk],
           yes(spec.ibrs, " IBRS"), yes(spec.ibrs_always, " IBRS (enhanced)"),
           yes(spec.stibp, " STIBP"), yes(spec.ssbd, " SSBD"));
    printk(LOG_INFO, "Speculation: between domains:%s%s%s; at exit to a guest:%s\n",
           yes(spec.ibpb, " IBPB"), yes(spec.rsb, " RSB"), yes(spec.l1d_flush, " L1D flush"),
           spec.verw ? " VERW" : " nothing");
    printk(LOG_INFO, "Speculation: page-table isolation (XPTI): Dom0 %s, DomU %s\n",
           spec.xpti_dom0 ? "enabled" : "disabled", spec.xpti_domu ? "enabled" : "disabled");
}

void protect_init(void)
{
    struct spec_cpu cpu = {0};
    uint32_t features = 0;

    cr4_protection = choose_cr4();
    read_cpu(&cpu);
    spec_choose(&cpu, &spec_options, &spec);
    features |= cr4_protection & CR4_SMAP ? 1u << ALT_SMAP : 0;
    features |= spec.xpti_dom0 || spec.xpti_domu ? 1u << ALT_XPTI : 0;
    features |= spec.ibrs ? 1u << ALT_IBRS : 0;
    features |= spec.verw ? 1u << ALT_VERW : 0;
    features |= spec.thunk == THUNK_RETPOLINE ? 1u << ALT_RETPOLINE : 0;
    features |= spec.thunk == THUNK_LFENCE ? 1u << ALT_LFENCE : 0;
    spec_ctrl_outside = (spec.stibp ? SPEC_CTRL_STIBP : 0) | (spec.ssbd ? SPEC_CTRL_SSBD : 0);
    spec_ctrl_inside = spec_ctrl_outside | SPEC_CTRL_IBRS;
    alternatives_apply(features);
    report();
    if ((features >> ALT_XPTI & 1) && xpti_prepare(0))
        panic("no memory for page-table isolation\n");
}

void protect_init_cpu(void)
{
    uint64_t cr4 = cpu_read_cr4() | cr4_protection;

    /* Global translations of the hypervisor would outlive the change to a guest's tables. */
    if (spec.xpti_dom0 || spec.xpti_domu)
        cr4 &= ~CR4_PGE;
    cpu_write_cr4(cr4);
    if (spec.ibrs_always || spec.stibp || spec.ssbd)
        cpu_wrmsr(MSR_SPEC_CTRL, spec.ibrs_always ? spec_ctrl_inside : spec_ctrl_outside);
}

bool protect_smap_misfired(uint64_t va, uint32_t error)
{
    static bool is_told;

    if ((error & (PF_PRESENT | PF_USER)) != PF_PRESENT || !guest_range_ok(va, 1) ||
        !(cpu_read_cr4() & CR4_SMAP))
        return false;
    cpu_write_cr4(cpu_read_cr4() & ~CR4_SMAP);
    if (!__atomic_exchange_n(&is_told, true, __ATOMIC_RELAXED))
        printk(LOG_WARN, "Protection: SMAP is off: this CPU (an emulator) takes ring 3's stack "
                         "accesses in far returns for ours\n");
    return true;
}

void protect_switch(const struct vcpu *prev, const struct vcpu *next)
{
    /* The idle vCPU has no memory of its own: the last guest's traces wait for the next one. */
    static uint64_t last[CPU_MAX]; /* by serial number */
    uint64_t *mine = &last[cpu_number()];

    (void)prev;
    xpti_forget();
    if (next->is_idle || *mine == next->domain->serial)
        return;
    *mine = next->domain->serial;
    if (spec.ibpb)
        cpu_wrmsr(MSR_PRED_CMD, 1);
    if (spec.l1d_flush)
        cpu_wrmsr(MSR_FLUSH_CMD, 1);
    if (spec.rsb)
        rsb_fill();
}

bool xpti_wanted(const struct domain *d)
{
    return d->is_control ? spec.xpti_dom0 : spec.xpti_domu;
}
