/* SPDX-License-Identifier: MIT */
/*
 * How fast the vmfs library, or a plain file, reads: vmfsbench raw|fuse FILE, vmfsbench vmfs IMAGE
 * PATH, vmfsbench map IMAGE PATH. Prints MiB/s in order by 1 MiB and reads/s at random by 4 KiB,
 * one at a time and 32 at a time by io_uring, as the block backend reads; the best of three passes
 * each.
 */
#include "block/vmfs/vmfs.h"

#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MIB          (1u << 20)
#define RANDOM_READS 20000u
#define MAPPINGS     100000u
#define PASSES       3u
#define DEPTH        32u
#define PAGE         4096u

struct source {
    int fd; /* -1: the file on the volume */
    struct vmfs_file *file;
    uint64_t length;
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void read_at(const struct source *source, uint64_t offset, void *buffer, size_t length)
{
    if (source->fd >= 0 ? pread(source->fd, buffer, length, (off_t)offset) != (ssize_t)length
                        : vmfs_file_read(source->file, offset, buffer, length) != 0) {
        fprintf(stderr, "read at %llu failed\n", (unsigned long long)offset);
        exit(1);
    }
}

static uint64_t random_below(uint64_t limit)
{
    static uint64_t state = 88172645463325252ull;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % limit;
}

/* MiB a second. */
static double in_order(const struct source *source)
{
    static char buffer[MIB];
    double start = now();

    for (uint64_t at = 0; at + MIB <= source->length; at += MIB)
        read_at(source, at, buffer, MIB);
    return (double)(source->length / MIB) / (now() - start);
}

static uint64_t random_place(const struct source *source)
{
    return random_below(source->length / PAGE) * PAGE;
}

/* Reads a second. */
static double at_random(const struct source *source)
{
    static char buffer[PAGE];
    double start = now();

    for (unsigned i = 0; i < RANDOM_READS; i++)
        read_at(source, random_place(source), buffer, PAGE);
    return RANDOM_READS / (now() - start);
}

/* Sends one read of a random place; on a volume to where the library says it lies. */
static void send_read(const struct source *source, struct io_uring *ring, char *buffer)
{
    uint64_t at = random_place(source);
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
    struct bdev_extent extent;
    int fd = source->fd;

    if (fd < 0) {
        if (vmfs_file_map(source->file, at, PAGE, &extent) != 0 || !extent.stored)
            exit(1);
        fd = extent.device->fd;
        at = extent.device_offset;
    }
    io_uring_prep_read(sqe, fd, buffer, PAGE, at);
    io_uring_sqe_set_data(sqe, buffer);
}

/* Reads a second with DEPTH of them under way. */
static double in_depth(const struct source *source)
{
    static char buffers[DEPTH][PAGE];
    struct io_uring ring;
    unsigned sent = 0, done = 0;
    double start;

    if (io_uring_queue_init(DEPTH, &ring, 0) != 0)
        exit(1);
    start = now();
    for (; sent < DEPTH; sent++)
        send_read(source, &ring, buffers[sent]);
    while (done < RANDOM_READS) {
        struct io_uring_cqe *cqe;

        io_uring_submit_and_wait(&ring, 1);
        while (io_uring_peek_cqe(&ring, &cqe) == 0) {
            char *buffer = io_uring_cqe_get_data(cqe);

            if (cqe->res != (int)PAGE)
                exit(1);
            io_uring_cqe_seen(&ring, cqe);
            done++;
            if (sent++ < RANDOM_READS)
                send_read(source, &ring, buffer);
        }
    }
    start = RANDOM_READS / (now() - start);
    io_uring_queue_exit(&ring);
    return start;
}

static double best(double (*pass)(const struct source *), const struct source *source)
{
    double most = 0;

    for (unsigned i = 0; i < PASSES; i++) {
        double one = pass(source);

        most = one > most ? one : most;
    }
    return most;
}

static void measure(const char *name, const struct source *source)
{
    printf("%-5s %6.0f MiB/s in order, 4 KiB at random: %7.0f a second, %7.0f by %u\n", name,
           best(in_order, source), best(at_random, source), best(in_depth, source), DEPTH);
}

static struct vmfs_volume *open_volume(const char *image, struct bdev **dev)
{
    char error[VMFS_ERROR_MAX] = "it cannot be opened";
    struct vmfs_volume *volume;

    if (bdev_file_open(image, true, dev) != 0 || vmfs_open(dev, 1, 0, &volume, error) != 0) {
        fprintf(stderr, "%s: %s\n", image, error);
        exit(1);
    }
    return volume;
}

/* Opening a volume and a file on it, then finding random blocks. */
static void measure_map(const char *image, const char *path)
{
    double start = now(), opened;
    struct bdev_extent extent;
    struct vmfs_file *file;
    struct bdev *dev;
    struct vmfs_volume *volume = open_volume(image, &dev);

    if (vmfs_file_open(volume, path, VMFS_SHARE_NONE, &file) != 0)
        exit(1);
    opened = now() - start;
    start = now();
    for (unsigned i = 0; i < MAPPINGS; i++) {
        if (vmfs_file_map(file, random_below(vmfs_file_length(file)), 4096, &extent) != 0)
            exit(1);
    }
    printf("open %.2f ms, map a random block %.2f us\n", opened * 1e3,
           (now() - start) / MAPPINGS * 1e6);
    vmfs_file_close(file);
    vmfs_close(volume);
    bdev_close(dev);
}

int main(int argc, char **argv)
{
    struct source source = {.fd = -1};

    if (argc == 4 && strcmp(argv[1], "map") == 0) {
        measure_map(argv[2], argv[3]);
    } else if (argc == 4 && strcmp(argv[1], "vmfs") == 0) {
        struct bdev *dev;
        struct vmfs_volume *volume = open_volume(argv[2], &dev);

        if (vmfs_file_open(volume, argv[3], VMFS_SHARE_NONE, &source.file) != 0)
            return 1;
        source.length = vmfs_file_length(source.file);
        measure(argv[1], &source);
        vmfs_file_close(source.file);
        vmfs_close(volume);
        bdev_close(dev);
    } else if (argc == 3) {
        struct stat stat;

        source.fd = open(argv[2], O_RDONLY);
        if (source.fd < 0 || fstat(source.fd, &stat) != 0)
            return 1;
        source.length = (uint64_t)stat.st_size;
        measure(argv[1], &source);
    } else {
        fputs("usage: vmfsbench raw|fuse FILE | vmfs IMAGE PATH | map IMAGE PATH\n", stderr);
        return 2;
    }
    return 0;
}
