/* SPDX-License-Identifier: MIT */
/* The array of test_hosts.c: a disk in shared memory, its one true order, and what it looks out
 * for.
 */
#ifndef TESTS_UNIT_BLOCK_HOSTS_ARRAY_H
#define TESTS_UNIT_BLOCK_HOSTS_ARRAY_H

#include "block/bdev.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ARRAY_HOSTS 32u
#define ARRAY_FILES 12u
#define ARRAY_MARK  0x484F4C44u

/* What a host writes into a file it holds: a sector the array can tell. */
struct array_mark {
    uint32_t magic;
    uint32_t file;
    uint32_t sequence;
    uint8_t rest[500];
};

enum array_message { ARRAY_HELD, ARRAY_RELEASED };

struct array_report {
    unsigned openings, kills, stops, delays, fenced;
    unsigned takeovers, takeover_max_ms;
    unsigned double_opens, late_writes, robbed, errors;
};

struct array;
struct array_client;

uint64_t array_now_us(void);
struct array *array_new(unsigned lease_ms);
void array_free(struct array *array);
unsigned array_lease_ms(const struct array *array);

/* The disk as the parent sees it, COMPARE AND WRITE included. */
struct bdev *array_bdev(struct array *array);

/* Forks host `slot`; 0 in the child. */
pid_t array_fork(struct array *array, unsigned slot);
/* In the child: its way to the array. */
struct array_client *array_client(struct array *array);
struct bdev *array_client_bdev(struct array_client *client);
/* Tells the array what the host believes; `began` is when it first asked for the file. */
void array_tell(struct array_client *client, enum array_message message, unsigned file,
                uint64_t began);
bool array_is_over(const struct array_client *client);

/* Serves all hosts until this one ends (or stops, with WUNTRACED); its wait status (0: stopped). */
int array_serve_until(struct array *array, pid_t pid, int options);

/* The storm: starts all hosts, stops, kills and delays them, until there were enough openings. */
void array_storm(struct array *array, unsigned rounds, unsigned seed,
                 void (*start)(struct array *array, unsigned slot, const uint8_t uuid[16],
                               unsigned seed),
                 struct array_report *report);

#endif
