/* SPDX-License-Identifier: MIT */
/* CPU pools as tools see and change them. */
#include "arch/smp.h"
#include "control.h"

static int pool_info(struct xen_sysctl_cpupool_op *op)
{
    unsigned int id;
    const struct sched_pool *pool = sched_pool_find(op->cpupool_id, true, &id);

    /* Asked for a pool that is not there, the next one by number is described. */
    if (!pool)
        return -ENOENT;
    op->cpupool_id = id;
    op->sched_id = XEN_SCHEDULER_CREDIT2;
    op->n_dom = sched_pool_count_domains(id);
    return control_write_cpumask(&op->cpumap, &pool->cpus);
}

static int move_domain(const struct xen_sysctl_cpupool_op *op)
{
    struct domain *d = op->domid == DOMID_SELF   ? current->domain
                       : op->domid < DOMID_LIMIT ? domain_find((domid_t)op->domid)
                                                 : NULL;

    if (!d)
        return -EINVAL;
    return sched_pool_move_domain(d, op->cpupool_id);
}

int sysctl_cpupool_op(struct xen_sysctl *op)
{
    struct xen_sysctl_cpupool_op *pool = &op->u.cpupool_op;
    struct cpumask free;

    switch (pool->op) {
    case XEN_SYSCTL_CPUPOOL_OP_CREATE:
        if (pool->sched_id != XEN_SCHEDULER_CREDIT2)
            return -EINVAL;
        return sched_pool_create(&pool->cpupool_id);
    case XEN_SYSCTL_CPUPOOL_OP_DESTROY:
        return sched_pool_destroy(pool->cpupool_id);
    case XEN_SYSCTL_CPUPOOL_OP_INFO:
        return pool_info(pool);
    case XEN_SYSCTL_CPUPOOL_OP_ADDCPU:
        return sched_pool_add_cpu(pool->cpupool_id, pool->cpu);
    case XEN_SYSCTL_CPUPOOL_OP_RMCPU:
        return sched_pool_remove_cpu(pool->cpupool_id, pool->cpu);
    case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
        return move_domain(pool);
    case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
        free = sched_pool_free_cpus();
        return control_write_cpumask(&pool->cpumap, &free);
    default:
        return -ENOSYS;
    }
}
