/* SPDX-License-Identifier: MIT */
/* XENPF_set_processor_pminfo: what the control domain found in ACPI about idle states; frequencies
 * are not taken. */
#include "arch/acpi.h"
#include "arch/cpu.h"
#include "arch/idle.h"
#include "arch/smp.h"
#include "guest.h"
#include "hypercall.h"

#include "platform.h"

#define CX_MAX         32 /* entries of one upload */
#define SPACE_FIXED    0x7f
#define CLASS_NATIVE   2 /* of fixed hardware: mwait with the hint in `address` */
#define HINT_MAX       0xff
#define PDC_REVISION   1
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

/* The control domain's words to the firmware about what this machine's kernel can do. */
static int set_capabilities(const xenpf_set_processor_pminfo_t *info)
{
    uint32_t words[3];

    if (copy_from_guest(words, info->u.pdc, 2))
        return -EFAULT;
    if (words[0] != PDC_REVISION || words[1] == 0)
        return -EINVAL;
    if (copy_from_guest_at(&words[2], info->u.pdc, 2, 1))
        return -EFAULT;
    words[2] &= ~PDC_SHARED;
    words[2] |= PDC_C1_HALT | PDC_SMP_C1 | (idle_has_deep_states() ? PDC_DEEP_MWAIT : 0);
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
    case XEN_PM_PX: /* as Xen with cpufreq=none */
    case XEN_PM_TX:
        return -ENOSYS;
    default:
        return -EINVAL;
    }
}
