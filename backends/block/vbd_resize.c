/* SPDX-License-Identifier: MIT */
/* Growing a vbd's disk while its guest runs. */
#include "block/vbd_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Linux's frontend looks at `sectors` when our state is written. */
void vbd_announce_size(struct vbd *vbd)
{
    uint64_t sectors = vbd->disk->size / REQUEST_SECTOR;

    if (sectors == vbd->limits.sectors)
        return;
    vbd_log(vbd, "the disk has %llu sectors now", (unsigned long long)sectors);
    vbd->limits.sectors = sectors;
    if (vbd->page == NULL)
        return;
    xenbus_write(vbd->bus.xs, vbd->bus.backend, "sectors", "%llu", (unsigned long long)sectors);
    xenbus_switch_state(&vbd->bus, XENBUS_CONNECTED);
}

/* The disk must be closed for it: its file grows by the same code as when no guest has it. */
static int grow(struct vbd *vbd, uint64_t size, char error[DISK_ERROR_MAX])
{
    char reopening[DISK_ERROR_MAX];
    int rc;

    while (engine_busy(vbd->engine) > 0)
        engine_wait(vbd->engine);
    if (vbd->page != NULL)
        vbd_answer(vbd);
    vbd_close_disk(vbd);
    rc = disk_grow(vbd->format, vbd->target, size, error);
    if (vbd_open_disk(vbd, reopening) != 0 || engine_open(vbd->disk, &vbd->engine) != 0) {
        /* A new process takes the ring over, as after any other death. */
        vbd_log(vbd, "cannot open the disk again: %s", reopening);
        exit(1);
    }
    return rc;
}

void vbd_resize(struct vbd *vbd)
{
    const struct xenbus *bus = &vbd->bus;
    char error[DISK_ERROR_MAX] = "";
    uint64_t size;
    int rc;

    if (!xenbus_read_number(bus->xs, bus->backend, "resize", UINT64_MAX, &size))
        return;
    rc = vbd->limits.read_only ? -EROFS : grow(vbd, size, error);
    xenbus_remove(bus->xs, bus->backend, "resize");
    xenbus_write(bus->xs, bus->backend, "resize-status", "%s",
                 rc == 0            ? "ok"
                 : error[0] != '\0' ? error
                                    : strerror(-rc));
    vbd_announce_size(vbd);
}
