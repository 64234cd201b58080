/* SPDX-License-Identifier: MIT */
/* Control operations on vCPUs and their scheduling. */
#include "arch/context.h"
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

/* Writes the maps the caller wants: every vCPU may use every CPU there is. */
static int write_affinity(const struct xen_domctl_vcpuaffinity *affinity)
{
    if ((affinity->flags & XEN_VCPUAFFINITY_HARD) &&
        control_write_bitmap(&affinity->cpumap_hard, CONTROL_CPUS))
        return -EFAULT;
    if ((affinity->flags & XEN_VCPUAFFINITY_SOFT) &&
        control_write_bitmap(&affinity->cpumap_soft, CONTROL_CPUS))
        return -EFAULT;
    return 0;
}

/* With one CPU the only hard affinity is that CPU, and a soft one that excludes it has no effect.
 */
int domctl_setvcpuaffinity(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_vcpuaffinity *affinity = &op->u.vcpuaffinity;
    uint64_t cpus = CONTROL_CPUS;
    int rc = affinity_vcpu(d, affinity);

    if (rc)
        return rc;
    if ((affinity->flags & XEN_VCPUAFFINITY_HARD) &&
        control_read_bitmap(&affinity->cpumap_hard, &cpus))
        return -EFAULT;
    if (!(cpus & CONTROL_CPUS))
        return -EINVAL;
    return write_affinity(affinity);
}

int domctl_getvcpuaffinity(struct domain *d, struct xen_domctl *op)
{
    int rc = affinity_vcpu(d, &op->u.vcpuaffinity);

    return rc ? rc : write_affinity(&op->u.vcpuaffinity);
}

int domctl_setnodeaffinity(struct domain *d, struct xen_domctl *op)
{
    uint64_t nodes;

    (void)d;
    if (control_read_bitmap(&op->u.nodeaffinity.nodemap, &nodes))
        return -EFAULT;
    return nodes & CONTROL_NODES ? 0 : -EINVAL;
}

int domctl_getnodeaffinity(struct domain *d, struct xen_domctl *op)
{
    (void)d;
    return control_write_bitmap(&op->u.nodeaffinity.nodemap, CONTROL_NODES);
}

/* Weight and cap as tools know them from credit2. 0 and all ones mean "leave it". */
int domctl_scheduler_op(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_scheduler_op *sched = &op->u.scheduler_op;
    struct xen_domctl_sched_credit2 *wanted = &sched->u.credit2;
    uint32_t weight, cap;

    if (sched->sched_id != XEN_SCHEDULER_CREDIT2)
        return -EINVAL;
    sched_get_params(d, &weight, &cap);
    switch (sched->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        wanted->weight = (uint16_t)weight;
        wanted->cap = (uint16_t)cap;
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo:
        return sched_set_params(d, wanted->weight ? wanted->weight : weight,
                                wanted->cap != 0xffff ? wanted->cap : cap);
    default:
        return -EINVAL;
    }
}
