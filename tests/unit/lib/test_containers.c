/* SPDX-License-Identifier: MIT */
/* list, rbtree, rangeset and bitmap against arrays of plain bools. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/bitmap.h"
#include "lib/list.h"
#include "lib/rangeset.h"
#include "lib/rbtree.h"
#include "random.h"

#define SPACE 200

struct item {
    struct list_node link;
    struct rb_node node;
    unsigned int key;
    unsigned int serial;
    bool used;
};

static bool item_less(const struct rb_node *a, const struct rb_node *b)
{
    return rb_entry(a, struct item, node)->key < rb_entry(b, struct item, node)->key;
}

/* Checks colours and links below node; returns the black height. */
static int check_subtree(const struct rb_node *node)
{
    int left, right;

    if (!node)
        return 1;
    for (int side = 0; side < 2; side++)
        if (node->child[side]) {
            assert_ptr_equal(node->child[side]->parent, node);
            assert_false(node->red && node->child[side]->red);
        }
    left = check_subtree(node->child[0]);
    right = check_subtree(node->child[1]);
    assert_int_equal(left, right);
    return left + !node->red;
}

static void check_tree(const struct rb_tree *tree, unsigned int n)
{
    const struct item *previous = NULL;

    check_subtree(tree->root);
    assert_false(tree->root && tree->root->red);
    for (struct rb_node *node = rb_first(tree); node; node = rb_next(node), n--) {
        const struct item *item = rb_entry(node, struct item, node);

        assert_true(!previous || previous->key < item->key ||
                    (previous->key == item->key && previous->serial < item->serial));
        previous = item;
    }
    assert_int_equal(n, 0);
}

static void rbtree_keeps_order_and_balance(void **state)
{
    static struct item items[SPACE];
    struct rb_tree tree = {0};
    uint64_t seed = 1;
    unsigned int n = 0;

    (void)state;
    assert_true(rb_is_empty(&tree));
    for (unsigned int step = 0; step < 20000; step++) {
        struct item *item = &items[random_below(&seed, step / 1000 % 2 ? SPACE : 10)];

        if (item->used) {
            rb_erase(&tree, &item->node);
            n--;
        } else {
            item->key = (unsigned int)random_below(&seed, 50);
            item->serial = step;
            rb_insert(&tree, &item->node, item_less);
            n++;
        }
        item->used = !item->used;
        check_tree(&tree, n);
    }
}

static void list_links_and_unlinks(void **state)
{
    struct list_node head = LIST_INIT(head), *node, *after;
    struct item items[4];
    unsigned int expected = 0;

    (void)state;
    assert_true(list_is_empty(&head));
    assert_null(list_first(&head));
    for (unsigned int i = 0; i < 4; i++)
        items[i].key = i;
    list_push_back(&head, &items[2].link);
    list_push_back(&head, &items[3].link);
    list_push_front(&head, &items[0].link);
    list_insert_after(&items[0].link, &items[1].link);
    list_for_each (node, &head)
        assert_int_equal(list_entry(node, struct item, link)->key, expected++);
    assert_int_equal(expected, 4);
    list_for_each_safe (node, after, &head)
        if (list_entry(node, struct item, link)->key % 2)
            list_remove(node);
    list_remove(&items[1].link);
    assert_ptr_equal(list_first(&head), &items[0].link);
    assert_ptr_equal(items[0].link.next, &items[2].link);
    assert_ptr_equal(items[2].link.next, &head);
}

static unsigned int fail_in; /* the allocation that fails, counted from 1; 0 for none */

static void *test_alloc(size_t size)
{
    return fail_in && --fail_in == 0 ? NULL : malloc(size);
}

static const struct rangeset_memory memory = {test_alloc, free};

struct seen {
    const bool *model;
    uint64_t next;
};

/* Every range must be as long as can be, and between ranges nothing may be in the model. */
static bool check_range(void *arg, uint64_t first, uint64_t last)
{
    struct seen *seen = arg;

    for (; seen->next < first; seen->next++)
        assert_false(seen->model[seen->next]);
    for (; seen->next <= last; seen->next++)
        assert_true(seen->model[seen->next]);
    assert_true(seen->next == SPACE || !seen->model[seen->next]);
    return true;
}

