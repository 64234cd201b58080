/* SPDX-License-Identifier: MIT */
/* Making, tying, querying and closing ports. Semantics and error numbers are Xen 4.17's. */
#include "hypercall.h"
#include "internal.h"
#include "irq.h"

/* Guards the ties between ports (internal.h). */
static struct spinlock event_links = SPINLOCK_INIT(RANK_EVENT);

/* VIRQs that each vCPU binds for itself; all others are the domain's (<xen/xen.h>, "V." and "G.").
 */
static bool virq_is_per_vcpu(unsigned int virq)
{
    return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF || virq == VIRQ_XENPMU;
}

struct domain *evtchn_virq_handlers[NR_VIRQS];

int evtchn_set_virq_handler(struct domain *d, unsigned int virq)
{
    int rc = 0;

    if (virq >= NR_VIRQS || virq_is_per_vcpu(virq))
        return -EINVAL;
    spin_lock(&event_links);
    if (d->is_dying)
        rc = -EINVAL;
    else
        __atomic_store_n(&evtchn_virq_handlers[virq], d, __ATOMIC_RELEASE);
    spin_unlock(&event_links);
    return rc;
}

void evtchn_forget_handler(const struct domain *d)
{
    spin_lock(&event_links);
    for (unsigned int virq = 0; virq < NR_VIRQS; virq++)
        if (evtchn_virq_handlers[virq] == d)
            __atomic_store_n(&evtchn_virq_handlers[virq], NULL, __ATOMIC_RELEASE);
    spin_unlock(&event_links);
}

static struct vcpu *vcpu_by_id(const struct domain *d, unsigned int id)
{
    return id < d->max_vcpus ? d->vcpu[id] : NULL;
}

/* Takes a port and writes `chn` (its final state) into it. */
static int take_port_as(struct domain *d, struct evtchn chn, evtchn_port_t *port)
{
    int rc;

    spin_lock(&d->events->lock);
    rc = evtchn_take_port(d, port);
    if (rc == 0)
        evtchn_become(evtchn_lookup(d->events, *port), chn);
    spin_unlock(&d->events->lock);
    return rc;
}

int evtchn_alloc_unbound(struct domain *d, domid_t remote, evtchn_port_t *port)
{
    struct evtchn chn = {.state = EVTCHN_UNBOUND, .unbound_for = remote};

    if (remote == DOMID_SELF)
        chn.unbound_for = current->domain->id;
    return take_port_as(d, chn, port);
}

/* Whether `port` of `d` waits for domain `who`. The answer holds while event_links is held. */
static bool accepts_binding(struct domain *d, evtchn_port_t port, domid_t who)
{
    const struct evtchn *chn;
    bool yes;

    spin_lock(&d->events->lock);
    chn = evtchn_lookup(d->events, port);
    yes = chn && chn->state == EVTCHN_UNBOUND && chn->unbound_for == who;
    spin_unlock(&d->events->lock);
    return yes;
}

static int tie(struct domain *local, struct domain *remote, evtchn_port_t remote_port,
               evtchn_port_t *local_port)
{
    struct evtchn *peer;
    int rc;

    if (!accepts_binding(remote, remote_port, local->id))
        return -EINVAL;
    rc = take_port_as(
        local,
        (struct evtchn){.state = EVTCHN_INTERDOMAIN, .remote = remote, .remote_port = remote_port},
        local_port);
    if (rc)
        return rc;
    spin_lock(&remote->events->lock);
    peer = evtchn_lookup(remote->events, remote_port);
    peer->remote = local;
    peer->remote_port = *local_port;
    peer->state = EVTCHN_INTERDOMAIN;
    spin_unlock(&remote->events->lock);
    return 0;
}

