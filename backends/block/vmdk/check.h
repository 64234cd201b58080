/* SPDX-License-Identifier: MIT */
/* check: what the checkers of all formats share. */
#ifndef BACKENDS_BLOCK_VMDK_CHECK_H
#define BACKENDS_BLOCK_VMDK_CHECK_H

#include "block/vmdk/extent.h"

/* Reports a finding; one that was repaired is counted as such too. */
void check_found(struct vmdk_check *check, const struct extent *extent, bool repaired,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Notes that an extent was checked up to this byte. */
void check_reached(const struct vmdk_check *check, uint64_t byte);

/* Which units of a file are taken: grains that overlap begin in the same unit. */
struct check_room {
    uint64_t *bits;
    uint64_t units;
};

/* -ENOMEM with the store's error. */
int check_room_init(struct check_room *room, struct extent *extent, uint64_t unit_bytes);
void check_room_free(struct check_room *room);
/* Takes a unit; false when it is taken already or past the file's end. */
bool check_room_take(struct check_room *room, uint64_t unit);

#endif
