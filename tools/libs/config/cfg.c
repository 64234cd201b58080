/* SPDX-License-Identifier: MIT */
/* Reads xl.cfg settings by recursive descent, one token ahead. */
#include "config/cfg.h"
#include "config/lexer.h"

#include <stdlib.h>
#include <string.h>

struct parser {
    struct lexer lexer;
    struct token token; /* the one being looked at */
    struct cfg *cfg;
    const char *file;
};

static void value_free(struct cfg_value *value)
{
    for (size_t i = 0; i < value->n_items; i++)
        value_free(&value->items[i]);
    free(value->items);
    free(value->string);
    *value = (struct cfg_value){0};
}

void cfg_free(struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->n_settings; i++) {
        free(cfg->settings[i].key);
        value_free(&cfg->settings[i].value);
    }
    free(cfg->settings);
    *cfg = (struct cfg){0};
}

static struct cfg_setting *find(struct cfg *cfg, const char *key)
{
    for (size_t i = 0; i < cfg->n_settings; i++)
        if (strcmp(cfg->settings[i].key, key) == 0)
            return &cfg->settings[i];
    return NULL;
}

struct cfg_setting *cfg_find(struct cfg *cfg, const char *key)
{
    struct cfg_setting *setting = find(cfg, key);

    if (setting)
        setting->is_used = true;
    return setting;
}

static int advance(struct parser *parser)
{
    free(parser->token.text);
    parser->token.text = NULL;
    return lexer_next(&parser->lexer, &parser->token);
}

static int skip_newlines(struct parser *parser)
{
    while (parser->token.kind == TOKEN_NEWLINE)
        if (advance(parser) < 0)
            return -1;
    return 0;
}

static int fail(struct parser *parser, const char *wanted)
{
    const struct token *token = &parser->token;

    if (token->kind == TOKEN_END)
        return lexer_fail(&parser->lexer, token->line, "the file ends where %s should be", wanted);
    if (token->kind == TOKEN_WORD)
        return lexer_fail(&parser->lexer, token->line, "'%.40s' stands where %s should be",
                          token->text, wanted);
    return lexer_fail(&parser->lexer, token->line, "%s is missing", wanted);
}

static int take_value(struct parser *parser, struct cfg_value *value, int depth);

/* One more item at the end of a list. */
static struct cfg_value *list_grow(struct cfg_value *list)
{
    struct cfg_value *items = reallocarray(list->items, list->n_items + 1, sizeof(*items));

    if (!items)
        return NULL;
    list->items = items;
    items[list->n_items] = (struct cfg_value){0};
    return &items[list->n_items++];
}

static int take_list(struct parser *parser, struct cfg_value *list, int depth)
{
    list->kind = CFG_LIST;
    if (depth >= CFG_DEPTH_MAX)
        return lexer_fail(&parser->lexer, list->line, "lists nest deeper than %d", CFG_DEPTH_MAX);
    if (advance(parser) < 0 || skip_newlines(parser) < 0)
        return -1;
    while (parser->token.kind != TOKEN_CLOSE) {
        struct cfg_value *item = list_grow(list);

        if (!item)
            return lexer_fail(&parser->lexer, list->line, "out of memory");
        if (take_value(parser, item, depth + 1) < 0 || skip_newlines(parser) < 0)
            return -1;
        if (parser->token.kind == TOKEN_CLOSE)
            break;
        if (parser->token.kind != TOKEN_COMMA)
            return fail(parser, "a comma or the list's closing ]");
        if (advance(parser) < 0 || skip_newlines(parser) < 0)
            return -1;
    }
    return advance(parser);
}

static int take_value(struct parser *parser, struct cfg_value *value, int depth)
{
    value->line = parser->token.line;
    switch (parser->token.kind) {
    case TOKEN_OPEN:
        return take_list(parser, value, depth);
    case TOKEN_STRING:
    case TOKEN_NUMBER:
        value->kind = parser->token.kind == TOKEN_STRING ? CFG_STRING : CFG_NUMBER;
        value->number = parser->token.number;
        value->string = parser->token.text;
        parser->token.text = NULL;
        return advance(parser);
    default:
        return fail(parser, "a value (a number, a string in quotes or a list in brackets)");
    }
}

