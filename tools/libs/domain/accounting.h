/* SPDX-License-Identifier: MIT */
/* What backends in dom0 have spent on each guest, from the accounts they keep (ARCHITECTURE.md,
 * part 4). */
#ifndef DOMAIN_ACCOUNTING_H
#define DOMAIN_ACCOUNTING_H

#include <stdint.h>

#define ACCOUNTING_DIRECTORY "/run/corbel/cpu"

/* Nanoseconds of dom0's CPU time. */
struct accounting {
    uint64_t disk_ns, net_ns;
};

/* Adds up the accounts of a guest's devices in `directory`; none there is none spent. */
struct accounting accounting_read(const char *directory, unsigned int domid);

#endif
