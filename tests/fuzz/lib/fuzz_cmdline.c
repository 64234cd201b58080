/* SPDX-License-Identifier: MIT */
/* cmdline_parse on any text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cmdline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void ignore(void *arg, const char *word, bool known)
{
    (void)known;
    if (strlen(word) >= CMDLINE_WORD_MAX)
        abort();
    ++*(unsigned int *)arg;
}

static bool accept(const char *value)
{
    return *value != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    bool flag = false;
    unsigned int number = 0, reported = 0;
    uint64_t size = 0;
    char text[8] = "", *line = malloc(len + 1);
    const struct cmdline_option options[] = {
        {"flag", CMDLINE_BOOL, &flag, 0, NULL},  {"number", CMDLINE_UINT, &number, 0, NULL},
        {"size", CMDLINE_SIZE, &size, 0, NULL},  {"text", CMDLINE_STRING, text, sizeof(text), NULL},
        {"call", CMDLINE_CALL, NULL, 0, accept},
    };

    memcpy(line, data, len);
    line[len] = 0;
    if (cmdline_parse(line, options, sizeof(options) / sizeof(options[0]), ignore, &reported) !=
        reported)
        abort();
    free(line);
    return 0;
}
