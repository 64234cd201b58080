/* SPDX-License-Identifier: MIT */
/*
 * Memory reservations, calls in batches, and what a vCPU keeps over a sleep: memory_op gives and
 * takes frames and tells of the machine's memory; multicall makes many calls in one; vm_assist.
 */
#include "lib/report.h"
#include "runtime/clock.h"
#include "runtime/event.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"

#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/version.h>

static long memory_op(unsigned int command, void *argument)
{
    return hypercall2(__HYPERVISOR_memory_op, command, arg(argument));
}

static long reservation(unsigned int command, xen_pfn_t *list, unsigned long count,
                        unsigned int order)
{
    struct xen_memory_reservation op = {
        .nr_extents = count, .extent_order = order, .domid = DOMID_SELF};

    set_xen_guest_handle(op.extent_start, list);
    return memory_op(command, &op);
}

static long sized(unsigned int command)
{
    domid_t self = DOMID_SELF;

    return memory_op(command, &self);
}

BEHAVIOUR(sizes, "the reservations and the machine's last frame are told")
{
    domid_t nobody = 0x7000;

    EXPECT(sized(XENMEM_current_reservation), start_info->nr_pages);
    EXPECT_TRUE(sized(XENMEM_maximum_reservation) >= (long)start_info->nr_pages);
    EXPECT_TRUE(memory_op(XENMEM_maximum_ram_page, 0) > 0xf000);
    EXPECT(memory_op(XENMEM_current_reservation, &nobody), -XEN_ESRCH);
    EXPECT(memory_op(XENMEM_current_reservation, 0), -XEN_EFAULT);
}

BEHAVIOUR(give_and_take,
          "a frame given back is gone from tables and tallies, and a new one takes its place")
{
    void *page = page_alloc();
    xen_pfn_t frame = page_mfn(page), old = frame;
    long before = sized(XENMEM_current_reservation);

    EXPECT(reservation(XENMEM_decrease_reservation, &frame, 1, 0), 1);
    /* Still mapped, so it stays ours until the mapping goes. */
    EXPECT(sized(XENMEM_current_reservation), before);
    REQUIRE(pte_set(page, 0), 0);
    EXPECT(sized(XENMEM_current_reservation), before - 1);
    report_answer("map_given", pte_set(page, pte_make(old, PROT_RW)));
    frame = page_pfn(page);
    EXPECT(reservation(XENMEM_populate_physmap, &frame, 1, 0), 1);
    EXPECT(sized(XENMEM_current_reservation), before);
    EXPECT(paging_m2p()[frame], page_pfn(page));
    EXPECT(pte_set(page, pte_make(frame, PROT_RW)), 0);
    ((uint64_t *)start_info->mfn_list)[page_pfn(page)] = frame;
    EXPECT(*(uint64_t *)page, 0);
    page_free(page);
}

BEHAVIOUR(over_the_top,
          "nothing is populated beyond the maximum, and bad orders and frames are refused")
{
    xen_pfn_t frame = 0x7000000;

    report_answer("order_30", reservation(XENMEM_populate_physmap, &frame, 1, 30));
    report_answer("too_many_extents", reservation(XENMEM_populate_physmap, &frame, 1UL << 50, 0));
    EXPECT(reservation(XENMEM_decrease_reservation, &frame, 1, 0), 0);
    EXPECT(reservation(XENMEM_populate_physmap, (void *)0x1000, 1, 0), 0);
    EXPECT(reservation(XENMEM_populate_physmap, &frame, 0, 0), 0);
    report_answer("no_argument", memory_op(XENMEM_populate_physmap, (void *)0x1000));
}

BEHAVIOUR(exchange, "frames are exchanged for others at the same place")
{
    void *page = page_alloc();
    xen_pfn_t in = page_mfn(page), out = page_pfn(page);
    struct xen_memory_exchange op = {.in = {.nr_extents = 1, .domid = DOMID_SELF},
                                     .out = {.nr_extents = 1, .domid = DOMID_SELF}};

    set_xen_guest_handle(op.in.extent_start, &in);
    set_xen_guest_handle(op.out.extent_start, &out);
    REQUIRE(pte_set(page, 0), 0);
    EXPECT(memory_op(XENMEM_exchange, &op), 0);
    EXPECT(op.nr_exchanged, 1);
    EXPECT_TRUE(out != in);
    EXPECT(paging_m2p()[out], page_pfn(page));
    report_answer("map_exchanged", pte_set(page, pte_make(in, PROT_RW)));
    EXPECT(pte_set(page, pte_make(out, PROT_RW)), 0);
    ((uint64_t *)start_info->mfn_list)[page_pfn(page)] = out;
    page_free(page);

    op.nr_exchanged = 0;
    op.out.nr_extents = 2;
    report_answer("unequal", memory_op(XENMEM_exchange, &op));
    op.out.nr_extents = 1;
    op.nr_exchanged = 2;
    report_answer("done_already", memory_op(XENMEM_exchange, &op));
}

