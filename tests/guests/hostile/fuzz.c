/* SPDX-License-Identifier: MIT */
/*
 * A million random hypercalls by unprivileged guests, beside a victim whose memory is checked.
 *
 * Each fuzzing child makes calls with arguments drawn from what is likely to hurt: own and foreign
 * frames, page tables, live ports and grants, addresses at every border. It may ruin itself; then
 * the next one goes on. Words on the test's command line: `calls=N`, `seed=N`, `milliseconds=N` (a
 * soak: until the time is over). The last call of a child stands in its mailbox, and a seed repeats
 * the same calls.
 */
#include "lib/child.h"
#include "lib/report.h"
#include "runtime/clock.h"
#include "runtime/console.h"
#include "runtime/event.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"
#include "runtime/trap.h"

#include <xen/callback.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define ARENA_PAGES     16
#define CALLS_A_CHILD   50000
#define VICTIM_PAGES    64
#define STUCK_MS        300
#define MAILBOX_CALLS   0
#define MAILBOX_LAST    1 /* number and five arguments */
#define MAILBOX_ROUNDS  0
#define MAILBOX_DAMAGED 1

/* --- the fuzzing child --- */

static uint64_t random_state;

static uint64_t random_next(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1dUL;
}

static uint64_t below(uint64_t n)
{
    return (random_next() >> 16) % n;
}

/* Where calls may write without spoiling the fuzzer, and pages that it uses as tables and grants.
 */
static uint64_t arena[ARENA_PAGES * 512] __attribute__((aligned(4096)));
static grant_entry_v1_t *grants;

static void *arena_page(void)
{
    return &arena[below(ARENA_PAGES) * 512];
}

static uint64_t some_mfn(void)
{
    switch (below(8)) {
    case 0:
        return page_mfn(paging_root());
    case 1: /* one of the tables of ours */
        return page_mfn(paging_root()) + 1 + below(6);
    case 2: /* whoever's that is */
        return below(0x10000);
    case 3:
        return start_info->shared_info >> PAGE_SHIFT;
    case 4:
        return random_next() >> below(64);
    default:
        return page_mfn(arena_page());
    }
}

static uint64_t some_address(void)
{
    static const uint64_t borders[] = {
        0,
        0x7ffffffff000,
        0x800000000000,
        0xffff7fffffffffff,
        0xffff800000000000,
        0xffff820000000000,
        0xffff82d080200000,
        0xffff830000000000,
        0xffff87fffffffff8,
        0xffff880000000000,
        0xfffffffffffff000,
        ~0UL,
    };

    if (below(4))
        return arg(arena_page()) + below(PAGE_SIZE);
    return borders[below(sizeof(borders) / sizeof(*borders))] + (below(3) ? 0 : below(64) - 32);
}

static uint64_t some_number(void)
{
    static const uint64_t numbers[] = {
        0,          1,         2,          3,         7,         8,       31,
        63,         64,        127,        128,       255,       256,     511,
        512,        513,       1023,       4095,      4096,      65535,   65536,
        0x7fffffff, 1u << 31,  ~0u,        1UL << 32, 1UL << 63, ~0UL,    DOMID_SELF,
        DOMID_IO,   DOMID_XEN, 0xfffffffe, 1UL << 52, 1UL << 47, 0xffffff};

    return numbers[below(sizeof(numbers) / sizeof(*numbers))];
}

static uint64_t some_pte(void)
{
    uint64_t flags = below(3) ? PROT_RW : random_next() & 0xfff;

    if (!below(3))
        flags &= ~PTE_WRITE;
    if (!below(8))
        flags |= random_next() & 0x7ffUL << 52;
    return below(10) ? pte_make(some_mfn() & 0xffffffffff, flags) : 0;
}

static uint64_t some_word(void)
{
    switch (below(8)) {
    case 0:
        return some_address();
    case 1:
        return some_mfn();
    case 2:
        return some_pte();
    case 3:
        return (some_mfn() << PAGE_SHIFT) | (below(512) * 8) | below(4);
    case 4:
        return below(8) | below(8) << 32;
    case 5:
        return below(4) ? below(0x20000) : random_next();
    case 6:
        return (below(2) ? DOMID_SELF : below(4)) | some_number() << (16 * below(4));
    default:
        return some_number();
    }
}

