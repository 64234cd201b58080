/* SPDX-License-Identifier: MIT */
/*
 * Control operations of dom0: facts about the machine, a domain made, described, paused, limited
 * and destroyed, and what is answered to wrong versions, domains and numbers.
 */
#define __XEN_TOOLS__ 1
#include "lib/control_op.h"
#include "lib/report.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"

#include <xen/errno.h>
#include <xen/domctl.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/trace.h>

static struct xen_domctl op;
static struct xen_sysctl sys;

/* A PV domain of two vCPUs as xl asks for it; its number or the error. */
static long make_domain(domid_t wanted)
{
    long answer;

    memset(&op, 0, sizeof(op));
    op.u.createdomain = (struct xen_domctl_createdomain){.handle = {1, 2, 3},
                                                         .max_vcpus = 2,
                                                         .max_evtchn_port = 1023,
                                                         .max_grant_frames = 4,
                                                         .max_maptrack_frames = 4,
                                                         .grant_opts = XEN_DOMCTL_GRANT_version(1)};
    answer = domctl(&op, XEN_DOMCTL_createdomain, wanted);
    return answer ? answer : op.domain;
}

BEHAVIOUR(life, "a domain is made, given vCPUs and limits, described, and destroyed")
{
    long id = make_domain(0);

    REQUIRE(id > 0, 1);
    op.u.max_vcpus.max = 3;
    EXPECT(domctl(&op, XEN_DOMCTL_max_vcpus, id), -XEN_EINVAL);
    op.u.max_vcpus.max = 2;
    EXPECT(domctl(&op, XEN_DOMCTL_max_vcpus, id), 0);
    op.u.max_mem.max_memkb = 4096;
    EXPECT(domctl(&op, XEN_DOMCTL_max_mem, id), 0);
    EXPECT(domctl(&op, XEN_DOMCTL_getdomaininfo, id), 0);
    EXPECT(op.u.getdomaininfo.domain, id);
    report_answer("flags", op.u.getdomaininfo.flags);
    EXPECT(op.u.getdomaininfo.max_pages, 1024);
    EXPECT(op.u.getdomaininfo.tot_pages, 0);
    EXPECT(op.u.getdomaininfo.max_vcpu_id, 1);
    EXPECT(op.u.getdomaininfo.nr_online_vcpus, 0);
    EXPECT(op.u.getdomaininfo.handle[1], 2);
    EXPECT(op.u.getdomaininfo.cpupool, 0);
    EXPECT(make_domain(id), -XEN_EEXIST);
    EXPECT(domctl(&op, XEN_DOMCTL_destroydomain, id), 0);
    EXPECT(domctl(&op, XEN_DOMCTL_max_mem, id), -XEN_ESRCH);
}

BEHAVIOUR(pause, "a new domain is paused by its controller; unpausing what runs is an error")
{
    long id = make_domain(77);

    REQUIRE(id, 77);
    EXPECT(domctl(&op, XEN_DOMCTL_unpausedomain, id), 0);
    EXPECT(domctl(&op, XEN_DOMCTL_unpausedomain, id), -XEN_EINVAL);
    EXPECT(domctl(&op, XEN_DOMCTL_getdomaininfo, id), 0);
    EXPECT(op.u.getdomaininfo.flags & XEN_DOMINF_paused, 0);
    EXPECT(domctl(&op, XEN_DOMCTL_pausedomain, id), 0);
    EXPECT(domctl(&op, XEN_DOMCTL_getdomaininfo, id), 0);
    EXPECT(op.u.getdomaininfo.flags & XEN_DOMINF_paused, XEN_DOMINF_paused);
    EXPECT(domctl(&op, XEN_DOMCTL_pausedomain, 0), -XEN_EINVAL);
    EXPECT(domctl(&op, XEN_DOMCTL_destroydomain, id), 0);
}

BEHAVIOUR(vcpus, "vCPUs are described, and their scheduling can be read and set")
{
    long id = make_domain(78);

    REQUIRE(id, 78);
    op.u.max_vcpus.max = 2;
    EXPECT(domctl(&op, XEN_DOMCTL_max_vcpus, id), 0);
    memset(&op.u, 0, sizeof(op.u));
    op.u.getvcpuinfo.vcpu = 1;
    EXPECT(domctl(&op, XEN_DOMCTL_getvcpuinfo, id), 0);
    EXPECT(op.u.getvcpuinfo.online, 0);
    EXPECT(op.u.getvcpuinfo.running, 0);
    op.u.getvcpuinfo.vcpu = 2;
    EXPECT(domctl(&op, XEN_DOMCTL_getvcpuinfo, id), -XEN_EINVAL);
    op.u.vcpucontext.vcpu = 1;
    report_answer("context_of_none", domctl(&op, XEN_DOMCTL_getvcpucontext, id));
    memset(&op.u, 0, sizeof(op.u));
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.credit2.weight = 512;
    EXPECT(domctl(&op, XEN_DOMCTL_scheduler_op, id), 0);
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    op.u.scheduler_op.u.credit2.weight = 0;
    EXPECT(domctl(&op, XEN_DOMCTL_scheduler_op, id), 0);
    EXPECT(op.u.scheduler_op.u.credit2.weight, 512);
    EXPECT(op.u.scheduler_op.u.credit2.cap, 0);
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_RTDS;
    EXPECT(domctl(&op, XEN_DOMCTL_scheduler_op, id), -XEN_EINVAL);
    EXPECT(domctl(&op, XEN_DOMCTL_destroydomain, id), 0);
}

