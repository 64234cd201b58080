/* SPDX-License-Identifier: MIT */
/*
 * Races: several vCPUs of one guest work on the same page, table, port or grant at once. Nothing
 * may be counted twice or lost: at the end every page must be free for every use again, and no CPU
 * may have seen what was already taken away. With one vCPU there is nothing to race.
 */
#include "lib/report.h"
#include "lib/tables.h"
#include "lib/vcpus.h"
#include "runtime/clock.h"
#include "runtime/event.h"
#include "runtime/grant.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"

#include <xen/grant_table.h>

#define ROUNDS 400

/* Several vCPUs, or the behaviour is skipped. */
#define REQUIRE_VCPUS()                                                                            \
    do {                                                                                           \
        if (vcpus_start() < 2) {                                                                   \
            report_skip("this guest has one vCPU");                                                \
            return;                                                                                \
        }                                                                                          \
    } while (0)

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005 + 1442695040888963407;
    return *state >> 33;
}

/* A page that is used nowhere can be made read-only, a table, and ours again. */
static void expect_unused(void *page)
{
    uint64_t mfn = page_mfn(page);

    EXPECT(page_protect(page, PROT_RO), 0);
    EXPECT(mmuext(MMUEXT_PIN_L1_TABLE, mfn), 0);
    EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn), 0);
    EXPECT(page_protect(page, PROT_RW), 0);
}

struct entry_race {
    uint64_t *table; /* a pinned L1 */
    uint64_t mfn[2];
    unsigned int n_refused;
};

static void change_entries(unsigned int number, void *data)
{
    struct entry_race *race = data;
    uint64_t random = number + 1;

    for (unsigned int i = 0; i < ROUNDS; i++) {
        uint64_t r = next_random(&random), mfn = race->mfn[r & 1];
        uint64_t value = r & 6 ? pte_make(mfn, r & 8 ? PROT_RW : PROT_RO) : 0;
        unsigned int command = r & 16 ? MMU_NORMAL_PT_UPDATE : MMU_PT_UPDATE_PRESERVE_AD;

        if (pte_update(&race->table[r >> 5 & 3], value, command))
            __atomic_add_fetch(&race->n_refused, 1, __ATOMIC_RELAXED);
    }
}

BEHAVIOUR(same_entries, "vCPUs that rewrite the same entries neither lose nor double a claim")
{
    REQUIRE_VCPUS();
    struct tree tree = tree_make();
    struct entry_race race = {.table = tree.table[1]};
    void *page[2] = {page_alloc(), page_alloc()};

    for (unsigned int i = 0; i < 2; i++)
        race.mfn[i] = page_mfn(page[i]);
    REQUIRE(tree_protect(&tree, 1), 0);
    REQUIRE(mmuext(MMUEXT_PIN_L1_TABLE, page_mfn(tree.table[1])), 0);
    vcpus_run(change_entries, &race);
    EXPECT(race.n_refused, 0);
    for (unsigned int i = 0; i < 4; i++)
        EXPECT(pte_update(&tree.table[1][i], 0, MMU_NORMAL_PT_UPDATE), 0);
    EXPECT(mmuext(MMUEXT_UNPIN_TABLE, page_mfn(tree.table[1])), 0);
    expect_unused(page[0]);
    expect_unused(page[1]);
    EXPECT(tree_free(&tree), 0);
    page_free(page[0]);
    page_free(page[1]);
}

struct pin_race {
    uint64_t mfn;
    unsigned int n_pins, n_unpins;
};

static void pin_and_unpin(unsigned int number, void *data)
{
    struct pin_race *race = data;

    for (unsigned int i = 0; i < ROUNDS; i++)
        if ((i + number) & 1) {
            if (mmuext(MMUEXT_PIN_L4_TABLE, race->mfn) == 0)
                __atomic_add_fetch(&race->n_pins, 1, __ATOMIC_RELAXED);
        } else if (mmuext(MMUEXT_UNPIN_TABLE, race->mfn) == 0) {
            __atomic_add_fetch(&race->n_unpins, 1, __ATOMIC_RELAXED);
        }
}

BEHAVIOUR(same_pin,
          "a tree pinned and unpinned by all vCPUs at once is pinned as often as unpinned")
{
    REQUIRE_VCPUS();
    struct tree tree = tree_make();
    struct pin_race race = {.mfn = page_mfn(tree.table[4])};

    REQUIRE(tree_protect(&tree, 4), 0);
    vcpus_run(pin_and_unpin, &race);
    if (mmuext(MMUEXT_UNPIN_TABLE, race.mfn) == 0)
        race.n_unpins++;
    EXPECT(race.n_pins, race.n_unpins);
    EXPECT_TRUE(race.n_pins > 0);
    EXPECT(tree_free(&tree), 0);
}

