/* SPDX-License-Identifier: MIT */
/* vCPUs, where they may run, and CPU pools (public/domctl.h, public/sysctl.h). */
#include "xencall/hv_private.h"
#include "xen-like/abi/extensions.h"

#include <string.h>

int hv_vcpu_info(struct hv *hv, domid_t domid, uint32_t vcpu, struct xen_domctl_getvcpuinfo *info)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_getvcpuinfo, .domain = domid};

    op.u.getvcpuinfo.vcpu = vcpu;
    if (hv_domctl(hv, &op) < 0)
        return -1;
    *info = op.u.getvcpuinfo;
    return 0;
}

/* A bitmap that the hypervisor reads or writes, in `buffer`. */
static void point_at(struct xenctl_bitmap *map, void *buffer)
{
    map->nr_bits = CPULIST_MAX;
    set_xen_guest_handle(map->bitmap, (uint8_t *)buffer);
}

/* `hard` and `soft` go there and come back; NULL: not that one. */
static int affinity_call(struct hv *hv, uint32_t cmd, domid_t domid, uint32_t vcpu,
                         struct cpulist *hard, struct cpulist *soft)
{
    struct xen_domctl op = {.cmd = cmd, .domain = domid};
    struct cpulist *buffer = hv_buffer_alloc(hv, 2 * sizeof(*buffer));
    int ret;

    if (!buffer)
        return -1;
    op.u.vcpuaffinity.vcpu = vcpu;
    if (hard) {
        op.u.vcpuaffinity.flags |= XEN_VCPUAFFINITY_HARD;
        buffer[0] = *hard;
        point_at(&op.u.vcpuaffinity.cpumap_hard, &buffer[0]);
    }
    if (soft) {
        op.u.vcpuaffinity.flags |= XEN_VCPUAFFINITY_SOFT;
        buffer[1] = *soft;
        point_at(&op.u.vcpuaffinity.cpumap_soft, &buffer[1]);
    }
    ret = hv_domctl(hv, &op);
    if (ret == 0 && hard)
        *hard = buffer[0];
    if (ret == 0 && soft)
        *soft = buffer[1];
    hv_buffer_free(hv, buffer, 2 * sizeof(*buffer));
    return ret;
}

int hv_vcpu_get_affinity(struct hv *hv, domid_t domid, uint32_t vcpu, struct cpulist *hard,
                         struct cpulist *soft)
{
    return affinity_call(hv, XEN_DOMCTL_getvcpuaffinity, domid, vcpu, hard, soft);
}

int hv_vcpu_set_affinity(struct hv *hv, domid_t domid, uint32_t vcpu, const struct cpulist *hard,
                         const struct cpulist *soft)
{
    struct cpulist hard_copy = {{0}}, soft_copy = {{0}};

    if (hard)
        hard_copy = *hard;
    if (soft)
        soft_copy = *soft;
    return affinity_call(hv, XEN_DOMCTL_setvcpuaffinity, domid, vcpu, hard ? &hard_copy : NULL,
                         soft ? &soft_copy : NULL);
}

int hv_domain_reservation(struct hv *hv, domid_t domid, bool set, uint16_t *hundredths)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_scheduler_op, .domain = domid};

    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = set ? CORBEL_SCHEDOP_put_reservation : CORBEL_SCHEDOP_get_reservation;
    op.u.scheduler_op.u.credit2.cap = set ? *hundredths : 0;
    if (hv_domctl(hv, &op) < 0)
        return -1;
    *hundredths = op.u.scheduler_op.u.credit2.cap;
    return 0;
}

/* ---- pools ---- */

int hv_pool_info(struct hv *hv, uint32_t pool, struct hv_pool *info)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_cpupool_op};
    struct cpulist *buffer = hv_buffer_alloc(hv, sizeof(*buffer));
    int ret;

    if (!buffer)
        return -1;
    memset(buffer, 0, sizeof(*buffer));
    op.u.cpupool_op.op =
        pool == HV_POOL_FREE ? XEN_SYSCTL_CPUPOOL_OP_FREEINFO : XEN_SYSCTL_CPUPOOL_OP_INFO;
    op.u.cpupool_op.cpupool_id = pool;
    point_at(&op.u.cpupool_op.cpumap, buffer);
    ret = hv_sysctl(hv, &op);
    *info = (struct hv_pool){.id = op.u.cpupool_op.cpupool_id,
                             .scheduler = op.u.cpupool_op.sched_id,
                             .n_domains = op.u.cpupool_op.n_dom,
                             .cpus = *buffer};
    hv_buffer_free(hv, buffer, sizeof(*buffer));
    return ret;
}

int hv_pool_create(struct hv *hv, uint32_t *pool)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_cpupool_op};

    op.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_CREATE;
    op.u.cpupool_op.cpupool_id = XEN_SYSCTL_CPUPOOL_PAR_ANY;
    op.u.cpupool_op.sched_id = XEN_SCHEDULER_CREDIT2;
    if (hv_sysctl(hv, &op) < 0)
        return -1;
    *pool = op.u.cpupool_op.cpupool_id;
    return 0;
}

int hv_pool_change(struct hv *hv, uint32_t pool, uint32_t what, uint32_t which)
{
    struct xen_sysctl op = {.cmd = XEN_SYSCTL_cpupool_op};

    op.u.cpupool_op.op = what;
    op.u.cpupool_op.cpupool_id = pool;
    if (what == XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN)
        op.u.cpupool_op.domid = which;
    else
        op.u.cpupool_op.cpu = which;
    return hv_sysctl(hv, &op);
}
