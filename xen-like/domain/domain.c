/* SPDX-License-Identifier: MIT */
/* Life of domains: creation, lookup, shutdown, teardown. */
#include "trace.h"
#include "domain.h"
#include "arch/context.h"
#include "arch/trap.h"
#include "console.h"
#include "event.h"
#include "grant.h"
#include "hypercall.h"
#include "rooms.h"
#include "lib/format.h"
#include "lib/string.h"

struct domain *dom0, *dom_io, *dom_xen;
static struct domain *domain_list; /* by id: tools walk it so */
static struct spinlock domain_list_lock = SPINLOCK_INIT(RANK_DOMAIN_LIST);
/* The same domains by id, in leaves made as ids come to be used. */
#define IDS_PER_LEAF 256u
static struct domain **by_id[(DOMID_LIMIT + IDS_PER_LEAF - 1) / IDS_PER_LEAF];

#define CONTROLLER_PAUSES_MAX 255

static const struct rangeset_memory rangeset_memory = {mm_alloc, mm_free};

struct domain *domain_find(domid_t id)
{
    struct domain **leaf;

    if (id == DOMID_SELF)
        return current->domain;
    if (id >= DOMID_LIMIT)
        return NULL;
    leaf = READ_ONCE(by_id[id / IDS_PER_LEAF]);
    return leaf ? READ_ONCE(leaf[id % IDS_PER_LEAF]) : NULL;
}

struct domain *domain_get_by_id(domid_t id)
{
    struct domain *d = domain_find(id);

    return d && domain_try_get(d) ? d : NULL;
}

/* Writers hold domain_list_lock. A reader may stand on an entry that is taken out meanwhile: its
 * next stays. */
struct domain *domain_next(const struct domain *d)
{
    return __atomic_load_n(d ? &d->next_by_id : &domain_list, __ATOMIC_ACQUIRE);
}

bool domain_try_get(struct domain *d)
{
    unsigned int n = __atomic_load_n(&d->refcount, __ATOMIC_RELAXED);

    while (n)
        if (__atomic_compare_exchange_n(&d->refcount, &n, n + 1, false, __ATOMIC_ACQUIRE,
                                        __ATOMIC_RELAXED))
            return true;
    return false;
}

void domain_get(struct domain *d)
{
    __atomic_fetch_add(&d->refcount, 1, __ATOMIC_RELAXED);
}

static unsigned int domain_order(void)
{
    unsigned int order = 0;
    while ((PAGE_SIZE << order) < sizeof(struct domain))
        order++;
    return order;
}

void domain_free(struct domain *d)
{
    struct vcpu *v;

    TRACE(TRC_DOM0_DOM_REM, d->id);
    timer_stop_wait(
        &d->cap_timer); /* armed again by a CPU that parked a vCPU while it was killed */
    for (unsigned int i = n_domain_rooms; i-- > 0;)
        if (domain_rooms[i]->free)
            domain_rooms[i]->free(d);
    if (d->vcpu)
        for_each_vcpu (d, v) {
            sched_vcpu_destroy(v);
            mm_free(v);
        }
    mm_free(d->vcpu);
    mm_free(d->vnuma);
    rangeset_destroy(d->ioports);
    rangeset_destroy(d->iomem);
    rangeset_destroy(d->irqs);
    mm_free_pages(d, domain_order());
}

/* Where a listed domain stands by its id; the leaf is there. */
static struct domain **id_slot(domid_t id)
{
    return &by_id[id / IDS_PER_LEAF][id % IDS_PER_LEAF];
}

static void domain_unlink(struct domain *d)
{
    struct domain **link = &domain_list;

    spin_lock(&domain_list_lock);
    while (*link && *link != d)
        link = &(*link)->next_by_id;
    if (*link) {
        __atomic_store_n(link, d->next_by_id, __ATOMIC_RELEASE);
        __atomic_store_n(id_slot(d->id), NULL, __ATOMIC_RELEASE);
    }
    spin_unlock(&domain_list_lock);
}

void domain_put(struct domain *d)
{
    if (__atomic_sub_fetch(&d->refcount, 1, __ATOMIC_ACQ_REL))
        return;
    /* Listed to the end: while somebody maps its memory it is a zombie whose id is taken. */
    domain_unlink(d);
    domain_reap(d);
}

