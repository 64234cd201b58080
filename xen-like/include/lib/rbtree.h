/* SPDX-License-Identifier: MIT */
/*
 * Intrusive red-black tree, ordered by a caller's comparison; the smallest node is kept at hand, so
 * that run queues and timer queues find it at once. Equal nodes keep the order of their insertion.
 * Not locked.
 */
#ifndef LIB_RBTREE_H
#define LIB_RBTREE_H

#include <stdbool.h>
#include <stddef.h>

struct rb_node {
    struct rb_node *parent; /* NULL for the root */
    struct rb_node *child[2];
    bool red;
};

/* An all-zero tree is empty. */
struct rb_tree {
    struct rb_node *root;
    struct rb_node *smallest;
};

/* The struct of the given type whose field `member` is *node. */
#define rb_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

/* True when a comes before b. */
typedef bool rb_less(const struct rb_node *a, const struct rb_node *b);

/* Adds a node that is in no tree; its fields need not be set. */
void rb_insert(struct rb_tree *tree, struct rb_node *node, rb_less *less);

/* Takes a node of this tree out. */
void rb_erase(struct rb_tree *tree, struct rb_node *node);

/* The smallest node, or NULL. */
static inline struct rb_node *rb_first(const struct rb_tree *tree)
{
    return tree->smallest;
}

/* The next greater node, or NULL. */
struct rb_node *rb_next(const struct rb_node *node);

static inline bool rb_is_empty(const struct rb_tree *tree)
{
    return !tree->root;
}

#endif
