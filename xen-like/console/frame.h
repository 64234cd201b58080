/* SPDX-License-Identifier: MIT */
/* A framebuffer as a grid of letters: no hardware but the memory it is given. */
#ifndef CORBEL_CONSOLE_FRAME_H
#define CORBEL_CONSOLE_FRAME_H

#include "types.h"

#define FRAME_GLYPHS        95 /* from blank to ~ */
#define FRAME_GLYPH_COLUMNS 5
#define FRAME_CELL_WIDTH    6 /* dots of a letter with its margins */
#define FRAME_CELL_HEIGHT   8
#define FRAME_ZOOM_MAX      8

/* Letters of 5 by 7 dots, five columns each, bit 0 at the top. */
extern const uint8_t frame_font[FRAME_GLYPHS][FRAME_GLYPH_COLUMNS];

struct boot_screen;

struct frame {
    uint8_t *memory;    /* set by whoever maps it */
    size_t size, pitch; /* bytes: of all lines, of a line */
    unsigned int bytes; /* of a pixel: 2, 3 or 4 */
    unsigned int zoom;  /* pixels of a dot, each way */
    unsigned int columns, rows;
    uint32_t light; /* the pixel of a lit dot; unlit ones are 0 */
};

/* What `s` describes, all but the memory. False: not a framebuffer that letters can be drawn on
 * (its lines overlap, its pixels are of another size, or there is no room for two lines of text).
 */
bool frame_describe(struct frame *f, const struct boot_screen *s);

/* Draws `c` (a blank where it is no letter) in a cell of the grid; nothing is read. */
void frame_draw(const struct frame *f, unsigned int row, unsigned int column, char c);

#endif
