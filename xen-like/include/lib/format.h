/* SPDX-License-Identifier: MIT */
/* printf's formatting into a buffer. */
#ifndef LIB_FORMAT_H
#define LIB_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

/*
 * Formats into buf (size bytes), always ended unless size is 0. Returns the length the whole text
 * has: a result of size or more means it was cut.
 *
 * Conversions: d i u x X o c s p %; flags - 0 + space #; width and precision as numbers or *;
 * lengths hh h l ll z t j. A string is not read beyond its precision; a NULL string prints (null).
 * An unknown conversion is printed as it stands. Same results as C17's printf, but for %p: always
 * 0x and 16 digits.
 */
size_t format_vsn(char *buf, size_t size, const char *fmt, va_list args);
size_t format_sn(char *buf, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
