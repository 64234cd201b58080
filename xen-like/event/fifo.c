/* SPDX-License-Identifier: MIT */
/*
 * The FIFO ABI: a word for each port in an array of the guest's pages, and for each vCPU sixteen
 * queues, one a priority, linked through those words. Up to 131,072 ports, served in order.
 *
 * The guest may write all of it at any moment. What is believed is ours: the last port of each
 * queue and the queue each port was last put into. A guest that spoils its words loses its own
 * events.
 *
 * A word is LINKED from the moment it enters a queue until the guest takes it out, which the guest
 * does by clearing LINKED and the link in one step. So a link is written only into a word seen
 * LINKED, by compare-and-exchange; otherwise that word has left, its queue is empty, and the head
 * is written instead.
 */
#include "internal.h"

#define WORDS_PER_PAGE  (PAGE_SIZE / sizeof(event_word_t))
#define MAX_ARRAY_PAGES (EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE)

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED  (1u << EVTCHN_FIFO_MASKED)
#define LINKED  (1u << EVTCHN_FIFO_LINKED)
#define BUSY    (1u << EVTCHN_FIFO_BUSY)

struct fifo_vcpu {
    struct page_info *page; /* of the control block; writable reference held */
    evtchn_fifo_control_block_t *block;
    evtchn_port_t tail[EVTCHN_FIFO_MAX_QUEUES]; /* last port put into each queue, 0 = none */
};

struct evtchn_fifo {
    unsigned int n_pages;
    struct page_info *page[MAX_ARRAY_PAGES]; /* writable references held */
    struct fifo_vcpu vcpu[];                 /* d->max_vcpus of them */
};

/* The port's word; NULL when the guest has not given the page yet. Caller holds queue_lock. */
static event_word_t *word_of(const struct evtchn_fifo *f, evtchn_port_t port)
{
    if (unlikely(port / WORDS_PER_PAGE >= f->n_pages))
        return NULL;
    return (event_word_t *)page_to_virt(f->page[port / WORDS_PER_PAGE]) + port % WORDS_PER_PAGE;
}

static bool word_set(event_word_t *word, event_word_t bit)
{
    return __atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST) & bit;
}

