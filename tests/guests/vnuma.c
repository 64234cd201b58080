/* SPDX-License-Identifier: MIT */
/* The memory nodes a domain is told to have: what a toolstack may say, and what the guest hears. */
#define __XEN_TOOLS__ 1
#include "lib/control_op.h"
#include "lib/report.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"

#include <xen/domctl.h>
#include <xen/errno.h>
#include <xen/memory.h>

#define NODES  2
#define VCPUS  3
#define RANGES 2

static struct xen_domctl op;
static uint32_t distances[2048], vcpu_nodes[VCPUS], pnodes[2048];
static xen_vmemrange_t ranges[RANGES];
static struct xen_vnuma_topology_info info;
static uint32_t heard_distances[NODES * NODES], heard_nodes[VCPUS];
static xen_vmemrange_t heard_ranges[RANGES];

static long make_domain(void)
{
    long rc;

    memset(&op, 0, sizeof(op));
    op.u.createdomain = (struct xen_domctl_createdomain){.max_vcpus = VCPUS,
                                                         .max_evtchn_port = 1023,
                                                         .max_grant_frames = 4,
                                                         .max_maptrack_frames = 4,
                                                         .grant_opts = XEN_DOMCTL_GRANT_version(1)};
    rc = domctl(&op, XEN_DOMCTL_createdomain, 0);
    return rc ? rc : op.domain;
}

/* A topology of two nodes that makes sense. */
static void describe(void)
{
    memset(&op, 0, sizeof(op));
    for (unsigned int i = 0; i < NODES * NODES; i++)
        distances[i] = i % (NODES + 1) ? 20 + i : 10;
    for (unsigned int i = 0; i < VCPUS; i++)
        vcpu_nodes[i] = i % NODES;
    pnodes[0] = pnodes[1] = 0;
    ranges[0] = (xen_vmemrange_t){.start = 0, .end = 32ul << 20, .nid = 0};
    ranges[1] = (xen_vmemrange_t){.start = 32ul << 20, .end = 64ul << 20, .nid = 1};
    op.u.vnuma =
        (struct xen_domctl_vnuma){.nr_vnodes = NODES, .nr_vmemranges = RANGES, .nr_vcpus = VCPUS};
    set_xen_guest_handle(op.u.vnuma.vdistance, distances);
    set_xen_guest_handle(op.u.vnuma.vcpu_to_vnode, vcpu_nodes);
    set_xen_guest_handle(op.u.vnuma.vnode_to_pnode, pnodes);
    set_xen_guest_handle(op.u.vnuma.vmemrange, ranges);
}

static long set(long id)
{
    return domctl(&op, XEN_DOMCTL_setvnumainfo, (domid_t)id);
}

static long hear(long id, unsigned int nodes, unsigned int vcpus, unsigned int n_ranges)
{
    info = (struct xen_vnuma_topology_info){
        .domid = (domid_t)id, .nr_vnodes = nodes, .nr_vcpus = vcpus, .nr_vmemranges = n_ranges};
    set_xen_guest_handle(info.vdistance.h, heard_distances);
    set_xen_guest_handle(info.vcpu_to_vnode.h, heard_nodes);
    set_xen_guest_handle(info.vmemrange.h, heard_ranges);
    return hypercall2(__HYPERVISOR_memory_op, XENMEM_get_vnumainfo, arg(&info));
}

BEHAVIOUR(none, "a domain without a topology says so")
{
    long id = make_domain();

    EXPECT(hear(DOMID_SELF, NODES, VCPUS, RANGES), -XEN_EOPNOTSUPP);
    EXPECT(hear(id, NODES, VCPUS, RANGES), -XEN_EOPNOTSUPP);
    EXPECT(hear(0x7ef0, NODES, VCPUS, RANGES), -XEN_ESRCH);
    EXPECT(domctl(&op, XEN_DOMCTL_destroydomain, (domid_t)id), 0);
}

BEHAVIOUR(refusals, "topologies that make no sense are refused")
{
    long id = make_domain();

    describe();
    op.u.vnuma.nr_vnodes = 0;
    EXPECT(set(id), -XEN_EINVAL);
    describe();
    op.u.vnuma.nr_vcpus = VCPUS - 1;
    EXPECT(set(id), -XEN_EINVAL);
    describe();
    op.u.vnuma.pad = 1;
    EXPECT(set(id), -XEN_EINVAL);
    describe();
    op.u.vnuma.nr_vnodes = 33; /* its distances fill more than a page */
    EXPECT(set(id), -XEN_EINVAL);
    describe();
    op.u.vnuma.nr_vnodes = 0x10000; /* squared, nothing is left of it in 32 bits */
    EXPECT(set(id), -XEN_EINVAL);
    describe();
    op.u.vnuma.nr_vmemranges = 171;
    EXPECT(set(id), -XEN_EINVAL);
    describe();
    vcpu_nodes[1] = NODES;
    EXPECT(set(id), -XEN_E2BIG);
    describe();
    pnodes[1] = 0x10000;
    EXPECT(set(id), -XEN_E2BIG);
    describe();
    ranges[1].flags = 1;
    EXPECT(set(id), -XEN_EINVAL);
    describe();
    set_xen_guest_handle(op.u.vnuma.vmemrange, (xen_vmemrange_t *)8);
    EXPECT(set(id), -XEN_EFAULT);
    EXPECT(hear(id, NODES, VCPUS, RANGES), -XEN_EOPNOTSUPP);
    EXPECT(domctl(&op, XEN_DOMCTL_destroydomain, (domid_t)id), 0);
}

BEHAVIOUR(told, "a guest hears how long the lists are, and then what is in them")
{
    long id = make_domain();

    describe();
    REQUIRE(set(id), 0);
    EXPECT(hear(id, 0, 0, 0), -XEN_ENOBUFS);
    EXPECT(info.nr_vnodes, NODES);
    EXPECT(info.nr_vcpus, VCPUS);
    EXPECT(info.nr_vmemranges, RANGES);
    EXPECT(hear(id, NODES, VCPUS, RANGES - 1), -XEN_ENOBUFS);
    info.pad = 1;
    EXPECT(hypercall2(__HYPERVISOR_memory_op, XENMEM_get_vnumainfo, arg(&info)), -XEN_EINVAL);
    EXPECT(hear(id, NODES + 5, VCPUS + 5, RANGES + 5), 0);
    EXPECT(info.nr_vnodes, NODES);
    EXPECT(info.nr_vcpus, VCPUS);
    EXPECT(info.nr_vmemranges, RANGES);
    EXPECT(memcmp(heard_distances, distances, sizeof(heard_distances)), 0);
    EXPECT(memcmp(heard_nodes, vcpu_nodes, sizeof(heard_nodes)), 0);
    EXPECT(memcmp(heard_ranges, ranges, sizeof(heard_ranges)), 0);
    describe();
    vcpu_nodes[0] = 1; /* said anew, it replaces the old */
    EXPECT(set(id), 0);
    EXPECT(hear(id, NODES, VCPUS, RANGES), 0);
    EXPECT(heard_nodes[0], 1);
    EXPECT(domctl(&op, XEN_DOMCTL_destroydomain, (domid_t)id), 0);
}
