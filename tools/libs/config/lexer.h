/* SPDX-License-Identifier: MIT */
/* Tokens of an xl.cfg text; used by cfg.c alone. */
#ifndef CONFIG_LEXER_H
#define CONFIG_LEXER_H

#include "config/cfg.h"

enum token_kind {
    TOKEN_END,     /* of the text */
    TOKEN_NEWLINE, /* or a semicolon */
    TOKEN_WORD,    /* a key */
    TOKEN_STRING,
    TOKEN_NUMBER,
    TOKEN_ASSIGN, /* = */
    TOKEN_APPEND, /* += */
    TOKEN_OPEN,   /* [ */
    TOKEN_CLOSE,  /* ] */
    TOKEN_COMMA,
};

struct token {
    enum token_kind kind;
    unsigned int line;
    int64_t number;
    char *text; /* of words, strings and numbers; owned by the lexer's user */
};

struct lexer {
    const char *at;
    const char *end;
    unsigned int line;
    struct cfg_error *error;
};

/*
 * The next token. Returns 0, or -1 with lexer->error set (its file is left alone) for a character,
 * string or number that cannot be.
 */
int lexer_next(struct lexer *lexer, struct token *token);

/* Sets lexer->error at a line. Always returns -1. */
int lexer_fail(struct lexer *lexer, unsigned int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
