/* SPDX-License-Identifier: MIT */
/*
 * What system calls, faults and switches cost a Linux process: `BENCH name ticks` a line, ticks of
 * the time stamp counter for one operation, the least of several batches so that a timer interrupt
 * in one of them does not count. Under QEMU's `-icount shift=0,sleep=off` a tick is an instruction.
 */
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
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

static void fork_exec_once(void)
{
    pid_t child = fork();

    if (child < 0)
        fail("pvbench: fork");
    if (child == 0) {
        execl("/proc/self/exe", "pvbench", "exit", NULL);
        _exit(1);
    }
    if (waitpid(child, NULL, 0) != child)
        fail("pvbench: waitpid");
}

static void round_trip_once(void)
{
    char byte = 'x';

    if (write(to_child[1], &byte, 1) != 1 || read(to_parent[0], &byte, 1) != 1)
        fail("pvbench: round trip");
}

/* Maps, fills and unmaps PAGES pages. */
static void mmap_once(void)
{
    char *area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (area == MAP_FAILED || munmap(area, PAGES * PAGE))
        fail("pvbench: mmap");
}

/* The page written to by protection_fault_once; the handler opens it. */
static char *guarded;

static void open_guarded(int signal)
{
    (void)signal;
    if (mprotect(guarded, PAGE, PROT_READ | PROT_WRITE))
        _exit(1);
}

static void protection_fault_once(void)
{
    if (mprotect(guarded, PAGE, PROT_READ))
        fail("pvbench: mprotect");
    *(volatile char *)guarded = 1;
}

static void prepare_guarded(void)
{
    guarded = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (guarded == MAP_FAILED || signal(SIGSEGV, open_guarded) == SIG_ERR)
        fail("pvbench: guarded page");
    *guarded = 1;
}

/* To another process that yields at once, and back: two switches. */
static void yield_once(void)
{
    sched_yield();
}

static pid_t start_yielder(void)
{
    pid_t child = fork();

    if (child < 0)
        fail("pvbench: fork");
    if (child == 0)
        for (;;)
            sched_yield();
    return child;
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

static int socket_pair(int ends[2])
{
    return socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
}

/* Makes both channels by `make` and a process that echoes. */
static void start_echo(int (*make)(int ends[2]))
{
    if (make(to_child) || make(to_parent))
        fail("pvbench: channel");
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

static void stay_on_one_cpu(void)
{
    cpu_set_t first;

    CPU_ZERO(&first);
    CPU_SET(0, &first);
    if (sched_setaffinity(0, sizeof(first), &first))
        fail("pvbench: sched_setaffinity");
}

int main(int argc, char **argv)
{
    pid_t yielder;

    if (argc > 1 && strcmp(argv[1], "exit") == 0)
        return 0;
    stay_on_one_cpu();
    report("getpid", getpid_once, 1000);
    report("page_fault", NULL, 0);
    prepare_guarded();
    report("protection_fault", protection_fault_once, 100);
    report("mmap_munmap", mmap_once, 20);
    report("fork_exit", fork_exit_once, 20);
    report("fork_exec", fork_exec_once, 10);
    yielder = start_yielder();
    report("context_switch", yield_once, 500);
    kill(yielder, SIGKILL);
    start_echo(pipe);
    report("pipe_round_trip", round_trip_once, 200);
    start_echo(socket_pair);
    report("unix_round_trip", round_trip_once, 200);
    return 0;
}
