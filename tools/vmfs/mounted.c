/* SPDX-License-Identifier: MIT */
/* Targets inside a directory where vmfs-mount shows a volume: that volume's own. */
#include "vmfstool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TABLE "/proc/self/mountinfo" /* proc(5) */
#define TYPE  "fuse.vmfs"            /* of vmfs-mount */

/* One line of the table, its words taken apart. */
struct line {
    char *root, *directory, *flags, *type, *source, *options;
};

/* Octal escapes, which stand for blanks, back to what they were. */
static void unescape(char *text)
{
    char *out = text;

    for (; *text != '\0'; out++) {
        unsigned value;

        if (*text == '\\' && sscanf(text + 1, "%3o", &value) == 1) {
            *out = (char)value;
            text += 4;
        } else {
            *out = *text++;
        }
    }
    *out = '\0';
}

/* Takes a line apart; false for one that is not of a mount. */
static bool split_line(char *text, struct line *line)
{
    char *words[6], *rest = strstr(text, " - "), *save = NULL;

    if (rest == NULL)
        return false;
    *rest = '\0';
    for (unsigned i = 0; i < 6; i++) {
        words[i] = strtok_r(i == 0 ? text : NULL, " ", &save);
        if (words[i] == NULL)
            return false;
    }
    *line = (struct line){.root = words[3], .directory = words[4], .flags = words[5]};
    line->type = strtok_r(rest + 3, " \n", &save);
    line->source = strtok_r(NULL, " \n", &save);
    line->options = strtok_r(NULL, " \n", &save);
    if (line->options == NULL)
        return false;
    unescape(line->root);
    unescape(line->directory);
    unescape(line->source);
    return true;
}

/*
 * Whether it is a volume that this user has mounted: others may give any name to what they mount,
 * as fusermount(1) allows, and so lead us to a volume that is not theirs.
 */
static bool is_own_volume(const struct line *line)
{
    const char *user = strstr(line->options, "user_id=");

    return strcmp(line->type, TYPE) == 0 && user != NULL &&
           strtoul(user + strlen("user_id="), NULL, 10) == geteuid();
}

/* The part of `path` below `directory`; NULL when it is not there. */
static const char *below(const char *path, const char *directory)
{
    size_t length = strcmp(directory, "/") == 0 ? 0 : strlen(directory);

    return strncmp(path, directory, length) == 0 && (path[length] == '/' || path[length] == '\0')
               ? path + length
               : NULL;
}

/*
 * The absolute path of a target, to be freed, or NULL. It need not exist, but its folder must; a
 * link is itself and not what it leads to.
 */
static char *absolute(const char *target)
{
    const char *slash = strrchr(target, '/'), *name = slash == NULL ? target : slash + 1;
    char *folder, *path, *whole = NULL;
    struct stat st;

    if (lstat(target, &st) == 0 && !S_ISLNK(st.st_mode))
        return realpath(target, NULL);
    folder = slash == NULL ? strdup(".") : strndup(target, (size_t)(slash - target) + 1);
    path = folder == NULL ? NULL : realpath(folder, NULL);
    if (path != NULL && asprintf(&whole, "%s/%s", strcmp(path, "/") == 0 ? "" : path, name) < 0)
        whole = NULL;
    free(folder);
    free(path);
    return whole;
}

/* The mount that `path` is in: the last of the longest directories. Its strings lie in *text. */
static bool find_mount(const char *path, char **text, struct line *out)
{
    FILE *file = fopen(TABLE, "re");
    char *buffer = NULL;
    size_t room = 0, longest = 0;
    struct line line;
    bool found = false;

    while (file != NULL && getline(&buffer, &room, file) > 0) {
        if (!split_line(buffer, &line) || below(path, line.directory) == NULL ||
            strlen(line.directory) < longest)
            continue;
        longest = strlen(line.directory);
        free(*text);
        *text = buffer;
        *out = line;
        found = true;
        buffer = NULL;
        room = 0;
    }
    free(buffer);
    if (file != NULL)
        fclose(file);
    return found;
}

/* Names the volume's devices as --device would. The strings are kept until the program ends. */
static int take_devices(struct options *options, char *source)
{
    char *save = NULL;

    for (char *device = strtok_r(source, ",", &save); device != NULL;
         device = strtok_r(NULL, ",", &save)) {
        if (options->device_count == MAX_DEVICES)
            return complain("a volume has at most %u extents", MAX_DEVICES);
        options->devices[options->device_count++] = device;
    }
    return 0;
}

/* Makes `target`, which is `path` in a mount, a path on its volume. */
static int take_mount(struct options *options, char **target, const char *path, struct line *mount)
{
    char *inside, *name;

    if (options->mounted != NULL && strcmp(options->mounted, mount->directory) != 0)
        return complain("\"%s\" is in %s, not in %s", *target, mount->directory, options->mounted);
    if (asprintf(&inside, "/%s%s", mount->root, below(path, mount->directory)) < 0)
        return complain("out of memory");
    name = inside + strspn(inside, "/");
    *target = name[0] == '\0' ? inside : name;
    options->read_only = strncmp(mount->flags, "ro", 2) == 0;
    if (options->mounted != NULL)
        return 0;
    options->mounted = mount->directory;
    return take_devices(options, mount->source);
}

int mounted_target(struct options *options, char **target)
{
    char *path, *text = NULL;
    struct line mount = {0};
    int rc = 0;

    if ((options->device_count > 0 && options->mounted == NULL) || (*target)[0] == '[')
        return 0;
    path = absolute(*target);
    if (path != NULL && find_mount(path, &text, &mount) && is_own_volume(&mount)) {
        rc = take_mount(options, target, path, &mount);
        text = NULL; /* the options point into it */
    } else if (options->mounted != NULL) {
        rc = complain("\"%s\" is not in %s", *target, options->mounted);
    }
    free(text);
    free(path);
    return rc;
}
