/* SPDX-License-Identifier: MIT */
/* Memory and string functions; those libc has are compiled in freestanding builds only. */
#include "lib/string.h"

#if !__STDC_HOSTED__

/*
 * Words first, then the tail: emulators and older CPUs move a word as fast as a byte, and to CPUs
 * with fast strings it makes no difference.
 */
void *memcpy(void *restrict dst, const void *restrict src, size_t len)
{
    void *to = dst;
    size_t words = len / 8, tail = len % 8;

    __asm__ volatile("rep movsq" : "+D"(to), "+S"(src), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(src), "+c"(tail) : : "memory");
    return dst;
}

void *memset(void *dst, int byte, size_t len)
{
    void *to = dst;
    size_t words = len / 8, tail = len % 8;
    uint64_t pattern = 0x0101010101010101ull * (uint8_t)byte;

    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(tail) : "a"(pattern) : "memory");
    return dst;
}

void *memmove(void *dst, const void *src, size_t len)
{
    char *last_to = (char *)dst + len - 1;
    const char *last_from = (const char *)src + len - 1;

    /* Forward is right unless dst lies inside src. */
    if ((uintptr_t)dst - (uintptr_t)src >= len)
        return memcpy(dst, src, len);
    __asm__ volatile("std; rep movsb; cld"
                     : "+D"(last_to), "+S"(last_from), "+c"(len)
                     :
                     : "memory", "cc");
    return dst;
}

int memcmp(const void *a, const void *b, size_t len)
{
    const unsigned char *x = a, *y = b;

    for (; len > 0; len--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

void *memchr(const void *mem, int byte, size_t len)
{
    const unsigned char *p = mem;

    for (; len > 0; len--, p++)
        if (*p == (unsigned char)byte)
            return (void *)(uintptr_t)p;
    return NULL;
}

size_t strlen(const char *s)
{
    return strnlen(s, SIZE_MAX);
}

size_t strnlen(const char *s, size_t max)
{
    size_t len = 0;

    while (len < max && s[len])
        len++;
    return len;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t len)
{
    for (; len > 0; len--, a++, b++) {
        if (*a != *b)
            return (unsigned char)*a - (unsigned char)*b;
        if (*a == 0)
            break;
    }
    return 0;
}

char *strchr(const char *s, int c)
{
    for (; *s != (char)c; s++)
        if (*s == 0)
            return NULL;
    return (char *)(uintptr_t)s;
}

char *strrchr(const char *s, int c)
{
    const char *found = NULL;

    do
        if (*s == (char)c)
            found = s;
    while (*s++);
    return (char *)(uintptr_t)found;
}

char *strstr(const char *s, const char *part)
{
    size_t len = strlen(part);

    for (; *s || len == 0; s++)
        if (strncmp(s, part, len) == 0)
            return (char *)(uintptr_t)s;
    return NULL;
}

#endif

size_t string_copy(char *dst, const char *src, size_t size)
{
    size_t len = strlen(src);

    if (size > 0) {
        size_t fits = len < size ? len : size - 1;

        memcpy(dst, src, fits);
        dst[fits] = 0;
    }
    return len;
}

bool string_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

static unsigned int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned int)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned int)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned int)(c - 'A') + 10;
    return UINT32_MAX;
}

bool str_to_u64(const char *s, const char **end, unsigned int base, uint64_t *value)
{
    uint64_t v = 0;

    if ((base == 0 || base == 16) && s[0] == '0' && (s[1] | 0x20) == 'x' &&
        digit_value(s[2]) < 16) {
        s += 2;
        base = 16;
    } else if (base == 0) {
        base = s[0] == '0' ? 8 : 10;
    }
    if (digit_value(*s) >= base)
        return false;
    for (; digit_value(*s) < base; s++)
        if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit_value(*s), &v))
            return false;
    *value = v;
    if (end)
        *end = s;
    return true;
}

bool str_to_size(const char *s, const char **end, uint64_t default_unit, uint64_t *value)
{
    static const char suffixes[] = "bkmgt";
    uint64_t unit = default_unit;

    if (!str_to_u64(s, &s, 0, value))
        return false;
    for (unsigned int i = 0; suffixes[i]; i++)
        if ((*s | 0x20) == suffixes[i]) {
            unit = 1ull << (10 * i);
            s++;
            break;
        }
    if (end)
        *end = s;
    return !__builtin_mul_overflow(*value, unit, value);
}
