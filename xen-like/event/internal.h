/* SPDX-License-Identifier: MIT */
/*
 * Inside the event room: the port table.
 *
 * A port is FREE, RESERVED (port 0, and ports half way through a change) or bound. Two kinds of
 * lock:
 *  - event_links, one for the machine: held while two ends are tied together or untied. Only it may
 * tie, so an UNBOUND port examined under it stays what it is.
 *  - table->lock, one for each domain: every write to a struct evtchn of that domain. Never two at
 * once. A sender holds the lock of its own table: an INTERDOMAIN port it sees there has a living
 * remote domain, for a dying domain unties all its ports, under the same lock, before it goes.
 * Delivery touches only shared memory by atomic operations and takes no lock: interrupts deliver
 * too.
 */
#ifndef CORBEL_EVENT_INTERNAL_H
#define CORBEL_EVENT_INTERNAL_H

#include "domain.h"
#include "event.h"

enum evtchn_state {
    EVTCHN_FREE,
    EVTCHN_RESERVED,
    EVTCHN_UNBOUND,
    EVTCHN_INTERDOMAIN,
    EVTCHN_PIRQ,
    EVTCHN_VIRQ,
    EVTCHN_IPI,
};

struct evtchn {
    uint8_t state;        /* enum evtchn_state */
    uint16_t notify_vcpu; /* whom its events wake */
    union {
        domid_t unbound_for; /* UNBOUND: who may bind */
        struct {
            struct domain *remote;
            evtchn_port_t remote_port;
        };             /* INTERDOMAIN */
        uint32_t pirq; /* PIRQ */
        uint32_t virq; /* VIRQ */
    };
};

#define EVTCHN_PER_BUCKET 128
#define EVTCHN_BUCKETS    (EVTCHN_2L_NR_CHANNELS / EVTCHN_PER_BUCKET)

struct evtchn_table {
    struct spinlock lock;    /* RANK_EVENT2 */
    unsigned int n_ports;    /* ports that have a bucket; grows only */
    unsigned int max_port;   /* highest port this domain may use */
    unsigned int first_free; /* no port below it is FREE */
    struct evtchn *bucket[EVTCHN_BUCKETS];
};

/* The port's entry whatever its state; NULL when it lies outside the table. */
static inline struct evtchn *evtchn_lookup(const struct evtchn_table *t, evtchn_port_t port)
{
    if (unlikely(port >= __atomic_load_n(&t->n_ports, __ATOMIC_ACQUIRE)))
        return NULL;
    return &t->bucket[port / EVTCHN_PER_BUCKET][port % EVTCHN_PER_BUCKET];
}

static inline bool evtchn_is_bound(const struct evtchn *chn)
{
    return chn && chn->state > EVTCHN_RESERVED;
}

/*
 * Takes the lowest free port of `d`, growing the table, and makes it RESERVED. Caller holds the
 * table's lock. -EINVAL when `d` is dying, -ENOSPC at its limit, -ENOMEM.
 */
int evtchn_take_port(struct domain *d, evtchn_port_t *port);
/* RESERVED -> FREE: the pending bit is cleared and the port notifies vCPU 0 again. Takes the
 * table's lock. */
void evtchn_free_port(struct domain *d, evtchn_port_t port);
/* Closes every port of `d`; -ERESTART_HYPERCALL when there is more to do after a pause. */
int evtchn_close_all(struct domain *d);
/* Marks `port` of `d` pending for its vCPU `vcpu` (deliver.c). Any context, no locks needed. */
void evtchn_deliver(struct domain *d, unsigned int vcpu, evtchn_port_t port);

#endif
