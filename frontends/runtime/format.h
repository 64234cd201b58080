/* SPDX-License-Identifier: MIT */
/* Text formatting and memory functions for guests that run without a C library. */
#ifndef RUNTIME_FORMAT_H
#define RUNTIME_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/*
 * Formats into buffer of `size` bytes, always terminated when size > 0, cut when too long.
 * Knows %c %s %d %i %u %x %p %%, the flags '-' and '0', a width, and the lengths l, ll and z.
 * Answers the length written, without the terminator.
 */
size_t format_text(char *buffer, size_t size, const char *format, va_list args);

/* The usual ones; names as in C so that the compiler may call them. */
void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t size);

#endif
