/* SPDX-License-Identifier: MIT */
/*
 * What Newlib asks of its system: a console for descriptors 0 to 2, a heap that grows in one
 * array, time, and an end. There are no files and no processes.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/times.h>

#include "runtime/clock.h"
#include "runtime/console.h"
#include "runtime/start.h"

#define HEAP_SIZE (2UL << 20)

int main(int argc, char **argv);

/* Newlib calls these by name; its headers declare only the user's side of them. */
int close(int file);
int fstat(int file, struct stat *status);
int getpid(void);
int isatty(int file);
int kill(int process, int signal);
off_t lseek(int file, off_t offset, int whence);
int open(const char *path, int flags, ...);
ssize_t read(int file, void *buffer, size_t size);
ssize_t write(int file, const void *buffer, size_t size);
void *sbrk(ptrdiff_t increment);
int unlink(const char *path);

static unsigned char heap[HEAP_SIZE] __attribute__((aligned(16)));
static size_t heap_used;

void *sbrk(ptrdiff_t increment)
{
    void *before = heap + heap_used;

    if (increment > (ptrdiff_t)(HEAP_SIZE - heap_used) || increment < -(ptrdiff_t)heap_used) {
        errno = ENOMEM;
        return (void *)-1;
    }
    heap_used += increment;
    return before;
}

ssize_t write(int file, const void *buffer, size_t size)
{
    if (file != 1 && file != 2) {
        errno = EBADF;
        return -1;
    }
    console_write(buffer, size);
    return (ssize_t)size;
}

ssize_t read(int file, void *buffer, size_t size)
{
    if (file != 0) {
        errno = EBADF;
        return -1;
    }
    return (ssize_t)console_read(buffer, size);
}

int open(const char *path, int flags, ...)
{
    (void)path;
    (void)flags;
    errno = ENOENT;
    return -1;
}

int unlink(const char *path)
{
    (void)path;
    errno = ENOENT;
    return -1;
}

int close(int file)
{
    (void)file;
    errno = EBADF;
    return -1;
}

int fstat(int file, struct stat *status)
{
    if (file < 0 || file > 2) {
        errno = EBADF;
        return -1;
    }
    *status = (struct stat){.st_mode = S_IFCHR};
    return 0;
}

int isatty(int file)
{
    return file >= 0 && file <= 2;
}

off_t lseek(int file, off_t offset, int whence)
{
    (void)file;
    (void)offset;
    (void)whence;
    errno = ESPIPE;
    return -1;
}

int getpid(void)
{
    return 1;
}

int kill(int process, int signal)
{
    if (process != 1) {
        errno = ESRCH;
        return -1;
    }
    guest_panic("ended by signal %d", signal);
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
    uint64_t seconds;
    uint32_t nanoseconds;

    (void)zone;
    clock_wall(&seconds, &nanoseconds);
    *time = (struct timeval){.tv_sec = (time_t)seconds, .tv_usec = nanoseconds / 1000};
    return 0;
}

void _exit(int status)
{
    guest_end(status ? SHUTDOWN_crash : SHUTDOWN_poweroff);
}

/* The command line, split at blanks, becomes main()'s arguments after the program's name. */
void guest_main(void)
{
    static char *arguments[32] = {"guest"};
    int count = 1;
    char *at = (char *)start_info->cmd_line;

    while (*at && count < 31) {
        while (*at == ' ')
            *at++ = '\0';
        if (*at)
            arguments[count++] = at;
        while (*at && *at != ' ')
            at++;
    }
    exit(main(count, arguments));
}
