/* SPDX-License-Identifier: MIT */
/* Cuts an xl.cfg text into tokens. */
#include "config/lexer.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int lexer_fail(struct lexer *lexer, unsigned int line, const char *format, ...)
{
    va_list args;

    lexer->error->line = line;
    va_start(args, format);
    vsnprintf(lexer->error->text, sizeof(lexer->error->text), format, args);
    va_end(args);
    return -1;
}

/* Blanks, comments and continued line ends: nothing of these is a token. */
static void skip_blanks(struct lexer *lexer)
{
    while (lexer->at < lexer->end) {
        size_t left = lexer->end - lexer->at;

        if (*lexer->at == ' ' || *lexer->at == '\t' || *lexer->at == '\r') {
            lexer->at++;
        } else if (*lexer->at == '#') {
            while (lexer->at < lexer->end && *lexer->at != '\n')
                lexer->at++;
        } else if (left >= 2 && memcmp(lexer->at, "\\\n", 2) == 0) {
            lexer->at += 2;
            lexer->line++;
        } else if (left >= 3 && memcmp(lexer->at, "\\\r\n", 3) == 0) {
            lexer->at += 3;
            lexer->line++;
        } else {
            return;
        }
    }
}

static int keep_text(struct lexer *lexer, struct token *token, const char *start, size_t length)
{
    token->text = strndup(start, length);
    return token->text ? 0 : lexer_fail(lexer, token->line, "out of memory");
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What follows a backslash in a string, put at *out. */
static int take_escape(struct lexer *lexer, char **out)
{
    char c = lexer->at < lexer->end ? *lexer->at++ : '\0';
    int high, low;

    switch (c) {
    case 'n':
        *(*out)++ = '\n';
        return 0;
    case 't':
        *(*out)++ = '\t';
        return 0;
    case 'r':
        *(*out)++ = '\r';
        return 0;
    case '\\':
    case '\'':
    case '"':
        *(*out)++ = c;
        return 0;
    case '\n':
        lexer->line++;
        return 0;
    case 'x':
        if (lexer->end - lexer->at < 2)
            break;
        high = hex_digit(lexer->at[0]);
        low = hex_digit(lexer->at[1]);
        if (high < 0 || low < 0 || (high | low) == 0)
            break;
        *(*out)++ = (char)(high << 4 | low);
        lexer->at += 2;
        return 0;
    default:
        break;
    }
    return lexer_fail(lexer, lexer->line,
                      "unknown escape in a string (known: \\n \\t \\r \\\\ \\' \\\" \\xHH)");
}

static int take_string(struct lexer *lexer, struct token *token)
{
    const char quote = *lexer->at++;
    char *out;

    token->kind = TOKEN_STRING;
    token->text = malloc(lexer->end - lexer->at + 1); /* unescaping only shortens */
    if (!token->text)
        return lexer_fail(lexer, token->line, "out of memory");
    out = token->text;
    while (lexer->at < lexer->end) {
        char c = *lexer->at++;

        if (c == quote) {
            *out = '\0';
            return 0;
        }
        if (c == '\n')
            break;
        if (c == '\0')
            return lexer_fail(lexer, token->line, "a NUL byte in a string");
        if (c != '\\')
            *out++ = c;
        else if (take_escape(lexer, &out) < 0)
            return -1;
    }
    return lexer_fail(lexer, token->line, "the string that starts with %c has no closing %c", quote,
                      quote);
}

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static int take_number(struct lexer *lexer, struct token *token)
{
    const char *start = lexer->at;
    char *rest;

    lexer->at++;
    while (lexer->at < lexer->end && in_word(*lexer->at))
        lexer->at++;
    token->kind = TOKEN_NUMBER;
    if (keep_text(lexer, token, start, lexer->at - start) < 0)
        return -1;
    errno = 0;
    token->number = strtoll(token->text, &rest, 0);
    if (*rest || rest == token->text || errno)
        return lexer_fail(lexer, token->line, "'%.40s' is not a number (strings need quotes)",
                          token->text);
    return 0;
}

static int take_word(struct lexer *lexer, struct token *token)
{
    const char *start = lexer->at;

    while (lexer->at < lexer->end && in_word(*lexer->at))
        lexer->at++;
    token->kind = TOKEN_WORD;
    return keep_text(lexer, token, start, lexer->at - start);
}

int lexer_next(struct lexer *lexer, struct token *token)
{
    static const struct {
        char c;
        enum token_kind kind;
    } signs[] = {{'\n', TOKEN_NEWLINE}, {';', TOKEN_NEWLINE}, {'=', TOKEN_ASSIGN},
                 {'[', TOKEN_OPEN},     {']', TOKEN_CLOSE},   {',', TOKEN_COMMA}};
    char c;

    skip_blanks(lexer);
    *token = (struct token){.kind = TOKEN_END, .line = lexer->line};
    if (lexer->at == lexer->end)
        return 0;
    c = *lexer->at;
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (c != signs[i].c)
            continue;
        token->kind = signs[i].kind;
        lexer->at++;
        if (c == '\n')
            lexer->line++;
        return 0;
    }
    if (c == '"' || c == '\'')
        return take_string(lexer, token);
    if (c == '+' && lexer->end - lexer->at >= 2 && lexer->at[1] == '=') {
        token->kind = TOKEN_APPEND;
        lexer->at += 2;
        return 0;
    }
    if (isdigit((unsigned char)c) || c == '-')
        return take_number(lexer, token);
    if (isalpha((unsigned char)c) || c == '_')
        return take_word(lexer, token);
    if (isprint((unsigned char)c))
        return lexer_fail(lexer, token->line, "'%c' cannot stand here", c);
    return lexer_fail(lexer, token->line, "byte 0x%02x cannot stand here", (unsigned char)c);
}
