/* SPDX-License-Identifier: MIT */
/*
 * What it costs a Linux domain to give memory back and to take it again: `BENCH name ticks`, as
 * pvbench has it, from the new target to the day it is reached.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <x86intrin.h>

#define DIRECTORY "/sys/devices/system/xen_memory/xen_memory0/"
#define STEP_KIB  (256ull << 10)
#define SLACK_KIB 64 /* the driver stops a few pages short at times */

static unsigned long long read_kib(const char *path)
{
    unsigned long long kib;
    FILE *file = fopen(path, "r");

    if (!file || fscanf(file, "%llu", &kib) != 1) {
        perror(path);
        exit(1);
    }
    fclose(file);
    return kib;
}

static void set_target(unsigned long long kib)
{
    FILE *file = fopen(DIRECTORY "target_kb", "w");

    if (!file || fprintf(file, "%llu", kib) < 0 || fclose(file)) {
        perror(DIRECTORY "target_kb");
        exit(1);
    }
}

static uint64_t move_to(unsigned long long kib)
{
    const struct timespec moment = {.tv_nsec = 200000};
    uint64_t start = __rdtsc();

    set_target(kib);
    for (;;) {
        unsigned long long now = read_kib(DIRECTORY "info/current_kb");

        if (now + SLACK_KIB >= kib && now <= kib + SLACK_KIB)
            return __rdtsc() - start;
        if (__rdtsc() - start > 60000000000ull) {
            fprintf(stderr, "balloon: stays at %llu KiB, asked for %llu\n", now, kib);
            exit(1);
        }
        nanosleep(&moment, NULL);
    }
}

int main(void)
{
    unsigned long long before = read_kib(DIRECTORY "info/current_kb");

    printf("BENCH balloon_down %llu\n", (unsigned long long)move_to(before - STEP_KIB));
    printf("BENCH balloon_up %llu\n", (unsigned long long)move_to(before));
    return 0;
}
