/* SPDX-License-Identifier: MIT */
/* The neighbours of the event and grant rooms, small and strict: misuse ends the test. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakes.h"
#include "console.h"
#include "counters.h"
#include "trace.h"
#include "hypercall.h"
#include "irq.h"

unsigned char fake_memory[FAKE_FRAMES * 4096ul] __attribute__((aligned(4096)));
static struct page_info pages[FAKE_FRAMES];
struct page_info *const frame_table = pages;
uint64_t max_page = FAKE_FRAMES;
struct fake_frame fake_frame[FAKE_FRAMES];

static struct counters counters;
struct cpu_info fake_cpu_info = {&counters};
uint32_t trace_wanted; /* off */
struct vcpu *fake_current;
struct domain *dom0;
static struct domain *domains[FAKE_DOMAINS];
unsigned int fake_kicks[FAKE_DOMAINS][8];
unsigned int fake_fail_alloc, fake_preempt_every;
int fake_pirq_result, fake_pirqs_bound;

void trace_record(uint32_t event, unsigned int n, const uint32_t *words)
{
    (void)event, (void)n, (void)words;
    assert(false);
}

/* --- locks: ranks must rise, as sync/spinlock.c demands --- */
static const struct spinlock *held[8];
static unsigned int n_held;

void spin_lock(struct spinlock *l)
{
    assert(n_held == 0 || held[n_held - 1]->rank < l->rank);
    held[n_held++] = l;
}

void spin_unlock(struct spinlock *l)
{
    assert(n_held > 0 && held[n_held - 1] == l);
    n_held--;
}

/* --- memory --- */
static bool allocation_fails(void)
{
    return fake_fail_alloc && --fake_fail_alloc == 0;
}

void *mm_alloc(size_t size)
{
    return allocation_fails() ? NULL : calloc(1, size);
}

void mm_free(void *p)
{
    free(p);
}

static uint64_t free_frame(void)
{
    for (uint64_t n = 1; n < FAKE_FRAMES; n++)
        if (fake_frame[n].refs == 0)
            return n;
    return 0;
}

void *mm_alloc_pages(unsigned int order)
{
    uint64_t n = allocation_fails() ? 0 : free_frame();

    assert(order == 0);
    if (!n)
        return NULL;
    fake_frame[n] = (struct fake_frame){.refs = 1};
    memset(mfn_to_virt(MFN(n)), 0, PAGE_SIZE);
    return mfn_to_virt(MFN(n));
}

void mm_free_pages(void *p, unsigned int order)
{
    struct fake_frame *f = &fake_frame[virt_to_mfn(p).n];

    assert(order == 0 && f->refs == 1 && !f->is_shared);
    f->refs = 0;
}

mfn_t fake_give_frame(struct domain *d)
{
    uint64_t n = free_frame();

    assert(n);
    fake_frame[n] = (struct fake_frame){.owner = d, .refs = 1};
    pages[n].flags = PGF_RAM;
    pages[n].count = PGC_ALLOCATED | 1;
    return MFN(n);
}

struct page_info *page_alloc_for(struct domain *d, unsigned int order, unsigned int flags)
{
    assert(order == 0 && flags == 0);
    return allocation_fails() ? NULL : &pages[fake_give_frame(d).n];
}

void page_release_allocation(struct page_info *pg)
{
    struct fake_frame *f = &fake_frame[page_to_mfn(pg).n];

    assert(pg->count & PGC_ALLOCATED);
    pg->count = (pg->count & ~PGC_ALLOCATED) - 1;
    f->refs--;
    f->owner = NULL;
}

void page_share(struct page_info *pg, struct domain *d, bool writable)
{
    struct fake_frame *f = &fake_frame[page_to_mfn(pg).n];

    assert(writable && f->refs == 1 && !f->owner);
    f->owner = d;
    f->is_shared = true;
}

bool page_unshare(struct page_info *pg)
{
    struct fake_frame *f = &fake_frame[page_to_mfn(pg).n];

    assert(f->is_shared && f->refs == 1);
    f->owner = NULL;
    f->is_shared = false;
    return true;
}