int evtchn_bind_interdomain(struct domain *d, domid_t remote_dom, evtchn_port_t remote_port,
                            evtchn_port_t *local_port)
{
    struct domain *remote = domain_find(remote_dom);
    int rc;

    if (!remote || !remote->events)
        return -ESRCH;
    spin_lock(&event_links);
    rc = tie(d, remote, remote_port, local_port);
    spin_unlock(&event_links);
    /* Events the remote end sent before we listened were dropped: make up for them by one. */
    if (rc == 0)
        evtchn_deliver(d, 0, *local_port);
    return rc;
}

int evtchn_bind_virq(struct domain *d, unsigned int virq, unsigned int vcpu, evtchn_port_t *port)
{
    struct vcpu *v = vcpu_by_id(d, vcpu);
    int rc;

    if (virq >= NR_VIRQS || (!virq_is_per_vcpu(virq) && vcpu != 0))
        return -EINVAL;
    if (!v)
        return -ENOENT;
    spin_lock(&d->events->lock);
    rc = v->virq_port[virq] ? -EEXIST : evtchn_take_port(d, port);
    if (rc == 0) {
        evtchn_become(evtchn_lookup(d->events, *port),
                      (struct evtchn){.state = EVTCHN_VIRQ, .notify_vcpu = vcpu, .virq = virq});
        WRITE_ONCE(v->virq_port[virq], *port);
    }
    spin_unlock(&d->events->lock);
    return rc;
}

int evtchn_bind_ipi(struct domain *d, unsigned int vcpu, evtchn_port_t *port)
{
    if (!vcpu_by_id(d, vcpu))
        return -ENOENT;
    return take_port_as(d, (struct evtchn){.state = EVTCHN_IPI, .notify_vcpu = vcpu}, port);
}

int evtchn_bind_pirq(struct domain *d, unsigned int pirq, unsigned int flags, evtchn_port_t *port)
{
    int rc = take_port_as(d, (struct evtchn){.state = EVTCHN_RESERVED}, port);
    struct evtchn *chn;

    if (rc)
        return rc;
    /* The interrupt room's locks are outside ours; meanwhile the port is RESERVED, nobody can close
     * it. */
    rc = pirq_bind(d, pirq, *port, flags & BIND_PIRQ__WILL_SHARE);
    if (rc) {
        evtchn_free_port(d, *port);
        return rc;
    }
    spin_lock(&d->events->lock);
    chn = evtchn_lookup(d->events, *port);
    chn->pirq = pirq;
    chn->state = EVTCHN_PIRQ;
    spin_unlock(&d->events->lock);
    return 0;
}

/* The other end of a port of `d` being closed: back to UNBOUND, waiting for `d` again. */
static void untie_remote(struct domain *remote, evtchn_port_t port, const struct domain *d)
{
    struct evtchn *peer;

    spin_lock(&remote->events->lock);
    peer = evtchn_lookup(remote->events, port);
    peer->state = EVTCHN_UNBOUND;
    peer->unbound_for = d->id;
    spin_unlock(&remote->events->lock);
}

static void forget_virq(struct domain *d, const struct evtchn *chn, evtchn_port_t port)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        if (v->virq_port[chn->virq] == port)
            WRITE_ONCE(v->virq_port[chn->virq], 0);
    }
}

int evtchn_close(struct domain *d, evtchn_port_t port)
{
    struct evtchn *chn, was;

    spin_lock(&event_links);
    spin_lock(&d->events->lock);
    chn = evtchn_lookup(d->events, port);
    if (!evtchn_is_bound(chn)) {
        spin_unlock(&d->events->lock);
        spin_unlock(&event_links);
        return -EINVAL;
    }
    was = *chn;
    chn->state = EVTCHN_RESERVED;
    if (was.state == EVTCHN_VIRQ)
        forget_virq(d, &was, port);
    spin_unlock(&d->events->lock);
    if (was.state == EVTCHN_INTERDOMAIN)
        untie_remote(was.remote, was.remote_port, d);
    spin_unlock(&event_links);

    if (was.state == EVTCHN_PIRQ)
        pirq_unbind(d, was.pirq);
    evtchn_free_port(d, port);
    return 0;
}

