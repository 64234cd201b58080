/* SPDX-License-Identifier: MIT */
/* disk_folder: an empty folder of this host for each test, and disks in it. */
#include "disk_folder.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct disk_folder folder;

static char directory[] = "/tmp/corbel-disks-XXXXXX", start[256];

int folder_enter(void **state)
{
    (void)state;
    strcpy(directory + sizeof(directory) - 7, "XXXXXX");
    return mkdtemp(directory) != NULL && getcwd(start, sizeof(start)) != NULL &&
                   chdir(directory) == 0
               ? store_open_host(&folder.store, folder.error)
               : -1;
}

int folder_leave(void **state)
{
    char command[100];

    (void)state;
    store_close(folder.store);
    unsetenv("CORBEL_RDM");
    snprintf(command, sizeof(command), "rm -r %s", directory);
    return chdir(start) != 0 || system(command) != 0;
}

void folder_put(const char *name, const void *bytes, size_t length)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, length), length);
    close(fd);
}

void folder_patch(const char *name, uint64_t at, const void *bytes, size_t length)
{
    int fd = open(name, O_WRONLY);

    assert_int_equal(pwrite(fd, bytes, length, (off_t)at), length);
    close(fd);
}

void folder_peek(const char *name, uint64_t at, void *bytes, size_t length)
{
    int fd = open(name, O_RDONLY);

    assert_int_equal(pread(fd, bytes, length, (off_t)at), length);
    close(fd);
}

void folder_make(const char *path, enum vmdk_kind kind, uint64_t size, const char *parent)
{
    struct vmdk_create how = {.kind = kind, .size = size, .parent = parent};

    if (vmdk_create(folder.store, path, &how, folder.error) != 0)
        fail_msg("%s", folder.error);
}

struct disk *folder_attach(const char *path, bool read_only)
{
    struct disk *disk;

    if (vmdk_open_in(folder.store, path, read_only, &disk, folder.error) != 0)
        fail_msg("%s", folder.error);
    return disk;
}
