/* SPDX-License-Identifier: MIT */
/* P-states as xenpm sees and sets them: frequencies, limits, governors, statistics. */
#include "arch/pstate.h"
#include "arch/smp.h"
#include "control.h"
#include "guest.h"
#include "lib/string.h"

static const char driver_name[] = "acpi-cpufreq"; /* as Xen's */

int sysctl_freq_stat(struct xen_sysctl_get_pmstat *stat)
{
    const struct pstate_table *t = pstate_table_of(stat->cpuid);
    struct pm_px_stat *to = &stat->u.getpx;
    const struct pstate_stats *from;

    if (pstate_is_off)
        return -ENODEV;
    if (!t)
        return -EINVAL;
    switch (stat->type) {
    case PMSTAT_get_max_px:
        to->total = (uint8_t)t->n;
        return 0;
    case PMSTAT_get_pxstat:
        from = pstate_stats_of(stat->cpuid);
        for (unsigned int i = 0; i < t->n; i++) {
            pm_px_val_t state = {.freq = t->state[i].khz / 1000,
                                 .residency = from->busy_ns[i],
                                 .count = from->entries[i]};

            if (copy_to_guest_at(to->pt, i, &state, 1))
                return -EFAULT;
        }
        if (copy_to_guest(to->trans_pt, from->moves, t->n * t->n))
            return -EFAULT;
        to->total = (uint8_t)t->n;
        to->usable = (uint8_t)(t->n - MIN(pstate_policy_of(stat->cpuid)->platform_limit, t->n - 1));
        to->last = (uint8_t)from->last;
        to->cur = (uint8_t)from->now;
        return 0;
    case PMSTAT_reset_pxstat:
        pstate_reset_stats(stat->cpuid);
        return 0;
    default:
        return -ENOSYS;
    }
}

/* The caller's array has room for as many CPUs as it was told. */
static int write_affected(struct xen_get_cpufreq_para *para, const struct cpumask *cpus)
{
    uint32_t i = 0;
    unsigned int cpu;

    for_each_cpu(cpu, cpus)
    {
        if (copy_to_guest_at(para->affected_cpus, i, &cpu, 1))
            return -EFAULT;
        i++;
    }
    return 0;
}

static int write_lists(struct xen_get_cpufreq_para *para, const struct pstate_table *t)
{
    char all[GOVERNOR_COUNT * CPUFREQ_NAME_LEN] = "";
    size_t used = 0;

    for (unsigned int i = 0; i < t->n; i++)
        if (copy_to_guest_at(para->scaling_available_frequencies, i, &t->state[i].khz, 1))
            return -EFAULT;
    for (unsigned int g = 0; g < GOVERNOR_COUNT; g++) {
        if (g)
            all[used++] = ' ';
        used += string_copy(all + used, pstate_governor_name((enum pstate_governor)g),
                            sizeof(all) - used);
    }
    return copy_to_guest(para->scaling_available_governors, all, sizeof(all)) ? -EFAULT : 0;
}

static void write_policy(struct xen_get_cpufreq_para *para, unsigned int cpu)
{
    const struct pstate_table *t = pstate_table_of(cpu);
    const struct pstate_policy *p = pstate_policy_of(cpu);
    struct pstate_range range = pstate_allowed(t, p);
    uint32_t khz = t->state[pstate_now(cpu)].khz;

    string_copy(para->scaling_driver, driver_name, sizeof(para->scaling_driver));
    string_copy(para->scaling_governor, pstate_governor_name(p->governor),
                sizeof(para->scaling_governor));
    para->cpuinfo_cur_freq = para->scaling_cur_freq = khz;
    para->cpuinfo_max_freq = t->state[0].khz;
    para->cpuinfo_min_freq = t->state[t->n - 1].khz;
    para->scaling_max_freq = MIN(p->max_khz, t->state[range.fastest].khz);
    para->scaling_min_freq = MIN(p->min_khz, para->scaling_max_freq);
    para->turbo_enabled = pstate_has_turbo(pstate_register_of(cpu)) && !p->has_no_turbo;
    if (p->governor == GOVERNOR_USERSPACE)
        para->u.userspace.scaling_setspeed = khz;
    if (p->governor == GOVERNOR_ONDEMAND)
        para->u.ondemand = (struct xen_ondemand){.sampling_rate_max = SAMPLING_US_MAX,
                                                 .sampling_rate_min = SAMPLING_US_MIN,
                                                 .sampling_rate = pstate_tuning.sampling_us,
                                                 .up_threshold = pstate_tuning.up_threshold};
}