BEHAVIOUR(machine_map, "dom0 reads the machine's memory map: ordered regions that hold all RAM")
{
    static struct {
        uint64_t start, size;
        uint32_t type;
    } __attribute__((packed)) map[64];
    struct xen_memory_map op = {.nr_entries = 64};
    uint64_t ram = 0, end = 0;
    bool ordered = true;

    if (!guest_is_dom0()) {
        EXPECT(memory_op(XENMEM_machine_memory_map, &op), -XEN_EPERM);
        return;
    }
    set_xen_guest_handle(op.buffer, (void *)map);
    REQUIRE(memory_op(XENMEM_machine_memory_map, &op), 0);
    EXPECT_TRUE(op.nr_entries > 3 && op.nr_entries < 64);
    for (unsigned int i = 0; i < op.nr_entries; i++) {
        ordered &= map[i].start >= end;
        end = map[i].start + map[i].size;
        ram += map[i].type == 1 ? map[i].size : 0;
    }
    EXPECT_TRUE(ordered);
    EXPECT_TRUE(ram > 250UL << 20 && ram <= 256UL << 20);
    op.nr_entries = 1;
    report_answer("short", memory_op(XENMEM_machine_memory_map, &op));
    report_answer("own_map", memory_op(XENMEM_memory_map, &op));
}

BEHAVIOUR(machphys, "the M2P's place and length are told")
{
    struct xen_machphys_mapping op = {0};

    EXPECT(memory_op(XENMEM_machphys_mapping, &op), 0);
    EXPECT(op.v_start, 0xffff800000000000);
    report_answer("v_end", op.v_end);
    report_answer("max_mfn", op.max_mfn);
}

BEHAVIOUR(memory_unknown, "unknown memory operations are not there")
{
    EXPECT(memory_op(60, 0), -XEN_ENOSYS);
}

BEHAVIOUR(multicall, "many calls in one each have their result, and a failing one stops nothing")
{
    static struct multicall_entry calls[4];
    xen_extraversion_t extra;

    memset(calls, 0x55, sizeof(calls));
    calls[0].op = calls[1].op = calls[2].op = calls[3].op = __HYPERVISOR_xen_version;
    calls[0].args[0] = XENVER_version;
    calls[1].args[0] = 3000;
    calls[2].args[0] = XENVER_extraversion;
    calls[2].args[1] = arg(extra);
    calls[3].op = 63;
    calls[0].args[1] = 0;
    EXPECT(hypercall2(__HYPERVISOR_multicall, arg(calls), 4), 0);
    EXPECT(calls[0].result, 4 << 16 | 17);
    EXPECT(calls[1].result, -XEN_ENOSYS);
    EXPECT(calls[2].result, 0);
    EXPECT(calls[3].result, -XEN_ENOSYS);
}

BEHAVIOUR(multicall_arguments, "an empty batch is fine, a nested one and a bad list are not")
{
    static struct multicall_entry inner[1], outer[1];

    inner[0].op = __HYPERVISOR_xen_version;
    outer[0].op = __HYPERVISOR_multicall;
    outer[0].args[0] = arg(inner);
    outer[0].args[1] = 1;
    EXPECT(hypercall2(__HYPERVISOR_multicall, arg(outer), 1), 0);
    EXPECT(outer[0].result, -XEN_EINVAL);
    EXPECT(hypercall2(__HYPERVISOR_multicall, arg(inner), 0), 0);
    EXPECT(hypercall2(__HYPERVISOR_multicall, 0x1000, 1), -XEN_EFAULT);
    EXPECT(hypercall2(__HYPERVISOR_multicall, 0xffff82d040200000, 1), -XEN_EFAULT);
}

BEHAVIOUR(assists, "known assists are switched, unknown ones are not")
{
    static char name[] = "type_00";

    for (unsigned int type = 0; type < 34; type++) {
        name[5] = '0' + type / 10;
        name[6] = '0' + type % 10;
        report_answer(name, hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, type));
    }
    for (unsigned int type = 0; type < 34; type++) {
        if (type == VMASST_TYPE_pae_extended_cr3)
            continue;
        name[5] = '0' + type / 10;
        name[6] = '0' + type % 10;
        report_answer(name, hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_disable, type));
    }
    EXPECT(hypercall2(__HYPERVISOR_vm_assist, 5, 0), -XEN_ENOSYS);
}

BEHAVIOUR(fpu_over_sleep, "the floating-point and vector registers survive a sleep")
{
    static uint64_t in[2] = {0x1122334455667788, 0x99aabbccddeeff00}, out[2];
    struct sched_poll op = {.timeout = clock_now() + 3000000};
    uint32_t control = 0x1f80 | 0x6000, read_back;
    uint64_t one;

    asm volatile("movdqu %0, %%xmm5\n movdqu %0, %%xmm13\n ldmxcsr %1\n fninit\n fld1"
                 :
                 : "m"(in), "m"(control));
    EXPECT(hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, arg(&op)), 0);
    asm volatile("movdqu %%xmm13, %0\n stmxcsr %1\n fistpll %2"
                 : "=m"(out), "=m"(read_back), "=m"(one));
    EXPECT(out[0], in[0]);
    EXPECT(out[1], in[1]);
    EXPECT(read_back & 0x6000, 0x6000);
    EXPECT(one, 1);
    control = 0x1f80;
    asm volatile("ldmxcsr %0" : : "m"(control));
}