/* Moves more's string or items behind those of value. */
static int value_append(struct parser *parser, struct cfg_value *value, struct cfg_value *more)
{
    if (value->kind != more->kind || value->kind == CFG_NUMBER)
        return lexer_fail(&parser->lexer, more->line,
                          "+= joins a string to a string or a list to a list");
    if (value->kind == CFG_STRING) {
        size_t old = strlen(value->string);
        char *joined = realloc(value->string, old + strlen(more->string) + 1);

        if (!joined)
            return lexer_fail(&parser->lexer, more->line, "out of memory");
        strcpy(joined + old, more->string);
        value->string = joined;
        return 0;
    }
    for (size_t i = 0; i < more->n_items; i++) {
        struct cfg_value *item = list_grow(value);

        if (!item)
            return lexer_fail(&parser->lexer, more->line, "out of memory");
        *item = more->items[i];
        more->items[i] = (struct cfg_value){0};
    }
    return 0;
}

/* The setting of a key to be filled, new if it was not there. Takes the key over. */
static struct cfg_setting *setting_for(struct parser *parser, char *key)
{
    struct cfg *cfg = parser->cfg;
    struct cfg_setting *setting = find(cfg, key);
    struct cfg_setting *settings;

    if (setting) {
        free(key);
        return setting;
    }
    settings = reallocarray(cfg->settings, cfg->n_settings + 1, sizeof(*settings));
    if (!settings) {
        free(key);
        return NULL;
    }
    cfg->settings = settings;
    setting = &settings[cfg->n_settings++];
    *setting = (struct cfg_setting){.key = key};
    return setting;
}

/* Puts a read value under its key. Takes the key and what it needs of the value. */
static int store(struct parser *parser, char *key, struct cfg_value *value, bool is_append)
{
    const unsigned int line = value->line;
    bool is_known = find(parser->cfg, key) != NULL;
    struct cfg_setting *setting = setting_for(parser, key);

    if (!setting)
        return lexer_fail(&parser->lexer, line, "out of memory");
    setting->file = parser->file;
    setting->line = line;
    if (is_append && is_known)
        return value_append(parser, &setting->value, value);
    value_free(&setting->value);
    setting->value = *value;
    *value = (struct cfg_value){0};
    return 0;
}

static int take_setting(struct parser *parser)
{
    struct cfg_value value = {0};
    bool is_append;
    char *key;
    int ret;

    if (parser->token.kind != TOKEN_WORD)
        return fail(parser, "the name of a setting");
    key = parser->token.text;
    parser->token.text = NULL;
    ret = advance(parser);
    is_append = parser->token.kind == TOKEN_APPEND;
    if (ret == 0 && !is_append && parser->token.kind != TOKEN_ASSIGN)
        ret = lexer_fail(&parser->lexer, parser->token.line, "no = after '%.40s'", key);
    if (ret == 0)
        ret = advance(parser);
    if (ret == 0)
        ret = take_value(parser, &value, 0);
    if (ret == 0)
        ret = store(parser, key, &value, is_append);
    else
        free(key);
    value_free(&value);
    if (ret == 0 && parser->token.kind != TOKEN_NEWLINE && parser->token.kind != TOKEN_END)
        ret = fail(parser, "the end of the line (or a semicolon)");
    return ret;
}

int cfg_parse(struct cfg *cfg, const char *text, size_t length, const char *file,
              struct cfg_error *error)
{
    struct parser parser = {
        .lexer = {.at = text, .end = text + length, .line = 1, .error = error},
        .cfg = cfg,
        .file = file,
    };
    int ret;

    *error = (struct cfg_error){.file = file};
    ret = advance(&parser);
    while (ret == 0 && parser.token.kind != TOKEN_END) {
        ret = skip_newlines(&parser);
        if (ret == 0 && parser.token.kind != TOKEN_END)
            ret = take_setting(&parser);
    }
    free(parser.token.text);
    return ret;
}
