/* SPDX-License-Identifier: MIT */
/*
 * Heartbeat slots: each opener owns one sector on disk and rewrites its stamp while it lives.
 *
 * A slot of this host is judged at once: its owner holds a host lock that ends with its process. A
 * slot of another host is judged by watching whether its stamp moves.
 *
 * The lease. An owner may write until its last good beat's beginning + lease - retire time. A
 * watcher calls a slot dead when it has seen the same stamp for a lease and a sixteenth. It saw
 * that stamp after the beat had begun, so on clocks that run alike an owner has always stopped
 * before anybody calls it dead. Who finds a slot dead first writes the next generation into it, and
 * then takes its locks: an owner that wakes late finds either its slot untouched, then nobody has
 * taken a lock of its, or lost, and is fenced for good. On a shared volume each of these steps is
 * one COMPARE AND WRITE.
 */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* VMFS beats every 3 s of a lease of 16 s. */
#define BEAT_INTERVAL_US(lease) ((lease)*3 / 16)
/* VMFS calls a host dead after a lease of silence; a quarter more for a beat under way. */
#define DEAD_AFTER_US(lease) ((lease) + (lease) / 4)
#define LOCK_IMPLEMENTATION  3
#define HOST_MARK            "corbel"

static bool same_host(const struct vmfs_uuid *a, const struct vmfs_uuid *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static int slot_read(struct vmfs_volume *volume, uint64_t address, struct vmfs_slot *slot)
{
    int rc;

    if (address < VMFS_SLOTS_OFFSET ||
        address >= VMFS_SLOTS_OFFSET + (uint64_t)volume->slot_count * volume->slot_stride ||
        address % volume->slot_stride != 0)
        return vmfs_fail(volume, -EUCLEAN, "0x%llx is not a heartbeat slot",
                         (unsigned long long)address);
    rc = volume_read_through(volume, address, slot, sizeof(*slot));
    if (rc != 0)
        return rc;
    if (slot->address != address)
        return vmfs_fail(volume, -EUCLEAN, "heartbeat slot at 0x%llx says it is at 0x%llx",
                         (unsigned long long)address, (unsigned long long)slot->address);
    return 0;
}

int sector_swap(struct vmfs_volume *volume, uint64_t offset, const void *expected,
                const void *replacement)
{
    uint64_t length = VMFS_SLOT_SIZE, device_offset;
    uint8_t now[VMFS_SLOT_SIZE];
    struct bdev *dev;
    int rc;

    if (!volume->shared)
        return volume_write(volume, offset, replacement, VMFS_SLOT_SIZE);
    rc = lvm_map(volume, offset, &length, &dev, &device_offset);
    if (rc != 0)
        return rc;
    if (length < VMFS_SLOT_SIZE)
        return vmfs_fail(volume, -EUCLEAN, "the sector at 0x%llx lies on two devices",
                         (unsigned long long)offset);
    rc = bdev_compare_and_write(dev, device_offset, expected, replacement);
    if (rc == 0)
        return 0;
    /* A command that was sent twice, or whose answer was lost, may have done its work. */
    if (bdev_read(dev, device_offset, now, sizeof(now)) == 0 &&
        memcmp(now, replacement, sizeof(now)) == 0)
        return 0;
    return vmfs_fail(volume, rc, "%s: compare and write at 0x%llx: %s", dev->name,
                     (unsigned long long)device_offset,
                     rc == -EAGAIN ? "another host was faster" : strerror(-rc));
}

/* Marks a slot free; its next owner gets the next generation. */
static int slot_clear(struct vmfs_volume *volume, struct vmfs_slot *slot)
{
    struct vmfs_slot before = *slot;

    slot->state = VMFS_SLOT_FREE;
    slot->generation++;
    memset(&slot->host, 0, sizeof(slot->host));
    slot->journal_address = 0;
    slot->journal_offset = 0;
    return sector_swap(volume, slot->address, &before, slot);
}

/* Whether a slot of this host has a living process behind it. */
static bool own_process_alive(struct vmfs_volume *volume, const struct vmfs_slot *slot)
{
    return slot->address == volume->slot_address || host_slot_is_held(volume, slot);
}

/* The notes kept on a slot; the oldest are given up when there is no room. */
static struct vmfs_watch *watch_of(struct vmfs_volume *volume, uint64_t address)
{
    struct vmfs_watch *oldest = &volume->watches[0];

    for (unsigned i = 0; i < VMFS_WATCHES; i++) {
        struct vmfs_watch *watch = &volume->watches[i];

        if (watch->address == address)
            return watch;
        if (watch->since_us < oldest->since_us)
            oldest = watch;
    }
    memset(oldest, 0, sizeof(*oldest));
    return oldest;
}

/* Compares another host's slot with what it was; breaks it when its lease has run out. */
static int watch_slot(struct vmfs_volume *volume, struct vmfs_slot *slot)
{
    struct vmfs_watch *watch = watch_of(volume, slot->address);
    uint64_t now = uptime_us();
    bool known = watch->address == slot->address && watch->generation == slot->generation;
    int rc;

    if (!known || watch->stamp_us != slot->stamp_us) {
        *watch = (struct vmfs_watch){.address = slot->address,
                                     .generation = slot->generation,
                                     .stamp_us = slot->stamp_us,
                                     .since_us = now,
                                     .beats = known};
        return known ? SLOT_ALIVE : SLOT_SILENT;
    }
    if (now - watch->since_us <= volume->lease_us + volume->lease_us / 16)
        return watch->beats && now - watch->since_us < volume->lease_us / 2 ? SLOT_ALIVE
                                                                            : SLOT_SILENT;
    rc = slot_clear(volume, slot);
    return rc == -EAGAIN ? SLOT_SILENT : rc != 0 ? rc : SLOT_DEAD;
}

int slot_judge(struct vmfs_volume *volume, uint64_t address, uint64_t generation)
{
    struct vmfs_slot slot;
    int rc = slot_read(volume, address, &slot);

    if (rc != 0)
        return rc;
    if (slot.state == VMFS_SLOT_FREE || slot.generation != generation)
        return SLOT_DEAD;
    if (same_host(&slot.host, &volume->host))
        return own_process_alive(volume, &slot) ? SLOT_ALIVE : SLOT_DEAD;
    return volume->shared ? watch_slot(volume, &slot) : SLOT_ALIVE;
}

static void nap_us(uint64_t us)
{
    struct timespec left = {.tv_sec = (time_t)(us / 1000000u),
                            .tv_nsec = (long)(us % 1000000u) * 1000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

/* Whether a slot was written by this library, on whatever host. */
static bool slot_is_ours(const struct vmfs_slot *slot)
{
    return memcmp(slot->host_text, HOST_MARK, strlen(HOST_MARK)) == 0;
}

/* Compares the foreign slots with a later reading: a stamp that moved has a living host.
 * Corbel's own hosts that share the volume are none of them. */
static int watch_foreign(struct vmfs_volume *volume, struct vmfs_slot *slots, bool break_dead)
{
    char host[VMFS_UUID_TEXT];
    struct vmfs_slot now;
    int rc;

    nap_us(DEAD_AFTER_US(volume->lease_us));
    for (unsigned i = 0; i < volume->slot_count; i++) {
        if (slots[i].state == VMFS_SLOT_FREE || same_host(&slots[i].host, &volume->host) ||
            (volume->shared && slot_is_ours(&slots[i])))
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

/*
 * Clears slots of dead processes of this host; says whether hosts we do not share with have slots
 * in use: any other host where the device has no COMPARE AND WRITE, hosts that are not Corbel's
 * anywhere.
 */
static int judge_slots(struct vmfs_volume *volume, struct vmfs_slot *slots, bool *foreign)
{
    *foreign = false;
    for (unsigned i = 0; i < volume->slot_count; i++) {
        uint64_t address = VMFS_SLOTS_OFFSET + (uint64_t)i * volume->slot_stride;
        int rc;

        /* On a volume of ours vmfs_check() mends it; until then nobody takes it. */
        if (slots[i].address != address && volume->ours) {
            slots[i].state = VMFS_SLOT_REPLAYED;
            continue;
        }
        if (slots[i].address != address)
            return vmfs_fail(volume, -EUCLEAN, "heartbeat slot at 0x%llx says it is at 0x%llx",
                             (unsigned long long)address, (unsigned long long)slots[i].address);
        if (slots[i].state == VMFS_SLOT_FREE)
            continue;
        if (!same_host(&slots[i].host, &volume->host)) {
            *foreign = *foreign || !volume->shared || !slot_is_ours(&slots[i]);
            continue;
        }
        if (own_process_alive(volume, &slots[i]))
            continue;
        /* It may have been living a moment ago, and clear its slot itself. */
        rc = slot_clear(volume, &slots[i]);
        if (rc != 0 && rc != -EAGAIN)
            return rc;
    }
    return 0;
}

/* Time until which writing is safe, by the beat begun at `beat_us`. */
static uint64_t lease_end(const struct vmfs_volume *volume, uint64_t beat_us)
{
    return beat_us + volume->lease_us - volume->retire_us;
}

/* Notes a beat that reached the disk. */
static void beat_done(struct vmfs_volume *volume, const struct vmfs_slot *slot)
{
    volume->slot = *slot;
    volume->last_beat_us = slot->stamp_us;
    if (volume->shared && volume->options.renewed != NULL)
        volume->options.renewed(volume->options.context, lease_end(volume, slot->stamp_us));
}

/* Writes our name into a free slot. -EAGAIN: another host was faster. */
static int slot_take(struct vmfs_volume *volume, const struct vmfs_slot *found)
{
    struct vmfs_slot slot = *found;
    int rc;

    slot.state = VMFS_SLOT_IN_USE;
    slot.generation++;
    slot.stamp_us = uptime_us();
    slot.host = volume->host;
    slot.major = volume->super.major;
    slot.minor = volume->super.minor;
    slot.lock_implementation = LOCK_IMPLEMENTATION;
    memset(slot.host_text, 0, sizeof(slot.host_text));
    snprintf(slot.host_text, sizeof(slot.host_text), HOST_MARK " pid %d", (int)getpid());
    rc = host_slot_mark(volume, &slot);
    if (rc == 0)
        rc = sector_swap(volume, slot.address, found, &slot);
    if (rc != 0)
        return rc;
    volume->slot_address = slot.address;
    volume->slot_generation = slot.generation;
    beat_done(volume, &slot);
    return vmfs_flush(volume);
}

/* Takes the first free slot nobody holds the host lock of. */
static int slot_claim(struct vmfs_volume *volume, const struct vmfs_slot *slots)
{
    for (unsigned i = 0; i < volume->slot_count; i++) {
        const struct vmfs_slot *slot = &slots[i];
        int rc;

        if (slot->state != VMFS_SLOT_FREE || host_slot_hold(volume, slot->address) != 0)
            continue;
        rc = slot_take(volume, slot);
        if (rc == 0)
            return 0;
        host_slot_drop(volume, slot->address);
        if (rc != -EAGAIN)
            return rc;
    }
    return vmfs_fail(volume, -EUSERS, "all %u heartbeat slots are in use", volume->slot_count);
}

/* Reads every slot, however far apart they lie. */
static int read_slots(struct vmfs_volume *volume, struct vmfs_slot *slots)
{
    uint8_t piece[64 * 1024];
    uint32_t step = sizeof(piece) / volume->slot_stride;
    int rc = 0;

    for (uint32_t i = 0; i < volume->slot_count && rc == 0; i++) {
        if (i % step == 0)
            rc = volume_read_through(volume, VMFS_SLOTS_OFFSET + (uint64_t)i * volume->slot_stride,
                                     piece, sizeof(piece));
        memcpy(&slots[i], piece + i % step * volume->slot_stride, sizeof(slots[i]));
    }
    return rc;
}

int slot_acquire(struct vmfs_volume *volume, unsigned flags)
{
    struct vmfs_slot *slots = calloc(volume->slot_count, sizeof(*slots));
    bool foreign;
    int rc;

    if (slots == NULL)
        return vmfs_fail(volume, -ENOMEM, "out of memory");
    host_locks_open(volume);
    rc = volume->shared ? 0 : host_turn_take(volume);
    if (rc != 0) {
        free(slots);
        return rc;
    }
    rc = read_slots(volume, slots);
    if (rc == 0)
        rc = judge_slots(volume, slots, &foreign);
    if (rc == 0 && foreign && (flags & VMFS_OPEN_NO_WAIT) != 0)
        rc = vmfs_fail(volume, -EBUSY, "another host's heartbeat slot is in use");
    else if (rc == 0 && foreign)
        rc = watch_foreign(volume, slots, (flags & VMFS_OPEN_BREAK_DEAD) != 0);
    if (rc == 0)
        rc = slot_claim(volume, slots);
    if (!volume->shared)
        host_turn_end(volume);
    free(slots);
    return rc;
}

int slot_require_alone(struct vmfs_volume *volume)
{
    for (unsigned i = 0; i < volume->slot_count; i++) {
        uint64_t address = VMFS_SLOTS_OFFSET + (uint64_t)i * volume->slot_stride;
        struct vmfs_slot slot;
        int rc = volume_read_through(volume, address, &slot, sizeof(slot));

        if (rc != 0)
            return rc;
        if (slot.address != address)
            continue; /* nobody's: the check will mend it */
        /* Those of the dead were cleared when we opened the volume. */
        if (slot.state != VMFS_SLOT_FREE && slot.address != volume->slot_address)
            return vmfs_fail(volume, -EBUSY, "%.46s has the volume open (heartbeat slot 0x%llx)",
                             slot.host_text, (unsigned long long)slot.address);
    }
    return 0;
}

static int fence(struct vmfs_volume *volume)
{
    volume->fenced = true;
    return vmfs_fail(volume, -ESTALE,
                     "heartbeat slot 0x%llx was taken by another host while we slept: no further "
                     "changes",
                     (unsigned long long)volume->slot_address);
}

/* One beat, due or not. */
static int beat_now(struct vmfs_volume *volume, uint64_t now)
{
    struct vmfs_slot slot = volume->slot;
    int rc;

    if (!volume->shared) {
        /* Others of this host take turns by the host lock; a look before the write must do. */
        rc = slot_read(volume, volume->slot_address, &slot);
        if (rc != 0)
            return rc;
        if (slot.state != VMFS_SLOT_IN_USE || slot.generation != volume->slot_generation ||
            !same_host(&slot.host, &volume->host))
            return fence(volume);
    }
    volume->last_beat_us = now; /* volume_write() asks for the lease again */
    slot.stamp_us = now;
    rc = sector_swap(volume, volume->slot_address, &volume->slot, &slot);
    if (rc == -EAGAIN)
        return fence(volume);
    if (rc == 0)
        beat_done(volume, &slot);
    else
        volume->last_beat_us = volume->slot.stamp_us;
    return rc;
}

int slot_beat(struct vmfs_volume *volume)
{
    uint64_t now = uptime_us();

    if (volume->fenced)
        return vmfs_fail(volume, -ESTALE, "the heartbeat slot was lost: no further changes");
    if (now - volume->last_beat_us < BEAT_INTERVAL_US(volume->lease_us))
        return 0;
    return beat_now(volume, now);
}

int slot_check_lease(struct vmfs_volume *volume)
{
    uint64_t now;

    if (volume->fenced)
        return vmfs_fail(volume, -ESTALE, "the heartbeat slot was lost: no further changes");
    if (volume->slot_address == 0)
        return 0;
    now = uptime_us();
    return now < lease_end(volume, volume->last_beat_us) ? 0 : beat_now(volume, now);
}

void slot_release(struct vmfs_volume *volume)
{
    struct vmfs_slot slot;

    if (volume->slot_address == 0)
        return;
    if (!volume->fenced && slot_read(volume, volume->slot_address, &slot) == 0 &&
        slot.generation == volume->slot_generation && slot_clear(volume, &slot) == 0)
        vmfs_flush(volume);
    host_slot_drop(volume, volume->slot_address);
    volume->slot_address = 0;
}
