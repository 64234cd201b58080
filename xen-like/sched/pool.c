/* SPDX-License-Identifier: MIT */
/*
 * CPU pools, affinities, and the parameters of domains.
 *
 * A CPU is in one pool or in none; one in none idles. A domain is in one pool, and its vCPUs run on
 * what its pool, their hard affinity and the set of running CPUs have in common; where that is
 * nothing they run anywhere in the pool, as a domain that was moved must run somewhere. pool_lock
 * guards the table and who is in which.
 */
#include "arch/smp.h"
#include "console.h"
#include "internal.h"

#define POOL_MAX CPU_MAX

static struct spinlock pool_lock = SPINLOCK_INIT(RANK_POOL);
static struct sched_pool pools[POOL_MAX];

void sched_pools_init(void)
{
    pools[0] = (struct sched_pool){.is_used = true, .cpus = cpumask_of(0)};
}

void sched_pool_add_new(unsigned int cpu)
{
    cpumask_set(&pools[0].cpus, cpu);
}

void sched_update_allowed(struct vcpu *v)
{
    struct cpumask pool = cpumask_and(&pools[v->domain->pool].cpus, &cpu_online_map);
    struct cpumask allowed = cpumask_and(&v->hard_affinity, &pool);

    v->allowed = cpumask_empty(&allowed) ? pool : allowed;
}

static void reconsider_domain(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v)
        sched_reconsider(v);
}

/* A CPU has come to or gone from a pool, or the machine. */
static void reconsider_pool(unsigned int id)
{
    struct domain *d;

    for_each_domain (d)
        if (d->pool == id)
            reconsider_domain(d);
}

int sched_set_affinity(struct vcpu *v, const struct cpumask *hard, const struct cpumask *soft)
{
    struct cpumask pool = cpumask_and(&pools[v->domain->pool].cpus, &cpu_online_map);
    struct cpumask usable;

    if (hard) {
        usable = cpumask_and(hard, &pool);
        if (cpumask_empty(&usable))
            return -EINVAL;
        v->hard_affinity = *hard;
    }
    if (soft)
        v->soft_affinity = *soft;
    sched_reconsider(v);
    return 0;
}

/* --- pools --- */

const struct sched_pool *sched_pool_find(unsigned int id, bool or_next, unsigned int *found)
{
    for (; id < POOL_MAX; id++) {
        if (pools[id].is_used) {
            *found = id;
            return &pools[id];
        }
        if (!or_next)
            break;
    }
    return NULL;
}

unsigned int sched_pool_count_domains(unsigned int id)
{
    unsigned int n = 0;
    struct domain *d;

    for_each_domain (d)
        n += d->pool == id;
    return n;
}

struct cpumask sched_pool_free_cpus(void)
{
    struct cpumask cpus = cpu_online_map;
    unsigned int cpu;

    for (unsigned int id = 0; id < POOL_MAX; id++)
        if (pools[id].is_used)
            for_each_cpu(cpu, &pools[id].cpus) cpumask_clear(&cpus, cpu);
    return cpus;
}

int sched_pool_create(unsigned int *id)
{
    unsigned int n = *id;
    int rc = 0;

    spin_lock(&pool_lock);
    if (n == SCHED_POOL_ANY)
        for (n = 1; n < POOL_MAX && pools[n].is_used; n++)
            ;
    if (n >= POOL_MAX)
        rc = *id == SCHED_POOL_ANY ? -ENOSPC : -EINVAL;
    else if (pools[n].is_used)
        rc = -EEXIST;
    else
        pools[n] = (struct sched_pool){.is_used = true};
    spin_unlock(&pool_lock);
    if (!rc)
        *id = n;
    return rc;
}

int sched_pool_destroy(unsigned int id)
{
    int rc = 0;

    spin_lock(&pool_lock);
    if (id >= POOL_MAX || !pools[id].is_used)
        rc = -ENOENT;
    else if (id == 0 || !cpumask_empty(&pools[id].cpus) || sched_pool_count_domains(id))
        rc = -EBUSY;
    else
        pools[id].is_used = false;
    spin_unlock(&pool_lock);
    return rc;
}

/* All threads of a core go together where they share a queue. */
static struct cpumask cpus_with(unsigned int cpu)
{
    return sched_cpus[cpu]->rq->cpus;
}

int sched_pool_add_cpu(unsigned int id, unsigned int cpu)
{
    struct cpumask free, group;
    unsigned int c;
    int rc = 0;

    spin_lock(&pool_lock);
    free = sched_pool_free_cpus();
    if (cpu == SCHED_POOL_ANY)
        cpu = cpumask_next(&free, 0);
    if (id >= POOL_MAX || !pools[id].is_used)
        rc = -ENOENT;
    else if (cpu >= CPU_MAX)
        rc = -EINVAL;
    else if (!cpumask_test(&free, cpu))
        rc = -EBUSY;
    if (!rc) {
        group = cpus_with(cpu);
        for_each_cpu(c, &group)
        {
            if (!cpumask_test(&cpu_online_map, c))
                continue;
            sched_cpus[c]->pool = id;
            cpumask_set(&pools[id].cpus, c);
        }
    }
    spin_unlock(&pool_lock);
    if (!rc)
        reconsider_pool(id);
    return rc;
}

