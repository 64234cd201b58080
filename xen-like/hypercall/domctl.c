/* SPDX-License-Identifier: MIT */
/* domctl: checks version and privilege, finds the domain, calls the operation (control/), copies
 * results back. */
#include "control/control.h"
#include "guest.h"
#include "hypercall.h"

enum domctl_flags {
    WRITES_BACK = 1 << 0,     /* the argument carries results */
    DOMAIN_OPTIONAL = 1 << 1, /* the domain named need not exist */
    EXPLAINS = 1 << 2         /* the argument says what an error is about */
};

#define DOMCTL(name, flags) [XEN_DOMCTL_##name] = {domctl_##name, flags}

static const struct domctl_row {
    int (*act)(struct domain *d, struct xen_domctl *op);
    unsigned int flags;
} domctls[] = {
    DOMCTL(createdomain, WRITES_BACK | DOMAIN_OPTIONAL),
    DOMCTL(destroydomain, 0),
    DOMCTL(pausedomain, 0),
    DOMCTL(unpausedomain, 0),
    DOMCTL(resumedomain, 0),
    DOMCTL(getdomaininfo, WRITES_BACK | DOMAIN_OPTIONAL),
    DOMCTL(setdomainhandle, 0),
    DOMCTL(max_mem, 0),
    DOMCTL(settimeoffset, 0),
    DOMCTL(subscribe, 0),
    DOMCTL(set_virq_handler, 0),
    DOMCTL(max_vcpus, 0),
    DOMCTL(setvcpucontext, 0),
    DOMCTL(getvcpucontext, WRITES_BACK),
    DOMCTL(getvcpuinfo, WRITES_BACK),
    DOMCTL(setvcpuaffinity, 0),
    DOMCTL(getvcpuaffinity, 0),
    DOMCTL(setnodeaffinity, 0),
    DOMCTL(getnodeaffinity, 0),
    DOMCTL(setvnumainfo, 0),
    DOMCTL(scheduler_op, WRITES_BACK),
    DOMCTL(irq_permission, 0),
    DOMCTL(iomem_permission, 0),
    DOMCTL(ioport_permission, 0),
    DOMCTL(hypercall_init, 0),
    DOMCTL(set_address_size, 0),
    DOMCTL(get_address_size, WRITES_BACK),
    DOMCTL(settscinfo, 0),
    DOMCTL(gettscinfo, WRITES_BACK),
    DOMCTL(getpageframeinfo3, 0),
    DOMCTL(getvcpuextstate, WRITES_BACK),
    DOMCTL(setvcpuextstate, 0),
    DOMCTL(get_ext_vcpucontext, WRITES_BACK),
    DOMCTL(set_ext_vcpucontext, 0),
    DOMCTL(get_vcpu_msrs, WRITES_BACK),
    DOMCTL(set_vcpu_msrs, EXPLAINS),
    DOMCTL(shadow_op, WRITES_BACK),
    DOMCTL(sendtrigger, 0),
    DOMCTL(get_cpu_policy, WRITES_BACK),
    DOMCTL(set_cpu_policy, WRITES_BACK | EXPLAINS),
};

#define REFUSED(name, error, why) [XEN_DOMCTL_##name] = (error)

/* What Xen answers for a PV guest, or where it lacks the means; every other absent operation is
 * -ENOSYS. */
static const uint8_t refusals[] = {
    REFUSED(setdebugging, ENOSYS, "no debugger's stops; Debian's Xen takes it, without gdbsx"),
    REFUSED(set_access_required, ENOSYS, "no memory events"),
    REFUSED(soft_reset, EINVAL, "for HVM guests"),
    REFUSED(set_broken_page_p2m, EINVAL, "for HVM guests"),
    REFUSED(get_device_group, EOPNOTSUPP, "no IOMMU"),
    REFUSED(gethvmcontext, EINVAL, "for HVM guests"),
    REFUSED(sethvmcontext, EINVAL, "for HVM guests"),
    REFUSED(gethvmcontext_partial, EINVAL, "for HVM guests"),
    REFUSED(bind_pt_irq, EINVAL, "for HVM guests"),
    REFUSED(unbind_pt_irq, EINVAL, "for HVM guests"),
    REFUSED(memory_mapping, EINVAL, "for HVM guests"),
    REFUSED(ioport_mapping, EOPNOTSUPP, "for HVM guests"),
    REFUSED(set_target, EOPNOTSUPP, "for HVM guests' device models"),
    REFUSED(debug_op, EINVAL, "for HVM guests"),
    REFUSED(monitor_op, EOPNOTSUPP, "for HVM guests"),
    REFUSED(vmtrace_op, EINVAL, "for HVM guests"),
    REFUSED(get_paging_mempool_size, EOPNOTSUPP, "for HVM guests"),
    REFUSED(set_paging_mempool_size, EOPNOTSUPP, "for HVM guests"),
    REFUSED(assign_device, EOPNOTSUPP, "no IOMMU"),
    REFUSED(test_assign_device, EOPNOTSUPP, "no IOMMU"),
    REFUSED(deassign_device, EOPNOTSUPP, "no IOMMU"),
    REFUSED(psr_cmt_op, ENODEV, "no cache monitoring"),
    REFUSED(psr_alloc, ENODEV, "no cache allocation"),
};

static const struct domctl_row unsupported;

static int refusal(uint32_t cmd)
{
    return cmd < ARRAY_SIZE(refusals) && refusals[cmd] ? -refusals[cmd] : -ENOSYS;
}

static const struct domctl_row *find_row(uint32_t cmd)
{
    return cmd < ARRAY_SIZE(domctls) ? &domctls[cmd] : &unsupported;
}

int64_t hc_domctl(HC_ARGS)
{
    const struct domctl_row *row;
    struct xen_domctl op;
    struct domain *d;
    int rc;

    if (guest_read(&op, a1, sizeof(op)))
        return -EFAULT;
    if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
        return -EACCES;
    row = find_row(op.cmd);
    d = op.domain < DOMID_LIMIT ? domain_find(op.domain) : NULL;
    if (!d && !(row->flags & DOMAIN_OPTIONAL))
        return -ESRCH;
    if (!current->domain->is_control)
        return -EPERM;
    if (!row->act)
        return refusal(op.cmd);
    if (!control_begin())
        return hypercall_wait(__HYPERVISOR_domctl, a1, a2, a3, a4, a5);
    rc = row->act(d, &op);
    control_end();
    if (rc == -ERESTART_HYPERCALL)
        return hypercall_restart(__HYPERVISOR_domctl, a1, a2, a3, a4, a5);
    if (((rc == 0 && (row->flags & WRITES_BACK)) || (row->flags & EXPLAINS)) &&
        guest_write(a1, &op, sizeof(op)))
        return -EFAULT;
    return rc;
}
