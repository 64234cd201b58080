/* SPDX-License-Identifier: MIT */
/*
 * Page tables that point to themselves, to each other and round in circles: refused, or walked to
 * an end, and always given back whole.
 */
#include "lib/child.h"
#include "lib/random.h"
#include "lib/report.h"
#include "lib/tables.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"

#include <xen/sched.h>

static const unsigned int pins[] = {0, MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE,
                                    MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE};

/* Each table's second entry names itself. Linear tables, which point to their own level, may be
 * refused or taken. */
ROLE(self)
{
    (void)argument;
    for (int level = 1; level <= 4; level++) {
        struct tree tree = tree_make();

        tree.table[level][1] = pte_make(page_mfn(tree.table[level]), PROT_TABLE);
        EXPECT(tree_protect(&tree, 4), 0);
        EXPECT_TRUE(mmuext(pins[level], page_mfn(tree.table[level])) < 0);
        tree.table[0][0] = 1; /* still ours */
        EXPECT(tree_free(&tree), 0);
    }
}

/* A lower table points back up: level 2 to the level 4 above it, and so on. */
ROLE(circle)
{
    (void)argument;
    for (int from = 1; from <= 4; from++)
        for (int to = 1; to <= 4; to++) {
            struct tree tree = tree_make();

            if (to == from - 1) /* as it should be */
                continue;
            tree.table[from][7] = pte_make(page_mfn(tree.table[to]), PROT_TABLE);
            EXPECT(tree_protect(&tree, 4), 0);
            EXPECT_TRUE(mmuext(MMUEXT_PIN_L4_TABLE, page_mfn(tree.table[4])) < 0);
            EXPECT(tree_free(&tree), 0);
        }
}

/* A validated tree is bent into a circle entry by entry. */
ROLE(bend)
{
    struct tree tree = tree_make();

    (void)argument;
    REQUIRE(tree_protect(&tree, 4), 0);
    REQUIRE(mmuext(MMUEXT_PIN_L4_TABLE, page_mfn(tree.table[4])), 0);
    for (int from = 1; from <= 4; from++)
        for (int to = from; to <= 4; to++)
            EXPECT_TRUE(pte_update(&tree.table[from][3],
                                   pte_make(page_mfn(tree.table[to]), PROT_RW),
                                   MMU_NORMAL_PT_UPDATE) < 0);
    EXPECT(mmuext(MMUEXT_UNPIN_TABLE, page_mfn(tree.table[4])), 0);
    EXPECT(tree_free(&tree), 0);
}

/* The tables the guest stands on, mapped writable at every place that is left. */
ROLE(live)
{
    uint64_t *page = page_alloc();

    (void)argument;
    for (int level = 1; level <= 4; level++) {
        uint64_t *entry = pte_find(page, level);

        EXPECT_TRUE(pte_set(page, pte_make(page_mfn((void *)((uint64_t)entry & ~(PAGE_SIZE - 1))),
                                           PROT_RW)) < 0);
    }
    EXPECT_TRUE(pte_update(&paging_root()[0], pte_make(page_mfn(paging_root()), PROT_TABLE),
                           MMU_NORMAL_PT_UPDATE) < 0);
}

/* A maze: sixty tables with random links, pinned and unpinned as random levels. */
ROLE(maze)
{
    uint64_t *page[60], state = argument + 1;

    for (unsigned int i = 0; i < 60; i++)
        page[i] = page_alloc();
    for (unsigned int i = 0; i < 60; i++)
        for (unsigned int k = 0; k < 24; k++)
            page[i][random_from(&state) % 512] =
                pte_make(page_mfn(page[random_from(&state) % 60]), PROT_RO);
    for (unsigned int i = 0; i < 60; i++)
        EXPECT(page_protect(page[i], PROT_RO), 0);
    for (unsigned int i = 0; i < 2000; i++) {
        uint64_t mfn = page_mfn(page[random_from(&state) % 60]);

        mmuext(random_from(&state) % 2 ? pins[1 + random_from(&state) % 4] : MMUEXT_UNPIN_TABLE,
               mfn);
        pte_update(&page[random_from(&state) % 60][random_from(&state) % 512],
                   random_from(&state) % 3
                       ? pte_make(page_mfn(page[random_from(&state) % 60]), PROT_RO)
                       : 0,
                   MMU_NORMAL_PT_UPDATE);
    }
    for (unsigned int round = 0; round < 5; round++)
        for (unsigned int i = 0; i < 60; i++)
            mmuext(MMUEXT_UNPIN_TABLE, page_mfn(page[i]));
    for (unsigned int i = 0; i < 60; i++)
        EXPECT(page_protect(page[i], PROT_RW), 0);
}

BEHAVIOUR(loops, "tables in circles are refused and stay the guest's")
{
    static const char *const roles[] = {"self", "circle", "bend", "live"};

    for (unsigned int i = 0; i < sizeof(roles) / sizeof(*roles); i++)
        EXPECT(child_run(roles[i], 0, 1, 5000), SHUTDOWN_poweroff);
}

BEHAVIOUR(mazes, "a random maze of tables is validated, undone and given back")
{
    uint64_t before = machine_free_pages();

    for (unsigned int seed = 0; seed < 5; seed++)
        EXPECT(child_run("maze", seed, 1, 10000), SHUTDOWN_poweroff);
    EXPECT_TRUE(machine_free_pages() + 64 >= before);
}
