/* SPDX-License-Identifier: MIT */
/* vbd: one virtual block device: its xenbus life, its ring and its disk. */
#ifndef BACKENDS_BLOCK_VBD_H
#define BACKENDS_BLOCK_VBD_H

#include <stdbool.h>
#include <xenstore.h>

struct vbd;

/*
 * Opens the disk the backend directory names and announces the device. The reason of a failure is
 * printed and left in the directory's hotplug-error. -EAGAIN: it failed, but a guest is connected
 * and waits, so it is to be tried again. The xenstore handle stays the caller's.
 */
int vbd_open(struct xs_handle *xs, const char *backend, struct vbd **out);

/*
 * Finishes what is under way and lets go of guest and disk. The xenstore state stays as it is, so
 * that the next process takes over where this one ends.
 */
void vbd_close(struct vbd *vbd);

/* Looks at both ends' states and acts. False when the device is at its end. */
bool vbd_update(struct vbd *vbd);

/* File descriptors to wait on for reading, -1 where there is none now; what to call then. */
int vbd_event_fd(const struct vbd *vbd);
int vbd_engine_fd(const struct vbd *vbd);
void vbd_on_event(struct vbd *vbd);
/* Whether the ring was left with requests: call vbd_continue() soon. */
bool vbd_has_more(const struct vbd *vbd);
void vbd_continue(struct vbd *vbd);
void vbd_on_engine(struct vbd *vbd);

/* Called every second. */
void vbd_tick(struct vbd *vbd);

#endif
