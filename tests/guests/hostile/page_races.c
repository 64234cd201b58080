/* SPDX-License-Identifier: MIT */
/*
 * Several vCPUs do contrary things to the same pages at the same time: pin and map writable, map
 * and free, unpin and link. On several CPUs they really meet; on one they are cut apart at any
 * instruction.
 */
#define __XEN_TOOLS__ 1
#include "lib/child.h"
#include "lib/control_op.h"
#include "lib/random.h"
#include "lib/report.h"
#include "lib/vcpus.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"

#include <xen/errno.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define PAGES  4
#define ROUNDS 4000

static uint64_t *page[PAGES], *upper;
static volatile unsigned int n_done, n_both;

/* A page that is a pinned table must not be writable: whoever pins it looks whether a store goes
 * through. */
static void fight(uint64_t seed)
{
    uint64_t state = seed + 1;

    for (unsigned int i = 0; i < ROUNDS; i++) {
        uint64_t *one = page[random_from(&state) % PAGES];

        switch (random_from(&state) % 6) {
        case 0:
            page_protect(one, PROT_RW);
            break;
        case 1:
            page_protect(one, PROT_RO);
            break;
        case 2:
            mmuext(MMUEXT_PIN_L1_TABLE, page_mfn(one));
            break;
        case 3:
            mmuext(MMUEXT_UNPIN_TABLE, page_mfn(one));
            break;
        case 4: /* linked below a level-2 table and cut off again */
            pte_update(&upper[random_from(&state) % 512], pte_make(page_mfn(one), PROT_TABLE),
                       MMU_NORMAL_PT_UPDATE);
            break;
        default:
            pte_update(&upper[random_from(&state) % 512], 0, MMU_NORMAL_PT_UPDATE);
        }
    }
    __atomic_add_fetch(&n_done, 1, __ATOMIC_SEQ_CST);
}

static void fight_and_stop(uint64_t id)
{
    fight(id * 77);
    vcpu_stop_self(id);
}

ROLE(fighters)
{
    for (unsigned int i = 0; i < PAGES; i++)
        page[i] = page_alloc();
    upper = page_alloc();
    REQUIRE(page_protect(upper, PROT_RO), 0);
    REQUIRE(mmuext(MMUEXT_PIN_L2_TABLE, page_mfn(upper)), 0);
    for (unsigned int id = 1; id < argument; id++)
        REQUIRE(vcpu_start(id, fight_and_stop, id), 0);
    fight(5);
    while (n_done < argument)
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    for (unsigned int i = 0; i < 512; i++)
        EXPECT(pte_update(&upper[i], 0, MMU_NORMAL_PT_UPDATE), 0);
    for (unsigned int i = 0; i < PAGES; i++) {
        mmuext(MMUEXT_UNPIN_TABLE, page_mfn(page[i]));
        EXPECT(page_protect(page[i], PROT_RW), 0);
        page[i][1] = i;
    }
    EXPECT(mmuext(MMUEXT_UNPIN_TABLE, page_mfn(upper)), 0);
    EXPECT(page_protect(upper, PROT_RW), 0);
}

/* One vCPU maps a page writable and stores while the other makes a table of it: a table keeps what
 * was validated. */
static volatile bool is_over;

static void store_on(uint64_t id)
{
    while (!is_over)
        page_protect(page[0], PROT_RW);
    n_done++;
    vcpu_stop_self(id);
}

ROLE(storer)
{
    (void)argument;
    page[0] = page_alloc();
    REQUIRE(vcpu_start(1, store_on, 1), 0);
    for (unsigned int i = 0; i < ROUNDS; i++) {
        page_protect(page[0], PROT_RO);
        if (mmuext(MMUEXT_PIN_L1_TABLE, page_mfn(page[0])))
            continue;
        const uint64_t *entry = pte_find(page[0], 1);
        if (*entry & PTE_WRITE)
            n_both++;
        mmuext(MMUEXT_UNPIN_TABLE, page_mfn(page[0]));
    }
    is_over = true;
    EXPECT(n_both, 0);
    while (!n_done)
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

/* Two vCPUs register an information page for the same third, each its own page: one of them does.
 */
#define TARGETS 32

static volatile unsigned int turn[2];
static long registered[2][TARGETS];

static void register_all(unsigned int me)
{
    for (unsigned int id = 2; id < TARGETS; id++) {
        struct vcpu_register_vcpu_info info = {.mfn = page_mfn(page[me]), .offset = 64 * id};

        turn[me] = id;
        for (unsigned int spins = 1; turn[!me] < id; spins++)
            if (spins % 10000 == 0)
                vcpu_yield();
        for (volatile unsigned int wait = 0; wait < id % 8 * 20 * me; wait++)
            ;
        registered[me][id] =
            hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_register_vcpu_info, id, arg(&info));
    }
}

