/* SPDX-License-Identifier: MIT */
/* Reads menu entries line by line, as grub-mkconfig writes them; no scripts are run. */
#include "grub.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 2048

struct parser {
    long wanted;  /* entry of the top level */
    long current; /* -1: before the first */
    unsigned depth;
    bool in_entry; /* inside the wanted one, or a submenu's first */
    struct grub_entry *out;
};

/* Whether a line begins with a word of the list; *rest is what follows it. */
static bool begins(char *line, const char *const *words, char **rest)
{
    for (; *words != NULL; words++) {
        size_t length = strlen(*words);

        if (strncmp(line, *words, length) == 0 && strchr(" \t\"'", line[length]) != NULL) {
            *rest = line + length + strspn(line + length, " \t");
            return true;
        }
    }
    return false;
}

/* The first word goes to `first`, the rest to `args` unless that is NULL. */
static void take(char *rest, char first[GRUB_PATH_MAX], char *args)
{
    size_t length = strcspn(rest, " \t");

    snprintf(first, GRUB_PATH_MAX, "%.*s", (int)length, rest);
    if (args != NULL)
        snprintf(args, GRUB_ARGS_MAX, "%s", rest + length + strspn(rest + length, " \t"));
}

static void take_line(struct parser *parser, char *line)
{
    static const char *const entries[] = {"menuentry", "submenu", NULL};
    static const char *const kernels[] = {"linux", "linux16", "linuxefi", NULL};
    static const char *const ramdisks[] = {"initrd", "initrd16", "initrdefi", NULL};
    size_t length = strlen(line);
    char *rest;

    if (begins(line, entries, &rest)) {
        if (parser->depth == 0)
            parser->in_entry = ++parser->current == parser->wanted;
        parser->depth += line[length - 1] == '{';
    } else if (strcmp(line, "}") == 0) {
        if (parser->depth > 0 && --parser->depth == 0)
            parser->in_entry = false;
    } else if (parser->in_entry && parser->out->kernel[0] == '\0' && begins(line, kernels, &rest)) {
        take(rest, parser->out->kernel, parser->out->args);
    } else if (parser->in_entry && parser->out->kernel[0] != '\0' &&
               parser->out->ramdisk[0] == '\0' && begins(line, ramdisks, &rest)) {
        take(rest, parser->out->ramdisk, NULL);
    }
}

static int parse_entry(const char *text, long wanted, struct grub_entry *out)
{
    struct parser parser = {.wanted = wanted, .current = -1, .out = out};
    char line[LINE_MAX_BYTES];

    memset(out, 0, sizeof(*out));
    while (*text != '\0') {
        size_t length = strcspn(text, "\n"), indent = strspn(text, " \t");
        size_t end = length;

        while (end > indent && strchr(" \t\r", text[end - 1]) != NULL)
            end--;
        if (end > indent && end - indent < sizeof(line)) {
            memcpy(line, text + indent, end - indent);
            line[end - indent] = '\0';
            take_line(&parser, line);
        }
        text += length + (text[length] == '\n');
    }
    return out->kernel[0] != '\0' ? 0 : -1;
}

int grub_parse(const char *text, struct grub_entry *out)
{
    const char *setting = "set default=\"";
    long wanted = 0;

    /* The first is a variable that grub-reboot sets; the one with a number is the administrator's.
     */
    for (const char *at = strstr(text, setting); at != NULL; at = strstr(at + 1, setting)) {
        char *end;
        long value = strtol(at + strlen(setting), &end, 10);

        if (end != at + strlen(setting) && (*end == '"' || *end == '>') && value > 0 && value < 100)
            wanted = value;
    }
    if (wanted > 0 && parse_entry(text, wanted, out) == 0)
        return 0;
    return parse_entry(text, 0, out);
}
