/* SPDX-License-Identifier: MIT */
/* Intrusive doubly linked ring with a head; a node lies in the struct it links. */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A link, or the head of a list: an empty list's head points at itself. */
struct list_node {
    struct list_node *next;
    struct list_node *prev;
};

#define LIST_INIT(head)                                                                            \
    {                                                                                              \
        &(head), &(head)                                                                           \
    }

/* The struct of the given type whose field `member` is *node. */
#define list_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

/* Visits every node of the list; the list must not change meanwhile. */
#define list_for_each(node, head)                                                                  \
    for ((node) = (head)->next; (node) != (head); (node) = (node)->next)

/* The same, where `node` itself may be removed; `after` is a second cursor. */
#define list_for_each_safe(node, after, head)                                                      \
    for ((node) = (head)->next, (after) = (node)->next; (node) != (head);                          \
         (node) = (after), (after) = (node)->next)

static inline void list_init(struct list_node *head)
{
    head->next = head->prev = head;
}

static inline bool list_is_empty(const struct list_node *head)
{
    return head->next == head;
}

static inline struct list_node *list_first(const struct list_node *head)
{
    return list_is_empty(head) ? NULL : head->next;
}

/* Puts node behind `where`: at the front when that is the head. */
static inline void list_insert_after(struct list_node *where, struct list_node *node)
{
    node->prev = where;
    node->next = where->next;
    where->next->prev = node;
    where->next = node;
}

/* Puts node before `where`: at the end when that is the head. */
static inline void list_insert_before(struct list_node *where, struct list_node *node)
{
    list_insert_after(where->prev, node);
}

static inline void list_push_front(struct list_node *head, struct list_node *node)
{
    list_insert_after(head, node);
}

static inline void list_push_back(struct list_node *head, struct list_node *node)
{
    list_insert_before(head, node);
}

/* Takes node out and leaves it pointing at itself, so that a second removal does no harm. */
static inline void list_remove(struct list_node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

#endif
