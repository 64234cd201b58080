/* SPDX-License-Identifier: MIT */
/* Memory and string functions. Hosted builds use libc's for those it has. */
#ifndef LIB_STRING_H
#define LIB_STRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if __STDC_HOSTED__
#include <string.h>
#else
void *memcpy(void *restrict dst, const void *restrict src, size_t len);
void *memmove(void *dst, const void *src, size_t len);
void *memset(void *dst, int byte, size_t len);
int memcmp(const void *a, const void *b, size_t len);
void *memchr(const void *mem, int byte, size_t len);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t len);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
char *strstr(const char *s, const char *part);
#endif

/*
 * Copies src into dst (size bytes), always ended unless size is 0. Returns the length of src: a
 * result of size or more means it was cut.
 */
size_t string_copy(char *dst, const char *src, size_t size);

/* True when s begins with prefix. */
bool string_starts(const char *s, const char *prefix);

/*
 * Reads an unsigned number at s: decimal, 0x hexadecimal or 0 octal, as base is 10, 16, 8, or 0 for
 * "by its prefix". *end (may be NULL) is set past its last digit. Returns false when there is no
 * digit or it does not fit 64 bits.
 */
bool str_to_u64(const char *s, const char **end, unsigned int base, uint64_t *value);

/*
 * Reads a size in bytes: a number by its prefix, then an optional B, K, M, G or T of either case.
 * Without a suffix it counts default_unit bytes (1 for bytes, 1024 for kibibytes as Xen's command
 * line does).
 */
bool str_to_size(const char *s, const char **end, uint64_t default_unit, uint64_t *value);

static inline bool char_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool char_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool char_is_print(char c)
{
    return c >= ' ' && c <= '~';
}

#endif
