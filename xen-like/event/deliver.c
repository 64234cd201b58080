/* SPDX-License-Identifier: MIT */
/* Sending an event, whatever ABI the receiver uses: pending, then the upcall, then the pollers. */
#include "counters.h"
#include "internal.h"

void evtchn_notify(struct vcpu *v)
{
    if (__atomic_exchange_n(&v->vcpu_info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST) == 0)
        vcpu_kick(v);
}

/* Ends SCHEDOP_poll of the vCPUs that wait for `port`, masked or not. */
static inline void wake_pollers(struct domain *d, evtchn_port_t port)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        if (likely(!(READ_ONCE(v->pause_flags) & VPF_POLLING)))
            continue;
        if (v->poll_port == 0 || v->poll_port == port)
            vcpu_clear_flag(v, VPF_POLLING);
    }
}

void evtchn_deliver(struct domain *d, unsigned int vcpu, evtchn_port_t port)
{
    struct vcpu *v = d->vcpu[vcpu];

    /* A domain still being built, or not any more. */
    if (unlikely(!d->shared_info || !v))
        return;
    COUNT(events_delivered);
    if (evtchn_abi_of(d)->raise(d, v, port))
        wake_pollers(d, port);
}

int evtchn_send(struct domain *d, evtchn_port_t port)
{
    struct evtchn_table *t = d->events;
    struct evtchn *chn, *peer;
    int rc = 0;

    spin_lock(&t->lock);
    chn = evtchn_lookup(t, port);
    if (unlikely(!chn)) {
        rc = -EINVAL;
    } else if (likely(chn->state == EVTCHN_INTERDOMAIN)) {
        peer = evtchn_lookup(chn->remote->events, chn->remote_port);
        evtchn_deliver(chn->remote, READ_ONCE(peer->notify_vcpu), chn->remote_port);
    } else if (chn->state == EVTCHN_IPI) {
        evtchn_deliver(d, chn->notify_vcpu, port);
    } else if (chn->state != EVTCHN_UNBOUND) { /* nobody listens yet: the event is dropped */
        rc = -EINVAL;
    }
    spin_unlock(&t->lock);
    return rc;
}

void evtchn_set_pending(struct domain *d, evtchn_port_t port)
{
    const struct evtchn *chn = evtchn_lookup(d->events, port);

    if (likely(chn))
        evtchn_deliver(d, READ_ONCE(chn->notify_vcpu), port);
}

void send_guest_vcpu_virq(struct vcpu *v, unsigned int virq)
{
    evtchn_port_t port = READ_ONCE(v->virq_port[virq]);

    if (port)
        evtchn_set_pending(v->domain, port);
}

void send_guest_global_virq(struct domain *d, unsigned int virq)
{
    /* Bound on vCPU 0; the port may have been rebound to notify another. */
    if (d && d->vcpu && d->vcpu[0])
        send_guest_vcpu_virq(d->vcpu[0], virq);
}

void send_global_virq(unsigned int virq)
{
    struct domain *handler = __atomic_load_n(&evtchn_virq_handlers[virq], __ATOMIC_ACQUIRE);

    send_guest_global_virq(handler ? handler : dom0, virq);
}

int evtchn_unmask(struct domain *d, evtchn_port_t port)
{
    const struct evtchn *chn = evtchn_lookup(d->events, port);
    struct vcpu *v;

    if (!chn)
        return -EINVAL;
    if (!evtchn_is_bound(chn))
        return 0;
    v = d->vcpu[READ_ONCE(chn->notify_vcpu)];
    if (v)
        evtchn_abi_of(d)->unmask(d, v, port);
    return 0;
}

int evtchn_port_is_pending(struct domain *d, evtchn_port_t port)
{
    if (port >= evtchn_abi_ports(d->events) || !evtchn_lookup(d->events, port))
        return -EINVAL;
    return evtchn_abi_of(d)->is_pending(d, port);
}

bool evtchn_port_is_masked(struct domain *d, evtchn_port_t port)
{
    return evtchn_lookup(d->events, port) && evtchn_abi_of(d)->is_masked(d, port);
}

int evtchn_port_pirq(struct domain *d, evtchn_port_t port)
{
    const struct evtchn *chn = evtchn_lookup(d->events, port);

    return chn && chn->state == EVTCHN_PIRQ ? (int)chn->pirq : -1;
}
