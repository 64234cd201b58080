/* SPDX-License-Identifier: MIT */
/* Control operations on a domain's life. */
#include "arch/vcpu_areas.h"
#include "control.h"
#include "event.h"
#include "grant.h"
#include "lib/string.h"

#define CDF_KNOWN (XEN_DOMCTL_CDF_MAX | (XEN_DOMCTL_CDF_MAX - 1))
/* What a 64-bit PV domain without an IOMMU can be asked for. */
#define CDF_OFFERED                                                                                \
    (XEN_DOMCTL_CDF_s3_integrity | XEN_DOMCTL_CDF_oos_off | XEN_DOMCTL_CDF_xs_domain)

/* The id asked for if it is one, else the next free one after the last given; -EEXIST, -ENOMEM. */
static int choose_id(domid_t wanted, domid_t *id)
{
    static domid_t last;

    if (wanted > 0 && wanted < DOMID_LIMIT) {
        *id = wanted;
        return domain_find(wanted) ? -EEXIST : 0;
    }
    for (unsigned int n = 1; n < DOMID_LIMIT; n++) {
        last = last < DOMID_LIMIT - 1 ? last + 1 : 1;
        if (!domain_find(last)) {
            *id = last;
            return 0;
        }
    }
    return -ENOMEM;
}

/* Everything that can be refused by looking at the configuration. */
static int check_config(const struct xen_domctl_createdomain *config)
{
    uint32_t version = XEN_DOMCTL_GRANT_version(config->grant_opts);
    const struct sched_pool *pool;
    unsigned int id;

    if ((config->flags & ~CDF_KNOWN) || (config->flags & ~CDF_OFFERED) || config->iommu_opts)
        return -EINVAL;
    if (config->max_vcpus < 1 || config->max_vcpus > DOMAIN_MAX_VCPUS || config->vmtrace_size)
        return -EINVAL;
    if (config->arch.emulation_flags || (config->arch.misc_flags & ~XEN_X86_MSR_RELAXED))
        return -EINVAL;
    if ((config->grant_opts & ~XEN_DOMCTL_GRANT_version_mask) || version != 1)
        return -EINVAL;
    if (config->max_grant_frames == 0 || config->max_grant_frames > GRANT_DEFAULT_FRAMES ||
        config->max_maptrack_frames > GRANT_DEFAULT_MAPTRACK_FRAMES)
        return -EINVAL;
    pool = sched_pool_find(config->cpupool_id, false, &id);
    if (!pool)
        return -ESRCH;
    return cpumask_empty(&pool->cpus) ? -ENODEV : 0;
}

int domctl_createdomain(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_createdomain *config = &op->u.createdomain;
    int32_t grants = config->max_grant_frames, maptrack = config->max_maptrack_frames;
    domid_t id;
    int rc = choose_id(op->domain, &id);

    if (rc || (rc = check_config(config)))
        return rc;
    rc = domain_create(
        id, config->handle, config->flags, config->max_vcpus, config->max_evtchn_port,
        grants < 0 ? GRANT_DEFAULT_FRAMES : (unsigned int)grants,
        maptrack < 0 ? GRANT_DEFAULT_MAPTRACK_FRAMES : (unsigned int)maptrack, false, &d);
    if (rc)
        return rc;
    d->ssidref = config->ssidref;
    d->pool = config->cpupool_id;
    op->domain = d->id;
    return 0;
}

int domctl_destroydomain(struct domain *d, struct xen_domctl *op)
{
    (void)op;
    return d == current->domain ? -EINVAL : domain_kill(d);
}

int domctl_pausedomain(struct domain *d, struct xen_domctl *op)
{
    (void)op;
    return d == current->domain ? -EINVAL : domain_pause_by_controller(d);
}

int domctl_unpausedomain(struct domain *d, struct xen_domctl *op)
{
    (void)op;
    return domain_unpause_by_controller(d);
}

/* Undoes a shutdown: the guest continues after its SCHEDOP_shutdown. */
int domctl_resumedomain(struct domain *d, struct xen_domctl *op)
{
    (void)op;
    if (d == current->domain)
        return -EINVAL;
    if (d->is_shut_down) {
        d->is_shut_down = false;
        __atomic_store_n(&d->is_shutting_down, false, __ATOMIC_RELEASE);
        domain_unpause(d);
    }
    return 0;
}

int domctl_getdomaininfo(struct domain *d, struct xen_domctl *op)
{
    if (!d) {
        for_each_domain (d)
            if (d->id >= op->domain)
                break;
    }
    if (!d)
        return -ESRCH;
    control_domain_info(d, &op->u.getdomaininfo);
    op->domain = d->id;
    return 0;
}

int domctl_setdomainhandle(struct domain *d, struct xen_domctl *op)
{
    memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
    return 0;
}

int domctl_max_mem(struct domain *d, struct xen_domctl *op)
{
    d->max_pages = op->u.max_mem.max_memkb >> (PAGE_SHIFT - 10);
    return 0;
}

int domctl_settimeoffset(struct domain *d, struct xen_domctl *op)
{
    d->time_offset_seconds = (int32_t)op->u.settimeoffset.time_offset_seconds;
    update_domain_wallclock(d);
    return 0;
}

int domctl_subscribe(struct domain *d, struct xen_domctl *op)
{
    d->suspend_port = op->u.subscribe.port;
    return 0;
}

int domctl_set_virq_handler(struct domain *d, struct xen_domctl *op)
{
    return evtchn_set_virq_handler(d, op->u.set_virq_handler.virq);
}
