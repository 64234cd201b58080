/* SPDX-License-Identifier: MIT */
/*
 * What system calls, faults and switches cost a Linux process: `BENCH name ticks` a line, ticks of
 * the time stamp counter for one operation, the least of several batches so that a timer interrupt
 * in one of them does not count. Under QEMU's `-icount shift=0,sleep=off` a tick is an instruction.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define BATCHES 12
#define PAGES   64
#define PAGE    4096

/* Two processes and what they talk by: [0] is read, [1] is written. */
static int to_child[2], to_parent[2];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void getpid_once(void)
{
    syscall(SYS_getpid);
}

static void fork_exit_once(void)
{
    pid_t child = fork();

    if (child < 0)
        fail("pvbench: fork");
    if (child == 0)
        _exit(0);
    if (waitpid(child, NULL, 0) != child)
        fail("pvbench: waitpid");
}

static void pipe_round_trip_once(void)
{
    char byte = 'x';

    if (write(to_child[1], &byte, 1) != 1 || read(to_parent[0], &byte, 1) != 1)
        fail("pvbench: pipe");
}

/* Echoes bytes until the parent closes its end. */
static void echo_bytes(void)
{
    char byte;

    close(to_child[1]);
    while (read(to_child[0], &byte, 1) == 1)
        if (write(to_parent[1], &byte, 1) != 1)
            break;
    _exit(0);
}

static void start_echo(void)
{
    if (pipe(to_child) || pipe(to_parent))
        fail("pvbench: pipe");
    switch (fork()) {
    case -1:
        fail("pvbench: fork");
        break;
    case 0:
        echo_bytes();
    }
}

static uint64_t batch_of(void (*once)(void), unsigned int rounds)
{
    uint64_t start = __rdtsc();

    for (unsigned int i = 0; i < rounds; i++)
        once();
    return (__rdtsc() - start) / rounds;
}

/* One page fault of a fresh anonymous mapping; mapping and unmapping are not timed. */
static uint64_t batch_of_faults(void)
{
    char *area =
        mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (area == MAP_FAILED)
        fail("pvbench: mmap");
    uint64_t start = __rdtsc();
    for (unsigned int i = 0; i < PAGES; i++)
        ((volatile char *)area)[i * PAGE] = 1;
    uint64_t each = (__rdtsc() - start) / PAGES;
    munmap(area, PAGES * PAGE);
    return each;
}

static void report(const char *name, void (*once)(void), unsigned int rounds)
{
    uint64_t least = UINT64_MAX;

    for (unsigned int i = 0; i < BATCHES; i++) {
        uint64_t each = once ? batch_of(once, rounds) : batch_of_faults();
        if (each < least)
            least = each;
    }
    printf("BENCH %s %llu\n", name, (unsigned long long)least);
    fflush(stdout);
}

int main(void)
{
    report("getpid", getpid_once, 1000);
    report("page_fault", NULL, 0);
    report("fork_exit", fork_exit_once, 20);
    start_echo();
    report("pipe_round_trip", pipe_round_trip_once, 200);
    return 0;
}
