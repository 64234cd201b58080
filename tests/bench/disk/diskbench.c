/* SPDX-License-Identifier: MIT */
/*
 * What a guest's disk costs: `BENCH name ticks` a line, ticks of the time stamp counter for one
 * MiB or one request of 4 KiB, all of it direct I/O. Under QEMU's `-icount shift=0,sleep=off` a
 * tick is an instruction of the whole machine: guest, hypervisor and backend. Each disk is read
 * once before, so that no first touch counts.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#define MIB       (1u << 20)
#define SPAN      (32u * MIB)
#define SMALL     4096u
#define DEPTH_MAX 32u

static char *buffer;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* The same on every machine. */
static uint32_t next_random(void)
{
    static uint32_t state = 2463534242u;

    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static uint64_t sequential(int disk, int writing)
{
    uint64_t start = __rdtsc();

    for (uint64_t at = 0; at < SPAN; at += MIB)
        if ((writing ? pwrite(disk, buffer, MIB, (off_t)at)
                     : pread(disk, buffer, MIB, (off_t)at)) != (ssize_t)MIB)
            fail("diskbench: sequential");
    if (writing && fdatasync(disk))
        fail("diskbench: fdatasync");
    return (__rdtsc() - start) / (SPAN / MIB);
}

static void submit(aio_context_t context, struct iocb *block, int disk, int writing)
{
    block->aio_fildes = (uint32_t)disk;
    block->aio_lio_opcode = writing ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
    block->aio_nbytes = SMALL;
    block->aio_offset = (int64_t)(next_random() % (SPAN / SMALL)) * SMALL;
    if (syscall(SYS_io_submit, context, 1, &block) != 1)
        fail("diskbench: io_submit");
}

/* `requests` of 4 KiB at random places, `depth` of them under way at a time. */
static uint64_t scattered(int disk, int writing, unsigned int depth, unsigned int requests)
{
    struct iocb blocks[DEPTH_MAX] = {0};
    struct io_event events[DEPTH_MAX];
    unsigned int sent = 0, done = 0;
    aio_context_t context = 0;

    if (syscall(SYS_io_setup, DEPTH_MAX, &context))
        fail("diskbench: io_setup");
    uint64_t start = __rdtsc();
    for (; sent < depth; sent++) {
        blocks[sent].aio_buf = (uint64_t)(uintptr_t)(buffer + sent * SMALL);
        submit(context, &blocks[sent], disk, writing);
    }
    while (done < requests) {
        long n = syscall(SYS_io_getevents, context, 1, DEPTH_MAX, events, NULL);

        if (n < 1)
            fail("diskbench: io_getevents");
        for (long i = 0; i < n; i++) {
            if (events[i].res != SMALL)
                fail("diskbench: a request");
            done++;
            if (sent < requests) {
                submit(context, (struct iocb *)(uintptr_t)events[i].obj, disk, writing);
                sent++;
            }
        }
    }
    uint64_t ticks = (__rdtsc() - start) / requests;

    syscall(SYS_io_destroy, context);
    return ticks;
}

static void report(const char *disk, const char *what, uint64_t ticks)
{
    printf("BENCH %s_%s %llu\n", disk, what, (unsigned long long)ticks);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc != 3 || posix_memalign((void **)&buffer, SMALL, MIB)) {
        fprintf(stderr, "usage: diskbench DEVICE NAME\n");
        return 2;
    }
    int disk = open(argv[1], O_RDWR | O_DIRECT | O_CLOEXEC);

    if (disk < 0)
        fail(argv[1]);
    memset(buffer, 0x5a, MIB);
    sequential(disk, 1);
    sequential(disk, 0);
    report(argv[2], "read_1m", sequential(disk, 0));
    report(argv[2], "write_1m", sequential(disk, 1));
    report(argv[2], "read_4k", scattered(disk, 0, 1, 500));
    report(argv[2], "write_4k", scattered(disk, 1, 1, 500));
    report(argv[2], "read_4k_32", scattered(disk, 0, 32, 4000));
    report(argv[2], "write_4k_32", scattered(disk, 1, 32, 4000));
    return 0;
}