static void rangeset_is_a_set(void **state)
{
    struct rangeset *set = rangeset_create(&memory);
    bool model[SPACE] = {false};
    uint64_t seed = 4;

    (void)state;
    for (int step = 0; step < 20000; step++) {
        uint64_t first = random_below(&seed, SPACE), last = first + random_below(&seed, 12);
        bool add = random_below(&seed, 2), all = true, any = false;
        struct seen seen = {model, 0};
        int rc;

        last = last < SPACE ? last : SPACE - 1;
        for (uint64_t i = first; i <= last; i++) {
            all = all && model[i];
            any = any || model[i];
        }
        assert_int_equal(rangeset_contains(set, first, last), all);
        assert_int_equal(rangeset_overlaps(set, first, last), any);
        fail_in = step % 7 == 0;
        rc = add ? rangeset_add(set, first, last) : rangeset_remove(set, first, last);
        if (rc == 0)
            memset(model + first, add, last - first + 1);
        else
            assert_int_equal(rc, -ENOMEM);
        fail_in = 0;
        rangeset_for_each(set, check_range, &seen);
        for (; seen.next < SPACE; seen.next++)
            assert_false(model[seen.next]);
    }
    rangeset_destroy(set);
}

static void rangeset_at_the_ends(void **state)
{
    struct rangeset *set = rangeset_create(&memory);

    (void)state;
    assert_int_equal(rangeset_add(set, 5, 4), -EINVAL);
    assert_int_equal(rangeset_add(set, 0, UINT64_MAX), 0);
    assert_int_equal(rangeset_add(set, 0, 0), 0);
    assert_int_equal(rangeset_remove(set, 10, 20), 0);
    assert_true(rangeset_contains(set, 21, UINT64_MAX) && rangeset_contains(set, 0, 9));
    assert_false(rangeset_overlaps(set, 10, 20) || rangeset_contains(set, 9, 10));
    assert_int_equal(rangeset_remove(set, 0, UINT64_MAX), 0);
    assert_false(rangeset_overlaps(set, 0, UINT64_MAX));
    assert_int_equal(rangeset_add(set, UINT64_MAX, UINT64_MAX), 0);
    assert_true(rangeset_contains(set, UINT64_MAX, UINT64_MAX));
    rangeset_destroy(set);
    rangeset_destroy(NULL);
}

static void bitmap_is_an_array_of_bits(void **state)
{
    uint64_t map[BITMAP_WORDS(SPACE)] = {0}, seed = 9;
    bool model[SPACE] = {false};

    (void)state;
    for (int step = 0; step < 20000; step++) {
        size_t first = random_below(&seed, SPACE), n = random_below(&seed, SPACE - first + 1),
               weight = 0;
        size_t from = random_below(&seed, SPACE + 1), set = SPACE, clear = SPACE;
        int what = (int)random_below(&seed, 4);

        if (what == 0)
            bitmap_set_range(map, first, n);
        else if (what == 1)
            bitmap_clear_range(map, first, n);
        else if (what == 2)
            bitmap_set(map, first);
        else
            bitmap_clear(map, first);
        memset(model + first, what % 2 == 0, what < 2 ? n : 1);
        for (size_t i = SPACE; i-- > 0;) {
            assert_int_equal(bitmap_test(map, i), model[i]);
            weight += model[i];
            if (i >= from && model[i])
                set = i;
            else if (i >= from)
                clear = i;
        }
        assert_int_equal(bitmap_weight(map, SPACE), weight);
        assert_int_equal(bitmap_find_set(map, SPACE, from), set);
        assert_int_equal(bitmap_find_clear(map, SPACE, from), clear);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_links_and_unlinks),
        cmocka_unit_test(rbtree_keeps_order_and_balance),
        cmocka_unit_test(rangeset_is_a_set),
        cmocka_unit_test(rangeset_at_the_ends),
        cmocka_unit_test(bitmap_is_an_array_of_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