struct type_race {
    void *page;
    uint64_t *window; /* an entry of a pinned L1 through which the page is mapped writable */
    uint64_t mfn;
    unsigned int n_mapped, n_pinned;
};

static void map_or_pin(unsigned int number, void *data)
{
    struct type_race *race = data;

    /* Whoever had no luck goes on until the others have ended. */
    for (unsigned int i = 0; i < ROUNDS || (i < 100 * ROUNDS && !race->n_mapped && (number & 1));
         i++)
        if (number & 1) {
            if (pte_update(race->window + number, pte_make(race->mfn, PROT_RW),
                           MMU_NORMAL_PT_UPDATE) == 0)
                __atomic_add_fetch(&race->n_mapped, 1, __ATOMIC_RELAXED);
            pte_update(race->window + number, 0, MMU_NORMAL_PT_UPDATE);
        } else if (mmuext(MMUEXT_PIN_L1_TABLE, race->mfn) == 0) {
            __atomic_add_fetch(&race->n_pinned, 1, __ATOMIC_RELAXED);
            mmuext(MMUEXT_UNPIN_TABLE, race->mfn);
        }
}

BEHAVIOUR(table_or_writable,
          "a page is a table for one vCPU or writable for another, and free afterwards")
{
    REQUIRE_VCPUS();
    struct tree tree = tree_make();
    struct type_race race = {.page = page_alloc(), .window = tree.table[1]};

    race.mfn = page_mfn(race.page);
    REQUIRE(tree_protect(&tree, 1), 0);
    REQUIRE(mmuext(MMUEXT_PIN_L1_TABLE, page_mfn(tree.table[1])), 0);
    REQUIRE(page_protect(race.page, PROT_RO), 0);
    vcpus_run(map_or_pin, &race);
    EXPECT_TRUE(race.n_mapped > 0);
    EXPECT_TRUE(race.n_pinned > 0);
    EXPECT(page_protect(race.page, PROT_RW), 0);
    expect_unused(race.page);
    EXPECT(mmuext(MMUEXT_UNPIN_TABLE, page_mfn(tree.table[1])), 0);
    EXPECT(tree_free(&tree), 0);
    page_free(race.page);
}

struct flush_race {
    volatile uint64_t *window;
    uint64_t pte[2];
    unsigned int turn; /* the page the window must show: turn & 1 */
    unsigned int n_stale, n_refused, is_over;
};

/* vCPU 0 turns the window; the others look through it. */
static void turn_or_look(unsigned int number, void *data)
{
    struct flush_race *race = data;

    if (number == 0) {
        for (unsigned int i = 1; i <= ROUNDS; i++) {
            if (hypercall3(__HYPERVISOR_update_va_mapping, arg((void *)race->window),
                           race->pte[i & 1], UVMF_INVLPG | UVMF_ALL))
                race->n_refused++;
            __atomic_store_n(&race->turn, i, __ATOMIC_SEQ_CST);
        }
        __atomic_store_n(&race->is_over, 1, __ATOMIC_SEQ_CST);
        return;
    }
    while (!__atomic_load_n(&race->is_over, __ATOMIC_SEQ_CST)) {
        unsigned int before = __atomic_load_n(&race->turn, __ATOMIC_SEQ_CST);
        uint64_t seen = *race->window;

        /* No turn came between: what is seen is this turn's page, or already the next one's. */
        if (__atomic_load_n(&race->turn, __ATOMIC_SEQ_CST) == before && seen != (before & 1) &&
            *race->window != ((before + 1) & 1) && race->turn == before)
            __atomic_add_fetch(&race->n_stale, 1, __ATOMIC_RELAXED);
    }
}

BEHAVIOUR(remote_flush, "after a flush of all vCPUs none of them sees the old page")
{
    REQUIRE_VCPUS();
    uint64_t *page[2] = {page_alloc(), page_alloc()}, *window = page_alloc();
    uint64_t own = pte_make(page_mfn(window), PROT_RW);
    struct flush_race race = {.window = window};

    for (unsigned int i = 0; i < 2; i++) {
        page[i][0] = i;
        race.pte[i] = pte_make(page_mfn(page[i]), PROT_RO);
    }
    REQUIRE(pte_set(window, race.pte[0]), 0);
    vcpus_run(turn_or_look, &race);
    EXPECT(race.n_refused, 0);
    EXPECT(race.n_stale, 0);
    EXPECT(pte_set(window, own), 0);
    page_free(window);
    page_free(page[0]);
    page_free(page[1]);
}

struct grant_race {
    grant_ref_t ref;
    uint64_t window[VCPUS_MAX];
    unsigned int n_mapped, n_refused;
};

