/* SPDX-License-Identifier: MIT */
/* Accounts of CPU time in files: fixed width, so that one write replaces all of the last one. */
#include "lib/cpu_account.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static uint64_t read_clock(clockid_t which)
{
    struct timespec t;

    if (clock_gettime(which, &t) != 0)
        return 0;
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t cpu_time_of_thread(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t cpu_time_of_process(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t cpu_meter_lap(struct cpu_meter *meter)
{
    uint64_t now = cpu_time_of_thread(), lap = now - meter->mark;

    meter->mark = now;
    return lap;
}

/* What a predecessor has left there. */
static uint64_t read_number(int fd)
{
    char text[32];
    ssize_t length = pread(fd, text, sizeof(text) - 1, 0);

    if (length <= 0)
        return 0;
    text[length] = '\0';
    return strtoull(text, NULL, 10);
}

void cpu_account_open(struct cpu_account *account, const char *directory, const char *kind,
                      unsigned domain, unsigned device)
{
    int length = snprintf(account->path, sizeof(account->path), "%s/%s-%u-%u", directory, kind,
                          domain, device);

    account->fd = -1;
    account->ns = account->shown = 0;
    if (length < 0 || (size_t)length >= sizeof(account->path) ||
        (mkdir(directory, 0755) != 0 && errno != EEXIST))
        return;
    account->fd = open(account->path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (account->fd >= 0)
        account->ns = account->shown = read_number(account->fd);
}

void cpu_account_show(struct cpu_account *account)
{
    char text[32];
    int length;

    if (account->fd < 0 || account->ns == account->shown)
        return;
    length = snprintf(text, sizeof(text), "%20" PRIu64 "\n", account->ns);
    if (pwrite(account->fd, text, (size_t)length, 0) == length)
        account->shown = account->ns;
}

void cpu_account_close(struct cpu_account *account)
{
    if (account->fd < 0)
        return;
    close(account->fd);
    account->fd = -1;
    unlink(account->path);
}
