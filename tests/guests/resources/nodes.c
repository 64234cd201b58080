/* SPDX-License-Identifier: MIT */
/*
 * Memory nodes: which CPUs and how much memory each has, how far they are from each other, and
 * that a domain's memory comes from the node that is asked for. Run with run.py --nodes: node n has
 * every CPU whose number leaves n, and an equal part of the memory; the distance is 21.
 */
#define __XEN_TOOLS__ 1
#include "lib/child.h"
#include "lib/report.h"
#include "runtime/console.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"

#include <xen/domctl.h>
#include <xen/memory.h>
#include <xen/sysctl.h>

#define NODES_MAX 8
#define CPUS_MAX  16
#define LOCAL     10
#define REMOTE    21
#define PAGES     32 /* a child may have so many more than it begins with */

static struct xen_sysctl op;
static xen_sysctl_meminfo_t memory[NODES_MAX];
static uint32_t distance[NODES_MAX * NODES_MAX];
static xen_sysctl_cputopo_t cpus[CPUS_MAX];

static long sysctl(uint32_t command)
{
    op.cmd = command;
    op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hypercall1(__HYPERVISOR_sysctl, arg(&op));
}

/* Fills `memory` and `distance`; answers how many nodes there are, 0 when refused. */
static unsigned int read_nodes(void)
{
    memset(&op, 0, sizeof(op));
    op.u.numainfo.num_nodes = NODES_MAX;
    set_xen_guest_handle(op.u.numainfo.meminfo, memory);
    set_xen_guest_handle(op.u.numainfo.distance, distance);
    if (sysctl(XEN_SYSCTL_numainfo))
        return 0;
    return op.u.numainfo.num_nodes;
}

BEHAVIOUR(shape, "nodes, their memory, distances and CPUs are those of the machine's tables")
{
    unsigned int n = read_nodes();

    if (n == 1)
        report_skip("this machine has one node");
    REQUIRE(n, 2);
    for (unsigned int i = 0; i < n; i++) {
        for (unsigned int j = 0; j < n; j++)
            EXPECT(distance[i * n + j], i == j ? LOCAL : REMOTE);
        print("  node %u: %lu KiB, %lu KiB free\n", i, memory[i].memsize >> 10,
              memory[i].memfree >> 10);
        EXPECT_TRUE(memory[i].memsize > 100ul << 20 && memory[i].memsize <= 129ul << 20);
        EXPECT_TRUE(memory[i].memfree < memory[i].memsize);
    }
    memset(&op, 0, sizeof(op));
    op.u.cputopoinfo.num_cpus = CPUS_MAX;
    set_xen_guest_handle(op.u.cputopoinfo.cputopo, cpus);
    EXPECT(sysctl(XEN_SYSCTL_cputopoinfo), 0);
    REQUIRE(op.u.cputopoinfo.num_cpus, 4);
    for (unsigned int i = 0; i < op.u.cputopoinfo.num_cpus; i++)
        EXPECT(cpus[i].node, i % n);
}

ROLE(idler)
{
    (void)argument;
    for (;;)
        child_sleep(1000000000);
}

/* Gives the child PAGES more at `pfn`; answers how many came. */
static long populate(const struct child *child, uint64_t pfn, uint32_t flags)
{
    static uint64_t frames[PAGES];
    struct xen_memory_reservation r = {.nr_extents = PAGES, .domid = child->id, .mem_flags = flags};

    for (unsigned int i = 0; i < PAGES; i++)
        frames[i] = pfn + i;
    set_xen_guest_handle(r.extent_start, frames);
    return hypercall2(__HYPERVISOR_memory_op, XENMEM_populate_physmap, arg(&r));
}

/* How many pages each node has less than at the last call. */
static void taken(uint64_t pages[NODES_MAX])
{
    static uint64_t before[NODES_MAX];
    unsigned int n = read_nodes();

    for (unsigned int i = 0; i < n; i++) {
        pages[i] = (before[i] - memory[i].memfree) >> 12;
        before[i] = memory[i].memfree;
    }
}

static long set_node_affinity(const struct child *child, uint8_t nodes)
{
    static struct xen_domctl domctl;

    memset(&domctl, 0, sizeof(domctl));
    domctl.cmd = XEN_DOMCTL_setnodeaffinity;
    domctl.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    domctl.domain = child->id;
    set_xen_guest_handle(domctl.u.nodeaffinity.nodemap.bitmap, &nodes);
    domctl.u.nodeaffinity.nodemap.nr_bits = 8;
    return hypercall1(__HYPERVISOR_domctl, arg(&domctl));
}

BEHAVIOUR(placement, "memory comes from the node asked for, or from those the domain prefers")
{
    static struct child child;
    uint64_t pages[NODES_MAX];

    if (read_nodes() < 2) {
        report_skip("this machine has one node");
        return;
    }
    for (unsigned int node = 0; node < 2; node++) {
        REQUIRE(child_start(&child, "idler", 0, 1), true);
        child_sleep(20000000);
        taken(pages);
        EXPECT(populate(&child, 100000, XENMEMF_exact_node(node)), PAGES);
        taken(pages);
        EXPECT(pages[node], PAGES);
        EXPECT(pages[!node], 0);
        child_destroy(&child);

        REQUIRE(child_start(&child, "idler", 0, 1), true);
        EXPECT(set_node_affinity(&child, 1u << node), 0);
        child_sleep(20000000);
        taken(pages);
        EXPECT(populate(&child, 100000, 0), PAGES);
        taken(pages);
        EXPECT(pages[node], PAGES);
        EXPECT(pages[!node], 0);
        child_destroy(&child);
    }
}
