/* SPDX-License-Identifier: MIT */
/* Each domain's port table: made, grown bucket by bucket, dumped and freed. */
#include "console.h"
#include "internal.h"

static int event_create(struct domain *d)
{
    struct evtchn_table *t = mm_alloc(sizeof(*t));

    if (!t)
        return -ENOMEM;
    spin_lock_init(&t->lock, RANK_EVENT2);
    t->max_port = EVTCHN_2L_NR_CHANNELS - 1;
    t->bucket[0] = mm_alloc(EVTCHN_PER_BUCKET * sizeof(struct evtchn));
    if (!t->bucket[0]) {
        mm_free(t);
        return -ENOMEM;
    }
    t->bucket[0][0].state = EVTCHN_RESERVED; /* port 0 means "none" in the ABI */
    t->n_ports = EVTCHN_PER_BUCKET;
    t->first_free = 1;
    d->events = t;
    return 0;
}

static void event_free(struct domain *d)
{
    struct evtchn_table *t = d->events;

    if (!t)
        return;
    for (unsigned int i = 0; i < EVTCHN_BUCKETS; i++)
        mm_free(t->bucket[i]);
    mm_free(t);
    d->events = NULL;
}

void evtchn_set_limit(struct domain *d, unsigned int max_port)
{
    d->events->max_port = MIN(max_port, (unsigned int)EVTCHN_2L_NR_CHANNELS - 1);
}

/* Adds the next bucket. Readers look at n_ports before they follow the pointer. */
static int grow(struct evtchn_table *t)
{
    struct evtchn *bucket = mm_alloc(EVTCHN_PER_BUCKET * sizeof(*bucket));

    if (!bucket)
        return -ENOMEM;
    t->bucket[t->n_ports / EVTCHN_PER_BUCKET] = bucket;
    __atomic_store_n(&t->n_ports, t->n_ports + EVTCHN_PER_BUCKET, __ATOMIC_RELEASE);
    return 0;
}

int evtchn_take_port(struct domain *d, evtchn_port_t *port)
{
    struct evtchn_table *t = d->events;
    unsigned int p = t->first_free;
    int rc;

    if (d->is_dying)
        return -EINVAL;
    while (p < t->n_ports && evtchn_lookup(t, p)->state != EVTCHN_FREE)
        p++;
    t->first_free = p;
    if (p > t->max_port)
        return -ENOSPC;
    if (p == t->n_ports && (rc = grow(t)) < 0)
        return rc;
    evtchn_lookup(t, p)->state = EVTCHN_RESERVED;
    t->first_free = p + 1;
    *port = p;
    return 0;
}

void evtchn_free_port(struct domain *d, evtchn_port_t port)
{
    struct evtchn_table *t = d->events;

    spin_lock(&t->lock);
    /* Whoever is given this port next must not inherit an event. */
    if (d->shared_info)
        __atomic_fetch_and(&d->shared_info->evtchn_pending[port / 64], ~(1ul << port % 64),
                           __ATOMIC_SEQ_CST);
    *evtchn_lookup(t, port) = (struct evtchn){.state = EVTCHN_FREE};
    t->first_free = MIN(t->first_free, port);
    spin_unlock(&t->lock);
}

static const char *state_name(unsigned int state)
{
    static const char *const name[] = {"free", "reserved", "unbound", "interdomain",
                                       "pirq", "virq",     "ipi"};

    return name[state];
}

static void dump_port(const struct domain *d, const struct evtchn *chn, evtchn_port_t port)
{
    bool pending = d->shared_info && (d->shared_info->evtchn_pending[port / 64] >> port % 64 & 1);
    bool masked = d->shared_info && (d->shared_info->evtchn_mask[port / 64] >> port % 64 & 1);

    printk(LOG_INFO, "  %4u %s%s %s vcpu %u", port, pending ? "p" : "-", masked ? "m" : "-",
           state_name(chn->state), chn->notify_vcpu);
    switch (chn->state) {
    case EVTCHN_UNBOUND:
        printk(LOG_INFO, " for d%u", chn->unbound_for);
        break;
    case EVTCHN_INTERDOMAIN:
        printk(LOG_INFO, " to d%u port %u", chn->remote->id, chn->remote_port);
        break;
    case EVTCHN_PIRQ:
        printk(LOG_INFO, " pirq %u", chn->pirq);
        break;
    case EVTCHN_VIRQ:
        printk(LOG_INFO, " virq %u", chn->virq);
        break;
    default:
        break;
    }
    printk(LOG_INFO, "\n");
}

static void event_dump(const struct domain *d)
{
    const struct evtchn_table *t = d->events;

    printk(LOG_INFO, " event channels (port, pending/masked):\n");
    for (unsigned int port = 1; t && port < t->n_ports; port++)
        if (evtchn_is_bound(evtchn_lookup(t, port)))
            dump_port(d, evtchn_lookup(t, port), port);
}

const struct domain_room event_room = {
    .name = "event",
    .create = event_create,
    .teardown = evtchn_close_all,
    .free = event_free,
    .dump = event_dump,
};
