/* SPDX-License-Identifier: MIT */
/* Ticket locks with rank checking in debug builds. */
#include "spinlock.h"
#include "arch/cpu.h"
#include "console.h"

#ifndef NDEBUG
/* Ranks held by this CPU, in order of taking. One CPU today; becomes per-CPU data with SMP. */
static uint16_t held[16];
static unsigned int n_held;

static void rank_push(const struct spinlock *l)
{
    if (n_held && held[n_held - 1] >= l->rank)
        panic("lock of rank %u taken while %u is held\n", l->rank, held[n_held - 1]);
    held[n_held++] = l->rank;
}
static void rank_pop(const struct spinlock *l)
{
    for (unsigned int i = n_held; i-- > 0;)
        if (held[i] == l->rank) {
            for (n_held--; i < n_held; i++)
                held[i] = held[i + 1];
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
    while (__atomic_load_n(&l->owner, __ATOMIC_ACQUIRE) != ticket)
        cpu_relax();
    rank_push(l);
}

void spin_unlock(struct spinlock *l)
{
    rank_pop(l);
    __atomic_store_n(&l->owner, (uint16_t)(l->owner + 1), __ATOMIC_RELEASE);
}
