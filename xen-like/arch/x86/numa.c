/* SPDX-License-Identifier: MIT */
/* Where CPUs and frames are, by what numa_tables.c read. */
#include "arch/numa.h"
#include "console.h"
#include "mm.h"

struct numa_info numa;

static bool is_active; /* until then all is node 0 */

static void activate(void)
{
    is_active = true;
}

void numa_init(void)
{
    if (numa.n_nodes < 2)
        return;
    heap_split_nodes(activate);
    for (unsigned int node = 0; node < numa.n_nodes; node++)
        printk(LOG_INFO, "NUMA: node %u (domain %u): %lu MiB\n", node, numa.domain[node],
               heap_node_total(node) >> 8);
}

unsigned int numa_node_count(void)
{
    return is_active ? numa.n_nodes : 1;
}

unsigned int numa_node_of_apic(uint32_t apic_id)
{
    for (unsigned int i = 0; is_active && i < numa.n_cpus; i++)
        if (numa.cpu[i].apic_id == apic_id)
            return numa.cpu[i].node;
    return 0;
}

static const struct numa_range *range_of(uint64_t mfn)
{
    paddr_t addr = mfn << PAGE_SHIFT;

    for (unsigned int i = 0; i < numa.n_ranges; i++)
        if (addr - numa.range[i].base < numa.range[i].size)
            return &numa.range[i];
    return NULL;
}

unsigned int numa_node_of_mfn(uint64_t mfn)
{
    const struct numa_range *r = is_active ? range_of(mfn) : NULL;

    return r ? r->node : 0;
}

uint64_t numa_node_end(uint64_t mfn)
{
    const struct numa_range *r = range_of(mfn);
    uint64_t end = ~0ul >> PAGE_SHIFT;

    if (r)
        return (r->base + r->size) >> PAGE_SHIFT;
    for (unsigned int i = 0; i < numa.n_ranges; i++)
        if (numa.range[i].base >> PAGE_SHIFT > mfn)
            end = MIN(end, numa.range[i].base >> PAGE_SHIFT);
    return end;
}

unsigned int numa_distance(unsigned int from, unsigned int to)
{
    if (from < NUMA_MAX_NODES && to < NUMA_MAX_NODES && numa.distance[from][to])
        return numa.distance[from][to];
    return from == to ? NUMA_DISTANCE_LOCAL : NUMA_DISTANCE_FAR;
}
