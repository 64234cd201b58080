/* SPDX-License-Identifier: MIT */
/*
 * Freeing domains that other CPUs may still be looking at.
 *
 * domain_find and the list of domains are read without locks and references. Nobody keeps such a
 * pointer beyond the hypercall or interrupt it was found in, so a domain that was taken out of the
 * list is free of readers when every CPU has once been between two of those: that is where softirqs
 * run. A dead domain waits in a list; each CPU that was online at its death crosses itself off in a
 * softirq, and the last one frees it.
 */
#include "arch/smp.h"
#include "domain.h"
#include "rooms.h"

static struct spinlock dead_lock = SPINLOCK_INIT(RANK_DEAD);
static struct domain *dead; /* linked by next_dead */

void domain_reap(struct domain *d)
{
    struct cpumask cpus;
    unsigned int cpu;

    spin_lock(&dead_lock);
    cpus = cpu_online_map; /* one that goes off line looks once more after that */
    d->unseen_by = cpus;
    d->next_dead = dead;
    dead = d;
    spin_unlock(&dead_lock);
    for_each_cpu(cpu, &cpus) softirq_raise_on(cpu, SOFTIRQ_REAP);
}

/* Crosses `cpu` off; takes out one domain that nobody can see any more. */
static struct domain *take_unseen(unsigned int cpu)
{
    struct domain **link, *found = NULL;

    spin_lock(&dead_lock);
    for (link = &dead; *link && !found; link = &(*link)->next_dead) {
        cpumask_clear(&(*link)->unseen_by, cpu);
        if (cpumask_empty(&(*link)->unseen_by)) {
            found = *link;
            *link = found->next_dead;
            break;
        }
    }
    spin_unlock(&dead_lock);
    return found;
}

void domain_reap_softirq(void)
{
    struct domain *d;

    while ((d = take_unseen(cpu_number())))
        domain_free(d);
}
