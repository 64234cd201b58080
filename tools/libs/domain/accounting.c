/* SPDX-License-Identifier: MIT */
/* Reads KIND-DOMAIN-DEVICE files, each a decimal number of nanoseconds. */
#include "domain/accounting.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t read_number(int directory, const char *name)
{
    int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    char text[32];
    ssize_t length;

    if (fd < 0)
        return 0; /* its device has gone meanwhile */
    length = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (length <= 0)
        return 0;
    text[length] = '\0';
    return strtoull(text, NULL, 10);
}

struct accounting accounting_read(const char *directory, unsigned int domid)
{
    struct accounting sum = {0};
    DIR *dir = opendir(directory);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)) != NULL) {
        unsigned int owner, device;
        char kind[4];
        int end = 0;

        if (sscanf(entry->d_name, "%3[a-z]-%u-%u%n", kind, &owner, &device, &end) != 3 ||
            entry->d_name[end] != '\0' || owner != domid)
            continue;
        if (strcmp(kind, "vbd") == 0)
            sum.disk_ns += read_number(dirfd(dir), entry->d_name);
        else if (strcmp(kind, "vif") == 0)
            sum.net_ns += read_number(dirfd(dir), entry->d_name);
    }
    if (dir)
        closedir(dir);
    return sum;
}
