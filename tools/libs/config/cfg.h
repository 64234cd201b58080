/* SPDX-License-Identifier: MIT */
/*
 * The syntax of xl.cfg files (man 5 xl.cfg): KEY = VALUE, parted by newlines or semicolons.
 *
 * A value is a string in single or double quotes, a number (decimal, 0 octal, 0x hexadecimal), or a
 * list of values in brackets, parted by commas, over as many lines as it likes. `#` starts a
 * comment, a backslash at the end of a line continues it, `+=` appends to a string or list set
 * before. A later setting of a key replaces the earlier. Here is only syntax; what the keys mean is
 * domain_config.h's matter.
 */
#ifndef CONFIG_CFG_H
#define CONFIG_CFG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Lists within lists, no deeper than this. */
#define CFG_DEPTH_MAX 8

enum cfg_kind {
    CFG_STRING,
    CFG_NUMBER,
    CFG_LIST,
};

struct cfg_value {
    enum cfg_kind kind;
    unsigned int line;
    int64_t number;          /* CFG_NUMBER */
    char *string;            /* CFG_STRING; of a number, its text as written */
    struct cfg_value *items; /* CFG_LIST */
    size_t n_items;
};

struct cfg_setting {
    char *key;
    const char *file; /* where it was set; the caller's string */
    unsigned int line;
    bool is_used; /* somebody asked for it */
    struct cfg_value value;
};

struct cfg {
    struct cfg_setting *settings;
    size_t n_settings;
};

/* Where and why a text could not be read. */
struct cfg_error {
    const char *file;
    unsigned int line;
    char text[160];
};

/*
 * Adds the settings of a text to cfg (start with all zero). file names the text in messages and
 * must outlive cfg. Returns 0, or -1 with *error filled; cfg then holds what was read before the
 * error and is freed as ever.
 */
int cfg_parse(struct cfg *cfg, const char *text, size_t length, const char *file,
              struct cfg_error *error);
void cfg_free(struct cfg *cfg);

/* The setting of a key, marked as used, or NULL. */
struct cfg_setting *cfg_find(struct cfg *cfg, const char *key);

#endif
