/* SPDX-License-Identifier: MIT */
/* Domain control operations (public/domctl.h). */
#include "xencall/hv_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hv_domctl(struct hv *hv, struct xen_domctl *op)
{
    int ret;

    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    memcpy(hv->argument, op, sizeof(*op));
    ret = xencall1(hv->xcall, __HYPERVISOR_domctl, (uintptr_t)hv->argument);
    memcpy(op, hv->argument, sizeof(*op));
    return ret;
}

/* An operation that has no argument but its domain. */
static int domctl_plain(struct hv *hv, uint32_t cmd, domid_t domid)
{
    struct xen_domctl op = {.cmd = cmd, .domain = domid};

    return hv_domctl(hv, &op);
}

int hv_domain_create(struct hv *hv, const struct xen_domctl_createdomain *config, domid_t *domid)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_createdomain, .domain = DOMID_INVALID};

    op.u.createdomain = *config;
    if (hv_domctl(hv, &op) < 0)
        return -1;
    *domid = op.domain;
    return 0;
}

int hv_domain_destroy(struct hv *hv, domid_t domid)
{
    return domctl_plain(hv, XEN_DOMCTL_destroydomain, domid);
}

int hv_domain_pause(struct hv *hv, domid_t domid)
{
    return domctl_plain(hv, XEN_DOMCTL_pausedomain, domid);
}

int hv_domain_unpause(struct hv *hv, domid_t domid)
{
    return domctl_plain(hv, XEN_DOMCTL_unpausedomain, domid);
}

int hv_domain_send_trigger(struct hv *hv, domid_t domid, uint32_t trigger, uint32_t vcpu)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_sendtrigger, .domain = domid};

    op.u.sendtrigger.trigger = trigger;
    op.u.sendtrigger.vcpu = vcpu;
    return hv_domctl(hv, &op);
}

int hv_domain_set_max_vcpus(struct hv *hv, domid_t domid, uint32_t n)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_max_vcpus, .domain = domid};

    op.u.max_vcpus.max = n;
    return hv_domctl(hv, &op);
}

int hv_domain_set_max_mem(struct hv *hv, domid_t domid, uint64_t kib)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_max_mem, .domain = domid};

    op.u.max_mem.max_memkb = kib;
    return hv_domctl(hv, &op);
}

int hv_domain_init_hypercall_page(struct hv *hv, domid_t domid, uint64_t mfn)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_hypercall_init, .domain = domid};

    op.u.hypercall_init.gmfn = mfn;
    return hv_domctl(hv, &op);
}

int hv_domain_set_vcpu(struct hv *hv, domid_t domid, uint32_t vcpu,
                       const struct vcpu_guest_context *context)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_setvcpucontext, .domain = domid};
    vcpu_guest_context_t *copy = hv_buffer_alloc(hv, sizeof(*copy));
    int ret;

    if (!copy)
        return -1;
    *copy = *context;
    op.u.vcpucontext.vcpu = vcpu;
    set_xen_guest_handle(op.u.vcpucontext.ctxt, copy);
    ret = hv_domctl(hv, &op);
    hv_buffer_free(hv, copy, sizeof(*copy));
    return ret;
}

int hv_domain_info(struct hv *hv, domid_t domid, struct xen_domctl_getdomaininfo *info)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_getdomaininfo, .domain = domid};

    if (hv_domctl(hv, &op) < 0)
        return -1;
    if (op.u.getdomaininfo.domain != domid) {
        errno = ESRCH; /* the hypervisor answers with the next domain there is */
        return -1;
    }
    *info = op.u.getdomaininfo;
    return 0;
}

int hv_domain_list(struct hv *hv, struct xen_domctl_getdomaininfo **list)
{
    const uint32_t batch = 128;
    const size_t size = batch * sizeof(**list);
    xen_domctl_getdomaininfo_t *buffer = hv_buffer_alloc(hv, size);
    size_t n = 0;
    uint32_t got = batch;
    domid_t first = 0;
    int ret = 0;

    *list = NULL;
    if (!buffer)
        return -1;
    while (got == batch) {
        struct xen_sysctl op = {.cmd = XEN_SYSCTL_getdomaininfolist};
        void *larger;

        op.u.getdomaininfolist.first_domain = first;
        op.u.getdomaininfolist.max_domains = batch;
        set_xen_guest_handle(op.u.getdomaininfolist.buffer, buffer);
        ret = hv_sysctl(hv, &op);
        if (ret < 0)
            break;
        got = op.u.getdomaininfolist.num_domains;
        if (got > batch)
            got = batch;
        larger = realloc(*list, (n + got + 1) * sizeof(**list));
        if (!larger) {
            ret = -1;
            break;
        }
        *list = larger;
        memcpy(*list + n, buffer, got * sizeof(**list));
        n += got;
        if (got)
            first = buffer[got - 1].domain + 1;
    }
    hv_buffer_free(hv, buffer, size);
    if (ret < 0) {
        free(*list);
        *list = NULL;
        return -1;
    }
    return (int)n;
}

/* Reads or writes the credit parameters, whichever of the two credit schedulers runs. */
static int credit_op(struct hv *hv, domid_t domid, uint32_t cmd, uint16_t *weight, uint16_t *cap)
{
    struct xen_domctl op = {.cmd = XEN_DOMCTL_scheduler_op, .domain = domid};
    struct xen_domctl_scheduler_op *sched = &op.u.scheduler_op;

    if (hv_scheduler(hv, &sched->sched_id) < 0)
        return -1;
    sched->cmd = cmd;
    if (sched->sched_id == XEN_SCHEDULER_CREDIT)
        sched->u.credit = (struct xen_domctl_sched_credit){.weight = *weight, .cap = *cap};
    else if (sched->sched_id == XEN_SCHEDULER_CREDIT2)
        sched->u.credit2 = (struct xen_domctl_sched_credit2){.weight = *weight, .cap = *cap};
    else {
        errno = EOPNOTSUPP;
        return -1;
    }
    if (hv_domctl(hv, &op) < 0)
        return -1;
    if (sched->sched_id == XEN_SCHEDULER_CREDIT) {
        *weight = sched->u.credit.weight;
        *cap = sched->u.credit.cap;
    } else {
        *weight = sched->u.credit2.weight;
        *cap = sched->u.credit2.cap;
    }
    return 0;
}

int hv_domain_set_credit(struct hv *hv, domid_t domid, uint16_t weight, uint16_t cap)
{
    return credit_op(hv, domid, XEN_DOMCTL_SCHEDOP_putinfo, &weight, &cap);
}

int hv_domain_get_credit(struct hv *hv, domid_t domid, uint16_t *weight, uint16_t *cap)
{
    *weight = 0;
    *cap = 0;
    return credit_op(hv, domid, XEN_DOMCTL_SCHEDOP_getinfo, weight, cap);
}
