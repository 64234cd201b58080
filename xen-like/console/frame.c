/* SPDX-License-Identifier: MIT */
/* Letters as pixels: packed once for a line of dots, then written in order, as combined writes want
 * it. */
#include "console/frame.h"
#include "boot.h"
#include "lib/string.h"

#define WIDTH_OF_ZOOM 512u /* pixels: a line has about 85 letters or more */
#define PIXEL_MAX     4u
#define GREY          0xc0u
#define COLOUR_BITS   8u
#define PIXEL_BITS    32u

static uint32_t colour_bits(struct boot_colour c, uint32_t level)
{
    if (c.size >= COLOUR_BITS)
        level <<= MIN(c.size - COLOUR_BITS, PIXEL_BITS - COLOUR_BITS);
    else
        level >>= COLOUR_BITS - c.size;
    return c.position < PIXEL_BITS ? level << c.position : 0;
}

bool frame_describe(struct frame *f, const struct boot_screen *s)
{
    if (s->bits != 15 && s->bits != 16 && s->bits != 24 && s->bits != 32)
        return false;
    f->bytes = (s->bits + 7) / 8;
    f->pitch = s->pitch;
    f->size = (size_t)s->pitch * s->height;
    if ((size_t)s->width * f->bytes > f->pitch)
        return false;
    f->zoom = MAX(MIN(s->width / WIDTH_OF_ZOOM, (unsigned int)FRAME_ZOOM_MAX), 1u);
    f->columns = s->width / (FRAME_CELL_WIDTH * f->zoom);
    f->rows = s->height / (FRAME_CELL_HEIGHT * f->zoom);
    f->light = colour_bits(s->red, GREY) | colour_bits(s->green, GREY) | colour_bits(s->blue, GREY);
    return f->columns > 0 && f->rows > 1;
}

static void dots_pack(const struct frame *f, uint8_t *line, const uint8_t *glyph, unsigned int y)
{
    for (unsigned int x = 0; x < FRAME_CELL_WIDTH; x++) {
        uint32_t pixel = x < FRAME_GLYPH_COLUMNS && (glyph[x] >> y & 1) ? f->light : 0;

        for (unsigned int i = 0; i < f->zoom; i++, line += f->bytes)
            memcpy(line, &pixel, f->bytes);
    }
}

void frame_draw(const struct frame *f, unsigned int row, unsigned int column, char c)
{
    const uint8_t *glyph = frame_font[c >= ' ' && c <= '~' ? c - ' ' : 0];
    uint8_t line[FRAME_CELL_WIDTH * FRAME_ZOOM_MAX * PIXEL_MAX];
    size_t n = (size_t)FRAME_CELL_WIDTH * f->zoom * f->bytes;
    uint8_t *at = f->memory + (size_t)row * FRAME_CELL_HEIGHT * f->zoom * f->pitch + column * n;

    for (unsigned int y = 0; y < FRAME_CELL_HEIGHT; y++) {
        dots_pack(f, line, glyph, y);
        for (unsigned int i = 0; i < f->zoom; i++, at += f->pitch)
            memcpy(at, line, n);
    }
}