/* A structure of likely words, somewhere in the arena; sometimes no such thing. */
static uint64_t some_structure(void)
{
    uint64_t *at = &arena[below(ARENA_PAGES * 512 - 32)];

    if (!below(12))
        return some_address();
    for (unsigned int i = 0; i < 12; i++)
        if (below(4))
            at[i] = some_word();
    return arg(at);
}

/* The machine address of an entry: of the arena's mapping, of a page that may be a table, or any.
 */
static uint64_t some_entry(void)
{
    uint64_t *entry;

    if (!below(256))
        return some_mfn() << PAGE_SHIFT | below(512) * 8;
    if (below(2))
        return page_mfn(arena_page()) << PAGE_SHIFT | below(512) * 8;
    entry = pte_find(arena_page(), 1);
    return entry ? page_mfn(entry) << PAGE_SHIFT | (arg(entry) & (PAGE_SIZE - 1)) : 0;
}

static uint64_t some_updates(void)
{
    uint64_t *at = &arena[below(ARENA_PAGES * 512 - 32)];

    for (unsigned int i = 0; i < 8; i += 2) {
        at[i] = some_entry() | below(4);
        at[i + 1] = some_pte();
    }
    return arg(at);
}

/*
 * The calls, with what each argument is: c command, s structure, u page table updates, n count, d
 * domain, a address, e entry, x anything.
 */
struct call {
    unsigned int number, weight, commands;
    const char *kinds;
};
static const struct call calls[] = {
    {__HYPERVISOR_mmu_update, 12, 0, "und"},
    {__HYPERVISOR_update_va_mapping, 8, 0, "aex"},
    {__HYPERVISOR_update_va_mapping_otherdomain, 2, 0, "aexd"},
    {__HYPERVISOR_mmuext_op, 10, 0, "mnxd"},
    {__HYPERVISOR_set_gdt, 1, 0, "sx"},
    {__HYPERVISOR_update_descriptor, 2, 0, "ex"},
    {__HYPERVISOR_memory_op, 10, 30, "cs"},
    {__HYPERVISOR_multicall, 2, 0, "Mk"},
    {__HYPERVISOR_grant_table_op, 14, 14, "csn"},
    {__HYPERVISOR_event_channel_op, 14, 15, "cs"},
    {__HYPERVISOR_sched_op, 3, 9, "cs"},
    {__HYPERVISOR_vcpu_op, 4, 15, "cvs"},
    {__HYPERVISOR_set_timer_op, 1, 0, "x"},
    {__HYPERVISOR_xen_version, 1, 14, "cs"},
    {__HYPERVISOR_console_io, 1, 3, "cxa"},
    {__HYPERVISOR_physdev_op, 4, 34, "cs"},
    {__HYPERVISOR_callback_op, 1, 0, "xs"},
    {__HYPERVISOR_vm_assist, 1, 0, "xx"},
    {__HYPERVISOR_set_debugreg, 2, 8, "ca"},
    {__HYPERVISOR_get_debugreg, 1, 8, "c"},
    {__HYPERVISOR_fpu_taskswitch, 1, 2, "c"},
    {__HYPERVISOR_set_segment_base, 2, 4, "ca"},
    {__HYPERVISOR_platform_op, 1, 0, "s"},
    {__HYPERVISOR_domctl, 1, 0, "s"},
    {__HYPERVISOR_sysctl, 1, 0, "s"},
    {__HYPERVISOR_hvm_op, 1, 20, "cs"},
    {__HYPERVISOR_xenpmu_op, 1, 8, "cs"},
    {__HYPERVISOR_xsm_op, 1, 0, "s"},
    {__HYPERVISOR_nmi_op, 1, 2, "cs"},
    {__HYPERVISOR_arch_0, 1, 0, "s"},
};
#define CALLS (sizeof(calls) / sizeof(*calls))

static const struct call *choose_call(void)
{
    static unsigned int total;
    unsigned int at;

    if (!total)
        for (unsigned int i = 0; i < CALLS; i++)
            total += calls[i].weight;
    at = below(total);
    for (const struct call *call = calls;; call++) {
        if (at < call->weight)
            return call;
        at -= call->weight;
    }
}

