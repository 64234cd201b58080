/* SPDX-License-Identifier: MIT */
/* A bounded printf without floating point. */
#include <stdbool.h>
#include <stdint.h>

#include "lib/format.h"
#include "lib/string.h"

#define DIGITS_MAX 24 /* 2^64 in octal has 22 */

/* Where the text goes; len counts what did not fit as well. */
struct output {
    char *buf;
    size_t size;
    size_t len;
};

/* One conversion, between % and its letter. */
struct spec {
    bool left;
    bool zero;
    bool plus;
    bool space;
    bool alternate;
    bool has_precision;
    size_t width;
    size_t precision;
    unsigned int bytes; /* of an integer argument */
};

static void put(struct output *out, char c)
{
    if (out->len + 1 < out->size)
        out->buf[out->len] = c;
    out->len++;
}

static void put_repeated(struct output *out, char c, size_t n)
{
    while (n--)
        put(out, c);
}

static void put_text(struct output *out, const char *s, size_t len)
{
    while (len--)
        put(out, *s++);
}

/* Puts text padded to the width with spaces. */
static void put_padded(struct output *out, const struct spec *spec, const char *s, size_t len)
{
    size_t pad = spec->width > len ? spec->width - len : 0;

    if (!spec->left)
        put_repeated(out, ' ', pad);
    put_text(out, s, len);
    if (spec->left)
        put_repeated(out, ' ', pad);
}

/* Puts a number: padding, prefix (sign or 0x), zeros, digits. */
static void put_number(struct output *out, const struct spec *spec, uint64_t value,
                       const char *prefix, unsigned int base, bool capital)
{
    const char *symbols = capital ? "0123456789ABCDEF" : "0123456789abcdef";
    char digits[DIGITS_MAX];
    size_t n = 0, zeros, prefix_len = strlen(prefix), used, pad;

    for (; value; value /= base)
        digits[DIGITS_MAX - ++n] = symbols[value % base];
    zeros = spec->has_precision ? spec->precision : 1;
    zeros = zeros > n ? zeros - n : 0;
    if (base == 8 && spec->alternate && zeros == 0)
        zeros = 1;
    used = prefix_len + zeros + n;
    pad = spec->width > used ? spec->width - used : 0;
    if (spec->zero && !spec->left && !spec->has_precision) {
        zeros += pad;
        pad = 0;
    }
    if (!spec->left)
        put_repeated(out, ' ', pad);
    put_text(out, prefix, prefix_len);
    put_repeated(out, '0', zeros);
    put_text(out, digits + DIGITS_MAX - n, n);
    if (spec->left)
        put_repeated(out, ' ', pad);
}

/* Cuts an argument to the size its length modifier gives. */
static uint64_t cut_unsigned(uint64_t value, unsigned int bytes)
{
    return bytes < 8 ? value & ((1ull << (8 * bytes)) - 1) : value;
}

static void put_signed(struct output *out, const struct spec *spec, int64_t value)
{
    unsigned int shift = 64 - 8 * spec->bytes;

    value = (int64_t)((uint64_t)value << shift) >> shift;
    put_number(out, spec, value < 0 ? -(uint64_t)value : (uint64_t)value,
               value < 0     ? "-"
               : spec->plus  ? "+"
               : spec->space ? " "
                             : "",
               10, false);
}

static const char *parse_flags(const char *p, struct spec *spec)
{
    for (;; p++) {
        switch (*p) {
        case '-':
            spec->left = true;
            break;
        case '0':
            spec->zero = true;
            break;
        case '+':
            spec->plus = true;
            break;
        case ' ':
            spec->space = true;
            break;
        case '#':
            spec->alternate = true;
            break;
        default:
            return p;
        }
    }
}

/* A decimal width or precision; absurd ones are held to 16 bits. */
static const char *parse_count(const char *p, size_t *count)
{
    for (*count = 0; char_is_digit(*p); p++)
        *count = (*count * 10 + (size_t)(*p - '0')) & 0xffff;
    return p;
}

