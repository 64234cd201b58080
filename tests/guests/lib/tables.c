/* SPDX-License-Identifier: MIT */
/* Small page-table trees for tests. */
#include "lib/tables.h"
#include "runtime/paging.h"

struct tree tree_make(void)
{
    struct tree tree;

    for (int level = 0; level <= 4; level++) {
        tree.table[level] = page_alloc();
        if (level)
            tree.table[level][0] =
                pte_make(page_mfn(tree.table[level - 1]), level == 1 ? PROT_RW : PROT_TABLE);
    }
    return tree;
}

long tree_protect(struct tree *tree, int level)
{
    long answer = 0;

    for (int at = 1; at <= level && !answer; at++)
        answer = page_protect(tree->table[at], PROT_RO);
    return answer;
}

long tree_free(struct tree *tree)
{
    long answer = 0;

    for (int level = 4; level >= 0 && !answer; level--) {
        answer = page_protect(tree->table[level], PROT_RW);
        if (!answer)
            page_free(tree->table[level]);
    }
    return answer;
}
