/* SPDX-License-Identifier: MIT */
/*
 * Having a volume to oneself, for changes that other openers cannot follow: repair, growth, more
 * descriptors or sub-blocks.
 *
 * Where the processes of one host take turns, newcomers wait for the host lock of the transaction.
 * On a shared volume they wait for a gate: the lock of the descriptor of .vh.sf, a file nobody
 * opens. Who wants to be alone locks it and then looks at the slots; a newcomer takes its slot and
 * then looks at the gate: one of them sees the other. What it knows of the volume a newcomer reads
 * after that.
 */
#include "block/vmfs/internal.h"

#include <errno.h>
#include <time.h>

/* Between two looks at a closed gate. */
#define NAP_US 10000u

static int close_gate(struct vmfs_volume *volume)
{
    struct vmfs_inode inode;
    int rc = inode_read(volume, VMFS_FD_VH, &inode);

    if (rc == -EUCLEAN || rc == -ENOENT)
        return vmfs_fail(
            volume, -EUCLEAN,
            "the descriptor of .vh.sf, which keeps other hosts out, is damaged: repair "
            "a copy of the volume on a disk without COMPARE AND WRITE");
    if (rc == 0)
        rc = lock_acquire(volume, &inode.fd.lock, VMFS_LOCK_EXCLUSIVE, false);
    if (rc == 0)
        volume->gate = inode.fd.lock;
    return rc;
}

int alone_begin(struct vmfs_volume *volume)
{
    int rc = vmfs_begin(volume);

    if (rc != 0)
        return rc;
    if (volume->alone_depth == 0)
        rc = slot_require_alone(volume);
    if (rc == 0 && volume->alone_depth == 0 && volume->shared) {
        rc = close_gate(volume);
        if (rc == 0) {
            /* Who has come meanwhile saw the gate open. */
            rc = slot_require_alone(volume);
            if (rc != 0)
                lock_give_up(volume, &volume->gate);
        }
    }
    if (rc != 0)
        vmfs_end(volume);
    else
        volume->alone_depth++;
    return rc;
}

void alone_end(struct vmfs_volume *volume)
{
    if (--volume->alone_depth == 0 && volume->shared)
        lock_give_up(volume, &volume->gate);
    vmfs_end(volume);
}

int alone_wait(struct vmfs_volume *volume, bool wait)
{
    const struct timespec pause = {.tv_nsec = NAP_US * 1000};
    struct vmfs_inode inode;

    while (volume->shared && volume->ours) {
        const struct vmfs_lock *gate = &inode.fd.lock;
        int rc = inode_read(volume, VMFS_FD_VH, &inode);

        /* Behind a damaged descriptor nobody can be alone: alone_begin() fails there. */
        if (rc == -EUCLEAN || rc == -ENOENT || (rc == 0 && gate->mode != VMFS_LOCK_EXCLUSIVE))
            return 0;
        if (rc == 0)
            rc = slot_judge(volume, gate->slot_address, gate->slot_generation);
        if (rc == SLOT_DEAD || rc < 0)
            return rc == SLOT_DEAD ? 0 : rc;
        if (!wait)
            return vmfs_fail(volume, -EBUSY,
                             "the volume is being repaired or grown (heartbeat slot 0x%llx)",
                             (unsigned long long)gate->slot_address);
        rc = slot_beat(volume);
        if (rc != 0)
            return rc;
        nanosleep(&pause, NULL);
    }
    return 0;
}
