/* SPDX-License-Identifier: MIT */
/*
 * CPU time that a backend spends on one device's behalf, so that it can be attributed to the guest
 * the device belongs to: a file CPU_ACCOUNT_DIRECTORY/KIND-DOMAIN-DEVICE holds the nanoseconds, as
 * decimal digits. It outlives a backend that is killed; its successor counts on from there.
 */
#ifndef BACKENDS_LIB_CPU_ACCOUNT_H
#define BACKENDS_LIB_CPU_ACCOUNT_H

#include <stdint.h>

#define CPU_ACCOUNT_DIRECTORY "/run/corbel/cpu"

struct cpu_account {
    char path[128];
    int fd; /* -1: shown nowhere */
    uint64_t ns, shown;
};

/*
 * Opens the account of device `kind`-`domain`-`device` in `directory`, which is made if need be.
 * Where that fails the time is counted and shown nowhere.
 */
void cpu_account_open(struct cpu_account *account, const char *directory, const char *kind,
                      unsigned domain, unsigned device);
/* Writes the account's nanoseconds into its file if they have changed. */
void cpu_account_show(struct cpu_account *account);
/* Ends the account and takes its file away: the device is gone. */
void cpu_account_close(struct cpu_account *account);

/* Nanoseconds of CPU this thread, or this process with all its threads, has used. */
uint64_t cpu_time_of_thread(void);
uint64_t cpu_time_of_process(void);

/* Divides a thread's CPU time among those it is spent for: each lap is what the thread has used
 * since the last one ended. */
struct cpu_meter {
    uint64_t mark;
};
uint64_t cpu_meter_lap(struct cpu_meter *meter);

#endif
