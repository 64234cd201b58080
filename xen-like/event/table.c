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
    spin_lock_init(&t->queue_lock, RANK_EVENT_QUEUE);
    d->events = t;
    return 0;
}

static unsigned int bucket_count(const struct evtchn_table *t)
{
    return t->max_port / EVTCHN_PER_BUCKET + 1;
}

static void event_free(struct domain *d)
{
    struct evtchn_table *t = d->events;

    if (!t)
        return;
    for (unsigned int i = 0; t->bucket && i < bucket_count(t); i++)
        mm_free(t->bucket[i]);
    mm_free(t->bucket);
    mm_free(t->n_taken);
    mm_free(t);
    d->events = NULL;
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

int evtchn_set_limit(struct domain *d, unsigned int max_port)
{
    struct evtchn_table *t = d->events;
    int rc;

    t->max_port = MIN(max_port, (unsigned int)EVTCHN_FIFO_NR_CHANNELS - 1);
    t->bucket = mm_alloc(bucket_count(t) * sizeof(t->bucket[0]));
    t->n_taken = mm_alloc(bucket_count(t));
    if (!t->bucket || !t->n_taken)
        return -ENOMEM;
    rc = grow(t);
    if (rc)
        return rc;
    /* Port 0 means "none" in the ABI. */
    t->bucket[0][0].state = EVTCHN_RESERVED;
    t->n_taken[0] = 1;
    t->first_free = 1;
    return 0;
}

/* Free ports that a guest may leave linked into its queues before it gets no more. */
#define LINKED_MAX 1024

/*
 * The lowest port from `p` on that can be taken; n_ports when the table has none; the first beyond
 * the domain's limit when there are too many that the guest left linked.
 */
static unsigned int find_free(const struct domain *d, unsigned int p)
{
    const struct evtchn_table *t = d->events;
    unsigned int n_linked = 0;

    while (p < t->n_ports) {
        if (t->n_taken[p / EVTCHN_PER_BUCKET] == EVTCHN_PER_BUCKET) {
            p = (p / EVTCHN_PER_BUCKET + 1) * EVTCHN_PER_BUCKET;
            continue;
        }
        if (evtchn_lookup(t, p)->state == EVTCHN_FREE) {
            if (!t->fifo || !evtchn_fifo_is_linked(d, p))
                break;
            if (++n_linked == LINKED_MAX)
                return t->max_port + 1;
        }
        p++;
    }
    return p;
}

int evtchn_take_port(struct domain *d, evtchn_port_t *port)
{
    struct evtchn_table *t = d->events;
    unsigned int p;
    int rc;

    if (d->is_dying)
        return -EINVAL;
    p = find_free(d, t->first_free);
    if (p > MIN(t->max_port, evtchn_abi_ports(t) - 1))
        return -ENOSPC;
    if (p == t->n_ports && (rc = grow(t)) < 0)
        return rc;
    t->n_taken[p / EVTCHN_PER_BUCKET]++;
    evtchn_lookup(t, p)->state = EVTCHN_RESERVED;
    evtchn_lookup(t, p)->fifo.priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    if (p == t->first_free)
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
        evtchn_abi_of(d)->clear(d, port);
    evtchn_become(evtchn_lookup(t, port), (struct evtchn){.state = EVTCHN_FREE});
    t->n_taken[port / EVTCHN_PER_BUCKET]--;
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
    bool pending = d->shared_info && evtchn_abi_of(d)->is_pending(d, port);
    bool masked = d->shared_info && evtchn_abi_of(d)->is_masked(d, port);

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

static int event_teardown(struct domain *d)
{
    int rc = d->events && d->events->n_ports ? evtchn_close_all(d) : 0;

    if (rc == 0 && d->events)
        evtchn_fifo_free(d, evtchn_fifo_detach(d));
    if (rc == 0)
        evtchn_forget_handler(d);
    return rc;
}

static void event_dump(const struct domain *d)
{
    const struct evtchn_table *t = d->events;

    printk(LOG_INFO, " event channels, %s (port, pending/masked):\n",
           t && t->fifo ? "FIFO" : "2-level");
    for (unsigned int port = 1; t && port < t->n_ports; port++)
        if (evtchn_is_bound(evtchn_lookup(t, port)))
            dump_port(d, evtchn_lookup(t, port), port);
}

const struct domain_room event_room = {
    .name = "event",
    .create = event_create,
    .teardown = event_teardown,
    .free = event_free,
    .dump = event_dump,
};