int sched_pool_remove_cpu(unsigned int id, unsigned int cpu)
{
    struct cpumask group, left;
    unsigned int c;
    int rc = 0;

    spin_lock(&pool_lock);
    if (id >= POOL_MAX || !pools[id].is_used) {
        rc = -ENOENT;
    } else {
        left = cpumask_and(&pools[id].cpus, &cpu_online_map);
        if (cpu == SCHED_POOL_ANY)
            cpu = cpumask_last(&left);
        if (cpu >= CPU_MAX || !cpumask_test(&left, cpu)) {
            rc = -EINVAL;
        } else {
            group = cpus_with(cpu);
            for_each_cpu(c, &group) cpumask_clear(&left, c);
            if (cpumask_empty(&left) && sched_pool_count_domains(id))
                rc = -EBUSY; /* its domains would have no CPU */
        }
    }
    if (!rc)
        for_each_cpu(c, &group)
        {
            sched_cpus[c]->pool = POOL_NONE;
            cpumask_clear(&pools[id].cpus, c);
        }
    spin_unlock(&pool_lock);
    if (!rc)
        reconsider_pool(id);
    return rc;
}

/* Whether some vCPU of `d` wanted `cpu` and has no other CPU of its own in the pool now. */
static bool lost_affinity(const struct domain *d, unsigned int id, unsigned int cpu)
{
    const struct vcpu *v;

    for_each_vcpu (d, v) {
        struct cpumask left = cpumask_and(&v->hard_affinity, &pools[id].cpus);

        if (cpumask_test(&v->hard_affinity, cpu) && cpumask_empty(&left))
            return true;
    }
    return false;
}

/* A line for each domain whose wish cannot be met; its vCPUs keep it. */
static void tell_affinities(unsigned int id, unsigned int cpu)
{
    struct domain *d;

    for_each_domain (d)
        if (d->pool == id && lost_affinity(d, id, cpu))
            printk(LOG_WARN, "d%u has vCPUs without a CPU of their affinity: any of its pool's\n",
                   d->id);
}

int sched_cpu_leave(unsigned int cpu, unsigned int *pool)
{
    unsigned int id = sched_cpus[cpu]->pool;
    struct cpumask left;
    int rc = 0;

    *pool = id;
    if (id == POOL_NONE)
        return 0;
    spin_lock(&pool_lock);
    left = cpumask_and(&pools[id].cpus, &cpu_online_map);
    cpumask_clear(&left, cpu);
    if (cpumask_empty(&left) && sched_pool_count_domains(id)) {
        rc = -EBUSY; /* its domains would have no CPU */
    } else {
        sched_cpus[cpu]->pool = POOL_NONE;
        cpumask_clear(&pools[id].cpus, cpu);
    }
    spin_unlock(&pool_lock);
    if (rc)
        return rc;
    tell_affinities(id, cpu);
    reconsider_pool(id);
    return 0;
}

void sched_cpu_join(unsigned int cpu, unsigned int pool)
{
    struct cpumask group = cpus_with(cpu);
    unsigned int c;

    spin_lock(&pool_lock);
    for_each_cpu(c, &group)
    {
        if (c != cpu && cpumask_test(&cpu_online_map, c))
            pool = sched_cpus[c]->pool;
    }
    sched_cpus[cpu]->pool = pool;
    if (pool != POOL_NONE)
        cpumask_set(&pools[pool].cpus, cpu);
    spin_unlock(&pool_lock);
    if (pool != POOL_NONE)
        reconsider_pool(pool);
}

bool sched_cpu_is_empty(unsigned int cpu)
{
    struct sched_cpu *sc = sched_cpus[cpu];
    struct cpumask others = cpumask_and(&sc->rq->cpus, &cpu_online_map);
    bool is_empty;

    cpumask_clear(&others, cpu);
    spin_lock(&sc->rq->lock);
    is_empty = sc->running->is_idle && (sc->rq->queue.n == 0 || !cpumask_empty(&others));
    spin_unlock(&sc->rq->lock);
    return is_empty;
}

int sched_pool_move_domain(struct domain *d, unsigned int id)
{
    int rc = 0;

    spin_lock(&pool_lock);
    if (id >= POOL_MAX || !pools[id].is_used)
        rc = -ENOENT;
    else if (cpumask_empty(&pools[id].cpus))
        rc = -ENODEV;
    else
        d->pool = id;
    spin_unlock(&pool_lock);
    if (!rc)
        reconsider_domain(d);
    return rc;
}

/* --- parameters --- */

int sched_set_params(struct domain *d, const struct sched_params *p)
{
    bool cap_changes = p->cap != d->sched.cap;

    if (p->weight < 1 || p->weight > SCHED_WEIGHT_MAX || p->cap > 100 * d->max_vcpus ||
        p->reservation > 100 * d->max_vcpus || (p->cap && p->reservation > p->cap))
        return -EINVAL;
    WRITE_ONCE(d->sched.weight, p->weight);
    WRITE_ONCE(d->sched.reservation, p->reservation);
    if (cap_changes) {
        policy_group_set_cap(&d->sched, p->cap, (uint64_t)time_now());
        sched_cap_changed(d);
    }
    return 0;
}

void sched_get_params(const struct domain *d, struct sched_params *p)
{
    *p = (struct sched_params){
        .weight = d->sched.weight, .cap = d->sched.cap, .reservation = d->sched.reservation};
}
