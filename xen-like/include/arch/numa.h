/* SPDX-License-Identifier: MIT */
/* Memory nodes: which CPUs and which memory belong together, by ACPI's SRAT and SLIT. Without them,
 * or with tables that contradict themselves, all is node 0. */
#ifndef CORBEL_ARCH_NUMA_H
#define CORBEL_ARCH_NUMA_H

#include "types.h"

#define NUMA_MAX_NODES      16
#define NUMA_MAX_RANGES     128
#define NUMA_MAX_CPUS       256
#define NUMA_DISTANCE_LOCAL 10
#define NUMA_DISTANCE_FAR   20 /* what is assumed between two nodes */

struct numa_info {
    unsigned int n_nodes;
    uint32_t domain[NUMA_MAX_NODES]; /* ACPI's proximity domain of each node */
    unsigned int n_ranges;
    struct numa_range {
        paddr_t base, size;
        uint8_t node;
    } range[NUMA_MAX_RANGES];
    unsigned int n_cpus;
    struct {
        uint32_t apic_id;
        uint8_t node;
    } cpu[NUMA_MAX_CPUS];
    uint8_t distance[NUMA_MAX_NODES][NUMA_MAX_NODES]; /* 0: not told */
};
extern struct numa_info numa;

/*
 * Each takes a whole table (header included, checksum good, `len` its length). 0; -EINVAL when it
 * is too short or contradicts itself: what it filled in of `info` is then not to be used. Entries
 * over the limits are left out.
 */
int numa_parse_srat(const void *table, size_t len, struct numa_info *info);
/* After SRAT: distances between the nodes it named. */
int numa_parse_slit(const void *table, size_t len, struct numa_info *info);

/* After the tables: checks that all RAM is of some node, and from then on there are nodes. */
void numa_init(void);

/* How many nodes; at least 1. */
unsigned int numa_node_count(void);
unsigned int numa_node_of_apic(uint32_t apic_id);
unsigned int numa_node_of_mfn(uint64_t mfn);
/* The first frame above `mfn` that may be of another node. */
uint64_t numa_node_end(uint64_t mfn);
/* As SLIT has it: 10 is local. */
unsigned int numa_distance(unsigned int from, unsigned int to);

#endif
