/* SPDX-License-Identifier: MIT */
/*
 * Every limit reached and pushed at: memory, ports, grant frames, handles, vCPUs, timers, long
 * lists. The answer is an error; the machine's free memory is the same afterwards.
 */
#include "lib/child.h"
#include "lib/report.h"
#include "lib/vcpus.h"
#include "runtime/event.h"
#include "runtime/format.h"
#include "runtime/grant.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"

#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

static long ask_memory(unsigned int command, uint64_t n, unsigned int order)
{
    static xen_pfn_t frames[4096];
    struct xen_memory_reservation r = {.nr_extents = n, .extent_order = order, .domid = DOMID_SELF};

    for (unsigned int i = 0; i < 4096; i++)
        frames[i] = start_info->nr_pages + i;
    set_xen_guest_handle(r.extent_start, frames);
    return hypercall2(__HYPERVISOR_memory_op, command, arg(&r));
}

/* The parent allows 64 pages more than it gave. */
ROLE(memory)
{
    long got = 0;

    (void)argument;
    got += ask_memory(XENMEM_populate_physmap, 4096, 0);
    EXPECT_TRUE(got <= 64);
    for (unsigned int order = 0; order < 64; order++)
        EXPECT_TRUE(ask_memory(XENMEM_increase_reservation, 1, order) <= 0 || order < 6);
    EXPECT_TRUE(ask_memory(XENMEM_increase_reservation, ~0UL, 0) <= 0);
    EXPECT_TRUE(ask_memory(XENMEM_decrease_reservation, ~0UL, 0) <= 0);
    EXPECT_TRUE(ask_memory(XENMEM_populate_physmap, 1UL << 52, 0) <= 0);
}

ROLE(ports)
{
    long port, last = 0;

    (void)argument;
    while ((port = event_bind_ipi(0)) > 0)
        last = port;
    EXPECT(port, -XEN_ENOSPC);
    EXPECT_TRUE(last == 4095 || last == 4096);
    EXPECT(event_close(last), 0);
    EXPECT(event_bind_ipi(0), last);
}

ROLE(grants)
{
    xen_pfn_t frames[64];
    struct gnttab_setup_table setup = {.dom = DOMID_SELF};

    (void)argument;
    set_xen_guest_handle(setup.frame_list, frames);
    for (setup.nr_frames = 1; setup.nr_frames <= 64; setup.nr_frames++) {
        EXPECT(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, arg(&setup), 1), 0);
        EXPECT(setup.status, setup.nr_frames <= 8 ? GNTST_okay : GNTST_general_error);
    }
    setup.nr_frames = ~0u;
    EXPECT(hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, arg(&setup), 1), 0);
    EXPECT_TRUE(setup.status < 0);
}

ROLE(vcpus)
{
    static struct vcpu_guest_context context;

    for (uint64_t id = argument; id < 70000; id = id * 2 + 1)
        EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_initialise, id, arg(&context)), -XEN_ENOENT);
    for (unsigned int i = 0; i < 100; i++) /* an empty context is refused, and refused again */
        EXPECT_TRUE(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_initialise, 1, arg(&context)) < 0);
}

/* Long lists: batches of the largest count are cut up and answered, not run through in one go. */
ROLE(lists)
{
    static struct multicall_entry calls[512];
    static struct mmu_update updates[256];
    static struct mmuext_op ops[170];

    (void)argument;
    for (unsigned int i = 0; i < 512; i++)
        calls[i].op = __HYPERVISOR_xen_version;
    EXPECT(hypercall2(__HYPERVISOR_multicall, arg(calls), 512), 0);
    EXPECT_TRUE(hypercall2(__HYPERVISOR_multicall, arg(paging_m2p()), ~0u) < 0);
    for (unsigned int i = 0; i < 512; i++)
        calls[i].op = __HYPERVISOR_multicall;
    EXPECT(hypercall2(__HYPERVISOR_multicall, arg(calls), 512), 0);
    for (unsigned int i = 0; i < 170; i++)
        ops[i].cmd = MMUEXT_TLB_FLUSH_ALL;
    hypercall4(__HYPERVISOR_mmuext_op, arg(ops), 170, 0, DOMID_SELF);
    hypercall4(__HYPERVISOR_mmuext_op, arg(ops), 0x7fffffff, 0, DOMID_SELF);
    for (unsigned int i = 0; i < 256; i++)
        updates[i].ptr = ~0UL;
    EXPECT_TRUE(hypercall4(__HYPERVISOR_mmu_update, arg(updates), 0x7fffffff, 0, DOMID_SELF) < 0);
    /* Where their results cannot be written; elsewhere they would go over what follows. */
    hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, arg(paging_m2p()),
               0x7fffffff);
    struct sched_poll poll = {.nr_ports = 0x7fffffff};
    EXPECT_TRUE(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, arg(&poll)) < 0);
}

/* Makes as many children as there is memory for. */
BEHAVIOUR(each, "each limit answers with an error")
{
    static const char *const roles[] = {"memory", "ports", "grants", "lists"};
    uint64_t before = machine_free_pages();

    for (unsigned int i = 0; i < sizeof(roles) / sizeof(*roles); i++)
        EXPECT(child_run(roles[i], 0, 1, 20000), SHUTDOWN_poweroff);
    EXPECT(child_run("vcpus", 2, 2, 5000), SHUTDOWN_poweroff);
    EXPECT_TRUE(machine_free_pages() + 64 >= before);
}

ROLE(idle)
{
    (void)argument;
    for (;;)
        child_sleep(1000000000);
}

BEHAVIOUR(domains, "a dozen domains at once are built, run and given back")
{
    static struct child children[12];
    uint64_t before = machine_free_pages();
    unsigned int n = 0;

    for (; n < 12; n++)
        REQUIRE(child_start(&children[n], "idle", 0, 1 + n % 3), true);
    child_sleep(10000000);
    while (n)
        child_destroy(&children[--n]);
    /* The last pages go when every CPU has looked away, which takes a busy machine's a while. */
    for (unsigned int i = 0; i < 200 && machine_free_pages() + 64 < before; i++)
        child_sleep(10000000);
    EXPECT_TRUE(machine_free_pages() + 64 >= before);
}