static event_word_t word_get(const event_word_t *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

/*
 * Makes `tail`'s word point to `port`; false when the guest has taken `tail` out. After two
 * attempts BUSY asks the guest to leave the word alone; one that goes on changing it has lost its
 * event.
 */
static bool append_to(event_word_t *tail, evtchn_port_t port)
{
    event_word_t old = word_get(tail);

    for (unsigned int attempt = 0; attempt < 6 && old & LINKED; attempt++) {
        event_word_t linked = (old & ~(BUSY | EVTCHN_FIFO_LINK_MASK)) | port;

        if (__atomic_compare_exchange_n(tail, &old, linked, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
        if (attempt == 1)
            old = __atomic_or_fetch(tail, BUSY, __ATOMIC_SEQ_CST);
    }
    __atomic_fetch_and(tail, ~BUSY, __ATOMIC_SEQ_CST);
    return old & LINKED;
}

/* Puts an unlinked port into the queue of its priority and `v`, and tells `v` if that was empty. */
static void enqueue(struct evtchn_fifo *f, struct vcpu *v, struct evtchn *chn, evtchn_port_t port)
{
    struct fifo_vcpu *queues = &f->vcpu[v->id], *before = &f->vcpu[chn->fifo.queue_vcpu];
    unsigned int priority = chn->fifo.priority;
    event_word_t *tail;

    if (unlikely(!queues->block))
        return;
    if (word_set(word_of(f, port), LINKED))
        return;
    /* It was the last of its former queue, which is empty then and must not grow behind it. */
    if (before->tail[chn->fifo.queue_priority] == port)
        before->tail[chn->fifo.queue_priority] = 0;
    chn->fifo.queue_vcpu = v->id;
    chn->fifo.queue_priority = priority;
    tail = queues->tail[priority] ? word_of(f, queues->tail[priority]) : NULL;
    queues->tail[priority] = port;
    if (tail && append_to(tail, port))
        return;
    __atomic_store_n(&queues->block->head[priority], port, __ATOMIC_SEQ_CST);
    if (!word_set(&queues->block->ready, 1u << priority))
        evtchn_notify(v);
}

static bool raise_locked(struct evtchn_fifo *f, struct vcpu *v, struct evtchn *chn,
                         evtchn_port_t port)
{
    event_word_t *word = word_of(f, port);
    bool was_pending;

    if (unlikely(!word)) {
        was_pending = chn->fifo.early;
        chn->fifo.early = true;
        return !was_pending;
    }
    was_pending = word_set(word, PENDING);
    if (!(word_get(word) & (MASKED | LINKED)))
        enqueue(f, v, chn, port);
    return !was_pending;
}

static bool fifo_raise(struct domain *d, struct vcpu *v, evtchn_port_t port)
{
    struct evtchn_table *t = d->events;
    struct evtchn *chn = evtchn_lookup(t, port);
    bool is_new = false;

    spin_lock(&t->queue_lock);
    if (likely(t->fifo && chn))
        is_new = raise_locked(t->fifo, v, chn, port);
    spin_unlock(&t->queue_lock);
    return is_new;
}

static void fifo_clear(struct domain *d, evtchn_port_t port)
{
    struct evtchn_table *t = d->events;
    event_word_t *word;

    spin_lock(&t->queue_lock);
    word = t->fifo ? word_of(t->fifo, port) : NULL;
    if (word)
        __atomic_fetch_and(word, ~PENDING, __ATOMIC_SEQ_CST);
    evtchn_lookup(t, port)->fifo.early = false;
    spin_unlock(&t->queue_lock);
}

static void fifo_unmask(struct domain *d, struct vcpu *v, evtchn_port_t port)
{
    struct evtchn_table *t = d->events;
    event_word_t *word, was;

    spin_lock(&t->queue_lock);
    word = t->fifo ? word_of(t->fifo, port) : NULL;
    if (word) {
        was = __atomic_fetch_and(word, ~MASKED, __ATOMIC_SEQ_CST);
        if (was & PENDING && !(was & LINKED))
            enqueue(t->fifo, v, evtchn_lookup(t, port), port);
    }
    spin_unlock(&t->queue_lock);
}

/* The port's word as it is, or `absent`. */
static event_word_t word_value(const struct domain *d, evtchn_port_t port, event_word_t absent)
{
    struct evtchn_table *t = d->events;
    const event_word_t *word;
    event_word_t value;

    spin_lock(&t->queue_lock);
    word = t->fifo ? word_of(t->fifo, port) : NULL;
    value = word ? word_get(word) : absent;
    spin_unlock(&t->queue_lock);
    return value;
}

static bool fifo_is_pending(const struct domain *d, evtchn_port_t port)
{
    return word_value(d, port, 0) & PENDING;
}

static bool fifo_is_masked(const struct domain *d, evtchn_port_t port)
{
    return word_value(d, port, MASKED) & MASKED;
}

bool evtchn_fifo_is_linked(const struct domain *d, evtchn_port_t port)
{
    return word_value(d, port, 0) & LINKED;
}

/* Takes over what is pending under the 2-level ABI; it reaches the guest with the port's word. */
static void switch_over(struct domain *d, struct evtchn_fifo *f)
{
    struct evtchn_table *t = d->events;

    for (evtchn_port_t port = 1; port < MIN(t->n_ports, (unsigned int)EVTCHN_2L_NR_CHANNELS);
         port++)
        evtchn_lookup(t, port)->fifo.early = evtchn_two_level.is_pending(d, port);
    WRITE_ONCE(t->fifo, f);
}

/* Gives `pg` to vCPU `id`, making the domain a FIFO one with `f` if it is not. */
static int attach_block(struct domain *d, struct evtchn_fifo **f, struct page_info *pg,
                        const evtchn_init_control_t *init)
{
    struct evtchn_table *t = d->events;
    struct fifo_vcpu *queues;
    int rc = -EINVAL;

    spin_lock(&t->queue_lock);
    if (!t->fifo) {
        switch_over(d, *f);
        *f = NULL;
    }
    queues = &t->fifo->vcpu[init->vcpu];
    if (!queues->page) {
        queues->page = pg;
        queues->block = (void *)((char *)page_to_virt(pg) + init->offset);
        rc = 0;
    }
    spin_unlock(&t->queue_lock);
    return rc;
}

int evtchn_fifo_init_control(struct domain *d, evtchn_init_control_t *init)
{
    struct evtchn_fifo *f;
    struct page_info *pg;
    int rc;

    init->link_bits = EVTCHN_FIFO_LINK_BITS;
    if (init->vcpu >= d->max_vcpus || !d->vcpu[init->vcpu])
        return -ENOENT;
    if (init->offset > PAGE_SIZE - sizeof(evtchn_fifo_control_block_t) || init->offset % 8)
        return -EINVAL;
    if (page_get_from_gfn(d, GFN(init->control_gfn), true, &pg))
        return -EINVAL;
    f = mm_alloc(sizeof(*f) + d->max_vcpus * sizeof(f->vcpu[0]));
    rc = f ? attach_block(d, &f, pg, init) : -ENOMEM;
    mm_free(f);
    if (rc)
        page_put_writable(pg);
    return rc;
}

/* Raises what came before the words of the last page were there. Caller holds queue_lock. */
static void raise_early(struct domain *d)
{
    struct evtchn_fifo *f = d->events->fifo;
    evtchn_port_t first = (f->n_pages - 1) * WORDS_PER_PAGE;

    for (evtchn_port_t port = first; port < first + WORDS_PER_PAGE; port++) {
        struct evtchn *chn = evtchn_lookup(d->events, port);
        struct vcpu *v;

        if (!chn)
            break;
        v = d->vcpu[READ_ONCE(chn->notify_vcpu)];
        if (chn->fifo.early && v)
            raise_locked(f, v, chn, port);
        chn->fifo.early = false;
    }
}

int evtchn_fifo_expand_array(struct domain *d, gfn_t gfn)
{
    struct evtchn_table *t = d->events;
    struct page_info *pg;
    int rc = 0;

    if (!READ_ONCE(t->fifo))
        return -EOPNOTSUPP;
    if (page_get_from_gfn(d, gfn, true, &pg))
        return -EINVAL;
    spin_lock(&t->queue_lock);
    if (!t->fifo) {
        rc = -EOPNOTSUPP;
    } else if (t->fifo->n_pages == MAX_ARRAY_PAGES) {
        rc = -ENOSPC;
    } else {
        t->fifo->page[t->fifo->n_pages++] = pg;
        raise_early(d);
    }
    spin_unlock(&t->queue_lock);
    if (rc)
        page_put_writable(pg);
    return rc;
}

int evtchn_set_priority(struct domain *d, evtchn_port_t port, unsigned int priority)
{
    struct evtchn_table *t = d->events;
    struct evtchn *chn = evtchn_lookup(t, port);

    if (!chn)
        return -EINVAL;
    if (!READ_ONCE(t->fifo))
        return -ENOSYS;
    if (priority > EVTCHN_FIFO_PRIORITY_MIN)
        return -EINVAL;
    spin_lock(&t->queue_lock);
    chn->fifo.priority = priority;
    spin_unlock(&t->queue_lock);
    return 0;
}

struct evtchn_fifo *evtchn_fifo_detach(struct domain *d)
{
    struct evtchn_table *t = d->events;
    struct evtchn_fifo *f;

    spin_lock(&t->queue_lock);
    f = t->fifo;
    WRITE_ONCE(t->fifo, NULL);
    spin_unlock(&t->queue_lock);
    return f;
}

void evtchn_fifo_free(const struct domain *d, struct evtchn_fifo *f)
{
    if (!f)
        return;
    for (unsigned int i = 0; i < f->n_pages; i++)
        page_put_writable(f->page[i]);
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        if (f->vcpu[i].page)
            page_put_writable(f->vcpu[i].page);
    mm_free(f);
}

const struct evtchn_abi evtchn_fifo = {
    .raise = fifo_raise,
    .clear = fifo_clear,
    .unmask = fifo_unmask,
    .is_pending = fifo_is_pending,
    .is_masked = fifo_is_masked,
};
