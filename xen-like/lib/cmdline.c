/* SPDX-License-Identifier: MIT */
/* Splits a command line into words and stores their values by a table. */
#include "lib/cmdline.h"
#include "lib/string.h"

bool cmdline_next_word(const char **line, char *word, size_t size)
{
    const char *p = *line, *start;
    size_t len = 0;
    char quote = 0;

    while (char_is_space(*p))
        p++;
    for (start = p; *p && (quote || !char_is_space(*p)); p++) {
        if (quote ? *p == quote : *p == '"' || *p == '\'')
            quote = quote ? 0 : *p;
        else if (len + 1 < size)
            word[len++] = *p;
    }
    *line = p;
    if (size > 0)
        word[len] = 0;
    return p != start && !(p - start == 2 && start[0] == '-' && start[1] == '-');
}

/* Compares name with the first len characters of s; '-' and '_' are the same. */
static bool is_name(const char *name, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char a = name[i] == '-' ? '_' : name[i], b = s[i] == '-' ? '_' : s[i];

        if (a == 0 || a != b)
            return false;
    }
    return name[len] == 0;
}

static bool parse_bool(const char *s, bool *value)
{
    static const char *const words[2][5] = {
        {"no", "off", "false", "disable", "0"},
        {"yes", "on", "true", "enable", "1"},
    };

    for (int v = 0; v < 2; v++)
        for (int i = 0; i < 5; i++)
            if (strcmp(s, words[v][i]) == 0) {
                *value = v;
                return true;
            }
    return false;
}

/* Stores a value; false when it is none of the option's type. */
static bool store(const struct cmdline_option *option, const char *value, bool negated)
{
    const char *end = "";
    uint64_t number;

    switch (option->type) {
    case CMDLINE_BOOL:
        return parse_bool(negated ? "no" : *value ? value : "yes", option->value);
    case CMDLINE_UINT:
        if (negated || !str_to_u64(value, &end, 0, &number) || *end || number > UINT32_MAX)
            return false;
        *(unsigned int *)option->value = (unsigned int)number;
        return true;
    case CMDLINE_SIZE:
        if (negated || !str_to_size(value, &end, 1024, &number) || *end)
            return false;
        *(uint64_t *)option->value = number;
        return true;
    case CMDLINE_STRING:
        if (negated || strlen(value) >= option->size)
            return false;
        string_copy(option->value, value, option->size);
        return true;
    case CMDLINE_CALL:
        return option->parse(negated ? "no" : value);
    }
    return false;
}

static const struct cmdline_option *find(const struct cmdline_option *options, size_t n,
                                         const char *name, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (is_name(options[i].name, name, len))
            return &options[i];
    return NULL;
}

unsigned int cmdline_parse(const char *line, const struct cmdline_option *options, size_t n_options,
                           cmdline_report_word *report, void *arg)
{
    char word[CMDLINE_WORD_MAX];
    unsigned int n_reported = 0;

    while (cmdline_next_word(&line, word, sizeof(word))) {
        const char *equals = strchr(word, '=');
        size_t len = equals ? (size_t)(equals - word) : strlen(word);
        const struct cmdline_option *option = find(options, n_options, word, len);
        bool negated = false;

        if (!option && !equals && len > 3 && string_starts(word, "no-")) {
            option = find(options, n_options, word + 3, len - 3);
            negated = true;
        }
        if (!option || !store(option, equals ? equals + 1 : "", negated)) {
            n_reported++;
            report(arg, word, option != NULL);
        }
    }
    return n_reported;
}