static int get_para(unsigned int cpu, struct xen_get_cpufreq_para *para)
{
    const struct pstate_table *t = pstate_table_of(cpu);
    struct cpumask cpus;
    uint32_t n_cpus;
    int rc;

    pstate_affected(cpu, &cpus);
    n_cpus = cpumask_count(&cpus);
    if (para->cpu_num != n_cpus || para->freq_num != t->n || para->gov_num != GOVERNOR_COUNT) {
        para->cpu_num = n_cpus;
        para->freq_num = t->n;
        para->gov_num = GOVERNOR_COUNT;
        return -EAGAIN;
    }
    rc = write_affected(para, &cpus);
    rc = rc ? rc : write_lists(para, t);
    if (rc == 0)
        write_policy(para, cpu);
    return rc;
}

static int set_governor(unsigned int cpu, const struct xen_set_cpufreq_gov *gov)
{
    struct pstate_policy *p = pstate_policy_of(cpu);
    enum pstate_governor g;

    if (!pstate_governor_find(gov->scaling_governor, sizeof(gov->scaling_governor), &g))
        return -EINVAL;
    if (g == GOVERNOR_USERSPACE && p->governor != g) /* stay where it is */
        p->speed_khz = pstate_table_of(cpu)->state[pstate_now(cpu)].khz;
    WRITE_ONCE(p->governor, g);
    return 0;
}

static int set_within(uint32_t *to, uint32_t value, uint32_t low, uint32_t high)
{
    if (value < low || value > high)
        return -EINVAL;
    WRITE_ONCE(*to, value);
    return 0;
}

static int set_para(unsigned int cpu, const struct xen_set_cpufreq_para *para)
{
    const struct pstate_table *t = pstate_table_of(cpu);
    struct pstate_policy *p = pstate_policy_of(cpu);
    uint32_t low = t->state[t->n - 1].khz, high = t->state[0].khz, value = para->ctrl_value;

    switch (para->ctrl_type) {
    case SCALING_MAX_FREQ: /* what is beyond all states means the last of them */
        return set_within(&p->max_khz, MIN(MAX(value, low), high), p->min_khz, high);
    case SCALING_MIN_FREQ:
        return set_within(&p->min_khz, MIN(MAX(value, low), high), low, p->max_khz);
    case SCALING_SETSPEED:
        if (p->governor != GOVERNOR_USERSPACE)
            return -EINVAL;
        WRITE_ONCE(p->speed_khz, value);
        return 0;
    }
    if (p->governor != GOVERNOR_ONDEMAND)
        return -EINVAL;
    switch (para->ctrl_type) {
    case SAMPLING_RATE:
        return set_within(&pstate_tuning.sampling_us, value, SAMPLING_US_MIN, SAMPLING_US_MAX);
    case UP_THRESHOLD:
        return set_within(&pstate_tuning.up_threshold, value, UP_THRESHOLD_MIN, UP_THRESHOLD_MAX);
    default:
        return -EINVAL;
    }
}

static void get_average(unsigned int cpu, uint64_t *khz)
{
    const struct pstate_table *t = pstate_table_of(cpu);
    unsigned int percent = pstate_measured_percent(cpu);

    *khz = percent ? (uint64_t)t->state[0].khz * percent / 100 : t->state[pstate_now(cpu)].khz;
}

int sysctl_freq_op(struct xen_sysctl_pm_op *pm)
{
    int rc = -ENOSYS;

    if (pstate_is_off)
        return -ENODEV;
    if (!pstate_table_of(pm->cpuid))
        return -EINVAL;
    switch (pm->cmd) {
    case GET_CPUFREQ_PARA:
        return get_para(pm->cpuid, &pm->u.get_para);
    case GET_CPUFREQ_AVGFREQ:
        get_average(pm->cpuid, &pm->u.get_avgfreq);
        return 0;
    case SET_CPUFREQ_GOV:
        rc = set_governor(pm->cpuid, &pm->u.set_gov);
        break;
    case SET_CPUFREQ_PARA:
        rc = set_para(pm->cpuid, &pm->u.set_para);
        break;
    }
    if (rc == 0)
        pstate_policy_changed(pm->cpuid);
    return rc;
}

int sysctl_turbo_op(struct xen_sysctl_pm_op *pm)
{
    struct pstate_policy *p = pstate_policy_of(pm->cpuid);

    if (!p)
        return -EACCES;
    if (!pstate_has_turbo(pstate_register_of(pm->cpuid)))
        return -EOPNOTSUPP;
    WRITE_ONCE(p->has_no_turbo, pm->cmd == XEN_SYSCTL_pm_op_disable_turbo);
    pstate_policy_changed(pm->cpuid);
    return 0;
}
