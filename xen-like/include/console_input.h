/* SPDX-License-Identifier: MIT */
/* Serial input: to dom0, or to the debug keys after three times Ctrl-A. */
#ifndef CORBEL_CONSOLE_INPUT_H
#define CORBEL_CONSOLE_INPUT_H

#include "types.h"

/* A character arrived; interrupt context. */
void console_input_char(char c);
/* Tells dom0 of input, runs debug keys. */
void console_input_softirq(void);
/* What dom0 reads with CONSOLEIO_read. Returns the number of bytes. */
size_t console_input_read(char *buf, size_t n);

#endif
