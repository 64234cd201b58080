/* SPDX-License-Identifier: MIT */
/* Text out of a micro-guest: the hypervisor's console for dom0, the console ring for a domU. */
#ifndef RUNTIME_CONSOLE_H
#define RUNTIME_CONSOLE_H

#include <stdarg.h>
#include <stddef.h>

/*
 * Writes raw bytes. dom0 writes by console_io; a domU writes to the ring page of start_info
 * (<xen/io/console.h>) and waits, yielding, while the ring is full.
 */
void console_write(const char *text, size_t length);

/* Reads up to `size` waiting bytes without blocking; answers how many. */
size_t console_read(char *buffer, size_t size);

/* Waits until the other side has taken everything written to the ring; nothing to do for dom0. */
void console_flush(void);

/* Formatted write, cut at 511 bytes a call; the conversions are those of format_text(). */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_args(const char *format, va_list args);

#endif
