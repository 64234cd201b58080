/* SPDX-License-Identifier: MIT */
/*
 * One grid of letters, shown by VGA's text memory (one word a letter) or drawn as dots. What is
 * shown is kept in memory, so that scrolling reads nothing from the screen and writes only what
 * differs; it scrolls half a screen at once.
 */
#include "console/screen.h"
#include "arch/cpu.h"
#include "boot.h"
#include "lib/string.h"

#define TEXT_MEMORY  0xb8000ul
#define TEXT_COLUMNS 80u
#define TEXT_ROWS    25u
#define TEXT_GREY    0x0700u
#define COLUMNS_MAX  160u
#define ROWS_MAX     64u
#define CELL_WIDTH   6u /* dots of a letter with its margins */
#define CELL_HEIGHT  8u
#define WIDE         1000u /* from this width on each dot is two by two */

static char cells[ROWS_MAX][COLUMNS_MAX], shown[ROWS_MAX][COLUMNS_MAX];
static unsigned int n_columns, n_rows, row, column;
static volatile uint16_t *text_memory;
static volatile uint8_t *frame;
static unsigned int pitch, bytes, zoom;
static bool is_ours;

static void dot_fill(unsigned int x, unsigned int y, bool lit)
{
    for (unsigned int dy = 0; dy < zoom; dy++)
        for (unsigned int at = 0; at < zoom * bytes; at++)
            frame[(uint64_t)(y * zoom + dy) * pitch + (uint64_t)x * zoom * bytes + at] =
                lit ? 0xc0 : 0;
}

static void letter_draw(unsigned int y, unsigned int x, char c)
{
    const uint8_t *glyph = screen_font[c >= ' ' && c <= '~' ? c - ' ' : 0];

    for (unsigned int dx = 0; dx < CELL_WIDTH; dx++)
        for (unsigned int dy = 0; dy < CELL_HEIGHT; dy++)
            dot_fill(x * CELL_WIDTH + dx, y * CELL_HEIGHT + dy,
                     dx < SCREEN_GLYPH_COLUMNS && (glyph[dx] >> dy & 1));
}

static void show(unsigned int y, unsigned int x)
{
    char c = cells[y][x];

    if (shown[y][x] == c)
        return;
    shown[y][x] = c;
    if (text_memory)
        text_memory[y * n_columns + x] = (uint16_t)(TEXT_GREY | (uint8_t)c);
    else
        letter_draw(y, x, c);
}

static void scroll(void)
{
    unsigned int gone = n_rows / 2;

    memmove(cells[0], cells[gone], (n_rows - gone) * COLUMNS_MAX);
    memset(cells[n_rows - gone], ' ', gone * COLUMNS_MAX);
    row -= gone;
    for (unsigned int y = 0; y < n_rows; y++)
        for (unsigned int x = 0; x < n_columns; x++)
            show(y, x);
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
    if (s->bits % 8 || s->bits < 16 || s->bits > 32)
        return false;
    frame = ioremap(s->base, (size_t)s->pitch * s->height);
    if (!frame)
        return false;
    pitch = s->pitch;
    bytes = s->bits / 8;
    zoom = s->width >= WIDE ? 2 : 1;
    n_columns = MIN(s->width / (CELL_WIDTH * zoom), COLUMNS_MAX);
    n_rows = MIN(s->height / (CELL_HEIGHT * zoom), ROWS_MAX);
    return n_columns && n_rows > 1;
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
    for (unsigned int y = 0; y < n_rows; y++)
        for (unsigned int x = 0; x < n_columns; x++)
            show(y, x); /* all differ from the zeros before */
}

void screen_release(void)
{
    is_ours = false;
}
