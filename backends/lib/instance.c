/* SPDX-License-Identifier: MIT */
/* One daemon of a kind at a time. */
#include "lib/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/stat.h>

#define PAUSE_MS 50

/* 0, or -1 with errno. */
static int lock_soon(int fd)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};

    for (unsigned ms = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; ms += PAUSE_MS) {
        if (errno != EWOULDBLOCK || ms >= INSTANCE_PATIENCE_MS)
            return -1;
        nanosleep(&pause, NULL);
    }
    return 0;
}

int instance_lock(const char *directory, const char *name)
{
    char path[PATH_MAX];
    int fd;

    mkdir(directory, 0755);
    snprintf(path, sizeof(path), "%s/%s.lock", directory, name);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && lock_soon(fd) == 0)
        return fd;
    if (errno == EWOULDBLOCK)
        fprintf(stderr, "%s: it runs already (%s is locked): end that one first\n", name, path);
    else
        fprintf(stderr, "%s: cannot lock %s: %s\n", name, path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}
