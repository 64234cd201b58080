/* SPDX-License-Identifier: MIT */
/*
 * Delivery by the 2-level ABI: a bit for each port in shared_info (pending, mask), a selector word
 * and a flag in each vcpu_info.
 *
 * The order is what lets guests and us work on it without a lock: pending first; then, if the port
 * is not masked, its word's bit in the selector; then evtchn_upcall_pending; each step only when we
 * changed the one before. Whoever unmasks repeats the last two.
 */
#include "internal.h"

/* Sets a bit; whether it was set before. */
static inline bool bit_test_set(xen_ulong_t *word, unsigned int bit)
{
    return __atomic_fetch_or(word, 1ul << bit, __ATOMIC_SEQ_CST) >> bit & 1;
}

static inline bool bit_test(const xen_ulong_t *word, unsigned int bit)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST) >> bit & 1;
}

/* Second and third step: tells `v` that word `port / 64` has something. */
static inline void notify_vcpu(struct vcpu *v, evtchn_port_t port)
{
    vcpu_info_t *info = v->vcpu_info;

    if (bit_test_set(&info->evtchn_pending_sel, port / 64))
        return;
    if (__atomic_exchange_n(&info->evtchn_upcall_pending, 1, __ATOMIC_SEQ_CST) == 0)
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
    shared_info_t *shared = d->shared_info;
    struct vcpu *v = d->vcpu[vcpu];

    /* A domain still being built, or not any more. */
    if (unlikely(!shared || !v))
        return;
    if (bit_test_set(&shared->evtchn_pending[port / 64], port % 64))
        return;
    if (!bit_test(&shared->evtchn_mask[port / 64], port % 64))
        notify_vcpu(v, port);
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
    send_guest_global_virq(dom0, virq);
}

int evtchn_unmask(struct domain *d, evtchn_port_t port)
{
    const struct evtchn *chn = evtchn_lookup(d->events, port);
    shared_info_t *shared = d->shared_info;
    xen_ulong_t bit = 1ul << port % 64;
    struct vcpu *v;

    if (!chn)
        return -EINVAL;
    if (!evtchn_is_bound(chn))
        return 0;
    v = d->vcpu[READ_ONCE(chn->notify_vcpu)];
    if (__atomic_fetch_and(&shared->evtchn_mask[port / 64], ~bit, __ATOMIC_SEQ_CST) & bit &&
        bit_test(&shared->evtchn_pending[port / 64], port % 64) && v)
        notify_vcpu(v, port);
    return 0;
}

int evtchn_port_is_pending(struct domain *d, evtchn_port_t port)
{
    if (!evtchn_lookup(d->events, port))
        return -EINVAL;
    return bit_test(&d->shared_info->evtchn_pending[port / 64], port % 64);
}

bool evtchn_port_is_masked(struct domain *d, evtchn_port_t port)
{
    if (!evtchn_lookup(d->events, port))
        return false;
    return bit_test(&d->shared_info->evtchn_mask[port / 64], port % 64);
}

int evtchn_port_pirq(struct domain *d, evtchn_port_t port)
{
    const struct evtchn *chn = evtchn_lookup(d->events, port);

    return chn && chn->state == EVTCHN_PIRQ ? (int)chn->pirq : -1;
}
