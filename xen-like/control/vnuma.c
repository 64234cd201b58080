/* SPDX-License-Identifier: MIT */
/*
 * The memory nodes a guest is told to have: distances, which vCPU and which of its memory belongs
 * to which. Kept as the toolstack gave it and handed to the guest; the hypervisor itself makes
 * nothing of it. domain.lock guards d->vnuma.
 */
#include "control.h"
#include "guest.h"
#include "hypercall.h"
#include "vnuma.h"

/* Each list is a page at most, as under Xen. */
#define DISTANCES_MAX (PAGE_SIZE / sizeof(uint32_t))
#define RANGES_MAX    (PAGE_SIZE / sizeof(xen_vmemrange_t))
#define PNODES_MAX    64 /* Xen's MAX_NUMNODES */

struct vnuma {
    uint32_t n_nodes, n_ranges, n_vcpus;
    xen_vmemrange_t *ranges; /* the three lists follow in the same allocation */
    uint32_t *distances;     /* n_nodes * n_nodes */
    uint32_t *vcpu_nodes;
};

static struct vnuma *vnuma_alloc(uint32_t n_nodes, uint32_t n_ranges, uint32_t n_vcpus)
{
    size_t ranges = n_ranges * sizeof(xen_vmemrange_t), distances = n_nodes * n_nodes;
    struct vnuma *v = mm_alloc(sizeof(*v) + ranges + (distances + n_vcpus) * sizeof(uint32_t));

    if (!v)
        return NULL;
    v->n_nodes = n_nodes;
    v->n_ranges = n_ranges;
    v->n_vcpus = n_vcpus;
    v->ranges = (xen_vmemrange_t *)(v + 1);
    v->distances = (uint32_t *)(v->ranges + n_ranges);
    v->vcpu_nodes = v->distances + distances;
    return v;
}

/* Lists come first, then what is in them, in Xen's order. */
static int read_lists(struct vnuma *v, const struct xen_domctl_vnuma *from)
{
    if (copy_from_guest(v->distances, from->vdistance, v->n_nodes * v->n_nodes) ||
        copy_from_guest(v->ranges, from->vmemrange, v->n_ranges) ||
        copy_from_guest(v->vcpu_nodes, from->vcpu_to_vnode, v->n_vcpus))
        return -EFAULT;
    for (uint32_t i = 0; i < v->n_vcpus; i++)
        if (v->vcpu_nodes[i] >= v->n_nodes)
            return -E2BIG;
    for (uint32_t i = 0; i < v->n_nodes; i++) {
        uint32_t pnode; /* where the toolstack placed it: it has done so itself */

        if (copy_from_guest_at(&pnode, from->vnode_to_pnode, i, 1))
            return -EFAULT;
        if (pnode >= PNODES_MAX)
            return -E2BIG;
    }
    for (uint32_t i = 0; i < v->n_ranges; i++)
        if (v->ranges[i].flags)
            return -EINVAL;
    return 0;
}

int domctl_setvnumainfo(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_vnuma *from = &op->u.vnuma;
    struct vnuma *v, *old;
    int rc;

    if (from->nr_vnodes == 0 || from->nr_vcpus != d->max_vcpus || from->pad)
        return -EINVAL;
    if ((uint64_t)from->nr_vnodes * from->nr_vnodes > DISTANCES_MAX ||
        from->nr_vmemranges > RANGES_MAX)
        return -EINVAL;
    v = vnuma_alloc(from->nr_vnodes, from->nr_vmemranges, from->nr_vcpus);
    if (!v)
        return -ENOMEM;
    rc = read_lists(v, from);
    if (rc) {
        mm_free(v);
        return rc;
    }
    spin_lock(&d->lock);
    old = d->vnuma;
    d->vnuma = v;
    spin_unlock(&d->lock);
    mm_free(old);
    return 0;
}

static int write_lists(const struct vnuma *v, const struct xen_vnuma_topology_info *to)
{
    if (copy_to_guest(to->vmemrange.h, v->ranges, v->n_ranges) ||
        copy_to_guest(to->vdistance.h, v->distances, v->n_nodes * v->n_nodes) ||
        copy_to_guest(to->vcpu_to_vnode.h, v->vcpu_nodes, v->n_vcpus))
        return -EFAULT;
    return 0;
}

int vnuma_tell(struct domain *d, struct xen_vnuma_topology_info *info)
{
    const struct vnuma *v;
    int rc = -EOPNOTSUPP;

    spin_lock(&d->lock);
    v = d->vnuma;
    if (v) {
        rc = info->nr_vnodes < v->n_nodes || info->nr_vcpus < v->n_vcpus ||
                     info->nr_vmemranges < v->n_ranges
                 ? -ENOBUFS
                 : write_lists(v, info);
        info->nr_vnodes = v->n_nodes;
        info->nr_vcpus = v->n_vcpus;
        info->nr_vmemranges = v->n_ranges;
    }
    spin_unlock(&d->lock);
    return rc;
}