static void register_and_stop(uint64_t id)
{
    register_all(1);
    n_done++;
    vcpu_stop_self(id);
}

ROLE(registrars)
{
    (void)argument;
    page[0] = page_alloc();
    page[1] = page_alloc();
    REQUIRE(vcpu_start(1, register_and_stop, 1), 0);
    register_all(0);
    while (!n_done)
        vcpu_yield();
    for (unsigned int id = 2; id < TARGETS; id++) {
        EXPECT_TRUE(registered[0][id] == 0 || registered[1][id] == 0);
        EXPECT_TRUE(registered[0][id] == -XEN_EINVAL || registered[1][id] == -XEN_EINVAL);
    }
}

/* One vCPU changes entries of a level-4 table while the other pins it and lets go: the change may
 * hold the table's last use, and meets it as plain memory. */
static void pin_on(uint64_t id)
{
    while (!is_over) {
        mmuext(MMUEXT_PIN_L4_TABLE, page_mfn(upper));
        mmuext(MMUEXT_UNPIN_TABLE, page_mfn(upper));
    }
    mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0); /* what the last one left to be done is done before */
    n_done++;
    vcpu_stop_self(id);
}

ROLE(changer)
{
    (void)argument;
    upper = page_alloc();
    for (unsigned int i = 0; i < PAGES; i++)
        page[i] = page_alloc();
    for (unsigned int i = 0; i < 512; i++) { /* levels 3, 2 and 1 */
        page[0][i] = i % 8 ? 0 : pte_make(page_mfn(page[1]), PROT_TABLE);
        page[1][i] = i % 8 ? 0 : pte_make(page_mfn(page[2]), PROT_TABLE);
        page[2][i] = pte_make(page_mfn(page[3]), PROT_RO);
    }
    for (unsigned int i = 0; i < 3; i++)
        REQUIRE(page_protect(page[i], PROT_RO), 0);
    REQUIRE(page_protect(upper, PROT_RO), 0);
    REQUIRE(vcpu_start(1, pin_on, 1), 0);
    for (unsigned int i = 0; i < ROUNDS; i++)
        pte_update(&upper[i % 8], i / 8 % 2 ? 0 : pte_make(page_mfn(page[0]), PROT_TABLE),
                   MMU_NORMAL_PT_UPDATE);
    is_over = true;
    while (!n_done)
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    for (unsigned int i = 0; i < 3; i++) {
        /* A pin may have stopped half way and found the entry gone when it went on. */
        EXPECT(mmuext(MMUEXT_PIN_L3_TABLE - i, page_mfn(page[i])), 0);
        EXPECT(mmuext(MMUEXT_UNPIN_TABLE, page_mfn(page[i])), 0);
    }
    for (unsigned int i = 0; i < 3; i++)
        EXPECT(page_protect(page[i], PROT_RW), 0);
    EXPECT(page_protect(upper, PROT_RW), 0);
}

BEHAVIOUR(change_while_unpinned, "an update that meets its table's unpinning leaves nothing held")
{
    uint64_t before = machine_free_pages();

    EXPECT(child_run("changer", 0, 2, 20000), SHUTDOWN_poweroff);
    EXPECT_TRUE(machine_free_pages() + 64 >= before);
}

BEHAVIOUR(fight, "vCPUs that fight over pages leave them whole")
{
    uint64_t before = machine_free_pages();

    for (unsigned int n = 1; n <= 4; n++)
        EXPECT(child_run("fighters", n, 4, 20000), SHUTDOWN_poweroff);
    EXPECT_TRUE(machine_free_pages() + 64 >= before);
}

BEHAVIOUR(table_not_writable, "no page is a table and writable at once, however the vCPUs race")
{
    EXPECT(child_run("storer", 0, 2, 20000), SHUTDOWN_poweroff);
}

BEHAVIOUR(one_info_page, "a vCPU's information page is registered once, and goes with its domain")
{
    static struct child child;
    static struct xen_domctl op;

    for (unsigned int i = 0; i < 10; i++) {
        REQUIRE(child_start(&child, "registrars", 0, TARGETS), true);
        domid_t id = child.id;

        EXPECT(child_wait(&child, 20000), SHUTDOWN_poweroff);
        child_destroy(&child);
        child_sleep(5000000);
        EXPECT_TRUE(domctl(&op, XEN_DOMCTL_getdomaininfo, id) != 0 || op.domain != id);
    }
}
