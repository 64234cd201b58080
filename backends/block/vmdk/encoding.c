/* SPDX-License-Identifier: MIT */
/* encoding: windows-1252 by a table, rarer ones by iconv. */
#include "block/vmdk/encoding.h"

#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* windows-1252's 0x80-0x9F; 0 where it has no character. */
static const uint16_t windows_1252[32] = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178,
};

static bool is_ascii(const char *name)
{
    for (; *name != '\0'; name++)
        if ((unsigned char)*name >= 0x80)
            return false;
    return true;
}

static int copy(const char *name, char *out, size_t size)
{
    if (strlen(name) >= size)
        return -ENOSPC;
    strcpy(out, name);
    return 0;
}

static bool is_latin(const char *encoding)
{
    return strcasecmp(encoding, "windows-1252") == 0 || strcasecmp(encoding, "ISO-8859-1") == 0;
}

static uint32_t latin_to_unicode(const char *encoding, unsigned char c)
{
    if (c >= 0x80 && c < 0xA0 && strcasecmp(encoding, "windows-1252") == 0)
        return windows_1252[c - 0x80];
    return c;
}

static int latin_to_utf8(const char *encoding, const char *name, char *out, size_t size)
{
    size_t used = 0;

    for (; *name != '\0'; name++) {
        uint32_t code = latin_to_unicode(encoding, (unsigned char)*name);

        if (code == 0)
            return -EILSEQ;
        if (used + 4 > size)
            return -ENOSPC;
        if (code < 0x80) {
            out[used++] = (char)code;
        } else if (code < 0x800) {
            out[used++] = (char)(0xC0 | code >> 6);
            out[used++] = (char)(0x80 | (code & 0x3F));
        } else {
            out[used++] = (char)(0xE0 | code >> 12);
            out[used++] = (char)(0x80 | (code >> 6 & 0x3F));
            out[used++] = (char)(0x80 | (code & 0x3F));
        }
    }
    if (used >= size)
        return -ENOSPC;
    out[used] = '\0';
    return 0;
}

/* The next character of at most three bytes; 0 when it is not one. */
static uint32_t utf8_next(const unsigned char **at)
{
    const unsigned char *c = *at;
    unsigned more = c[0] < 0x80                   ? 0
                    : c[0] >= 0xC2 && c[0] < 0xE0 ? 1
                    : (c[0] & 0xF0) == 0xE0       ? 2
                                                  : 9;
    uint32_t code = more == 0 ? c[0] : more == 1 ? c[0] & 0x1F : c[0] & 0x0F;

    if (more == 9)
        return 0;
    for (unsigned i = 1; i <= more; i++) {
        if ((c[i] & 0xC0) != 0x80)
            return 0;
        code = code << 6 | (c[i] & 0x3F);
    }
    *at += more + 1;
    return code;
}

static int latin_from_utf8(const char *encoding, const char *name, char *out, size_t size)
{
    const unsigned char *at = (const unsigned char *)name;
    size_t used = 0;

    while (*at != '\0') {
        uint32_t code = utf8_next(&at);
        unsigned c = 1;

        while (c < 256 && latin_to_unicode(encoding, (unsigned char)c) != code)
            c++;
        if (code == 0 || c == 256)
            return -EILSEQ;
        if (used + 1 >= size)
            return -ENOSPC;
        out[used++] = (char)c;
    }
    out[used] = '\0';
    return 0;
}

static int by_iconv(const char *to, const char *from, const char *name, char *out, size_t size)
{
    iconv_t converter = iconv_open(to, from);
    char *in = (char *)name;
    size_t left = strlen(name), room = size - 1;
    int rc = 0;

    if (converter == (iconv_t)-1)
        return -EINVAL;
    if (iconv(converter, &in, &left, &out, &room) == (size_t)-1)
        rc = errno == E2BIG ? -ENOSPC : -EILSEQ;
    *out = '\0';
    iconv_close(converter);
    return rc;
}

int encoding_to_utf8(const char *encoding, const char *name, char *out, size_t size)
{
    if (is_ascii(name))
        return copy(name, out, size);
    if (is_latin(encoding))
        return latin_to_utf8(encoding, name, out, size);
    return by_iconv("UTF-8", encoding[0] == '\0' ? "UTF-8" : encoding, name, out, size);
}

int encoding_from_utf8(const char *encoding, const char *name, char *out, size_t size)
{
    if (is_ascii(name))
        return copy(name, out, size);
    if (is_latin(encoding))
        return latin_from_utf8(encoding, name, out, size);
    return by_iconv(encoding, "UTF-8", name, out, size);
}
