/* SPDX-License-Identifier: MIT */
/* event_channel_op: copies each operation's structure in, checks who may, calls the event room,
 * copies out. */
#include "event.h"
#include "guest.h"
#include "hypercall.h"

union event_arg {
    evtchn_alloc_unbound_t alloc_unbound;
    evtchn_bind_interdomain_t bind_interdomain;
    evtchn_bind_virq_t bind_virq;
    evtchn_bind_pirq_t bind_pirq;
    evtchn_bind_ipi_t bind_ipi;
    evtchn_close_t close;
    evtchn_send_t send;
    evtchn_status_t status;
    evtchn_bind_vcpu_t bind_vcpu;
    evtchn_unmask_t unmask;
    evtchn_reset_t reset;
    evtchn_init_control_t init_control;
    evtchn_expand_array_t expand_array;
    evtchn_set_priority_t set_priority;
};

/*
 * The domain an operation names, in *out: the caller itself, the domain it was given power over, or
 * anyone for the control domain. -ESRCH, -EPERM.
 */
static int find_target(domid_t id, struct domain **out)
{
    struct domain *me = current->domain, *d = domain_find(id);

    if (!d || !d->events)
        return -ESRCH;
    if (d != me && d != me->target && !me->is_control)
        return -EPERM;
    *out = d;
    return 0;
}

static int op_alloc_unbound(union event_arg *arg)
{
    evtchn_alloc_unbound_t *alloc = &arg->alloc_unbound;
    struct domain *d;
    int rc = find_target(alloc->dom, &d);

    return rc ? rc : evtchn_alloc_unbound(d, alloc->remote_dom, &alloc->port);
}

static int op_bind_interdomain(union event_arg *arg)
{
    evtchn_bind_interdomain_t *bind = &arg->bind_interdomain;

    return evtchn_bind_interdomain(current->domain, bind->remote_dom, bind->remote_port,
                                   &bind->local_port);
}

static int op_bind_virq(union event_arg *arg)
{
    evtchn_bind_virq_t *bind = &arg->bind_virq;

    return evtchn_bind_virq(current->domain, bind->virq, bind->vcpu, &bind->port);
}

static int op_bind_ipi(union event_arg *arg)
{
    return evtchn_bind_ipi(current->domain, arg->bind_ipi.vcpu, &arg->bind_ipi.port);
}

static int op_bind_pirq(union event_arg *arg)
{
    evtchn_bind_pirq_t *bind = &arg->bind_pirq;

    return evtchn_bind_pirq(current->domain, bind->pirq, bind->flags, &bind->port);
}

static int op_close(union event_arg *arg)
{
    return evtchn_close(current->domain, arg->close.port);
}

static int op_send(union event_arg *arg)
{
    return evtchn_send(current->domain, arg->send.port);
}

static int op_status(union event_arg *arg)
{
    struct domain *d;
    int rc = find_target(arg->status.dom, &d);

    return rc ? rc : evtchn_status(d, arg->status.port, &arg->status);
}

static int op_bind_vcpu(union event_arg *arg)
{
    return evtchn_bind_vcpu(current->domain, arg->bind_vcpu.port, arg->bind_vcpu.vcpu);
}

static int op_unmask(union event_arg *arg)
{
    return evtchn_unmask(current->domain, arg->unmask.port);
}

static int op_reset(union event_arg *arg)
{
    struct domain *d;
    int rc = find_target(arg->reset.dom, &d);

    return rc ? rc : evtchn_reset(d);
}

static int op_init_control(union event_arg *arg)
{
    return evtchn_fifo_init_control(current->domain, &arg->init_control);
}

static int op_expand_array(union event_arg *arg)
{
    return evtchn_fifo_expand_array(current->domain, GFN(arg->expand_array.array_gfn));
}

static int op_set_priority(union event_arg *arg)
{
    return evtchn_set_priority(current->domain, arg->set_priority.port, arg->set_priority.priority);
}

#define EVENT_OP(name, has_output)                                                                 \
    [EVTCHNOP_##name] = {op_##name, sizeof(((union event_arg *)NULL)->name), has_output}

/* Xen's own number for a reset that continues; it takes it from guests too. */
#define EVTCHNOP_RESET_CONT 14

static const struct event_op {
    int (*act)(union event_arg *arg);
    uint16_t size;
    bool has_output;
} event_ops[] = {
    EVENT_OP(alloc_unbound, true),
    EVENT_OP(bind_interdomain, true),
    EVENT_OP(bind_virq, true),
    EVENT_OP(bind_ipi, true),
    EVENT_OP(bind_pirq, true),
    EVENT_OP(close, false),
    EVENT_OP(send, false),
    EVENT_OP(status, true),
    EVENT_OP(bind_vcpu, false),
    EVENT_OP(unmask, false),
    EVENT_OP(reset, false),
    EVENT_OP(init_control, true),
    EVENT_OP(expand_array, false),
    EVENT_OP(set_priority, false),
    [EVTCHNOP_RESET_CONT] = {op_reset, sizeof(evtchn_reset_t), false},
};

int64_t hc_event_channel_op(HC_ARGS)
{
    unsigned int cmd = (unsigned int)a1;
    const struct event_op *op;
    union event_arg arg;
    int rc;

    if (unlikely(cmd >= ARRAY_SIZE(event_ops) || !event_ops[cmd].act))
        return -ENOSYS;
    op = &event_ops[cmd];
    if (unlikely(guest_read(&arg, a2, op->size)))
        return -EFAULT;
    rc = op->act(&arg);
    if (unlikely(rc == -ERESTART_HYPERCALL))
        return hypercall_restart(__HYPERVISOR_event_channel_op, a1, a2, a3, a4, a5);
    /* A port made stays made when its number cannot be told, as under Xen. */
    if (rc == 0 && op->has_output && guest_write(a2, &arg, op->size))
        return -EFAULT;
    return rc;
}
