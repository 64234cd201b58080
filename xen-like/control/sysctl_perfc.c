/* SPDX-License-Identifier: MIT */
/* The counters, for tools: described and read as performance counters of Xen are. */
#include "arch/smp.h"
#include "control.h"
#include "counters.h"
#include "guest.h"
#include "lib/string.h"

static const char *const names[] = {
#define COUNTER(name) #name,
#include "abi/counters.def"
#undef COUNTER
};

#define HYPERCALLS ARRAY_SIZE(((struct counters *)NULL)->hypercalls)

static uint32_t hypercalls_of_all(unsigned int number)
{
    uint32_t sum = 0;
    unsigned int cpu;

    for_each_cpu(cpu, &cpu_online_map) sum +=
        READ_ONCE(cpu_infos[cpu]->counters->hypercalls[number]);
    return sum;
}

/* Name and number of values of each: one for each CPU; of the hypercalls one for each number. */
static int describe(const struct xen_sysctl_perfc_op *perfc, unsigned int n_cpus)
{
    for (unsigned int i = 0; i <= COUNTERS; i++) {
        struct xen_sysctl_perfc_desc desc = {.nr_vals = i == COUNTERS ? HYPERCALLS : n_cpus};
        const char *name = i == COUNTERS ? "hypercalls" : names[i];

        memcpy(desc.name, name, strlen(name) + 1);
        if (copy_to_guest_at(perfc->desc, i, &desc, 1))
            return -EFAULT;
    }
    return 0;
}

static int read_values(const struct xen_sysctl_perfc_op *perfc)
{
    unsigned int cpu, at = 0;
    uint32_t value;

    for (unsigned int i = 0; i < COUNTERS; i++)
        for_each_cpu(cpu, &cpu_online_map)
        {
            value = READ_ONCE(cpu_infos[cpu]->counters->value[i]);
            if (copy_to_guest_at(perfc->val, at++, &value, 1))
                return -EFAULT;
        }
    for (unsigned int i = 0; i < HYPERCALLS; i++) {
        value = hypercalls_of_all(i);
        if (copy_to_guest_at(perfc->val, at++, &value, 1))
            return -EFAULT;
    }
    return 0;
}

static void reset_all(void)
{
    unsigned int cpu;

    for_each_cpu(cpu, &cpu_online_map) memset(cpu_infos[cpu]->counters, 0, sizeof(struct counters));
}

int sysctl_perfc_op(struct xen_sysctl *op)
{
    struct xen_sysctl_perfc_op *perfc = &op->u.perfc_op;
    unsigned int n_cpus = cpumask_count(&cpu_online_map);
    int rc = 0;

    switch (perfc->cmd) {
    case XEN_SYSCTL_PERFCOP_reset:
        reset_all();
        break;
    case XEN_SYSCTL_PERFCOP_query:
        break;
    default:
        return -EINVAL;
    }
    perfc->nr_counters = COUNTERS + 1;
    perfc->nr_vals = COUNTERS * n_cpus + HYPERCALLS;
    if (guest_handle_addr(perfc->desc))
        rc = describe(perfc, n_cpus);
    if (rc == 0 && guest_handle_addr(perfc->val))
        rc = read_values(perfc);
    return rc;
}
