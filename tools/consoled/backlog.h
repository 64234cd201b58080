/* SPDX-License-Identifier: MIT */
/* Output that nobody has read yet: a bounded store of bytes that forgets the oldest. */
#ifndef CONSOLED_BACKLOG_H
#define CONSOLED_BACKLOG_H

#include <stddef.h>

#define BACKLOG_SIZE 65536

struct backlog {
    size_t start;
    size_t length;
    char data[BACKLOG_SIZE];
};

/* Adds size bytes; when there is no room the oldest go. */
void backlog_add(struct backlog *backlog, const char *data, size_t size);

/* The longest piece that can be written in one go: its length, and its place in *data. */
size_t backlog_peek(const struct backlog *backlog, const char **data);

/* Forgets the first size bytes of what backlog_peek showed. */
void backlog_drop(struct backlog *backlog, size_t size);

#endif
