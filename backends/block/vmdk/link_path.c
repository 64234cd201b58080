/* SPDX-License-Identifier: MIT */
/* link: where the files that a descriptor names may lie. */
#include "block/vmdk/link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define VOLUMES "/vmfs/volumes/"

/* Whether a component of the path is "..". */
static bool climbs(const char *name)
{
    for (const char *p = name; (p = strstr(p, "..")) != NULL; p += 2)
        if ((p == name || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
            return true;
    return false;
}

static int beside(const char *descriptor, const char *name, char out[LINK_PATH_MAX])
{
    const char *slash = strrchr(descriptor, '/');
    int n;

    if (slash == NULL)
        n = snprintf(out, LINK_PATH_MAX, "%s", name);
    else
        n = snprintf(out, LINK_PATH_MAX, "%.*s/%s", (int)(slash - descriptor), descriptor, name);
    return n < 0 || n >= (int)LINK_PATH_MAX ? -ENAMETOOLONG : 0;
}

/*
 * Descriptors come with volumes from anywhere: names that lead away from them would reach other
 * guests' disks, or dom0's own files.
 */
int link_file_path(const char *descriptor, const char *name, char out[LINK_PATH_MAX])
{
    if (name[0] == '/' || climbs(name))
        return -EPERM;
    return beside(descriptor, name, out);
}

/* Takes "x/.." and "." out of a path, in place; false when it climbs above its root. */
static bool normalize(char *path)
{
    size_t used = 0;

    for (const char *in = path; *in != '\0';) {
        size_t length = strcspn(in, "/");
        const char *next = in + length + (in[length] == '/');

        if (length == 2 && in[0] == '.' && in[1] == '.') {
            if (used == 0)
                return false;
            while (used > 0 && path[--used] != '/')
                ;
        } else if (length > 0 && !(length == 1 && in[0] == '.')) {
            /* What is kept is never longer than what was read: `in` stays ahead of `used`. */
            if (used > 0)
                path[used++] = '/';
            memmove(path + used, in, length);
            used += length;
        }
        in = next;
    }
    path[used] = '\0';
    return true;
}

int link_parent_path(const struct link *link, char out[LINK_PATH_MAX])
{
    const char *name = link->descriptor.parent_hint, *slash = strrchr(link->path, '/');
    int rc;

    if (name[0] == '\0')
        return -EINVAL;
    /* A host path to a file in the child's own folder is as good as its bare name. */
    if (!link->store->closed_root) {
        size_t folder = slash == NULL ? 0 : (size_t)(slash - link->path) + 1;

        if (folder > 0 && strncmp(name, link->path, folder) == 0)
            name += folder;
        return link_file_path(link->path, name, out);
    }
    if (strncmp(name, VOLUMES, strlen(VOLUMES)) == 0) {
        name += strlen(VOLUMES);
        name += strcspn(name, "/");
    }
    if (name[0] == '/')
        rc = snprintf(out, LINK_PATH_MAX, "%s", name + 1) >= (int)LINK_PATH_MAX ? -ENAMETOOLONG : 0;
    else
        rc = beside(link->path, name, out);
    return rc != 0 ? rc : normalize(out) ? 0 : -EPERM;
}
