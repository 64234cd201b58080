/* SPDX-License-Identifier: MIT */
/* XENPF_set_processor_pminfo: what the control domain found in ACPI about idle states and
 * frequencies. */
#include "arch/acpi.h"
#include "arch/cpu.h"
#include "arch/idle.h"
#include "arch/pstate.h"
#include "arch/smp.h"
#include "domain.h"
#include "guest.h"
#include "hypercall.h"
#include "lib/rangeset.h"

#include "platform.h"

#define CX_MAX         32 /* entries of one upload */
#define SPACE_PORT     1
#define SPACE_FIXED    0x7f
#define CLASS_NATIVE   2 /* of fixed hardware: mwait with the hint in `address` */
#define HINT_MAX       0xff
#define PX_ALL         (XEN_PX_PCT | XEN_PX_PSS | XEN_PX_PPC | XEN_PX_PSD)
#define PDC_REVISION   1
#define PDC_P_STATES   (1u << 0 | 1u << 5 | 1u << 11) /* by MSR; coordinated by either */
#define PDC_C1_HALT    (1u << 1)
#define PDC_SMP_C1     (1u << 3)
#define PDC_DEEP_MWAIT (1u << 4 | 1u << 8 | 1u << 9) /* C2 and C3 on many CPUs, mwait for all */
#define PDC_SHARED     0xbffu /* what both of us say of P-, C- and T-states */

/* Whether CPUID 5 lists the state of `hint`. */
static bool hint_exists(uint64_t hint)
{
    unsigned int state = (unsigned int)(hint >> 4 & 0xf) + 1;

    return hint <= HINT_MAX && state < 8 && (cpu_cpuid(5, 0).d >> (state * 4) & 0xf) > (hint & 0xf);
}

/* What the hypervisor can do of an ACPI state; false: nothing. */
static bool translate(const xen_processor_cx_t *cx, bool must_check_bus, struct idle_state *s)
{
    bool by_mwait = cx->reg.space_id == SPACE_FIXED && cx->reg.bit_offset == CLASS_NATIVE &&
                    idle_has_deep_states() && hint_exists(cx->reg.address);

    *s = (struct idle_state){.type = cx->type,
                             .by_mwait = by_mwait,
                             .hint = by_mwait ? (uint32_t)cx->reg.address : 0,
                             .latency_us = cx->latency};
    return cx->type == 1 || (by_mwait && !(cx->type == 3 && must_check_bus));
}

static unsigned int cpu_of_acpi_id(uint32_t id)
{
    unsigned int cpu = 0;

    while (cpu < smp_cpu_count() && acpi_id_of(smp_apic_id(cpu)) != id)
        cpu++;
    return cpu;
}

static int set_idle_states(uint32_t acpi_id, const struct xen_processor_power *power)
{
    unsigned int cpu = cpu_of_acpi_id(acpi_id);
    struct idle_states states = {0};
    xen_processor_cx_t cx;
    struct idle_state s;

    if (cpu >= smp_cpu_count() || power->count > CX_MAX)
        return -EINVAL;
    for (uint32_t i = 0; i < power->count; i++) {
        if (copy_from_guest_at(&cx, power->states, i, 1))
            return -EFAULT;
        if (translate(&cx, power->flags.bm_check, &s))
            idle_add(&states, s); /* what makes no sense beside the others is left out */
    }
    if (states.n)
        idle_set_states(cpu, &states);
    return 0;
}

/* A port that changes frequencies must be one the control domain may write itself. */
static int take_register(const struct xen_pct_register *from, struct pstate_register *to)
{
    *to = (struct pstate_register){
        .way = PSTATE_BY_PORT, .port = (uint16_t)from->address, .width = from->bit_width / 8};
    if (from->space_id == SPACE_FIXED)
        return pstate_msr_way(&to->way) ? 0 : -ENODEV;
    if (from->space_id != SPACE_PORT || from->bit_offset ||
        (from->bit_width != 8 && from->bit_width != 16 && from->bit_width != 32) ||
        from->address > 0x10000u - to->width)
        return -EINVAL;
    return domain_may_access(current->domain, current->domain->ioports, to->port,
                             to->port + to->width - 1u)
               ? 0
               : -EACCES;
}

