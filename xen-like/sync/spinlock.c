/* SPDX-License-Identifier: MIT */
/* Ticket locks with rank checking in debug builds. */
#include "spinlock.h"
#include "arch/cpu.h"
#include "arch/current.h"
#include "arch/smp.h"
#include "console.h"

#ifndef NDEBUG
/* Ranks held by each CPU, in order of taking. */
static struct {
    uint16_t rank[16];
    unsigned int n;
} held[CPU_MAX];

static void rank_push(const struct spinlock *l)
{
    unsigned int me = cpu_number(), n = held[me].n;

    if (n && held[me].rank[n - 1] >= l->rank)
        panic("lock of rank %u taken while %u is held\n", l->rank, held[me].rank[n - 1]);
    held[me].rank[n] = l->rank;
    held[me].n = n + 1;
}
static void rank_pop(const struct spinlock *l)
{
    uint16_t *rank = held[cpu_number()].rank;
    unsigned int *n = &held[cpu_number()].n;

    for (unsigned int i = *n; i-- > 0;)
        if (rank[i] == l->rank) {
            for (--*n; i < *n; i++)
                rank[i] = rank[i + 1];
            return;
        }
    panic("lock of rank %u released but not held\n", l->rank);
}
#else
static void rank_push(const struct spinlock *l)
{
    (void)l;
}
static void rank_pop(const struct spinlock *l)
{
    (void)l;
}
#endif

void spin_lock(struct spinlock *l)
{
    uint16_t ticket = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);
    while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket) {
        cpu_relax();
        cpu_serve_requests();
    }
    rank_push(l);
}

bool spin_trylock(struct spinlock *l)
{
    uint16_t ticket = __atomic_load_n(&l->owner, __ATOMIC_RELAXED);

    if (!__atomic_compare_exchange_n(&l->next, &ticket, (uint16_t)(ticket + 1), false,
                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    rank_push(l);
    return true;
}

void spin_unlock(struct spinlock *l)
{
    rank_pop(l);
    __atomic_store_n(&l->owner, (uint16_t)(l->owner + 1), __ATOMIC_RELEASE);
}