int page_get_from_gfn(struct domain *d, gfn_t gfn, bool writable, struct page_info **out)
{
    struct fake_frame *f = gfn.n < FAKE_FRAMES ? &fake_frame[gfn.n] : NULL;

    if (!f || f->refs == 0 || f->owner != d || (writable && f->is_page_table))
        return -EINVAL;
    f->refs++;
    f->writable_refs += writable;
    pages[gfn.n].count++;
    *out = &pages[gfn.n];
    return 0;
}

void page_put(struct page_info *pg)
{
    struct fake_frame *f = &fake_frame[page_to_mfn(pg).n];

    assert(f->refs > !!(pg->count & PGC_ALLOCATED) && f->refs > f->writable_refs);
    f->refs--;
    pg->count--;
}

void page_put_writable(struct page_info *pg)
{
    struct fake_frame *f = &fake_frame[page_to_mfn(pg).n];

    assert(f->refs > 1 && f->writable_refs > 0);
    f->refs--;
    f->writable_refs--;
    pg->count--;
}

/* --- domains --- */
struct domain *domain_find(domid_t id)
{
    if (id == DOMID_SELF)
        return fake_current->domain;
    return id < FAKE_DOMAINS ? domains[id] : NULL;
}

void domain_get(struct domain *d)
{
    d->refcount++;
}

bool domain_try_get(struct domain *d)
{
    domain_get(d);
    return true;
}

void domain_put(struct domain *d)
{
    assert(d->refcount > 1);
    d->refcount--;
}

void vcpu_kick(struct vcpu *v)
{
    fake_kicks[v->domain->id][v->id]++;
}

void vcpu_clear_flag(struct vcpu *v, unsigned int flag)
{
    v->pause_flags &= ~flag;
}

struct domain *fake_domain(const struct domain_room *room, domid_t id, unsigned int n_vcpus)
{
    struct domain *d = calloc(1, sizeof(*d));

    d->id = id;
    d->refcount = 1;
    d->is_control = id == 0;
    d->max_vcpus = n_vcpus;
    d->vcpu = calloc(n_vcpus, sizeof(*d->vcpu));
    d->shared_info = calloc(1, sizeof(*d->shared_info));
    for (unsigned int i = 0; i < n_vcpus; i++) {
        d->vcpu[i] = calloc(1, sizeof(struct vcpu));
        d->vcpu[i]->domain = d;
        d->vcpu[i]->id = i;
        d->vcpu[i]->vcpu_info = &d->shared_info->vcpu_info[i];
    }
    domains[id] = d;
    if (id == 0)
        dom0 = d;
    fake_current = d->vcpu[0];
    assert(room->create(d) == 0);
    return d;
}

void fake_domain_end(const struct domain_room *room, struct domain *d)
{
    d->is_dying = true;
    while (room->teardown && room->teardown(d) == -ERESTART_HYPERCALL)
        ;
    assert(d->refcount == 1);
    room->free(d);
    domains[d->id] = NULL;
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        free(d->vcpu[i]);
    for (unsigned int n = 0; n < FAKE_FRAMES; n++)
        if (fake_frame[n].owner == d)
            fake_frame[n] = (struct fake_frame){0};
    free(d->vcpu);
    free(d->shared_info);
    free(d);
}

void fake_switch_to(domid_t id)
{
    fake_current = domains[id]->vcpu[0];
}

/* --- the rest --- */
bool hypercall_preempt_check(void)
{
    static unsigned int n;

    return fake_preempt_every && ++n % fake_preempt_every == 0;
}

int pirq_bind(struct domain *d, unsigned int pirq, evtchn_port_t port, bool shareable)
{
    (void)d, (void)pirq, (void)port, (void)shareable;
    assert(n_held == 0);
    if (fake_pirq_result == 0)
        fake_pirqs_bound++;
    return fake_pirq_result;
}

void pirq_unbind(struct domain *d, unsigned int pirq)
{
    (void)d, (void)pirq;
    assert(n_held == 0 && fake_pirqs_bound > 0);
    fake_pirqs_bound--;
}

void printk(enum log_level level, const char *fmt, ...)
{
    (void)level, (void)fmt;
}
