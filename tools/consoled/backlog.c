/* SPDX-License-Identifier: MIT */
/* A circular store of unread console output. */
#include "backlog.h"

void backlog_add(struct backlog *backlog, const char *data, size_t size)
{
    if (size > BACKLOG_SIZE) {
        data += size - BACKLOG_SIZE;
        size = BACKLOG_SIZE;
    }
    if (size > BACKLOG_SIZE - backlog->length)
        backlog_drop(backlog, size - (BACKLOG_SIZE - backlog->length));
    for (size_t i = 0; i < size; i++)
        backlog->data[(backlog->start + backlog->length + i) % BACKLOG_SIZE] = data[i];
    backlog->length += size;
}

size_t backlog_peek(const struct backlog *backlog, const char **data)
{
    size_t to_end = BACKLOG_SIZE - backlog->start;

    *data = backlog->data + backlog->start;
    return backlog->length < to_end ? backlog->length : to_end;
}

void backlog_drop(struct backlog *backlog, size_t size)
{
    if (size > backlog->length)
        size = backlog->length;
    backlog->start = (backlog->start + size) % BACKLOG_SIZE;
    backlog->length -= size;
}
