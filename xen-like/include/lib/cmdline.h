/* SPDX-License-Identifier: MIT */
/* Xen-style command lines, `console=com1 dom0_mem=512M no-watchdog "quoted words"`, by a table of
 * options. */
#ifndef LIB_CMDLINE_H
#define LIB_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CMDLINE_WORD_MAX 256

enum cmdline_type {
    CMDLINE_BOOL,   /* bool: name, no-name, name=yes|on|true|enable|1 or no|off|false|disable|0 */
    CMDLINE_UINT,   /* unsigned int: decimal, 0x, 0 octal */
    CMDLINE_SIZE,   /* uint64_t: bytes, with suffix B K M G T; kibibytes without one */
    CMDLINE_STRING, /* char[size]: a value that does not fit is refused */
    CMDLINE_CALL,   /* parse(value): "" when there is none, "no" for no-name; false refuses it */
};

struct cmdline_option {
    const char *name; /* '-' and '_' are the same */
    enum cmdline_type type;
    void *value;
    size_t size;
    bool (*parse)(const char *value);
};

/* Called for each word that no option took: unknown (known false), or with a value it refuses. */
typedef void cmdline_report_word(void *arg, const char *word, bool known);

/*
 * Copies the next word at *line to word (size bytes) without its quotes and moves *line past it.
 * Quotes, " or ', may stand anywhere in a word. A word that does not fit is cut. Returns false at
 * the line's end and at the word "--".
 */
bool cmdline_next_word(const char **line, char *word, size_t size);

/*
 * Stores the values of all words of the line; of an option given twice the last one counts. Returns
 * how many words were reported.
 */
unsigned int cmdline_parse(const char *line, const struct cmdline_option *options, size_t n_options,
                           cmdline_report_word *report, void *arg);

#endif
