/* SPDX-License-Identifier: MIT */
/*
 * Red-black tree: the root is black, no red node has a red child, and every way from the root to a
 * leaf passes as many black nodes. Directions are numbers, so that each case is written once for
 * both sides.
 */
#include "lib/rbtree.h"

enum { LEFT, RIGHT };

static bool is_red(const struct rb_node *node)
{
    return node && node->red;
}

static int side_of(const struct rb_node *node)
{
    return node->parent->child[RIGHT] == node;
}

/* Hangs `node` (may be NULL) where `old` hung below `parent`. */
static void replace_child(struct rb_tree *tree, struct rb_node *parent, const struct rb_node *old,
                          struct rb_node *node)
{
    if (!parent)
        tree->root = node;
    else
        parent->child[parent->child[RIGHT] == old] = node;
    if (node)
        node->parent = parent;
}

/* Lowers node to the given side; its child of the other side takes its place and is returned. */
static struct rb_node *rotate(struct rb_tree *tree, struct rb_node *node, int side)
{
    struct rb_node *up = node->child[!side];

    replace_child(tree, node->parent, node, up);
    node->child[!side] = up->child[side];
    if (up->child[side])
        up->child[side]->parent = node;
    up->child[side] = node;
    node->parent = up;
    return up;
}

/* Mends a red node below a red parent, upwards. */
static void mend_red(struct rb_tree *tree, struct rb_node *node)
{
    while (is_red(node->parent)) {
        struct rb_node *parent = node->parent, *grand = parent->parent;
        int side = side_of(parent);
        struct rb_node *uncle = grand->child[!side];

        if (is_red(uncle)) {
            parent->red = uncle->red = false;
            grand->red = true;
            node = grand;
            continue;
        }
        if (side_of(node) != side)
            parent = rotate(tree, parent, side);
        parent->red = false;
        grand->red = true;
        rotate(tree, grand, !side);
        break;
    }
    tree->root->red = false;
}

void rb_insert(struct rb_tree *tree, struct rb_node *node, rb_less *less)
{
    struct rb_node *parent = NULL, **link = &tree->root;
    bool smallest = true;

    while (*link) {
        int side = less(node, *link) ? LEFT : RIGHT;

        parent = *link;
        link = &parent->child[side];
        smallest = smallest && side == LEFT;
    }
    *node = (struct rb_node){.parent = parent, .red = true};
    *link = node;
    if (smallest)
        tree->smallest = node;
    mend_red(tree, node);
}

/* Mends a side of `parent` that lost one black node, upwards. */
static void mend_black(struct rb_tree *tree, struct rb_node *parent, int side)
{
    while (parent) {
        struct rb_node *sibling = parent->child[!side], *node;

        if (sibling->red) {
            sibling->red = false;
            parent->red = true;
            rotate(tree, parent, side);
            sibling = parent->child[!side];
        }
        if (is_red(sibling->child[LEFT]) || is_red(sibling->child[RIGHT])) {
            if (!is_red(sibling->child[!side])) {
                sibling->child[side]->red = false;
                sibling->red = true;
                sibling = rotate(tree, sibling, !side);
            }
            sibling->red = parent->red;
            parent->red = false;
            sibling->child[!side]->red = false;
            rotate(tree, parent, side);
            return;
        }
        sibling->red = true;
        if (parent->red) {
            parent->red = false;
            return;
        }
        node = parent;
        parent = node->parent;
        if (parent)
            side = side_of(node);
    }
}

/* Takes out a node that has at most one child. */
static void erase_simple(struct rb_tree *tree, struct rb_node *node)
{
    struct rb_node *parent = node->parent, *child = node->child[node->child[LEFT] ? LEFT : RIGHT];
    int side = parent ? side_of(node) : LEFT;

    replace_child(tree, parent, node, child);
    if (node->red)
        return;
    if (is_red(child))
        child->red = false;
    else
        mend_black(tree, parent, side);
}

void rb_erase(struct rb_tree *tree, struct rb_node *node)
{
    struct rb_node *next;

    if (tree->smallest == node)
        tree->smallest = rb_next(node);
    if (!node->child[LEFT] || !node->child[RIGHT]) {
        erase_simple(tree, node);
        return;
    }
    /* The next node has no left child: take that out, then put it in node's place. */
    next = rb_next(node);
    erase_simple(tree, next);
    replace_child(tree, node->parent, node, next);
    next->red = node->red;
    for (int side = LEFT; side <= RIGHT; side++) {
        next->child[side] = node->child[side];
        if (next->child[side])
            next->child[side]->parent = next;
    }
}

struct rb_node *rb_next(const struct rb_node *node)
{
    if (node->child[RIGHT]) {
        node = node->child[RIGHT];
        while (node->child[LEFT])
            node = node->child[LEFT];
        return (struct rb_node *)node;
    }
    while (node->parent && side_of(node) == RIGHT)
        node = node->parent;
    return node->parent;
}
