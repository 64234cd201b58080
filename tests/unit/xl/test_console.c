/* SPDX-License-Identifier: MIT */
/* The console daemon's ring, with guests that keep to the rules and guests that do not, and its
 * backlog. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tools/consoled/backlog.h"
#include "tools/consoled/ring.h"

static struct xencons_interface ring;

static int setup(void **state)
{
    (void)state;
    memset(&ring, 0, sizeof(ring));
    return 0;
}

/* What a guest does to print. */
static void guest_prints(const char *text)
{
    for (; *text; text++)
        ring.out[ring.out_prod++ & (sizeof(ring.out) - 1)] = *text;
}

static void carries_output(void **state)
{
    char data[64];

    (void)state;
    guest_prints("hello");
    assert_int_equal(ring_take_output(&ring, data, sizeof(data)), 5);
    assert_memory_equal(data, "hello", 5);
    assert_int_equal(ring.out_cons, 5);
    assert_int_equal(ring_take_output(&ring, data, sizeof(data)), 0);
}

static void carries_output_across_both_ends(void **state)
{
    char data[64];

    (void)state;
    ring.out_cons = ring.out_prod = UINT32_MAX - 2; /* the index wraps */
    guest_prints("abcdef");
    assert_int_equal(ring_take_output(&ring, data, 4), 4);
    assert_memory_equal(data, "abcd", 4);
    assert_int_equal(ring_take_output(&ring, data, sizeof(data)), 2);
    assert_memory_equal(data, "ef", 2);
    ring.out_cons = ring.out_prod = sizeof(ring.out) - 1; /* the position wraps */
    guest_prints("xy");
    assert_int_equal(ring_take_output(&ring, data, sizeof(data)), 2);
    assert_memory_equal(data, "xy", 2);
}

static void survives_wild_output_indices(void **state)
{
    static const uint32_t wild[] = {sizeof(ring.out) + 1, 0x7fffffff, 0x80000000, UINT32_MAX};
    char data[sizeof(ring.out)];

    (void)state;
    for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        ring.out_cons = 7;
        ring.out_prod = 7 + wild[i];
        assert_int_equal(ring_take_output(&ring, data, sizeof(data)), 0);
        assert_int_equal(ring.out_cons, ring.out_prod);
        guest_prints("ok");
        assert_int_equal(ring_take_output(&ring, data, sizeof(data)), 2);
    }
    ring.out_cons = 100;
    ring.out_prod = 100 + sizeof(ring.out); /* exactly full is not wild */
    assert_int_equal(ring_take_output(&ring, data, sizeof(data)), sizeof(ring.out));
}

static void carries_input_until_full(void **state)
{
    char data[sizeof(ring.in) + 8];

    (void)state;
    memset(data, 'x', sizeof(data));
    assert_int_equal(ring_input_room(&ring), sizeof(ring.in));
    assert_int_equal(ring_put_input(&ring, data, sizeof(data)), sizeof(ring.in));
    assert_int_equal(ring_input_room(&ring), 0);
    assert_int_equal(ring_put_input(&ring, data, 1), 0);
    ring.in_cons += 3;
    assert_int_equal(ring_put_input(&ring, "abcd", 4), 3);
    assert_int_equal(ring.in[0], 'a');
}

static void survives_wild_input_indices(void **state)
{
    (void)state;
    ring.in_cons = 5;
    ring.in_prod = 4;
    assert_int_equal(ring_input_room(&ring), 0);
    assert_int_equal(ring_put_input(&ring, "a", 1), 0);
    ring.in_prod = 0x80000000;
    assert_int_equal(ring_put_input(&ring, "a", 1), 0);
}

/* All that is unread, in a piece of text. */
static size_t drain(struct backlog *backlog, char *text)
{
    size_t total = 0, n;
    const char *data;

    while ((n = backlog_peek(backlog, &data)) != 0) {
        memcpy(text + total, data, n);
        total += n;
        backlog_drop(backlog, n);
    }
    return total;
}

static void forgets_the_oldest(void **state)
{
    struct backlog *backlog = calloc(1, sizeof(*backlog));
    char *text = malloc(2 * BACKLOG_SIZE), *large = malloc(2 * BACKLOG_SIZE);

    (void)state;
    backlog_add(backlog, "abc", 3);
    backlog_add(backlog, "def", 3);
    assert_int_equal(drain(backlog, text), 6);
    assert_memory_equal(text, "abcdef", 6);

    for (size_t i = 0; i < 2 * BACKLOG_SIZE; i++)
        large[i] = (char)(i % 251);
    backlog_add(backlog, "old", 3);
    backlog_add(backlog, large, BACKLOG_SIZE - 2);
    assert_int_equal(drain(backlog, text), BACKLOG_SIZE);
    assert_memory_equal(text, "ld", 2);
    assert_memory_equal(text + 2, large, BACKLOG_SIZE - 2);

    backlog_add(backlog, large, 2 * BACKLOG_SIZE);
    assert_int_equal(drain(backlog, text), BACKLOG_SIZE);
    assert_memory_equal(text, large + BACKLOG_SIZE, BACKLOG_SIZE);
    free(backlog);
    free(text);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(carries_output, setup),
        cmocka_unit_test_setup(carries_output_across_both_ends, setup),
        cmocka_unit_test_setup(survives_wild_output_indices, setup),
        cmocka_unit_test_setup(carries_input_until_full, setup),
        cmocka_unit_test_setup(survives_wild_input_indices, setup),
        cmocka_unit_test(forgets_the_oldest),
    };

    return cmocka_run_group_tests_name("console ring", tests, NULL, NULL);
}