static struct domain *domain_alloc(domid_t id)
{
    static uint64_t last_serial;
    struct domain *d = mm_alloc_pages(domain_order());
    if (!d)
        return NULL;
    d->id = id;
    d->serial = __atomic_add_fetch(&last_serial, 1, __ATOMIC_RELAXED);
    d->refcount = 1;
    spin_lock_init(&d->lock, RANK_DOMAIN);
    spin_lock_init(&d->page_lock, RANK_PAGE);
    spin_lock_init(&d->pause_lock, RANK_PAUSE);
    spin_lock_init(&d->access_lock, RANK_ACCESS);
    d->ioports = rangeset_create(&rangeset_memory);
    d->iomem = rangeset_create(&rangeset_memory);
    d->irqs = rangeset_create(&rangeset_memory);
    return d;
}

bool domain_may_access(struct domain *d, const struct rangeset *what, uint64_t first, uint64_t last)
{
    spin_lock(&d->access_lock);
    bool may = rangeset_contains(what, first, last);

    spin_unlock(&d->access_lock);
    return may;
}

/* The leaf for `id`, made if it is not there. */
static bool make_leaf(domid_t id)
{
    struct domain ***slot = &by_id[id / IDS_PER_LEAF], **leaf, **none = NULL;

    if (READ_ONCE(*slot))
        return true;
    leaf = mm_alloc(IDS_PER_LEAF * sizeof(*leaf));
    if (leaf &&
        !__atomic_compare_exchange_n(slot, &none, leaf, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        mm_free(leaf);
    return READ_ONCE(*slot);
}

/* Keeps the list sorted. -EEXIST: another CPU was faster. */
static int domain_link(struct domain *d)
{
    struct domain **link = &domain_list;
    int rc = 0;

    spin_lock(&domain_list_lock);
    while (*link && (*link)->id < d->id)
        link = &(*link)->next_by_id;
    if (*link && (*link)->id == d->id) {
        rc = -EEXIST;
    } else {
        d->next_by_id = *link;
        __atomic_store_n(link, d, __ATOMIC_RELEASE);
        __atomic_store_n(id_slot(d->id), d, __ATOMIC_RELEASE);
    }
    spin_unlock(&domain_list_lock);
    return rc;
}

void domain_create_system(void)
{
    dom_io = domain_alloc(DOMID_IO);
    dom_xen = domain_alloc(DOMID_XEN);
    if (!dom_io || !dom_xen)
        panic("no memory for the system domains\n");
}

int domain_create(domid_t id, const xen_domain_handle_t handle, uint32_t flags,
                  unsigned int max_vcpus, unsigned int max_evtchn_port,
                  unsigned int max_grant_frames, unsigned int max_maptrack_frames, bool control,
                  struct domain **out)
{
    int rc = -ENOMEM;

    if (max_vcpus == 0 || max_vcpus > DOMAIN_MAX_VCPUS || id >= DOMID_LIMIT)
        return -EINVAL;
    if (domain_find(id))
        return -EEXIST;
    struct domain *d = domain_alloc(id);
    if (!d)
        return -ENOMEM;
    d->is_control = control;
    d->createflags = flags;
    memcpy(d->handle, handle, sizeof(d->handle));
    sched_domain_init(d);
    d->pause_count = 1;
    d->controller_pauses = 1;
    d->max_vcpus = max_vcpus;
    d->vcpu = mm_alloc(max_vcpus * sizeof(*d->vcpu));
    if (!make_leaf(id) || !d->vcpu || !d->ioports || !d->iomem || !d->irqs)
        goto fail;
    for (unsigned int i = 0; i < n_domain_rooms; i++)
        if (domain_rooms[i]->create && (rc = domain_rooms[i]->create(d)))
            goto fail;
    if ((rc = evtchn_set_limit(d, max_evtchn_port)) ||
        (rc = grant_table_set_limits(d, max_grant_frames, max_maptrack_frames)))
        goto fail;
    if ((rc = domain_link(d)))
        goto fail;
    TRACE(TRC_DOM0_DOM_ADD, id);
    *out = d;
    return 0;
fail:
    d->is_dying = true;
    for (unsigned int i = n_domain_rooms; i-- > 0;)
        if (domain_rooms[i]->teardown && i != 0)
            domain_rooms[i]->teardown(d);
    domain_put(d);
    return rc;
}

int domain_kill(struct domain *d)
{
    struct vcpu *v;

    if (d->is_dead)
        return 0;
    if (!d->is_dying) {
        /* Whoever gives it pages looks under this lock. */
        spin_lock(&d->page_lock);
        d->is_dying = true;
        spin_unlock(&d->page_lock);
        page_claim(d, 0);
        domain_pause(d);
        timer_stop_wait(&d->cap_timer);
        for_each_vcpu (d, v) {
            v->periodic_period = 0;
            timer_stop_wait(&v->singleshot);
            timer_stop_wait(&v->periodic);
            timer_stop_wait(&v->poll_timer);
        }
    }
    for (unsigned int i = n_domain_rooms; i-- > 0;) {
        int rc = domain_rooms[i]->teardown ? domain_rooms[i]->teardown(d) : 0;
        if (rc)
            return rc;
    }
    for_each_vcpu (d, v) {
        if (v->vcpu_info_page) {
            v->vcpu_info = &v->private_info;
            page_put_writable(v->vcpu_info_page);
            v->vcpu_info_page = NULL;
        }
    }
    d->is_dead = true;
    send_global_virq(VIRQ_DOM_EXC);
    domain_put(d);
    return 0;
}

void domain_shutdown(struct domain *d, uint8_t reason)
{
    if (d == dom0)
        dom0_shutdown(reason);
    if (d->is_dying || __atomic_exchange_n(&d->is_shutting_down, true, __ATOMIC_ACQ_REL))
        return;
    d->shutdown_code = reason;
    domain_pause_nowait(d); /* two vCPUs of it may come here and would wait for each other */
    __atomic_store_n(&d->is_shut_down, true, __ATOMIC_RELEASE);
    if (reason == SHUTDOWN_suspend && d->suspend_port)
        evtchn_send(d, d->suspend_port);
    else
        send_global_virq(VIRQ_DOM_EXC);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    char text[160];
    va_list args;

    if (d->is_shut_down && d->shutdown_code == SHUTDOWN_crash)
        return;
    va_start(args, fmt);
    format_vsn(text, sizeof(text), fmt, args);
    va_end(args);
    printk(LOG_ERR, "d%u crashed: %s", d->id, text);
    if (current->domain == d)
        regs_dump(guest_regs(), current);
    domain_shutdown(d, SHUTDOWN_crash);
}

void domain_pause_nowait(struct domain *d)
{
    struct vcpu *v;

    spin_lock(&d->pause_lock);
    d->pause_count++;
    for_each_vcpu (d, v)
        vcpu_set_flag(v, VPF_PAUSED);
    spin_unlock(&d->pause_lock);
}

void domain_pause(struct domain *d)
{
    struct vcpu *v;

    domain_pause_nowait(d);
    for_each_vcpu (d, v)
        sched_wait_saved(v);
}

void domain_unpause(struct domain *d)
{
    struct vcpu *v;

    spin_lock(&d->pause_lock);
    if (d->pause_count && --d->pause_count == 0)
        for_each_vcpu (d, v)
            if (v->pause_count == 0)
                vcpu_clear_flag(v, VPF_PAUSED);
    spin_unlock(&d->pause_lock);
}

int domain_pause_by_controller(struct domain *d)
{
    if (d->controller_pauses == CONTROLLER_PAUSES_MAX)
        return -EOPNOTSUPP;
    d->controller_pauses++;
    domain_pause(d);
    return 0;
}

int domain_unpause_by_controller(struct domain *d)
{
    if (d->controller_pauses == 0)
        return -EINVAL;
    d->has_run = true;
    d->controller_pauses--;
    domain_unpause(d);
    return 0;
}

void domain_dump_all(void)
{
    struct domain *d;
    struct vcpu *v;

    for_each_domain (d) {
        printk(LOG_INFO, "d%u: %lu of %lu pages, pause %u%s%s\n", d->id, d->n_pages, d->max_pages,
               d->pause_count, d->is_dying ? ", dying" : "", d->is_shut_down ? ", shut down" : "");
        for_each_vcpu (d, v)
            printk(LOG_INFO, "  v%u: flags %#x, ran %lu ms, events pending %u masked %u\n", v->id,
                   v->pause_flags, sched_vcpu_runtime(v) / 1000000,
                   v->vcpu_info->evtchn_upcall_pending, v->vcpu_info->evtchn_upcall_mask);
        for (unsigned int i = 0; i < n_domain_rooms; i++)
            if (domain_rooms[i]->dump)
                domain_rooms[i]->dump(d);
    }
}
