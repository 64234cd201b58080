/* SPDX-License-Identifier: MIT */
/*
 * What one guest leaves in registers, another must not find: general, FPU, SSE and debug registers,
 * segment bases, and fresh memory. One guest puts a mark everywhere, others look at once and while
 * it runs.
 */
#include "lib/child.h"
#include "lib/report.h"
#include "runtime/clock.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"

#include <xen/memory.h>
#include <xen/sched.h>

#define MARK 0x5ec2e7da7a5ec2e7UL

static void mark_vectors(uint64_t mark)
{
    asm volatile("movq %0, %%xmm0\n movq %0, %%xmm7\n movq %0, %%xmm15\n"
                 "push %0\n fildll (%%rsp)\n fildll (%%rsp)\n pop %0" ::"r"(mark)
                 : "memory");
}

static uint64_t vectors_sum(void)
{
    uint64_t a, b, c;

    asm volatile("movq %%xmm0, %0\n movq %%xmm7, %1\n movq %%xmm15, %2"
                 : "=r"(a), "=r"(b), "=r"(c));
    return a | b | c;
}

/* x87 registers by their image. */
static bool x87_has_mark(void)
{
    static uint64_t image[64] __attribute__((aligned(16)));
    static uint64_t as_float[2];
    uint64_t mark = MARK;

    asm volatile("fxsave %0" : "=m"(image));
    for (unsigned int i = 4; i < 20; i += 2)
        if (image[i] == as_float[0] && image[i])
            return true;
    (void)mark;
    return false;
}

/* Runs for ever with the mark in all that has room for it. */
ROLE(marker)
{
    for (unsigned int i = 0; i < 4; i++)
        hypercall2(__HYPERVISOR_set_debugreg, i, 0x10000 + (argument & 0xfff0));
    hypercall2(__HYPERVISOR_set_debugreg, 7, 0x33330055);
    hypercall2(__HYPERVISOR_set_segment_base, 0, argument & 0x7ffffffff000);
    hypercall2(__HYPERVISOR_set_segment_base, 1, argument & 0x7ffffffff000);
    for (;;) {
        mark_vectors(argument);
        mailbox[0]++;
        if (mailbox[0] % 1000 == 0)
            hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
        /* Its own state must last as well. */
        if (vectors_sum() != argument)
            mailbox[1]++;
        for (unsigned int i = 0; i < 4; i++)
            if (hypercall1(__HYPERVISOR_get_debugreg, i) != (long)(0x10000 + (argument & 0xfff0)))
                mailbox[1]++;
    }
}

/* Sees what a fresh guest sees, and goes on looking between the marker's slices. */
ROLE(looker)
{
    uint64_t end = clock_now() + argument, seen = 0;

    EXPECT(vectors_sum(), 0);
    do {
        uint64_t sum = vectors_sum();

        seen |= sum;
        EXPECT(x87_has_mark(), false);
        for (unsigned int i = 0; i < 4; i++)
            EXPECT(hypercall1(__HYPERVISOR_get_debugreg, i), 0);
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    } while (clock_now() < end && report_is_good());
    EXPECT(seen, 0);
}

/* Fills all its free pages with the mark, for the next owner to find. */
ROLE(filler)
{
    for (unsigned int i = 0; i < 900; i++) {
        uint64_t *page = page_alloc();

        for (unsigned int k = 0; k < 512; k++)
            page[k] = argument;
    }
}

/* Memory beyond the image, which nobody wrote since it was given, and more asked for now. */
ROLE(finder)
{
    unsigned int dirty = 0;
    uint64_t *window = page_alloc(), own = page_mfn(window);
    const uint64_t *mfns = (const uint64_t *)start_info->mfn_list;

    for (uint64_t pfn = 0; pfn < 256; pfn++) { /* below the image: never loaded */
        if (pte_set(window, pte_make(mfns[pfn], PROT_RW)))
            continue;
        for (unsigned int k = 0; k < 512; k++)
            dirty += window[k] == argument;
    }
    pte_set(window, pte_make(own, PROT_RW));
    for (unsigned int i = 0; i < 32; i++) {
        xen_pfn_t frame = i;
        struct xen_memory_reservation r = {.nr_extents = 1, .domid = DOMID_SELF};

        set_xen_guest_handle(r.extent_start, &frame);
        if (hypercall2(__HYPERVISOR_memory_op, XENMEM_increase_reservation, arg(&r)) != 1)
            break;
        uint64_t *at = page_alloc();
        REQUIRE(pte_set(at, pte_make(frame, PROT_RW)), 0);
        for (unsigned int k = 0; k < 512; k++)
            dirty += at[k] == argument;
    }
    EXPECT(dirty, 0);
}

BEHAVIOUR(registers, "no register of one guest is seen by another, and each keeps its own")
{
    static struct child markers[2];

    REQUIRE(child_start(&markers[0], "marker", MARK, 1), true);
    REQUIRE(child_start(&markers[1], "marker", ~MARK, 1), true);
    for (unsigned int i = 0; i < 3; i++)
        EXPECT(child_run("looker", 100000000, 1, 20000), SHUTDOWN_poweroff);
    for (unsigned int i = 0; i < 2; i++) {
        EXPECT_TRUE(markers[i].mailbox[0] > 0);
        EXPECT(markers[i].mailbox[1], 0);
        child_destroy(&markers[i]);
    }
}

BEHAVIOUR(memory, "no memory of an ended guest is seen by the next")
{
    for (unsigned int i = 0; i < 3; i++) {
        EXPECT(child_run("filler", MARK, 1, 5000), SHUTDOWN_poweroff);
        EXPECT(child_run("finder", MARK, 1, 5000), SHUTDOWN_poweroff);
    }
}