static int take_states(const struct xen_processor_performance *perf, struct pstate_upload *u)
{
    uint64_t control_max = pstate_control_max(&u->reg);
    xen_processor_px_t px;

    if (perf->state_count < 2 || perf->state_count > PSTATES_MAX ||
        perf->platform_limit >= perf->state_count)
        return -EINVAL;
    for (uint32_t i = 0; i < perf->state_count; i++) {
        if (copy_from_guest_at(&px, perf->states, i, 1))
            return -EFAULT;
        if (!pstate_add(&u->table, px.core_frequency, px.control, control_max))
            return -EINVAL;
    }
    return 0;
}

/* Of a CPU that has its states only the limit changes: as in Xen. */
static int set_frequency_limit(unsigned int cpu, const struct xen_processor_performance *perf)
{
    if (!(perf->flags & XEN_PX_PPC))
        return 0;
    if (perf->platform_limit >= pstate_table_of(cpu)->n)
        return -EINVAL;
    WRITE_ONCE(pstate_policy_of(cpu)->platform_limit, perf->platform_limit);
    pstate_policy_changed(cpu);
    return 0;
}

static int set_frequencies(uint32_t acpi_id, const struct xen_processor_performance *perf)
{
    struct pstate_upload u = {.platform_limit = perf->platform_limit,
                              .is_shared = perf->shared_type != XEN_CPUPERF_SHARED_TYPE_HW,
                              .domain = perf->domain_info.domain,
                              .n_in_domain = perf->domain_info.num_processors};
    unsigned int cpu = cpu_of_acpi_id(acpi_id);
    int rc;

    if (pstate_is_off)
        return -ENOSYS;
    if (cpu >= smp_cpu_count())
        return -EINVAL;
    if (pstate_table_of(cpu))
        return set_frequency_limit(cpu, perf);
    if (perf->flags == 0)
        return 0;
    if (perf->flags != PX_ALL || perf->shared_type < XEN_CPUPERF_SHARED_TYPE_HW ||
        perf->shared_type > XEN_CPUPERF_SHARED_TYPE_ANY ||
        perf->control_register.space_id != perf->status_register.space_id)
        return -EINVAL;
    rc = take_register(&perf->control_register, &u.reg);
    rc = rc ? rc : take_states(perf, &u);
    return rc ? rc : pstate_install(cpu, &u);
}

/* The control domain's words to the firmware about what this machine's kernel can do. */
static int set_capabilities(const xenpf_set_processor_pminfo_t *info)
{
    enum pstate_way way;
    uint32_t words[3];

    if (copy_from_guest(words, info->u.pdc, 2))
        return -EFAULT;
    if (words[0] != PDC_REVISION || words[1] == 0)
        return -EINVAL;
    if (copy_from_guest_at(&words[2], info->u.pdc, 2, 1))
        return -EFAULT;
    words[2] &= ~PDC_SHARED;
    words[2] |= PDC_C1_HALT | PDC_SMP_C1 | (idle_has_deep_states() ? PDC_DEEP_MWAIT : 0) |
                (!pstate_is_off && pstate_msr_way(&way) ? PDC_P_STATES : 0);
    return copy_to_guest_at(info->u.pdc, 2, &words[2], 1) ? -EFAULT : 0;
}

int platform_set_pminfo(xen_platform_op_t *op)
{
    const xenpf_set_processor_pminfo_t *info = &op->u.set_pminfo;

    switch (info->type) {
    case XEN_PM_CX:
        return set_idle_states(info->id, &info->u.power);
    case XEN_PM_PDC:
        return set_capabilities(info);
    case XEN_PM_PX:
        return set_frequencies(info->id, &info->u.perf);
    case XEN_PM_TX:
        return -ENOSYS;
    default:
        return -EINVAL;
    }
}
