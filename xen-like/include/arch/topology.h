/* SPDX-License-Identifier: MIT */
/* How the machine's CPUs are made up: threads of cores of sockets, in memory nodes. By CPU number;
 * fixed once a CPU is known. */
#ifndef CORBEL_ARCH_TOPOLOGY_H
#define CORBEL_ARCH_TOPOLOGY_H

#include "cpumask.h"

/* From CPUID of the CPU this runs on: how APIC ids are divided. Before the next two are asked. */
void topology_init(void);
/* Notes the CPU with that APIC id. */
void topology_add(unsigned int cpu, uint32_t apic_id);
/* The CPUs of its core that are known, itself among them. */
const struct cpumask *topology_siblings(unsigned int cpu);
/* Its core's number within the socket, its socket's, its memory node's. */
unsigned int topology_core(unsigned int cpu);
unsigned int topology_socket(unsigned int cpu);
unsigned int topology_node(unsigned int cpu);
unsigned int topology_threads_per_core(void);
unsigned int topology_cores_per_socket(void);

#endif
