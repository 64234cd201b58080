/* SPDX-License-Identifier: MIT */
/* Letters on framebuffers of every kind: each dot where it belongs, and no byte beyond. */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include "boot.h"
#include "console/frame.h"

#include <stdlib.h>
#include <string.h>

#define UNTOUCHED 0xee

static const struct boot_screen screens[] = {
    {BOOT_SCREEN_FRAME, 0, 1280 * 4, 1280, 800, 32, {16, 8}, {8, 8}, {0, 8}},
    {BOOT_SCREEN_FRAME, 0, 800 * 3, 800, 600, 24, {16, 8}, {8, 8}, {0, 8}},
    {BOOT_SCREEN_FRAME, 0, 832 * 2, 801, 600, 16, {11, 5}, {5, 6}, {0, 5}},
    {BOOT_SCREEN_FRAME, 0, 640 * 2, 640, 480, 15, {10, 5}, {5, 5}, {0, 5}},
    {BOOT_SCREEN_FRAME, 0, 4096 * 4 + 60, 4000, 300, 32, {20, 10}, {10, 10}, {0, 10}},
    {BOOT_SCREEN_FRAME, 0, 6 * 2, 6, 16, 16, {11, 5}, {5, 6}, {0, 5}},
};
static const uint32_t lights[] = {0xc0c0c0,
                                  0xc0c0c0,
                                  24 << 11 | 48 << 5 | 24,
                                  24 << 10 | 24 << 5 | 24,
                                  0x300u << 20 | 0x300 << 10 | 0x300,
                                  24 << 11 | 48 << 5 | 24};

static uint32_t pixel_at(const struct frame *f, unsigned int x, unsigned int y)
{
    uint32_t pixel = 0;

    memcpy(&pixel, f->memory + y * f->pitch + (size_t)x * f->bytes, f->bytes);
    return pixel;
}

static uint32_t untouched(const struct frame *f)
{
    uint32_t pixel = 0;

    memset(&pixel, UNTOUCHED, f->bytes);
    return pixel;
}

/* One letter drawn in a cell: its pixels are the glyph's, all others are as they were. */
static void expect_letter(struct frame *f, const struct boot_screen *s, unsigned int row,
                          unsigned int column, char c)
{
    const uint8_t *glyph = frame_font[c - ' '];
    unsigned int width = FRAME_CELL_WIDTH * f->zoom, height = FRAME_CELL_HEIGHT * f->zoom;

    memset(f->memory, UNTOUCHED, f->size);
    frame_draw(f, row, column, c);
    for (unsigned int y = 0; y < s->height; y++)
        for (unsigned int x = 0; x < f->pitch / f->bytes; x++) {
            uint32_t expected = untouched(f);

            if (y / height == row && x / width == column) {
                unsigned int dx = x % width / f->zoom, dy = y % height / f->zoom;

                expected = dx < FRAME_GLYPH_COLUMNS && (glyph[dx] >> dy & 1) ? f->light : 0;
            }
            assert_int_equal(pixel_at(f, x, y), expected);
        }
}

static void test_letters_are_drawn(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(screens) / sizeof(*screens); i++) {
        struct frame f;

        assert_true(frame_describe(&f, &screens[i]));
        assert_int_equal(f.light, lights[i]);
        assert_int_equal(f.size, (size_t)screens[i].pitch * screens[i].height);
        f.memory = malloc(f.size); /* of exactly this size: the sanitizer sees a byte beyond */
        assert_non_null(f.memory);
        expect_letter(&f, &screens[i], 0, 0, '#');
        expect_letter(&f, &screens[i], f.rows - 1, f.columns - 1, 'W');
        free(f.memory);
    }
}

static void test_what_is_no_letter_is_blank(void **state)
{
    uint8_t memory[48 * 32 * 4], blank[sizeof(memory)];
    struct boot_screen s = {BOOT_SCREEN_FRAME, 0, 48 * 4, 48, 32, 32, {16, 8}, {8, 8}, {0, 8}};
    struct frame f;

    (void)state;
    assert_true(frame_describe(&f, &s));
    memset(blank, 0, sizeof(blank));
    for (int c = -128; c < 128; c++)
        if (c <= ' ' || c > '~') {
            memset(memory, 0, sizeof(memory));
            f.memory = memory;
            frame_draw(&f, 1, 1, (char)c);
            assert_memory_equal(memory, blank, sizeof(memory));
        }
}

static void test_zoom_follows_width(void **state)
{
    static const struct {
        unsigned int width, zoom;
    } expected[] = {
        {320, 1}, {1023, 1}, {1024, 2}, {1280, 2}, {1920, 3}, {3840, 7}, {16384, FRAME_ZOOM_MAX}};

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++) {
        struct boot_screen s = {BOOT_SCREEN_FRAME, 0,      16384 * 4, expected[i].width, 8192, 32,
                                {16, 8},           {8, 8}, {0, 8}};
        struct frame f;

        assert_true(frame_describe(&f, &s));
        assert_int_equal(f.zoom, expected[i].zoom);
        assert_true(f.columns * FRAME_CELL_WIDTH * f.zoom <= s.width);
    }
}

static void test_unusable_frames_are_refused(void **state)
{
    static const struct boot_screen bad[] = {
        {BOOT_SCREEN_FRAME, 0, 800, 800, 600, 8, {0}, {0}, {0}},          /* a palette */
        {BOOT_SCREEN_FRAME, 0, 800 * 8, 800, 600, 64, {0}, {0}, {0}},     /* wider pixels */
        {BOOT_SCREEN_FRAME, 0, 800 * 4 - 1, 800, 600, 32, {0}, {0}, {0}}, /* overlapping lines */
        {BOOT_SCREEN_FRAME, 0, 4, 0x40000001, 600, 32, {0}, {0}, {0}},    /* a width that wraps */
        {BOOT_SCREEN_FRAME, 0, 5 * 4, 5, 600, 32, {0}, {0}, {0}},         /* no column */
        {BOOT_SCREEN_FRAME, 0, 800 * 4, 800, 15, 32, {0}, {0}, {0}},      /* one row */
        {BOOT_SCREEN_FRAME, 0, 0, 0, 0, 32, {0}, {0}, {0}},
    };
    struct frame f;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(frame_describe(&f, &bad[i]));
}

static void test_colours_beyond_the_pixel_are_left_out(void **state)
{
    struct boot_screen s = {BOOT_SCREEN_FRAME, 0,        800 * 4, 800, 600, 32,
                            {255, 8},          {8, 255}, {0, 8}};
    struct frame f;

    (void)state;
    assert_true(frame_describe(&f, &s));
    assert_int_equal(f.light & 0xff, 0xc0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_letters_are_drawn),
        cmocka_unit_test(test_what_is_no_letter_is_blank),
        cmocka_unit_test(test_zoom_follows_width),
        cmocka_unit_test(test_unusable_frames_are_refused),
        cmocka_unit_test(test_colours_beyond_the_pixel_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