static const char *parse_length(const char *p, struct spec *spec)
{
    spec->bytes = sizeof(int);
    if (*p == 'h') {
        spec->bytes = p[1] == 'h' ? 1 : 2;
        return p + (p[1] == 'h' ? 2 : 1);
    }
    if (*p == 'l' || *p == 'z' || *p == 'j' || *p == 't') {
        spec->bytes = 8;
        return p + (p[0] == 'l' && p[1] == 'l' ? 2 : 1);
    }
    return p;
}

/* The arguments in a struct, so that they can be handed on and still advance. */
struct arguments {
    va_list list;
};

static const char *parse_spec(const char *p, struct spec *spec, struct arguments *args)
{
    *spec = (struct spec){0};
    p = parse_flags(p, spec);
    if (*p == '*') {
        int width = va_arg(args->list, int);

        spec->left = spec->left || width < 0;
        spec->width = (width < 0 ? -(unsigned int)width : (unsigned int)width) & 0xffff;
        p++;
    } else {
        p = parse_count(p, &spec->width);
    }
    if (*p == '.') {
        spec->has_precision = true;
        p++;
        if (*p == '*') {
            int precision = va_arg(args->list, int);

            spec->has_precision = precision >= 0;
            spec->precision = precision >= 0 ? (size_t)precision : 0;
            p++;
        } else {
            p = parse_count(p, &spec->precision);
        }
    }
    return parse_length(p, spec);
}

static uint64_t next_integer(const struct spec *spec, struct arguments *args)
{
    if (spec->bytes == 8)
        return va_arg(args->list, uint64_t);
    return (uint64_t)(int64_t)va_arg(args->list, int);
}

/* Converts one argument by its letter; false when the letter is unknown. */
static bool convert(struct output *out, struct spec *spec, char letter, struct arguments *args)
{
    uint64_t value;
    const char *s;
    char c;

    switch (letter) {
    case 'd':
    case 'i':
        put_signed(out, spec, (int64_t)next_integer(spec, args));
        return true;
    case 'u':
        put_number(out, spec, cut_unsigned(next_integer(spec, args), spec->bytes), "", 10, false);
        return true;
    case 'o':
        put_number(out, spec, cut_unsigned(next_integer(spec, args), spec->bytes), "", 8, false);
        return true;
    case 'x':
    case 'X':
        value = cut_unsigned(next_integer(spec, args), spec->bytes);
        put_number(out, spec, value, spec->alternate && value ? (letter == 'x' ? "0x" : "0X") : "",
                   16, letter == 'X');
        return true;
    case 'p':
        spec->has_precision = true;
        spec->precision = 16;
        put_number(out, spec, (uintptr_t)va_arg(args->list, void *), "0x", 16, false);
        return true;
    case 'c':
        c = (char)va_arg(args->list, int);
        put_padded(out, spec, &c, 1);
        return true;
    case 's':
        s = va_arg(args->list, const char *);
        s = s ? s : "(null)";
        put_padded(out, spec, s, strnlen(s, spec->has_precision ? spec->precision : SIZE_MAX));
        return true;
    case '%':
        put(out, '%');
        return true;
    }
    return false;
}

size_t format_vsn(char *buf, size_t size, const char *fmt, va_list list)
{
    struct output out = {.buf = buf, .size = size};
    struct arguments args;

    va_copy(args.list, list);
    while (*fmt) {
        struct spec spec;
        const char *end;

        if (*fmt != '%') {
            put(&out, *fmt++);
            continue;
        }
        end = parse_spec(fmt + 1, &spec, &args);
        if (*end && convert(&out, &spec, *end, &args))
            end++;
        else
            put_text(&out, fmt, (size_t)(end - fmt));
        fmt = end;
    }
    va_end(args.list);
    if (size > 0)
        buf[out.len < size ? out.len : size - 1] = 0;
    return out.len;
}

size_t format_sn(char *buf, size_t size, const char *fmt, ...)
{
    va_list list;
    size_t len;

    va_start(list, fmt);
    len = format_vsn(buf, size, fmt, list);
    va_end(list);
    return len;
}
