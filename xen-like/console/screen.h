/* SPDX-License-Identifier: MIT */
/* The screen as a console: VGA's text mode or a framebuffer, until dom0 takes it (`vga=keep`:
 * beyond).
 */
#ifndef CORBEL_CONSOLE_SCREEN_H
#define CORBEL_CONSOLE_SCREEN_H

#include "types.h"

/* Finds the screen that the loader left (boot_info.screen). False: there is none. */
bool screen_init(void);
void screen_clear(void);
/* Text goes on at the cursor; what is no letter is left out. The caller holds the console's lock.
 */
void screen_write(const char *text, size_t n);
/* dom0 has it from now on. */
void screen_release(void);

#endif
