/* SPDX-License-Identifier: MIT */
/* On-disk lock records: who holds a descriptor or a cluster, by heartbeat slot and generation. */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <string.h>
#include <time.h>

static bool holder_is_us(const struct vmfs_volume *volume, uint64_t address, uint64_t generation)
{
    return address == volume->slot_address && generation == volume->slot_generation;
}

static int busy(struct vmfs_volume *volume, const struct vmfs_lock *lock, uint64_t slot)
{
    struct vmfs_slot holder;

    memset(&holder, 0, sizeof(holder));
    volume_read_through(volume, slot, &holder, sizeof(holder));
    return vmfs_fail(volume, -EBUSY, "object 0x%llx is locked by %.46s (heartbeat slot 0x%llx)",
                     (unsigned long long)lock->address, holder.host_text, (unsigned long long)slot);
}

/* Drops the holders of a shared lock that are dead. */
static int prune_holders(struct vmfs_volume *volume, struct vmfs_lock *lock)
{
    uint32_t kept = 0;

    if (lock->holder_count > VMFS_LOCK_HOLDERS)
        return vmfs_fail(volume, -EUCLEAN, "lock at 0x%llx counts %u holders; 8 fit",
                         (unsigned long long)lock->address, lock->holder_count);
    for (uint32_t i = 0; i < lock->holder_count; i++) {
        struct vmfs_lock_holder holder = lock->holders[i];
        int verdict = slot_judge(volume, holder.slot_address, holder.slot_generation);

        if (verdict < 0)
            return verdict;
        if (verdict != SLOT_DEAD)
            lock->holders[kept++] = holder;
    }
    memset(&lock->holders[kept], 0, (VMFS_LOCK_HOLDERS - kept) * sizeof(lock->holders[0]));
    lock->holder_count = kept;
    if (kept == 0)
        lock->mode = VMFS_LOCK_FREE;
    return 0;
}

/* Frees the lock in memory if whoever holds it is dead. */
static int break_if_dead(struct vmfs_volume *volume, struct vmfs_lock *lock)
{
    int verdict;

    if (lock->mode == VMFS_LOCK_READ)
        return prune_holders(volume, lock);
    verdict = slot_judge(volume, lock->slot_address, lock->slot_generation);
    if (verdict < 0)
        return verdict;
    if (verdict == SLOT_DEAD)
        lock->mode = VMFS_LOCK_FREE;
    return 0;
}

static void forget_holders(struct vmfs_lock *lock)
{
    lock->holder_count = 0;
    memset(lock->holders, 0, sizeof(lock->holders));
}

int lock_take(struct vmfs_volume *volume, struct vmfs_lock *lock, enum vmfs_lock_mode mode)
{
    int rc;

    if (lock->mode > VMFS_LOCK_READ)
        return vmfs_fail(volume, -EBUSY, "object 0x%llx has a lock of mode %u",
                         (unsigned long long)lock->address, lock->mode);
    if (lock->mode != VMFS_LOCK_FREE) {
        rc = break_if_dead(volume, lock);
        if (rc != 0)
            return rc;
    }
    /* Only a shared lock has holders, whatever the others say of theirs. */
    if (lock->mode != VMFS_LOCK_READ)
        forget_holders(lock);
    if (lock->mode == VMFS_LOCK_EXCLUSIVE)
        return busy(volume, lock, lock->slot_address);
    if (lock->mode == VMFS_LOCK_READ &&
        (mode != VMFS_LOCK_READ || lock->holder_count == VMFS_LOCK_HOLDERS))
        return busy(volume, lock, lock->holders[0].slot_address);
    if (mode == VMFS_LOCK_READ) {
        struct vmfs_lock_holder *holder = &lock->holders[lock->holder_count++];

        holder->slot_address = volume->slot_address;
        holder->slot_generation = volume->slot_generation;
        holder->host = volume->host;
    }
    lock->mode = mode;
    lock->slot_address = volume->slot_address;
    lock->slot_generation = volume->slot_generation;
    lock->owner = volume->host;
    lock->uptime_s = uptime_us() / 1000000u;
    lock->token++;
    return 0;
}

void lock_drop(struct vmfs_volume *volume, struct vmfs_lock *lock)
{
    if (lock->mode == VMFS_LOCK_READ && lock->holder_count <= VMFS_LOCK_HOLDERS) {
        for (uint32_t i = 0; i < lock->holder_count; i++) {
            struct vmfs_lock_holder *holder = &lock->holders[i];

            if (!holder_is_us(volume, holder->slot_address, holder->slot_generation))
                continue;
            *holder = lock->holders[--lock->holder_count];
            memset(&lock->holders[lock->holder_count], 0, sizeof(*holder));
            break;
        }
        if (lock->holder_count > 0)
            return;
    }
    lock->mode = VMFS_LOCK_FREE;
    forget_holders(lock);
    memset(&lock->owner, 0, sizeof(lock->owner));
    lock->token++;
}

