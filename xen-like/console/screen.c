/* SPDX-License-Identifier: MIT */
/*
 * One grid of letters, shown by VGA's text memory (one word a letter) or drawn as dots. What is
 * shown is kept in memory, so that scrolling reads nothing from the screen and writes only what
 * differs; it scrolls half a screen at once.
 */
#include "console/screen.h"
#include "arch/cpu.h"
#include "boot.h"
#include "console/frame.h"
#include "lib/string.h"

#define TEXT_MEMORY  0xb8000ul
#define TEXT_COLUMNS 80u
#define TEXT_ROWS    25u
#define TEXT_GREY    0x0700u
#define COLUMNS_MAX  160u
#define ROWS_MAX     64u

static char cells[ROWS_MAX][COLUMNS_MAX], shown[ROWS_MAX][COLUMNS_MAX];
static unsigned int n_columns, n_rows, row, column;
static volatile uint16_t *text_memory;
static struct frame frame;
static bool is_ours;

static void show(unsigned int y, unsigned int x)
{
    char c = cells[y][x];

    if (shown[y][x] == c)
        return;
    shown[y][x] = c;
    if (text_memory)
        text_memory[y * n_columns + x] = (uint16_t)(TEXT_GREY | (uint8_t)c);
    else
        frame_draw(&frame, y, x, c);
}

static void show_all(void)
{
    for (unsigned int y = 0; y < n_rows; y++)
        for (unsigned int x = 0; x < n_columns; x++)
            show(y, x);
}

static void scroll(void)
{
    unsigned int gone = n_rows / 2;

    memmove(cells[0], cells[gone], (n_rows - gone) * COLUMNS_MAX);
    memset(cells[n_rows - gone], ' ', gone * COLUMNS_MAX);
    row -= gone;
    show_all();
}

static void line_end(void)
{
    column = 0;
    if (++row == n_rows)
        scroll();
}

void screen_write(const char *text, size_t n)
{
    if (!is_ours)
        return;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n') {
            line_end();
            continue;
        }
        if (text[i] < ' ' || text[i] > '~')
            continue;
        if (column == n_columns)
            line_end();
        cells[row][column] = text[i];
        show(row, column++);
    }
}

/* Memory that keeps what is written: there is a VGA card, in text mode as far as firmware goes. */
static bool text_find(void)
{
    volatile uint16_t *memory = ioremap(TEXT_MEMORY, TEXT_COLUMNS * TEXT_ROWS * sizeof(uint16_t));
    const uint16_t probe = TEXT_GREY | 'C';

    if (!memory)
        return false;
    memory[1] = probe;
    if (memory[1] != probe)
        return false;
    text_memory = memory;
    n_columns = TEXT_COLUMNS;
    n_rows = TEXT_ROWS;
    return true;
}

static bool frame_find(const struct boot_screen *s)
{
    if (!frame_describe(&frame, s))
        return false;
    frame.memory = ioremap_wc(s->base, frame.size);
    n_columns = MIN(frame.columns, COLUMNS_MAX);
    n_rows = MIN(frame.rows, ROWS_MAX);
    return frame.memory != NULL;
}

bool screen_init(void)
{
    const struct boot_screen *s = &boot_info.screen;

    is_ours = s->kind == BOOT_SCREEN_FRAME  ? frame_find(s)
              : s->kind == BOOT_SCREEN_TEXT ? text_find()
                                            : false;
    return is_ours;
}

void screen_clear(void)
{
    memset(cells, ' ', sizeof(cells));
    if (frame.memory) {
        memset(frame.memory, 0, frame.size);
        memset(shown, ' ', sizeof(shown));
    }
    show_all();
}

void screen_release(void)
{
    is_ours = false;
}