static uint64_t some_mmuext(void)
{
    uint64_t at = some_structure();

    if (at >= arg(arena) && at < arg(&arena[ARENA_PAGES * 512 - 32]))
        *(uint64_t *)at = below(20);
    return at;
}

static uint64_t some_multicall(void)
{
    struct multicall_entry *at = (void *)&arena[below(ARENA_PAGES * 512 - 64)];

    for (unsigned int i = 0; i < 4; i++) {
        const struct call *call = choose_call();

        at[i].op = call->number;
        for (unsigned int k = 0; k < 6; k++)
            at[i].args[k] = some_word();
        if (call->commands)
            at[i].args[0] = below(call->commands);
        if (call->number == __HYPERVISOR_sched_op)
            at[i].args[0] = SCHEDOP_yield;
    }
    return arg(at);
}

static uint64_t some_argument(char kind, const struct call *call)
{
    switch (kind) {
    case 'c':
        return below(32) ? below(call->commands) : some_number();
    case 's':
        return some_structure();
    case 'u':
        return some_updates();
    case 'm':
        return some_mmuext();
    case 'M':
        return some_multicall();
    case 'n':
        return below(16) ? below(4) : some_number();
    case 'k':
        return below(5);
    case 'd':
        return below(4) ? DOMID_SELF : some_number();
    case 'v':
        return below(4) ? 0 : below(4);
    case 'a':
        return some_address();
    case 'e':
        return some_pte();
    default:
        return some_word();
    }
}

/* What ends the guest, puts it to sleep for good, or replaces what the fuzzer stands on: now and
 * then only. */
static bool is_final(const struct call *call, const uint64_t *a)
{
    switch (call->number) {
    case __HYPERVISOR_sched_op:
        return a[0] == SCHEDOP_block || a[0] == SCHEDOP_shutdown || a[0] == SCHEDOP_poll;
    case __HYPERVISOR_vcpu_op:
        return a[0] == VCPUOP_down;
    case __HYPERVISOR_callback_op:
        return a[0] == CALLBACKOP_register;
    case __HYPERVISOR_nmi_op:
        return a[0] == XENNMI_register_callback;
    case __HYPERVISOR_event_channel_op:
        return a[0] == EVTCHNOP_reset;
    default:
        return false;
    }
}

static void one_call(void)
{
    const struct call *call = choose_call();
    uint64_t a[5] = {0};

    for (unsigned int i = 0; call->kinds[i]; i++)
        a[i] = some_argument(call->kinds[i], call);
    if (is_final(call, a) && below(2000))
        return;
    mailbox[MAILBOX_LAST] = call->number;
    for (unsigned int i = 0; i < 5; i++)
        mailbox[MAILBOX_LAST + 1 + i] = a[i];
    hypercall5(call->number, a[0], a[1], a[2], a[3], a[4]);
}

/* Entries that permit something, so that grant operations get beyond the first look. */
static void write_grants(void)
{
    xen_pfn_t frames[2] = {0};
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 2};

    set_xen_guest_handle(setup.frame_list, frames);
    if (hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, arg(&setup), 1) == 0 &&
        setup.status == GNTST_okay)
        grants = page_map_frame(frames[0]);
}

static void refresh(void)
{
    for (unsigned int i = 0; grants && i < 128; i++) {
        grants[i].frame = some_mfn();
        grants[i].domid = below(2) ? DOMID_SELF : below(4);
        grants[i].flags = below(2) ? GTF_permit_access : random_next();
    }
    for (unsigned int i = 0; i < 64; i++)
        arena[below(ARENA_PAGES * 512)] = some_word();
    hypercall1(__HYPERVISOR_set_timer_op, 0);
    hypercall1(__HYPERVISOR_fpu_taskswitch, 0);
}

/* A trap ends this, as the calls may take the memory under it away. */
static void fuzz_loop(void *data)
{
    (void)data;
    while (mailbox[MAILBOX_CALLS] < CALLS_A_CHILD) {
        if (mailbox[MAILBOX_CALLS]++ % 64 == 0)
            refresh();
        one_call();
    }
}

/* The arena's pages may have become read-only, tables, or another frame's: we want them back. */
static void mend(const struct trap_record *record)
{
    if (record->frame.vector != VECTOR_PF)
        return;
    if (record->cr2 >= arg(arena) && record->cr2 < arg(arena + ARENA_PAGES * 512))
        page_protect((void *)(record->cr2 & ~(PAGE_SIZE - 1)), PROT_RW);
    else
        grants = 0;
}

