/* SPDX-License-Identifier: MIT */
/* Small page-table trees for tests: four fresh tables over one fresh page. */
#ifndef GUESTS_TABLES_H
#define GUESTS_TABLES_H

#include <stdint.h>

/* table[n] is the level-n table, table[0] the page; entry 0 of each points to the one below. */
struct tree {
    uint64_t *table[5];
};

/* Allocates and links a tree. Every page is still an ordinary writable one. */
struct tree tree_make(void);

/* Makes table 1..level read-only at their own addresses; answers 0 or the first errno. */
long tree_protect(struct tree *tree, int level);

/* Makes all read-write again and gives the pages back; answers 0 or the first errno. */
long tree_free(struct tree *tree);

#endif
