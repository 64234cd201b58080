/* SPDX-License-Identifier: MIT */
/* A small printf: integers, strings and characters. */
#include <stdbool.h>
#include <stdint.h>

#include "runtime/format.h"

struct sink {
    char *buffer;
    size_t size, used;
};

struct spec {
    bool left, zero;
    unsigned int width;
    unsigned int longs; /* 0 int, 1 or more 64 bits */
};

static void sink_put(struct sink *sink, char c)
{
    if (sink->used + 1 < sink->size)
        sink->buffer[sink->used++] = c;
}

static void put_padded(struct sink *sink, const struct spec *spec, const char *text, size_t length)
{
    char fill = spec->zero && !spec->left ? '0' : ' ';

    if (fill == '0' && length && *text == '-') {
        sink_put(sink, *text++);
        length--;
        if (spec->width > length + 1)
            for (size_t i = spec->width - 1 - length; i; i--)
                sink_put(sink, '0');
    } else if (!spec->left) {
        for (size_t i = length; i < spec->width; i++)
            sink_put(sink, fill);
    }
    for (size_t i = 0; i < length; i++)
        sink_put(sink, text[i]);
    if (spec->left)
        for (size_t i = length; i < spec->width; i++)
            sink_put(sink, ' ');
}

static void put_number(struct sink *sink, const struct spec *spec, uint64_t value,
                       unsigned int base, bool negative)
{
    char digits[24];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (negative)
        digits[--at] = '-';
    put_padded(sink, spec, digits + at, sizeof(digits) - at);
}

/* Reads flags, width and length after '%'; answers where the conversion letter stands. */
static const char *read_spec(const char *format, struct spec *spec)
{
    *spec = (struct spec){0};
    for (;; format++) {
        if (*format == '-')
            spec->left = true;
        else if (*format == '0')
            spec->zero = true;
        else
            break;
    }
    while (*format >= '0' && *format <= '9')
        spec->width = spec->width * 10 + (*format++ - '0');
    while (*format == 'l' || *format == 'z') {
        spec->longs++;
        format++;
    }
    return format;
}

static void put_conversion(struct sink *sink, const struct spec *spec, char letter, va_list *args)
{
    switch (letter) {
    case 'd':
    case 'i': {
        int64_t value = spec->longs ? va_arg(*args, long) : va_arg(*args, int);
        put_number(sink, spec, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, value < 0);
        break;
    }
    case 'u':
    case 'x': {
        uint64_t value = spec->longs ? va_arg(*args, unsigned long) : va_arg(*args, unsigned int);
        put_number(sink, spec, value, letter == 'x' ? 16 : 10, false);
        break;
    }
    case 'p':
        put_number(sink, spec, (uint64_t)va_arg(*args, void *), 16, false);
        break;
    case 's': {
        const char *text = va_arg(*args, const char *);
        put_padded(sink, spec, text ? text : "(null)", strlen(text ? text : "(null)"));
        break;
    }
    case 'c': {
        char c = (char)va_arg(*args, int);
        put_padded(sink, spec, &c, 1);
        break;
    }
    default:
        sink_put(sink, letter);
    }
}

size_t format_text(char *buffer, size_t size, const char *format, va_list args)
{
    struct sink sink = {buffer, size, 0};
    struct spec spec;
    va_list rest;

    va_copy(rest, args);
    while (*format) {
        if (*format != '%') {
            sink_put(&sink, *format++);
            continue;
        }
        format = read_spec(format + 1, &spec);
        if (!*format)
            break;
        put_conversion(&sink, &spec, *format++, &rest);
    }
    va_end(rest);
    if (size)
        buffer[sink.used] = '\0';
    return sink.used;
}
