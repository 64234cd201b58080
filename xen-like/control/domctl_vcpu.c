/* SPDX-License-Identifier: MIT */
/* Control operations on vCPUs and their scheduling. */
#include "abi/extensions.h"
#include "arch/context.h"
#include "arch/smp.h"
#include "arch/trap.h"
#include "control.h"
#include "guest.h"

static struct vcpu *vcpu_by_id(const struct domain *d, unsigned int id)
{
    return id < d->max_vcpus ? d->vcpu[id] : NULL;
}

/* Makes the vCPUs that createdomain announced. */
int domctl_max_vcpus(struct domain *d, struct xen_domctl *op)
{
    int rc = 0;

    if (d == current->domain || op->u.max_vcpus.max != d->max_vcpus)
        return -EINVAL;
    domain_pause(d);
    for (unsigned int i = 0; i < d->max_vcpus && rc == 0; i++)
        if (!d->vcpu[i] && !vcpu_create(d, i))
            rc = -ENOMEM;
    domain_unpause(d);
    return rc;
}

int domctl_setvcpucontext(struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = vcpu_by_id(d, op->u.vcpucontext.vcpu);
    vcpu_guest_context_t *ctx;
    int rc = -EFAULT;

    if (d == current->domain || !v)
        return -EINVAL;
    /* Without a context Xen resets the vCPU; nobody asks that of a PV guest. */
    if (!guest_handle_addr(op->u.vcpucontext.ctxt))
        return -EOPNOTSUPP;
    ctx = mm_alloc(sizeof(*ctx));
    if (!ctx)
        return -ENOMEM;
    if (!copy_from_guest(ctx, op->u.vcpucontext.ctxt, 1)) {
        domain_pause(d);
        rc = arch_vcpu_set_context(v, ctx);
        if (rc == 0 && (ctx->flags & VGCF_online))
            vcpu_clear_flag(v, VPF_DOWN);
        else if (rc == 0)
            vcpu_set_flag(v, VPF_DOWN);
        domain_unpause(d);
    }
    mm_free(ctx);
    return rc;
}

int domctl_getvcpucontext(struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = vcpu_by_id(d, op->u.vcpucontext.vcpu);
    vcpu_guest_context_t *ctx;
    int rc = 0;

    if (!v || v == current)
        return -EINVAL;
    if (!v->is_initialised)
        return -ENODATA;
    ctx = mm_alloc(sizeof(*ctx));
    if (!ctx)
        return -ENOMEM;
    vcpu_pause(v);
    arch_vcpu_get_context(v, ctx);
    vcpu_unpause(v);
    if (copy_to_guest(op->u.vcpucontext.ctxt, ctx, 1))
        rc = -EFAULT;
    mm_free(ctx);
    return rc;
}

int domctl_getvcpuinfo(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_getvcpuinfo *info = &op->u.getvcpuinfo;
    struct vcpu *v = vcpu_by_id(d, info->vcpu);

    if (info->vcpu >= d->max_vcpus)
        return -EINVAL;
    if (!v)
        return -ESRCH;
    info->online = !(v->pause_flags & VPF_DOWN);
    info->blocked = (v->pause_flags & (VPF_BLOCKED | VPF_POLLING)) != 0;
    info->running = v->is_running;
    info->cpu_time = sched_vcpu_runtime(v);
    info->cpu = v->cpu;
    return 0;
}

static int affinity_vcpu(const struct domain *d, const struct xen_domctl_vcpuaffinity *affinity)
{
    if (affinity->vcpu >= d->max_vcpus)
        return -EINVAL;
    return d->vcpu[affinity->vcpu] ? 0 : -ESRCH;
}

/* CPUs of the pool that run: what a vCPU could be given. */
static struct cpumask pool_cpus(const struct domain *d)
{
    unsigned int id;

    return cpumask_and(&sched_pool_find(d->pool, false, &id)->cpus, &cpu_online_map);
}

