/* SPDX-License-Identifier: MIT */
/*
 * Heartbeat slots: each opener owns one sector on disk and rewrites its stamp while it lives.
 *
 * A slot of this host is judged at once: its owner holds a host lock on the slot's sector that ends
 * with its process. A slot of another host is judged by watching whether its stamp moves.
 */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BEAT_INTERVAL_US 3000000u
/* VMFS calls a host dead after 16 s of silence; 4 s more for a beat under way. */
#define DEAD_AFTER_S        20
#define SLOTS_BYTES         (VMFS5_SLOT_COUNT * VMFS_SLOT_SIZE)
#define LOCK_IMPLEMENTATION 3

/* The host lock of a volume offset lives at its device offset, like the data. */
static int host_lock(struct vmfs_volume *volume, uint64_t offset, bool take, bool wait)
{
    uint64_t length = VMFS_SLOT_SIZE, device_offset;
    struct bdev *dev;
    int rc = lvm_map(volume, offset, &length, &dev, &device_offset);

    if (rc != 0)
        return rc;
    if (take)
        return bdev_lock(dev, device_offset, length, wait);
    bdev_unlock(dev, device_offset, length);
    return 0;
}

static bool same_host(const struct vmfs_uuid *a, const struct vmfs_uuid *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static int slot_read(struct vmfs_volume *volume, uint64_t address, struct vmfs_slot *slot)
{
    int rc;

    if (address < VMFS_SLOTS_OFFSET || address >= VMFS_SLOTS_OFFSET + SLOTS_BYTES ||
        address % VMFS_SLOT_SIZE != 0)
        return vmfs_fail(volume, -EUCLEAN, "0x%llx is not a heartbeat slot",
                         (unsigned long long)address);
    rc = volume_read(volume, address, slot, sizeof(*slot));
    if (rc != 0)
        return rc;
    if (slot->address != address)
        return vmfs_fail(volume, -EUCLEAN, "heartbeat slot at 0x%llx says it is at 0x%llx",
                         (unsigned long long)address, (unsigned long long)slot->address);
    return 0;
}

/* Marks a slot free; its next owner gets the next generation. */
static int slot_clear(struct vmfs_volume *volume, struct vmfs_slot *slot)
{
    slot->state = VMFS_SLOT_FREE;
    slot->generation++;
    memset(&slot->host, 0, sizeof(slot->host));
    slot->journal_address = 0;
    slot->journal_offset = 0;
    return volume_write(volume, slot->address, slot, sizeof(*slot));
}

/* Whether a slot of this host has a living process behind it; leaves no lock behind. */
static bool own_process_alive(struct vmfs_volume *volume, uint64_t address)
{
    if (address == volume->slot_address)
        return true;
    if (host_lock(volume, address, true, false) != 0)
        return true;
    host_lock(volume, address, false, false);
    return false;
}

int slot_is_alive(struct vmfs_volume *volume, uint64_t address, uint64_t generation)
{
    struct vmfs_slot slot;
    int rc = slot_read(volume, address, &slot);

    if (rc != 0)
        return rc;
    if (slot.state == VMFS_SLOT_FREE || slot.generation != generation)
        return 0;
    if (same_host(&slot.host, &volume->host))
        return own_process_alive(volume, address);
    return 1;
}

/* Compares the foreign slots with a later reading: a stamp that moved has a living host. */
static int watch_foreign(struct vmfs_volume *volume, struct vmfs_slot *slots, bool break_dead)
{
    char host[VMFS_UUID_TEXT];
    struct vmfs_slot now;
    int rc;

    for (int second = 0; second < DEAD_AFTER_S; second++)
        sleep(1);
    for (unsigned i = 0; i < VMFS5_SLOT_COUNT; i++) {
        if (slots[i].state == VMFS_SLOT_FREE || same_host(&slots[i].host, &volume->host))
            continue;
        rc = slot_read(volume, slots[i].address, &now);
        if (rc != 0)
            return rc;
        uuid_to_text(&slots[i].host, host);
        if (now.stamp_us != slots[i].stamp_us || now.generation != slots[i].generation)
            return vmfs_fail(volume, -EBUSY, "the volume is in use by host %s (%.46s)", host,
                             slots[i].host_text);
        if (!break_dead)
            return vmfs_fail(volume, -EBUSY,
                             "host %s (%.46s) stopped beating without leaving the volume; if it is "
                             "really off, open with --break-dead",
                             host, slots[i].host_text);
        rc = slot_clear(volume, &now);
        if (rc != 0)
            return rc;
        slots[i] = now;
    }
    return 0;
}

/* Clears slots of dead processes of this host; says whether other hosts' slots are in use. */
static int judge_slots(struct vmfs_volume *volume, struct vmfs_slot *slots, bool *foreign)
{
    *foreign = false;
    for (unsigned i = 0; i < VMFS5_SLOT_COUNT; i++) {
        uint64_t address = VMFS_SLOTS_OFFSET + i * VMFS_SLOT_SIZE;
        int rc;

        if (slots[i].address != address)
            return vmfs_fail(volume, -EUCLEAN, "heartbeat slot at 0x%llx says it is at 0x%llx",
                             (unsigned long long)address, (unsigned long long)slots[i].address);
        if (slots[i].state == VMFS_SLOT_FREE)
            continue;
        if (!same_host(&slots[i].host, &volume->host)) {
            *foreign = true;
            continue;
        }
        if (own_process_alive(volume, address))
            continue;
        rc = slot_clear(volume, &slots[i]);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* Writes our name into the first free slot nobody holds the host lock of. */
static int slot_claim(struct vmfs_volume *volume, struct vmfs_slot *slots)
{
    for (unsigned i = 0; i < VMFS5_SLOT_COUNT; i++) {
        struct vmfs_slot *slot = &slots[i];
        int rc;

        if (slot->state != VMFS_SLOT_FREE || host_lock(volume, slot->address, true, false) != 0)
            continue;
        slot->state = VMFS_SLOT_IN_USE;
        slot->generation++;
        slot->stamp_us = uptime_us();
        slot->host = volume->host;
        slot->major = VMFS5_MAJOR;
        slot->minor = VMFS5_MINOR;
        slot->lock_implementation = LOCK_IMPLEMENTATION;
        memset(slot->host_text, 0, sizeof(slot->host_text));
        snprintf(slot->host_text, sizeof(slot->host_text), "corbel pid %d", (int)getpid());
        rc = volume_write(volume, slot->address, slot, sizeof(*slot));
        if (rc != 0)
            return rc;
        volume->slot_address = slot->address;
        volume->slot_generation = slot->generation;
        volume->last_beat_us = slot->stamp_us;
        return vmfs_flush(volume);
    }
    return vmfs_fail(volume, -EUSERS, "all %u heartbeat slots are in use", VMFS5_SLOT_COUNT);
}

int slot_acquire(struct vmfs_volume *volume, unsigned flags)
{
    struct vmfs_slot *slots = malloc(SLOTS_BYTES);
    bool foreign;
    int rc;

    if (slots == NULL)
        return vmfs_fail(volume, -ENOMEM, "out of memory");
    rc = host_lock(volume, VMFS_SUPERBLOCK_OFFSET, true, true);
    if (rc != 0) {
        free(slots);
        return vmfs_fail(volume, rc, "cannot take the host lock: %s", strerror(-rc));
    }
    rc = volume_read(volume, VMFS_SLOTS_OFFSET, slots, SLOTS_BYTES);
    if (rc == 0)
        rc = judge_slots(volume, slots, &foreign);
    if (rc == 0 && foreign && (flags & VMFS_OPEN_NO_WAIT) != 0)
        rc = vmfs_fail(volume, -EBUSY, "another host's heartbeat slot is in use");
    else if (rc == 0 && foreign)
        rc = watch_foreign(volume, slots, (flags & VMFS_OPEN_BREAK_DEAD) != 0);
    if (rc == 0)
        rc = slot_claim(volume, slots);
    host_lock(volume, VMFS_SUPERBLOCK_OFFSET, false, false);
    free(slots);
    return rc;
}

int slot_require_alone(struct vmfs_volume *volume)
{
    for (unsigned i = 0; i < VMFS5_SLOT_COUNT; i++) {
        struct vmfs_slot slot;
        int rc = slot_read(volume, VMFS_SLOTS_OFFSET + i * VMFS_SLOT_SIZE, &slot);

        if (rc != 0)
            return rc;
        /* Those of the dead were cleared when we opened the volume. */
        if (slot.state != VMFS_SLOT_FREE && slot.address != volume->slot_address)
            return vmfs_fail(volume, -EBUSY, "%.46s has the volume open (heartbeat slot 0x%llx)",
                             slot.host_text, (unsigned long long)slot.address);
    }
    return 0;
}

int slot_beat(struct vmfs_volume *volume)
{
    uint64_t now = uptime_us();
    struct vmfs_slot slot;
    int rc;

    if (volume->fenced)
        return vmfs_fail(volume, -ESTALE, "the heartbeat slot was lost: no further changes");
    if (now - volume->last_beat_us < BEAT_INTERVAL_US)
        return 0;
    rc = slot_read(volume, volume->slot_address, &slot);
    if (rc != 0)
        return rc;
    if (slot.state != VMFS_SLOT_IN_USE || slot.generation != volume->slot_generation ||
        !same_host(&slot.host, &volume->host)) {
        volume->fenced = true;
        return vmfs_fail(volume, -ESTALE,
                         "heartbeat slot 0x%llx was taken by another host while we slept",
                         (unsigned long long)volume->slot_address);
    }
    slot.stamp_us = now;
    rc = volume_write(volume, volume->slot_address, &slot, sizeof(slot));
    if (rc == 0)
        volume->last_beat_us = now;
    return rc;
}

void slot_release(struct vmfs_volume *volume)
{
    struct vmfs_slot slot;

    if (volume->slot_address == 0)
        return;
    if (!volume->fenced && slot_read(volume, volume->slot_address, &slot) == 0 &&
        slot.generation == volume->slot_generation && slot_clear(volume, &slot) == 0)
        vmfs_flush(volume);
    host_lock(volume, volume->slot_address, false, false);
    volume->slot_address = 0;
}
