/* SPDX-License-Identifier: MIT */
/* Sets of physical CPUs. Single bits are changed atomically, so several CPUs may share a mask. */
#ifndef CORBEL_CPUMASK_H
#define CORBEL_CPUMASK_H

#include "compiler.h"

#define CPU_MAX       128 /* physical CPUs, by number: 0 is the one that booted */
#define CPUMASK_WORDS (CPU_MAX / 64)

struct cpumask {
    uint64_t word[CPUMASK_WORDS];
};

/* Full barriers: what was written before is seen by whoever sees the change. */
static inline void cpumask_set(struct cpumask *m, unsigned int cpu)
{
    __atomic_fetch_or(&m->word[cpu / 64], 1ul << cpu % 64, __ATOMIC_SEQ_CST);
}

static inline void cpumask_clear(struct cpumask *m, unsigned int cpu)
{
    __atomic_fetch_and(&m->word[cpu / 64], ~(1ul << cpu % 64), __ATOMIC_SEQ_CST);
}

static inline bool cpumask_test(const struct cpumask *m, unsigned int cpu)
{
    return cpu < CPU_MAX && (__atomic_load_n(&m->word[cpu / 64], __ATOMIC_RELAXED) >> cpu % 64 & 1);
}

/* The first member at or after `cpu`, CPU_MAX when there is none. */
static inline unsigned int cpumask_next(const struct cpumask *m, unsigned int cpu)
{
    while (cpu < CPU_MAX) {
        uint64_t w = __atomic_load_n(&m->word[cpu / 64], __ATOMIC_RELAXED) >> cpu % 64;

        if (w)
            return cpu + (unsigned int)__builtin_ctzl(w);
        cpu = (cpu | 63) + 1;
    }
    return CPU_MAX;
}

#define for_each_cpu(cpu, mask)                                                                    \
    for ((cpu) = cpumask_next((mask), 0); (cpu) < CPU_MAX; (cpu) = cpumask_next((mask), (cpu) + 1))

static inline unsigned int cpumask_count(const struct cpumask *m)
{
    unsigned int cpu, n = 0;

    for_each_cpu(cpu, m) n++;
    return n;
}

static inline bool cpumask_empty(const struct cpumask *m)
{
    return cpumask_next(m, 0) == CPU_MAX;
}

static inline struct cpumask cpumask_and(const struct cpumask *a, const struct cpumask *b)
{
    struct cpumask r;

    for (unsigned int i = 0; i < CPUMASK_WORDS; i++)
        r.word[i] = a->word[i] & b->word[i];
    return r;
}

static inline struct cpumask cpumask_or(const struct cpumask *a, const struct cpumask *b)
{
    struct cpumask r;

    for (unsigned int i = 0; i < CPUMASK_WORDS; i++)
        r.word[i] = a->word[i] | b->word[i];
    return r;
}

static inline bool cpumask_equal(const struct cpumask *a, const struct cpumask *b)
{
    for (unsigned int i = 0; i < CPUMASK_WORDS; i++)
        if (a->word[i] != b->word[i])
            return false;
    return true;
}

static inline struct cpumask cpumask_all(void)
{
    struct cpumask r;

    for (unsigned int i = 0; i < CPUMASK_WORDS; i++)
        r.word[i] = ~0ul;
    return r;
}

/* The last member, CPU_MAX when there is none. */
static inline unsigned int cpumask_last(const struct cpumask *m)
{
    for (unsigned int cpu = CPU_MAX; cpu-- > 0;)
        if (m->word[cpu / 64] >> cpu % 64 & 1)
            return cpu;
    return CPU_MAX;
}

static inline struct cpumask cpumask_of(unsigned int cpu)
{
    struct cpumask r = {{0}};

    r.word[cpu / 64] = 1ul << cpu % 64;
    return r;
}

#endif
