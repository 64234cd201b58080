/* SPDX-License-Identifier: MIT */
/* Connecting to a frontend: its rings mapped, its event channels bound, its wishes read. */
#ifndef NET_VIF_H
#define NET_VIF_H

#include "net/port.h"

#include <xenevtchn.h>
#include <xengnttab.h>
#include <xenstore.h>

/* Write what this backend offers into its directory. False if one cannot be written. */
bool vif_write_features(struct xs_handle *xs, const char *backend_dir);

/*
 * Read what the frontend of `domid` set up in `frontend_dir`, map its rings and bind its events.
 * NULL on success; else a phrase that says what failed, and nothing is held.
 */
const char *vif_connect(struct vif *vif, uint16_t domid, struct xs_handle *xs,
                        const char *frontend_dir, xengnttab_handle *gnttab,
                        xenevtchn_handle *evtchn);

/* Let go of everything vif_connect() took. */
void vif_disconnect(struct vif *vif, xengnttab_handle *gnttab, xenevtchn_handle *evtchn);

#endif
