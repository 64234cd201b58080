/* SPDX-License-Identifier: MIT */
/* Threads, cores and sockets from APIC ids (Intel SDM 3, "Detecting Hardware Multi-Threading
 * Support and Topology"; AMD APM 3, CPUID 0x80000008 and 0x8000001e). */
#include "arch/topology.h"
#include "arch/cpu.h"
#include "arch/numa.h"

#define LEVEL_THREADS 1
#define LEVEL_CORES   2

static unsigned int thread_bits, package_bits; /* of an APIC id: below the core, below the socket */
static uint32_t apic_ids[CPU_MAX];
static struct cpumask siblings[CPU_MAX];
static struct cpumask known;

static unsigned int bits_for(unsigned int n)
{
    return n > 1 ? 32 - (unsigned int)__builtin_clz(n - 1) : 0;
}

/* Leaf 0xb says by how much to shift an id for the next level; false where it is not there. */
static bool from_extended_topology(void)
{
    bool found = false;

    if (cpu_cpuid(0, 0).a < 0xb || cpu_cpuid(0xb, 0).b == 0)
        return false;
    for (unsigned int level = 0; level < 8; level++) {
        struct cpuid_regs r = cpu_cpuid(0xb, level);
        unsigned int type = r.c >> 8 & 0xff, shift = r.a & 0x1f;

        if (type == 0)
            break;
        if (type == LEVEL_THREADS)
            thread_bits = shift;
        if (type == LEVEL_THREADS || type == LEVEL_CORES)
            package_bits = shift;
        found = true;
    }
    return found;
}

static void from_old_leaves(void)
{
    bool has_threads = cpu_cpuid(1, 0).d >> 28 & 1;
    unsigned int logical = has_threads ? cpu_cpuid(1, 0).b >> 16 & 0xff : 1, cores = 1;

    if (cpu_cpuid(0x80000000, 0).a >= 0x80000008 && cpu_cpuid(0x80000008, 0).c & 0xff)
        cores = (cpu_cpuid(0x80000008, 0).c & 0xff) + 1; /* AMD: threads of the package */
    else if (cpu_cpuid(0, 0).a >= 4)
        cores = (cpu_cpuid(4, 0).a >> 26) + 1;
    package_bits = bits_for(logical > cores ? logical : cores);
    thread_bits = logical > cores ? package_bits - bits_for(cores) : 0;
    if (cpu_cpuid(0x80000000, 0).a >= 0x8000001e && (cpu_cpuid(0x80000001, 0).c >> 22 & 1))
        thread_bits = bits_for((cpu_cpuid(0x8000001e, 0).b >> 8 & 0xff) + 1);
}

void topology_init(void)
{
    if (!from_extended_topology())
        from_old_leaves();
    if (package_bits < thread_bits)
        package_bits = thread_bits;
}

void topology_add(unsigned int cpu, uint32_t apic_id)
{
    unsigned int other;

    apic_ids[cpu] = apic_id;
    cpumask_set(&known, cpu);
    for_each_cpu(other, &known)
    {
        if (apic_ids[other] >> thread_bits == apic_id >> thread_bits) {
            cpumask_set(&siblings[other], cpu);
            cpumask_set(&siblings[cpu], other);
        }
    }
}

const struct cpumask *topology_siblings(unsigned int cpu)
{
    return &siblings[cpu];
}

unsigned int topology_core(unsigned int cpu)
{
    return (apic_ids[cpu] & ((1u << package_bits) - 1)) >> thread_bits;
}

unsigned int topology_socket(unsigned int cpu)
{
    return apic_ids[cpu] >> package_bits;
}

unsigned int topology_node(unsigned int cpu)
{
    return numa_node_of_apic(apic_ids[cpu]);
}

unsigned int topology_threads_per_core(void)
{
    unsigned int cpu, most = 1;

    for_each_cpu(cpu, &known)
    {
        unsigned int n = cpumask_count(&siblings[cpu]);

        most = n > most ? n : most;
    }
    return most;
}

unsigned int topology_cores_per_socket(void)
{
    unsigned int cpu, other, most = 1;

    for_each_cpu(cpu, &known)
    {
        unsigned int n = 0;

        for_each_cpu(other, &known) n += topology_socket(other) == topology_socket(cpu);
        n /= topology_threads_per_core();
        most = n > most ? n : most;
    }
    return most;
}