/* ---- on disk ---- */

/* Between two looks at a lock that is held. */
#define NAP_US 1000u

static void nap(void)
{
    const struct timespec pause = {.tv_nsec = NAP_US * 1000};

    nanosleep(&pause, NULL);
}

static int lock_read(struct vmfs_volume *volume, const struct vmfs_lock *expected,
                     struct vmfs_lock *out)
{
    int rc = volume_read_through(volume, expected->address, out, sizeof(*out));

    if (rc != 0)
        return rc;
    if (out->type != expected->type || out->address != expected->address)
        return vmfs_fail(volume, -EUCLEAN, "lock at 0x%llx has type 0x%x and address 0x%llx",
                         (unsigned long long)expected->address, out->type,
                         (unsigned long long)out->address);
    return 0;
}

/* Whether waiting can still help with a lock that is held. */
static bool worth_waiting(struct vmfs_volume *volume, const struct vmfs_lock *held, bool brief)
{
    const struct vmfs_lock_holder *reader = &held->holders[0];
    bool shared = held->mode == VMFS_LOCK_READ;

    if (brief)
        return true;
    return slot_judge(volume, shared ? reader->slot_address : held->slot_address,
                      shared ? reader->slot_generation : held->slot_generation) != SLOT_ALIVE;
}

int lock_acquire(struct vmfs_volume *volume, struct vmfs_lock *lock, enum vmfs_lock_mode mode,
                 bool brief)
{
    uint64_t give_up = uptime_us() + 2 * volume->lease_us;

    for (;;) {
        struct vmfs_lock found, wanted;
        int rc = lock_read(volume, lock, &found);

        if (rc != 0)
            return rc;
        wanted = found;
        rc = lock_take(volume, &wanted, mode);
        if (rc == 0)
            rc = sector_swap(volume, lock->address, &found, &wanted);
        if (rc == 0)
            *lock = wanted;
        if ((rc != -EBUSY && rc != -EAGAIN) || !volume->shared)
            return rc;
        if (uptime_us() >= give_up || (rc == -EBUSY && !worth_waiting(volume, &found, brief)))
            return -EBUSY;
        rc = slot_beat(volume);
        if (rc != 0)
            return rc;
        nap();
    }
}

static int release(struct vmfs_volume *volume, struct vmfs_lock *lock)
{
    struct vmfs_lock found, released;
    int rc;

    /* Other readers may have come and gone: only the record on disk knows them. */
    do {
        rc = lock_read(volume, lock, &found);
        if (rc != 0)
            return rc;
        if (found.mode != VMFS_LOCK_READ &&
            !holder_is_us(volume, found.slot_address, found.slot_generation))
            return vmfs_fail(volume, -ESTALE, "the lock at 0x%llx is another host's by now",
                             (unsigned long long)lock->address);
        if (found.mode == VMFS_LOCK_READ && found.holder_count > VMFS_LOCK_HOLDERS)
            return vmfs_fail(volume, -EUCLEAN, "lock at 0x%llx counts %u holders; 8 fit",
                             (unsigned long long)lock->address, found.holder_count);
        released = found;
        lock_drop(volume, &released);
        rc = sector_swap(volume, lock->address, &found, &released);
    } while (rc == -EAGAIN);
    if (rc == 0)
        *lock = released;
    return rc;
}

int lock_release(struct vmfs_volume *volume, struct vmfs_lock *lock)
{
    int rc = release(volume, lock);

    /* What stays locked keeps everybody out while this process lives: one error is not the end. */
    return rc == 0 || rc == -ESTALE ? rc : release(volume, lock);
}

void lock_give_up(struct vmfs_volume *volume, const struct vmfs_lock *lock)
{
    struct vmfs_lock ours = *lock;
    char cause[VMFS_ERROR_MAX];

    memcpy(cause, volume->error, sizeof(cause));
    if (lock_release(volume, &ours) == 0)
        vmfs_flush(volume);
    memcpy(volume->error, cause, sizeof(cause));
}

/* How long a directory may be locked that somebody adds a name to. */
#define WAIT_NAPS 200u

int lock_wait(struct vmfs_volume *volume, const struct vmfs_lock *lock)
{
    struct vmfs_lock found;

    for (unsigned naps = 0; volume->shared && naps < WAIT_NAPS; naps++) {
        int rc = lock_read(volume, lock, &found);

        if (rc == 0 && (found.mode != VMFS_LOCK_EXCLUSIVE ||
                        holder_is_us(volume, found.slot_address, found.slot_generation)))
            return 0;
        if (rc == 0)
            rc = slot_judge(volume, found.slot_address, found.slot_generation);
        if (rc == SLOT_DEAD || rc < 0)
            return rc == SLOT_DEAD ? 0 : rc;
        nap();
    }
    return volume->shared ? busy(volume, &found, found.slot_address) : 0;
}
