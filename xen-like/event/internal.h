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
 * Delivery takes neither: interrupts deliver too. Under the 2-level ABI (two_level.c) it works on
 * shared memory by atomic operations alone; under the FIFO ABI (fifo.c) it holds table->queue_lock,
 * which also guards the coming and going of table->fifo.
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

/* What the FIFO ABI knows of a port. It outlives the port: a closed one may still be in a queue. */
struct fifo_place {
    uint8_t priority;       /* of the next event: EVTCHN_FIFO_PRIORITY_* */
    uint8_t queue_priority; /* the queue it was last put into: its priority and vCPU */
    uint16_t queue_vcpu;
    bool early; /* an event came before there was a word for it */
};

struct evtchn {
    uint8_t state;        /* enum evtchn_state */
    uint16_t notify_vcpu; /* whom its events wake */
    struct fifo_place fifo;
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

struct evtchn_table {
    struct spinlock lock;    /* RANK_EVENT2 */
    unsigned int n_ports;    /* ports that have a bucket; grows only */
    unsigned int max_port;   /* highest port this domain may use */
    unsigned int first_free; /* no port below it is FREE */
    struct evtchn **bucket; /* one for each EVTCHN_PER_BUCKET ports up to max_port; NULL: not yet */
    uint8_t *n_taken;       /* for each bucket: ports that are not FREE */
    struct spinlock queue_lock; /* RANK_EVENT_QUEUE */
    struct evtchn_fifo *fifo;   /* NULL: 2-level ABI */
};

/* Ports that `t`'s present ABI can signal. */
static inline unsigned int evtchn_abi_ports(const struct evtchn_table *t)
{
    return READ_ONCE(t->fifo) ? EVTCHN_FIFO_NR_CHANNELS : EVTCHN_2L_NR_CHANNELS;
}

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
/* Writes the state of a port that is taken, leaving its place in the FIFO queues. */
static inline void evtchn_become(struct evtchn *chn, struct evtchn state)
{
    state.fifo = chn->fifo;
    *chn = state;
}
/* RESERVED -> FREE: the pending bit is cleared and the port notifies vCPU 0 again. Takes the
 * table's lock. */
void evtchn_free_port(struct domain *d, evtchn_port_t port);
/* Closes every port of `d`; -ERESTART_HYPERCALL when there is more to do after a pause. */
int evtchn_close_all(struct domain *d);
/* Marks `port` of `d` pending for its vCPU `vcpu` (deliver.c). Any context, no locks needed. */
void evtchn_deliver(struct domain *d, unsigned int vcpu, evtchn_port_t port);
/* Last step of both ABIs: the upcall flag of `v`, and the kick if it was clear. */
void evtchn_notify(struct vcpu *v);

/* One ABI's way with a port's bits. The port lies within the table; `v` is whom it notifies. */
struct evtchn_abi {
    /* Sets pending and, unless masked, tells `v`; false if it was pending already. */
    bool (*raise)(struct domain *d, struct vcpu *v, evtchn_port_t port);
    void (*clear)(struct domain *d, evtchn_port_t port);
    /* Clears the mask and tells `v` if the port is pending. */
    void (*unmask)(struct domain *d, struct vcpu *v, evtchn_port_t port);
    bool (*is_pending)(const struct domain *d, evtchn_port_t port);
    bool (*is_masked)(const struct domain *d, evtchn_port_t port);
};
extern const struct evtchn_abi evtchn_two_level, evtchn_fifo;

static inline const struct evtchn_abi *evtchn_abi_of(const struct domain *d)
{
    return READ_ONCE(d->events->fifo) ? &evtchn_fifo : &evtchn_two_level;
}

/*
 * Back to the 2-level ABI: what the FIFO one had, or NULL, to be freed when no lock is held, which
 * gives its frames back. Caller holds the table's lock, or nobody binds ports any more.
 */
struct evtchn_fifo *evtchn_fifo_detach(struct domain *d);
void evtchn_fifo_free(const struct domain *d, struct evtchn_fifo *f);
/* Whether a closed port is still linked into a queue of its domain. */
bool evtchn_fifo_is_linked(const struct domain *d, evtchn_port_t port);

/* Who has a global VIRQ instead of dom0, by number; and forgetting one that dies (bind.c). */
extern struct domain *evtchn_virq_handlers[NR_VIRQS];
void evtchn_forget_handler(const struct domain *d);

#endif