/* Sets what is asked for and writes back what has effect, as Xen does. */
int domctl_setvcpuaffinity(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_vcpuaffinity *affinity = &op->u.vcpuaffinity;
    bool sets_hard = affinity->flags & XEN_VCPUAFFINITY_HARD;
    bool sets_soft = affinity->flags & XEN_VCPUAFFINITY_SOFT;
    struct cpumask hard, soft, pool = pool_cpus(d);
    struct vcpu *v;
    int rc = affinity_vcpu(d, affinity);

    if (rc)
        return rc;
    if ((affinity->flags &
         ~(uint32_t)(XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT | XEN_VCPUAFFINITY_FORCE)) ||
        (!sets_hard && !sets_soft))
        return -EINVAL;
    v = d->vcpu[affinity->vcpu];
    if (v->pin_override)
        return -EBUSY;
    if ((sets_hard && control_read_cpumask(&affinity->cpumap_hard, &hard)) ||
        (sets_soft && control_read_cpumask(&affinity->cpumap_soft, &soft)))
        return -EFAULT;
    rc = sched_set_affinity(v, sets_hard ? &hard : NULL, sets_soft ? &soft : NULL);
    if (rc)
        return rc;
    hard = cpumask_and(&v->hard_affinity, &pool);
    soft = cpumask_and(&v->soft_affinity, &hard);
    if ((sets_hard && control_write_cpumask(&affinity->cpumap_hard, &hard)) ||
        (sets_soft && control_write_cpumask(&affinity->cpumap_soft, &soft)))
        return -EFAULT;
    return 0;
}

int domctl_getvcpuaffinity(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_vcpuaffinity *affinity = &op->u.vcpuaffinity;
    const struct vcpu *v;
    int rc = affinity_vcpu(d, affinity);

    if (rc)
        return rc;
    if (!(affinity->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)))
        return -EINVAL;
    v = d->vcpu[affinity->vcpu];
    if (((affinity->flags & XEN_VCPUAFFINITY_HARD) &&
         control_write_cpumask(&affinity->cpumap_hard, &v->hard_affinity)) ||
        ((affinity->flags & XEN_VCPUAFFINITY_SOFT) &&
         control_write_cpumask(&affinity->cpumap_soft, &v->soft_affinity)))
        return -EFAULT;
    return 0;
}

/* Nodes the domain's memory comes from first. */
int domctl_setnodeaffinity(struct domain *d, struct xen_domctl *op)
{
    uint64_t nodes, all = control_all_nodes();

    if (control_read_bitmap(&op->u.nodeaffinity.nodemap, &nodes))
        return -EFAULT;
    if (!(nodes & all))
        return -EINVAL;
    d->nodes = nodes & all;
    return 0;
}

int domctl_getnodeaffinity(struct domain *d, struct xen_domctl *op)
{
    return control_write_bitmap(&op->u.nodeaffinity.nodemap,
                                d->nodes ? d->nodes : control_all_nodes());
}

/* Weight and cap as tools know them from credit2, where a weight of 0 means "leave it";
 * reservations by commands of our own. */
int domctl_scheduler_op(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_scheduler_op *sched = &op->u.scheduler_op;
    struct xen_domctl_sched_credit2 *wanted = &sched->u.credit2;
    struct sched_params p;

    if (sched->sched_id != XEN_SCHEDULER_CREDIT2)
        return -EINVAL;
    sched_get_params(d, &p);
    switch (sched->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        wanted->weight = (uint16_t)p.weight;
        wanted->cap = (uint16_t)p.cap;
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo:
        p.weight = wanted->weight ? wanted->weight : p.weight;
        p.cap = wanted->cap;
        return sched_set_params(d, &p);
    case CORBEL_SCHEDOP_get_reservation:
        wanted->cap = (uint16_t)p.reservation;
        return 0;
    case CORBEL_SCHEDOP_put_reservation:
        p.reservation = wanted->cap;
        return sched_set_params(d, &p);
    default: /* parameters of single vCPUs exist for RTDS only */
        return -EINVAL;
    }
}

/* Guests of a PV kind have no buttons. */
int domctl_sendtrigger(struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = vcpu_by_id(d, op->u.sendtrigger.vcpu);

    if (!v)
        return -ESRCH;
    switch (op->u.sendtrigger.trigger) {
    case XEN_DOMCTL_SENDTRIGGER_NMI:
        pv_raise_nmi(v);
        return 0;
    case XEN_DOMCTL_SENDTRIGGER_POWER:
    case XEN_DOMCTL_SENDTRIGGER_SLEEP:
        return -EINVAL;
    default:
        return -ENOSYS;
    }
}