static void map_and_unmap(unsigned int number, void *data)
{
    struct grant_race *race = data;

    for (unsigned int i = 0; i < ROUNDS; i++) {
        struct gnttab_map_grant_ref map = {
            .host_addr = race->window[number], .flags = GNTMAP_host_map, .ref = race->ref};
        struct gnttab_unmap_grant_ref unmap = {.host_addr = race->window[number]};

        hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, arg(&map), 1);
        if (map.status) {
            __atomic_add_fetch(&race->n_refused, 1, __ATOMIC_RELAXED);
            continue;
        }
        __atomic_add_fetch(&race->n_mapped, 1, __ATOMIC_RELAXED);
        unmap.handle = map.handle;
        hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, arg(&unmap), 1);
        if (unmap.status)
            __atomic_add_fetch(&race->n_refused, 1, __ATOMIC_RELAXED);
    }
}

BEHAVIOUR(same_grant, "one grant mapped and unmapped by all vCPUs at once ends in no use")
{
    REQUIRE_VCPUS();
    unsigned int n = vcpus_start();
    void *page = page_alloc(), *window[VCPUS_MAX];
    uint64_t own[VCPUS_MAX];
    struct grant_race race = {.ref = grant_access(0, page_mfn(page), false)};

    if (!guest_is_dom0()) {
        report_skip("only dom0 knows its own number");
        return;
    }
    for (unsigned int i = 0; i < n; i++) {
        window[i] = page_alloc();
        own[i] = pte_make(page_mfn(window[i]), PROT_RW);
        race.window[i] = arg(window[i]);
        REQUIRE(pte_set(window[i], 0), 0);
    }
    vcpus_run(map_and_unmap, &race);
    EXPECT(race.n_refused, 0);
    EXPECT(race.n_mapped, n * ROUNDS);
    EXPECT_TRUE(grant_end(race.ref));
    for (unsigned int i = 0; i < n; i++) {
        EXPECT(pte_set(window[i], own[i]), 0);
        page_free(window[i]);
    }
    expect_unused(page);
    page_free(page);
}

struct clock_race {
    uint64_t latest;
    unsigned int n_back;
};

/* Time as this vCPU's page tells it is never less than what another vCPU read before. */
static void read_in_turn(unsigned int number, void *data)
{
    struct clock_race *race = data;
    const volatile struct vcpu_time_info *mine = &shared_info.vcpu_info[number].time;

    for (unsigned int i = 0; i < 20 * ROUNDS; i++) {
        uint64_t before = __atomic_load_n(&race->latest, __ATOMIC_SEQ_CST), now = clock_read(mine);

        if (now < before)
            __atomic_add_fetch(&race->n_back, 1, __ATOMIC_RELAXED);
        while (before < now && !__atomic_compare_exchange_n(&race->latest, &before, now, false,
                                                            __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            ;
    }
}

BEHAVIOUR(one_clock, "time never goes back from one vCPU to another")
{
    REQUIRE_VCPUS();
    struct clock_race race = {0};

    vcpus_run(read_in_turn, &race);
    EXPECT(race.n_back, 0);
    EXPECT_TRUE(race.latest > 0);
}

struct event_race {
    uint32_t port[VCPUS_MAX];
    unsigned int n_vcpus, n_heard[VCPUS_MAX], n_refused;
};

/* Each waits for its turn by an event and hands it on to the next: a lost one would stop them all.
 */
static void pass_on(unsigned int number, void *data)
{
    struct event_race *race = data;
    unsigned int next = (number + 1) % race->n_vcpus;

    for (unsigned int i = 0; i < ROUNDS; i++) {
        evtchn_port_t port = race->port[number];
        struct sched_poll poll = {.nr_ports = 1};

        set_xen_guest_handle(poll.ports, &port);
        if (number == 0 && event_send(race->port[next]))
            __atomic_add_fetch(&race->n_refused, 1, __ATOMIC_RELAXED);
        while (!event_is_pending(port))
            hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, arg(&poll));
        __atomic_fetch_and(&shared_info.evtchn_pending[port / 64], ~(1UL << port % 64),
                           __ATOMIC_SEQ_CST);
        race->n_heard[number]++;
        if (number != 0 && event_send(race->port[next]))
            __atomic_add_fetch(&race->n_refused, 1, __ATOMIC_RELAXED);
    }
}

BEHAVIOUR(event_round, "events sent around all vCPUs are never lost")
{
    REQUIRE_VCPUS();
    struct event_race race = {.n_vcpus = vcpus_start()};

    for (unsigned int i = 0; i < race.n_vcpus; i++) {
        long port = event_bind_ipi(i);

        REQUIRE(port > 0, true);
        race.port[i] = (uint32_t)port;
    }
    vcpus_run(pass_on, &race);
    EXPECT(race.n_refused, 0);
    for (unsigned int i = 0; i < race.n_vcpus; i++) {
        EXPECT(race.n_heard[i], ROUNDS);
        EXPECT(event_close(race.port[i]), 0);
    }
}
