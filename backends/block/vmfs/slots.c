/* SPDX-License-Identifier: MIT */
/* What a reader can say of other hosts: the heartbeat slots in use, and who has a file locked. */
#include "block/vmfs/internal.h"

#include <ctype.h>
#include <string.h>

/* Bytes that hosts write as their name are shown only as far as they are text. */
static void copy_name(char out[47], const char name[46])
{
    unsigned n = 0;

    while (n < 46 && isprint((unsigned char)name[n])) {
        out[n] = name[n];
        n++;
    }
    out[n] = '\0';
}

int vmfs_list_slots(struct vmfs_volume *volume,
                    int (*visit)(void *context, const struct vmfs_slot_seen *slot), void *context)
{
    int rc = 0;

    for (unsigned i = 0; i < volume->slot_count && rc == 0; i++) {
        uint64_t address = VMFS_SLOTS_OFFSET + (uint64_t)i * volume->slot_stride;
        struct vmfs_slot_seen seen = {.address = address};
        struct vmfs_slot slot;

        rc = volume_read_through(volume, address, &slot, sizeof(slot));
        if (rc != 0 || slot.state != VMFS_SLOT_IN_USE || slot.address != address)
            continue;
        seen.generation = slot.generation;
        seen.stamp_us = slot.stamp_us;
        uuid_to_text(&slot.host, seen.host);
        copy_name(seen.name, slot.host_text);
        rc = visit(context, &seen);
    }
    return rc;
}

uint64_t vmfs_file_holder(const struct vmfs_file *file)
{
    const struct vmfs_lock *lock = &file->inode.fd.lock;

    if (lock->mode == VMFS_LOCK_FREE)
        return 0;
    return lock->mode == VMFS_LOCK_EXCLUSIVE ? lock->slot_address : lock->holders[0].slot_address;
}