int evtchn_close_all(struct domain *d)
{
    const struct evtchn_table *t = d->events;
    unsigned int n_closed = 0;

    for (evtchn_port_t port = 1; port < t->n_ports; port++) {
        if (t->n_taken[port / EVTCHN_PER_BUCKET] == 0)
            port |= EVTCHN_PER_BUCKET - 1;
        else if (evtchn_close(d, port) == 0 && ++n_closed % 64 == 0 && hypercall_preempt_check())
            return -ERESTART_HYPERCALL;
    }
    return 0;
}

/* Whether a port from `first` on, the first of a bucket, is taken. Caller holds the table's lock.
 */
static bool is_taken_from(const struct evtchn_table *t, evtchn_port_t first)
{
    for (unsigned int i = first / EVTCHN_PER_BUCKET; i < t->n_ports / EVTCHN_PER_BUCKET; i++)
        if (t->n_taken[i])
            return true;
    return false;
}

int evtchn_reset(struct domain *d)
{
    struct evtchn_table *t = d->events;
    struct evtchn_fifo *fifo = NULL;
    int rc;

    /* Another's ports are only pulled away while it cannot run. */
    if (d != current->domain && !d->controller_pauses)
        return -EINVAL;
    rc = evtchn_close_all(d);
    if (rc)
        return rc;
    /* The table's lock: what is bound from here on is of the 2-level ABI. */
    spin_lock(&t->lock);
    if (is_taken_from(t, EVTCHN_2L_NR_CHANNELS))
        rc = -ERESTART_HYPERCALL; /* another vCPU bound it meanwhile: once more */
    else
        fifo = evtchn_fifo_detach(d);
    spin_unlock(&t->lock);
    evtchn_fifo_free(d, fifo);
    return rc;
}

int evtchn_bind_vcpu(struct domain *d, evtchn_port_t port, unsigned int vcpu)
{
    struct evtchn *chn;
    int rc = 0;

    if (!vcpu_by_id(d, vcpu))
        return -ENOENT;
    spin_lock(&d->events->lock);
    chn = evtchn_lookup(d->events, port);
    if (!evtchn_is_bound(chn) || chn->state == EVTCHN_IPI ||
        (chn->state == EVTCHN_VIRQ && virq_is_per_vcpu(chn->virq)))
        rc = -EINVAL;
    else
        WRITE_ONCE(chn->notify_vcpu, vcpu);
    spin_unlock(&d->events->lock);
    return rc;
}

static void status_of(const struct evtchn *chn, evtchn_status_t *status)
{
    switch (chn->state) {
    case EVTCHN_UNBOUND:
        status->status = EVTCHNSTAT_unbound;
        status->u.unbound.dom = chn->unbound_for;
        break;
    case EVTCHN_INTERDOMAIN:
        status->status = EVTCHNSTAT_interdomain;
        status->u.interdomain.dom = chn->remote->id;
        status->u.interdomain.port = chn->remote_port;
        break;
    case EVTCHN_PIRQ:
        status->status = EVTCHNSTAT_pirq;
        status->u.pirq = chn->pirq;
        break;
    case EVTCHN_VIRQ:
        status->status = EVTCHNSTAT_virq;
        status->u.virq = chn->virq;
        break;
    case EVTCHN_IPI:
        status->status = EVTCHNSTAT_ipi;
        break;
    default:
        status->status = EVTCHNSTAT_closed;
        break;
    }
    status->vcpu = chn->notify_vcpu;
}

int evtchn_status(struct domain *d, evtchn_port_t port, evtchn_status_t *status)
{
    const struct evtchn *chn;

    spin_lock(&d->events->lock);
    chn = evtchn_lookup(d->events, port);
    if (chn)
        status_of(chn, status);
    spin_unlock(&d->events->lock);
    return chn ? 0 : -EINVAL;
}
