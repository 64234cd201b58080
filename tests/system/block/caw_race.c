/* SPDX-License-Identifier: MIT */
/*
 * caw_race DEVICE PROCESSES ROUNDS: processes count in one sector of a SCSI disk by COMPARE AND
 * WRITE alone. Every successful one must count, every other must say that it came too late.
 */
#include "block/bdev.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define AT (1u << 20)

struct sector {
    uint64_t count;
    uint64_t last; /* who counted */
    uint8_t rest[BDEV_SECTOR - 16];
};

static int fail(const char *what, int rc)
{
    fprintf(stderr, "caw_race: %s: %s\n", what, strerror(-rc));
    return 1;
}

static int count(const char *path, unsigned who, unsigned rounds)
{
    unsigned late = 0;
    struct bdev *dev;
    int rc = bdev_file_open(path, false, &dev);

    if (rc != 0)
        return fail(path, rc);
    for (unsigned done = 0; done < rounds;) {
        struct sector found, next;

        rc = bdev_read(dev, AT, &found, sizeof(found));
        if (rc != 0)
            return fail("read", rc);
        next = found;
        next.count++;
        next.last = who;
        rc = bdev_compare_and_write(dev, AT, &found, &next);
        if (rc == 0)
            done++;
        else if (rc == -EAGAIN)
            late++;
        else
            return fail("compare and write", rc);
    }
    printf("process %u: %u counted, %u times too late\n", who, rounds, late);
    bdev_close(dev);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned processes = argc == 4 ? (unsigned)atoi(argv[2]) : 0, rounds, failed = 0;
    struct sector sector = {0};
    struct bdev *dev;
    int rc, status;

    if (processes == 0) {
        fprintf(stderr, "Usage: caw_race DEVICE PROCESSES ROUNDS\n");
        return 2;
    }
    rounds = (unsigned)atoi(argv[3]);
    rc = bdev_file_open(argv[1], false, &dev);
    if (rc == 0)
        rc = bdev_write(dev, AT, &sector, sizeof(sector));
    if (rc != 0)
        return fail(argv[1], rc);
    fflush(stdout);
    for (unsigned i = 0; i < processes; i++) {
        if (fork() == 0)
            exit(count(argv[1], i, rounds));
    }
    for (unsigned i = 0; i < processes; i++)
        failed += wait(&status) < 0 || status != 0;
    rc = bdev_read(dev, AT, &sector, sizeof(sector));
    if (rc != 0)
        return fail("read", rc);
    printf("counted to %llu of %u\n", (unsigned long long)sector.count, processes * rounds);
    bdev_close(dev);
    return failed == 0 && sector.count == (uint64_t)processes * rounds ? 0 : 1;
}