/* Hard affinity of a vCPU to one CPU; the answer. */
static long pin(long id, unsigned int vcpu, unsigned int cpu)
{
    static uint8_t cpus;

    memset(&op.u, 0, sizeof(op.u));
    cpus = (uint8_t)(1u << cpu);
    op.u.vcpuaffinity.vcpu = vcpu;
    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    op.u.vcpuaffinity.cpumap_hard.nr_bits = 8;
    set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, &cpus);
    return domctl(&op, XEN_DOMCTL_setvcpuaffinity, id);
}

BEHAVIOUR(pinned, "a vCPU that sleeps is at once on the CPU it is pinned to")
{
    long id = make_domain(81);
    unsigned int cpus = 0;

    REQUIRE(id, 81);
    op.u.max_vcpus.max = 2;
    EXPECT(domctl(&op, XEN_DOMCTL_max_vcpus, id), 0);
    while (cpus < 8 && pin(id, 0, cpus) == 0) {
        memset(&op.u, 0, sizeof(op.u));
        EXPECT(domctl(&op, XEN_DOMCTL_getvcpuinfo, id), 0);
        EXPECT(op.u.getvcpuinfo.cpu, cpus);
        cpus++;
    }
    EXPECT(cpus > 0, 1);
    EXPECT(pin(id, 0, 0), 0);
    memset(&op.u, 0, sizeof(op.u));
    EXPECT(domctl(&op, XEN_DOMCTL_getvcpuinfo, id), 0);
    EXPECT(op.u.getvcpuinfo.cpu, 0);
    EXPECT(domctl(&op, XEN_DOMCTL_destroydomain, id), 0);
}

BEHAVIOUR(refused, "configurations that make no sense are refused")
{
    long good = make_domain(79);

    REQUIRE(good, 79);
    EXPECT(domctl(&op, XEN_DOMCTL_destroydomain, 79), 0);
    op.u.createdomain.max_vcpus = 0;
    EXPECT(domctl(&op, XEN_DOMCTL_createdomain, 80), -XEN_EINVAL);
    op.u.createdomain.max_vcpus = 1;
    op.u.createdomain.flags = 1u << 31;
    EXPECT(domctl(&op, XEN_DOMCTL_createdomain, 80), -XEN_EINVAL);
    op.u.createdomain.flags = XEN_DOMCTL_CDF_hap;
    EXPECT(domctl(&op, XEN_DOMCTL_createdomain, 80), -XEN_EINVAL);
    op.u.createdomain.flags = 0;
    op.u.createdomain.grant_opts = 0;
    EXPECT(domctl(&op, XEN_DOMCTL_createdomain, 80), -XEN_EINVAL);
    op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
    op.u.createdomain.max_grant_frames = 0;
    EXPECT(domctl(&op, XEN_DOMCTL_createdomain, 80), -XEN_EINVAL);
    op.u.createdomain.max_grant_frames = 4;
    op.u.createdomain.cpupool_id = 9;
    report_answer("no_such_pool", domctl(&op, XEN_DOMCTL_createdomain, 80));
}

BEHAVIOUR(empty_pool, "a domain is not made in a pool without CPUs")
{
    memset(&sys, 0, sizeof(sys));
    sys.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_CREATE;
    sys.u.cpupool_op.cpupool_id = 5;
    sys.u.cpupool_op.sched_id = XEN_SCHEDULER_CREDIT2;
    REQUIRE(sysctl(&sys, XEN_SYSCTL_cpupool_op), 0);
    EXPECT(make_domain(79), 79);
    EXPECT(domctl(&op, XEN_DOMCTL_destroydomain, 79), 0);
    op.u.createdomain.cpupool_id = 5;
    long answer = domctl(&op, XEN_DOMCTL_createdomain, 80);

    report_answer("answer", answer);
    EXPECT_TRUE(answer < 0);
    if (answer == 0) {
        op.u.max_vcpus.max = 1;
        domctl(&op, XEN_DOMCTL_max_vcpus, 80);
    }
    sys.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_DESTROY;
    EXPECT(sysctl(&sys, XEN_SYSCTL_cpupool_op), 0);
}

static long tbuf(uint32_t command, uint32_t size)
{
    memset(&sys, 0, sizeof(sys));
    sys.u.tbuf_op.cmd = command;
    sys.u.tbuf_op.size = size;
    return sysctl(&sys, XEN_SYSCTL_tbuf_op);
}

/* A frame of the hypervisor's at the address of one of our pages. */
static long map_of_xen(void *page, uint64_t mfn, uint64_t flags)
{
    return hypercall4(__HYPERVISOR_update_va_mapping_otherdomain, arg(page), pte_make(mfn, flags),
                      UVMF_INVLPG | UVMF_LOCAL, DOMID_XEN);
}