ROLE(fuzzer)
{
    struct trap_record record;

    random_state = argument * 0x9e3779b97f4a7c15UL + 1;
    write_grants();
    while (trap_probe(fuzz_loop, 0, &record))
        mend(&record);
}

/* --- the victim --- */

static uint64_t victim_sum(const uint64_t *pages)
{
    uint64_t sum = 0;

    for (unsigned int i = 0; i < VICTIM_PAGES * 512; i++)
        sum = (sum << 5 | sum >> 59) ^ pages[i];
    return sum;
}

ROLE(victim)
{
    static uint64_t area[VICTIM_PAGES * 512];
    uint64_t sum;

    for (unsigned int i = 0; i < VICTIM_PAGES * 512; i++)
        area[i] = i * 0x0123456789abcdefUL + argument;
    sum = victim_sum(area);
    for (;;) {
        if (victim_sum(area) != sum)
            mailbox[MAILBOX_DAMAGED]++;
        mailbox[MAILBOX_ROUNDS]++;
        /* A look each millisecond; the fuzzers have the rest of the time. */
        child_sleep(1000000);
    }
}

/* --- the parent --- */

static struct child fuzzer, victim;

static void print_last_call(const struct child *child)
{
    const volatile uint64_t *last = child->mailbox + MAILBOX_LAST;

    print("  domain %u, call %lu was %lu(%lx, %lx, %lx, %lx, %lx)\n", child->id,
          child->mailbox[MAILBOX_CALLS], last[0], last[1], last[2], last[3], last[4], last[5]);
}

/* Runs one fuzzing child until it ends or stands still; answers how many calls it made. */
static uint64_t fuzz_with(uint64_t seed, uint64_t limit)
{
    uint64_t done = 0, before;
    int reason;

    if (!child_start(&fuzzer, "fuzzer", seed, 2))
        return 0;
    do {
        before = done;
        reason = child_wait(&fuzzer, STUCK_MS);
        done = fuzzer.mailbox[MAILBOX_CALLS];
        if (done > CALLS_A_CHILD)
            done = 0; /* it wrote over its own count */
    } while (reason == CHILD_RUNS && done > before && done < limit);
    if (guest_has_word("verbose"))
        print_last_call(&fuzzer);
    child_destroy(&fuzzer);
    return done;
}

BEHAVIOUR(storm, "random calls of unprivileged guests harm nobody else and leave nothing behind")
{
    uint64_t want = guest_number("calls", 1000000), seed = guest_number("seed", 1), done = 0;
    uint64_t end = clock_now() + guest_number("milliseconds", 0) * 1000000;
    uint64_t free_before = machine_free_pages();
    unsigned int children = 0, idle = 0;

    REQUIRE(child_start(&victim, "victim", 7, 1), true);
    while (done < want || clock_now() < end) {
        uint64_t calls = fuzz_with(seed + children++, CALLS_A_CHILD);

        done += calls;
        idle = calls ? 0 : idle + 1; /* a guest may wipe out its own count */
        REQUIRE(idle < 10, true);
        REQUIRE(child_wait(&victim, 2), CHILD_RUNS);
        REQUIRE(victim.mailbox[MAILBOX_DAMAGED], 0);
    }
    uint64_t rounds = victim.mailbox[MAILBOX_ROUNDS];
    child_wait(&victim, 50);
    EXPECT_TRUE(victim.mailbox[MAILBOX_ROUNDS] > rounds);
    child_destroy(&victim);
    print("%lu calls by %u guests, the victim looked %lu times\n", done, children, rounds);
    EXPECT_TRUE(machine_free_pages() + 64 >= free_before);
}

BEHAVIOUR(alive, "after all that, the machine makes and runs a guest as before")
{
    REQUIRE(child_start(&victim, "victim", 9, 1), true);
    EXPECT(child_wait(&victim, 50), CHILD_RUNS);
    EXPECT_TRUE(victim.mailbox[MAILBOX_ROUNDS] > 0);
    EXPECT(victim.mailbox[MAILBOX_DAMAGED], 0);
    child_destroy(&victim);
}
