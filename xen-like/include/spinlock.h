/* SPDX-License-Identifier: MIT */
/*
 * Ranked ticket locks. The hypervisor runs with interrupts off except in explicit windows (see
 * arch/cpu.h, cpu_irq_window), so no lock has an interrupt-saving variant. Ranks rise from outer to
 * inner: a lock may be taken only while all held locks have a lower rank; debug builds check.
 */
#ifndef CORBEL_SPINLOCK_H
#define CORBEL_SPINLOCK_H

#include "types.h"

enum lock_rank {
    RANK_DOMCTL = 10, /* control operations */
    RANK_POOL = 15,   /* which CPU and which domain is in which pool */
    RANK_DOMAIN = 20, /* a domain's life and vCPU set */
    RANK_IRQ = 30,    /* IRQ descriptors and PCI devices */
    RANK_PCI = 35,    /* one PCI configuration cycle */
    RANK_GRANT = 40,  /* one grant table (two are taken in address order, second as RANK_GRANT2) */
    RANK_GRANT2 = 41,
    RANK_EVENT = 50,       /* ties between event channels, one lock for the machine */
    RANK_EVENT2 = 51,      /* one domain's port table */
    RANK_PAGE = 60,        /* a domain's page lists and accounting */
    RANK_CLAIM = 62,       /* promises of memory, one lock for the machine */
    RANK_EVENT_QUEUE = 65, /* one domain's FIFO event queues */
    RANK_PAUSE = 67,       /* a domain's pause counts */
    RANK_WATCHDOG = 68,    /* a domain's watchdogs */
    RANK_PSTATE = 69,      /* how long one CPU was in which P-state */
    RANK_SCHED = 70,       /* a run queue; one at a time */
    RANK_TIMER = 80,       /* a CPU's timer queue; one at a time, but */
    RANK_TIMER_FIRST = 81, /* the first CPU's, which takes over from those that go off line */
    RANK_DOMAIN_LIST =
        85,             /* the list of all domains; a last reference may go under any lock above */
    RANK_DEAD = 86,     /* domains waiting to be freed */
    RANK_ACCESS = 87,   /* what one domain may touch */
    RANK_HEAP = 90,     /* the buddy allocator */
    RANK_CALL = 95,     /* a call on other CPUs */
    RANK_CONSOLE = 100, /* the log ring */
};

struct spinlock {
    uint16_t next;  /* ticket handed to the next comer */
    uint16_t owner; /* ticket being served */
    uint16_t rank;
};

#define SPINLOCK_INIT(r)                                                                           \
    {                                                                                              \
        .rank = (r)                                                                                \
    }
static inline void spin_lock_init(struct spinlock *l, enum lock_rank rank)
{
    *l = (struct spinlock)SPINLOCK_INIT(rank);
}
/* While it waits it serves other CPUs' requests (arch/smp.h): who holds the lock may wait for us.
 */
void spin_lock(struct spinlock *l);
/* Takes a free lock; false when another CPU has it or waits for it. */
bool spin_trylock(struct spinlock *l);
void spin_unlock(struct spinlock *l);

#endif
