/* SPDX-License-Identifier: MIT */
/* Control operations on the vCPU state beside its context: what save and restore carry along. */
#include "arch/fpu.h"
#include "arch/trap.h"
#include "control.h"
#include "guest.h"
#include "lib/string.h"

/* Before the XSAVE image: XCR0, and every component that was ever on. */
struct xstate_head {
    uint64_t xcr0, xcr0_accum;
};

static struct vcpu *vcpu_by_id(const struct domain *d, unsigned int id)
{
    return id < d->max_vcpus ? d->vcpu[id] : NULL;
}

static uint32_t xstate_size(void)
{
    return (uint32_t)(sizeof(struct xstate_head) + (fpu_has_xsave() ? fpu_state_size() : 0));
}

int domctl_getvcpuextstate(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpuextstate *state = &op->u.vcpuextstate;
    struct vcpu *v = vcpu_by_id(d, state->vcpu);
    uint64_t to = guest_handle_addr(state->buffer);
    int rc = 0;

    if (!v)
        return -ESRCH;
    if (v == current)
        return -EINVAL;
    if ((state->size == 0 && state->xfeature_mask == 0) || !to) {
        state->size = xstate_size();
        state->xfeature_mask = fpu_host_xcr0();
        return 0;
    }
    if (state->size != xstate_size() || state->xfeature_mask != fpu_host_xcr0())
        return -EINVAL;
    vcpu_pause(v);
    struct xstate_head head = {v->arch.xcr0, fpu_host_xcr0()};
    if (guest_write(to, &head, sizeof(head)) ||
        guest_write(to + sizeof(head), v->arch.fpu, state->size - sizeof(head)))
        rc = -EFAULT;
    vcpu_unpause(v);
    return rc;
}

int domctl_setvcpuextstate(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_vcpuextstate *state = &op->u.vcpuextstate;
    struct vcpu *v = vcpu_by_id(d, state->vcpu);
    uint64_t from = guest_handle_addr(state->buffer);
    struct xstate_head head;
    void *image;
    int rc = -EFAULT;

    if (!v)
        return -ESRCH;
    if (v == current || state->size < sizeof(head) || state->size > xstate_size())
        return -EINVAL;
    if (guest_read(&head, from, sizeof(head)))
        return -EFAULT;
    if (state->size == sizeof(head))
        return 0; /* never used: nothing to load */
    image = mm_alloc_pages(0);
    if (!image)
        return -ENOMEM;
    if (!guest_read(image, from + sizeof(head), state->size - sizeof(head))) {
        vcpu_pause(v);
        rc = fpu_set_state(v, head.xcr0, image, state->size - (uint32_t)sizeof(head));
        vcpu_unpause(v);
    }
    mm_free_pages(image, 0);
    return rc;
}

int domctl_get_ext_vcpucontext(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_ext_vcpucontext *ext = &op->u.ext_vcpucontext;
    const struct vcpu *v = vcpu_by_id(d, ext->vcpu);

    if (!v)
        return -ESRCH;
    if (v == current)
        return -EINVAL;
    *ext = (struct xen_domctl_ext_vcpucontext){
        .vcpu = ext->vcpu,
        .size = sizeof(*ext),
        .syscall32_callback_eip = v->arch.syscall32_callback,
        .sysenter_callback_eip = v->arch.sysenter_callback,
    };
    return 0;
}

int domctl_set_ext_vcpucontext(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_ext_vcpucontext *ext = &op->u.ext_vcpucontext;
    struct vcpu *v = vcpu_by_id(d, ext->vcpu);

    if (!v)
        return -ESRCH;
    if (d == current->domain || ext->size < offsetof(struct xen_domctl_ext_vcpucontext, mcg_cap) ||
        !pv_canonical(ext->sysenter_callback_eip) || !pv_canonical(ext->syscall32_callback_eip))
        return -EINVAL;
    vcpu_pause(v);
    v->arch.sysenter_callback = ext->sysenter_callback_eip;
    v->arch.syscall32_callback = ext->syscall32_callback_eip;
    vcpu_unpause(v);
    return 0;
}

/* Guests have no MSRs of their own that a context does not carry. */
int domctl_get_vcpu_msrs(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpu_msrs *msrs = &op->u.vcpu_msrs;

    if (d == current->domain)
        return -EINVAL;
    if (!vcpu_by_id(d, msrs->vcpu))
        return -ESRCH;
    msrs->msr_count = 0;
    return 0;
}

/* -EINVAL names the first that is not there by its place: none is. */
int domctl_set_vcpu_msrs(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpu_msrs *msrs = &op->u.vcpu_msrs;

    if (d == current->domain)
        return -EINVAL;
    if (!vcpu_by_id(d, msrs->vcpu))
        return -ESRCH;
    if (msrs->msr_count == 0)
        return 0;
    msrs->msr_count = 0;
    return -EINVAL;
}
