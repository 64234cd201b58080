/* SPDX-License-Identifier: MIT */
/*
 * Locks between the processes of one host, which end with the process: taking turns at a volume's
 * metadata, and being there behind a heartbeat slot.
 *
 * They lie twice. On the device itself, at the offsets they guard: they are always there, but end
 * at the device node, and one disk may have many (a partition and its disk, a mapping, a loop over
 * an image). And in one file of the host, for which the nodes do not matter: turns by the UUID of
 * the logical volume, slots by a random key that the slot holds on disk. So two copies of a volume
 * take turns, which costs them time only, but do not take each other's dead for living.
 *
 * Only root can make the file in /run; others, and where it cannot be made, have the device's locks
 * alone. It must not be removed while a volume is open for writing.
 */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define HOST_LOCKS "/run/corbel-vmfs.lock"

/* Behind all keys of slots. */
#define TURNS_AT   (UINT64_C(1) << 62)
#define TURN_BYTES 8u

/* Where in the text of a slot of ours its key lies. */
#define KEY_AT 38u
_Static_assert(sizeof(((struct vmfs_slot *)0)->host_text) == KEY_AT + sizeof(uint64_t), "a key");

static bool is_private(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
           (st.st_mode & 077) == 0;
}

void host_locks_open(struct vmfs_volume *volume)
{
    const char *path = volume->options.locks != NULL ? volume->options.locks : HOST_LOCKS;

    volume->host_locks = -1;
    /* Nobody else reaches a device that knows no locks. */
    if (volume->devices[0]->ops->lock == NULL)
        return;
    volume->host_locks = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (volume->host_locks >= 0 && !is_private(volume->host_locks))
        host_locks_close(volume);
}

void host_locks_close(struct vmfs_volume *volume)
{
    if (volume->host_locks >= 0)
        close(volume->host_locks);
    volume->host_locks = -1;
}

static int file_lock(const struct vmfs_volume *volume, uint64_t at, uint64_t length, short type,
                     int command)
{
    struct flock range = {
        .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)at, .l_len = (off_t)length};
    int rc;

    if (volume->host_locks < 0)
        return 0;
    do
        rc = fcntl(volume->host_locks, command, &range);
    while (rc != 0 && errno == EINTR);
    if (rc != 0)
        return errno == EACCES ? -EAGAIN : -errno;
    return command == F_OFD_GETLK && range.l_type != F_UNLCK ? -EAGAIN : 0;
}

static int device_lock(struct vmfs_volume *volume, uint64_t offset, bool take, bool wait)
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

/* Where the turns at this logical volume are taken. */
static uint64_t turn_place(const struct vmfs_volume *volume)
{
    const uint8_t *uuid = (const uint8_t *)&volume->super.volume_uuid;
    uint64_t hash = 0xCBF29CE484222325u; /* FNV-1a */

    for (unsigned i = 0; i < sizeof(struct vmfs_uuid); i++)
        hash = (hash ^ uuid[i]) * 0x100000001B3u;
    return TURNS_AT + hash % (TURNS_AT / TURN_BYTES) * TURN_BYTES;
}

int host_turn_take(struct vmfs_volume *volume)
{
    int rc = device_lock(volume, VMFS_SUPERBLOCK_OFFSET, true, true);

    if (rc == 0) {
        rc = file_lock(volume, turn_place(volume), TURN_BYTES, F_WRLCK, F_OFD_SETLKW);
        if (rc != 0)
            device_lock(volume, VMFS_SUPERBLOCK_OFFSET, false, false);
    }
    return rc == 0 ? 0 : vmfs_fail(volume, rc, "cannot take the host lock: %s", strerror(-rc));
}

void host_turn_end(struct vmfs_volume *volume)
{
    file_lock(volume, turn_place(volume), TURN_BYTES, F_UNLCK, F_OFD_SETLK);
    device_lock(volume, VMFS_SUPERBLOCK_OFFSET, false, false);
}

/* The key a slot of this library shows; 0: it has none. */
static uint64_t key_of(const struct vmfs_slot *slot)
{
    uint64_t key;

    memcpy(&key, slot->host_text + KEY_AT, sizeof(key));
    return key % TURNS_AT;
}

int host_slot_hold(struct vmfs_volume *volume, uint64_t address)
{
    return device_lock(volume, address, true, false);
}

int host_slot_mark(struct vmfs_volume *volume, struct vmfs_slot *slot)
{
    uint64_t key = 0;

    if (volume->host_locks >= 0 && getrandom(&key, sizeof(key), 0) != sizeof(key))
        key = 0;
    memcpy(slot->host_text + KEY_AT, &key, sizeof(key));
    volume->slot_key = key_of(slot);
    return volume->slot_key == 0 ? 0 : file_lock(volume, volume->slot_key, 1, F_WRLCK, F_OFD_SETLK);
}

void host_slot_drop(struct vmfs_volume *volume, uint64_t address)
{
    if (volume->slot_key != 0)
        file_lock(volume, volume->slot_key, 1, F_UNLCK, F_OFD_SETLK);
    volume->slot_key = 0;
    device_lock(volume, address, false, false);
}

bool host_slot_is_held(struct vmfs_volume *volume, const struct vmfs_slot *slot)
{
    uint64_t key = key_of(slot);

    if (device_lock(volume, slot->address, true, false) != 0)
        return true;
    device_lock(volume, slot->address, false, false);
    return key != 0 && file_lock(volume, key, 1, F_WRLCK, F_OFD_GETLK) != 0;
}
