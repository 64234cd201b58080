/* SPDX-License-Identifier: MIT */
/* Any text as a grub.cfg: the entry that boots is one line's words, within their bounds. */
#include "datastore/grub.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct grub_entry entry;
    char *text = malloc(size + 1);

    if (text == NULL)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (grub_parse(text, &entry) == 0) {
        if (entry.kernel[0] == '\0' || memchr(entry.kernel, 0, sizeof(entry.kernel)) == NULL ||
            memchr(entry.ramdisk, 0, sizeof(entry.ramdisk)) == NULL ||
            memchr(entry.args, 0, sizeof(entry.args)) == NULL)
            abort();
        if (strpbrk(entry.kernel, " \t\n") != NULL || strpbrk(entry.ramdisk, " \t\n") != NULL ||
            strchr(entry.args, '\n') != NULL || strstr(text, entry.kernel) == NULL)
            abort();
    }
    free(text);
    return 0;
}
