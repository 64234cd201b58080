/* SPDX-License-Identifier: MIT */
/* SRAT and SLIT, by the ACPI specification 6.4, sections 5.2.16 and 5.2.17. */
#include "acpi_tables.h"
#include "arch/numa.h"
#include "lib/bytes.h"

#define SRAT_ENTRIES      48
#define SRAT_CPU          0
#define SRAT_MEMORY       1
#define SRAT_X2APIC       2
#define SRAT_CPU_SIZE     16
#define SRAT_MEMORY_SIZE  40
#define SRAT_X2APIC_SIZE  24
#define SRAT_ENABLED      (1u << 0)
#define SRAT_HOT_PLUG     (1u << 1)
#define SLIT_LOCALITIES   36
#define SLIT_ENTRIES      44
#define DISTANCE_NO_ROUTE 255

/* The node of a proximity domain, made if it is new; NUMA_MAX_NODES when there is no room. */
static unsigned int node_of_domain(struct numa_info *info, uint32_t domain)
{
    unsigned int n;

    for (n = 0; n < info->n_nodes; n++)
        if (info->domain[n] == domain)
            return n;
    if (n < NUMA_MAX_NODES) {
        info->domain[n] = domain;
        info->n_nodes++;
    }
    return n;
}

static void add_cpu(struct numa_info *info, uint32_t apic_id, uint32_t domain)
{
    unsigned int node;

    if (info->n_cpus == NUMA_MAX_CPUS || (node = node_of_domain(info, domain)) == NUMA_MAX_NODES)
        return;
    info->cpu[info->n_cpus].apic_id = apic_id;
    info->cpu[info->n_cpus].node = (uint8_t)node;
    info->n_cpus++;
}

/* -EINVAL when it overlaps memory of another node. */
static int add_memory(struct numa_info *info, paddr_t base, paddr_t size, uint32_t domain)
{
    unsigned int node;

    if (size == 0 || base + size < base || info->n_ranges == NUMA_MAX_RANGES ||
        (node = node_of_domain(info, domain)) == NUMA_MAX_NODES)
        return 0;
    for (unsigned int i = 0; i < info->n_ranges; i++) {
        const struct numa_range *r = &info->range[i];

        if (base < r->base + r->size && r->base < base + size && r->node != node)
            return -EINVAL;
    }
    info->range[info->n_ranges++] = (struct numa_range){base, size, (uint8_t)node};
    return 0;
}

static int parse_entry(const uint8_t *e, size_t len, struct numa_info *info)
{
    if (e[0] == SRAT_CPU && len >= SRAT_CPU_SIZE && (load_le32(e + 4) & SRAT_ENABLED))
        add_cpu(info, e[3],
                e[2] | (uint32_t)e[9] << 8 | (uint32_t)e[10] << 16 | (uint32_t)e[11] << 24);
    else if (e[0] == SRAT_X2APIC && len >= SRAT_X2APIC_SIZE && (load_le32(e + 12) & SRAT_ENABLED))
        add_cpu(info, load_le32(e + 8), load_le32(e + 4));
    else if (e[0] == SRAT_MEMORY && len >= SRAT_MEMORY_SIZE &&
             (load_le32(e + 28) & (SRAT_ENABLED | SRAT_HOT_PLUG)) == SRAT_ENABLED)
        return add_memory(info, load_le64(e + 8), load_le64(e + 16), load_le32(e + 2));
    return 0;
}

int numa_parse_srat(const void *table, size_t len, struct numa_info *info)
{
    const uint8_t *t = table;
    size_t at;

    if (len < SRAT_ENTRIES)
        return -EINVAL;
    for (at = SRAT_ENTRIES; len - at >= 2 && t[at + 1] >= 2 && t[at + 1] <= len - at;
         at += t[at + 1])
        if (parse_entry(t + at, t[at + 1], info))
            return -EINVAL;
    return info->n_nodes ? 0 : -EINVAL;
}

int numa_parse_slit(const void *table, size_t len, struct numa_info *info)
{
    const uint8_t *t = table;
    uint64_t n;

    if (len < SLIT_ENTRIES)
        return -EINVAL;
    n = load_le64(t + SLIT_LOCALITIES);
    if (n == 0 || n > 4096 || n * n > len - SLIT_ENTRIES)
        return -EINVAL;
    for (unsigned int from = 0; from < info->n_nodes; from++)
        for (unsigned int to = 0; to < info->n_nodes; to++) {
            if (info->domain[from] >= n || info->domain[to] >= n)
                continue;
            uint8_t d = t[SLIT_ENTRIES + info->domain[from] * n + info->domain[to]];

            /* Less than local, or a remote node as near as the own: not believed. */
            if (d < NUMA_DISTANCE_LOCAL || (from == to) != (d == NUMA_DISTANCE_LOCAL))
                return -EINVAL;
            info->distance[from][to] = d == DISTANCE_NO_ROUTE ? 0 : d;
        }
    return 0;
}