BEHAVIOUR(trace, "what dom0 writes into the trace buffer's offsets harms nobody")
{
    void *info = page_alloc(), *page = page_alloc();
    uint64_t own[2] = {page_mfn(info), page_mfn(page)};
    volatile struct t_buf *buffer = page;
    static const uint32_t offsets[] = {PAGE_SIZE - sizeof(*buffer) - 2, 0x10, ~0u, 3};

    EXPECT(tbuf(XEN_SYSCTL_TBUFOP_set_size, 1), 0);
    EXPECT(tbuf(XEN_SYSCTL_TBUFOP_get_info, 0), 0);
    REQUIRE(map_of_xen(info, sys.u.tbuf_op.buffer_mfn, PROT_RO), 0);
    uint16_t offset = ((struct t_info *)info)->mfn_offset[0];

    REQUIRE(map_of_xen(page, ((uint32_t *)info)[offset], PROT_RW), 0);
    for (unsigned int i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
        EXPECT(tbuf(XEN_SYSCTL_TBUFOP_enable, 0), 0);
        buffer->cons = offsets[i];
        buffer->prod = offsets[i];
        for (unsigned int n = 0; n < 1000; n++)
            hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
        EXPECT(tbuf(XEN_SYSCTL_TBUFOP_disable, 0), 0);
        buffer->cons = buffer->prod = 0;
    }
    EXPECT(pte_set(info, pte_make(own[0], PROT_RW)), 0);
    EXPECT(pte_set(page, pte_make(own[1], PROT_RW)), 0);
}

BEHAVIOUR(versions, "a wrong interface version, domain, command or address is told apart")
{
    memset(&op, 0, sizeof(op));
    op.cmd = XEN_DOMCTL_getdomaininfo;
    EXPECT(hypercall1(__HYPERVISOR_domctl, arg(&op)), -XEN_EACCES);
    EXPECT(hypercall1(__HYPERVISOR_domctl, 0x1000), -XEN_EFAULT);
    memset(&sys, 0, sizeof(sys));
    sys.cmd = XEN_SYSCTL_sched_id;
    EXPECT(hypercall1(__HYPERVISOR_sysctl, arg(&sys)), -XEN_EACCES);
    EXPECT(hypercall1(__HYPERVISOR_sysctl, 0x1000), -XEN_EFAULT);
    report_answer("no_such_sysctl", sysctl(&sys, 999));
    report_answer("no_such_domctl", domctl(&op, 999, 0));
    EXPECT(domctl(&op, XEN_DOMCTL_max_mem, 0x7ef), -XEN_ESRCH);
    EXPECT(domctl(&op, XEN_DOMCTL_getdomaininfo, 0x7ef), -XEN_ESRCH);
}

BEHAVIOUR(machine, "the machine is described: its CPUs, its memory, the domains")
{
    static struct xen_domctl_getdomaininfo list[4];

    memset(&sys, 0, sizeof(sys));
    EXPECT(sysctl(&sys, XEN_SYSCTL_physinfo), 0);
    uint32_t n_cpus = sys.u.physinfo.nr_cpus;
    EXPECT_TRUE(n_cpus >= 1);
    EXPECT(sys.u.physinfo.nr_nodes, 1);
    EXPECT_TRUE(sys.u.physinfo.capabilities & XEN_SYSCTL_PHYSCAP_pv);
    EXPECT_TRUE(sys.u.physinfo.total_pages > sys.u.physinfo.free_pages);
    EXPECT_TRUE(sys.u.physinfo.free_pages > 0);
    EXPECT(sysctl(&sys, XEN_SYSCTL_sched_id), 0);
    EXPECT(sys.u.sched_id.sched_id, XEN_SCHEDULER_CREDIT2);
    memset(&sys.u, 0, sizeof(sys.u));
    sys.u.getdomaininfolist.max_domains = 4;
    set_xen_guest_handle(sys.u.getdomaininfolist.buffer, list);
    EXPECT(sysctl(&sys, XEN_SYSCTL_getdomaininfolist), 0);
    EXPECT(sys.u.getdomaininfolist.num_domains, 1);
    EXPECT(list[0].domain, 0);
    EXPECT_TRUE(list[0].flags & XEN_DOMINF_running);
    EXPECT_TRUE(list[0].tot_pages > 0);
    memset(&sys.u, 0, sizeof(sys.u));
    EXPECT(sysctl(&sys, XEN_SYSCTL_cputopoinfo), 0);
    EXPECT(sys.u.cputopoinfo.num_cpus, n_cpus);
    memset(&sys.u, 0, sizeof(sys.u));
    sys.u.cpupool_op.op = XEN_SYSCTL_CPUPOOL_OP_INFO;
    EXPECT(sysctl(&sys, XEN_SYSCTL_cpupool_op), 0);
    /* Domains destroyed before may still be counted: Xen frees them a little later. */
    EXPECT_TRUE(sys.u.cpupool_op.n_dom >= 1);
    sys.u.cpupool_op.cpupool_id = 1;
    EXPECT(sysctl(&sys, XEN_SYSCTL_cpupool_op), -XEN_ENOENT);
}
