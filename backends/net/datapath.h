/* SPDX-License-Identifier: MIT */
/* Batches of frames from a port's rings or uplink, through the vSwitch, to the receivers. */
#ifndef NET_DATAPATH_H
#define NET_DATAPATH_H

#include "net/port.h"

#include <xenevtchn.h>
#include <xengnttab.h>

/*
 * One batch runs through these stages, each over all its frames:
 *   take     up to 32 slots are copied from the sender's ring and parsed
 *   heads    the first 128 bytes of each frame are grant-copied to private memory: what is looked
 *            at is what is delivered, whatever the sender does to its pages meanwhile
 *   forward  the vSwitch names the receivers
 *   bodies   whole frames are copied, only where a receiver isn't a capable vif
 *   deliver  one array of grant copies goes from the sender's pages to the receivers' pages
 *   answer   responses are published, and each guest gets at most one event per channel
 * Nothing stays behind when a batch ends: a receiver without room loses the frame (counted).
 */
#define DATAPATH_BATCH 32

struct datapath;

enum datapath_result {
    DATAPATH_IDLE,   /* nothing left to take; an event will tell */
    DATAPATH_MORE,   /* there may be more: serve it again after the others */
    DATAPATH_BROKEN, /* this vif's ring cannot be served any more: vif->broken says why */
    DATAPATH_GONE,   /* this uplink's interface went away */
};

/* NULL with errno without memory. The handles stay the caller's. */
struct datapath *datapath_new(xengnttab_handle *gnttab, xenevtchn_handle *evtchn);
void datapath_free(struct datapath *dp);

/* Forward one batch of what a vif has sent. `now_ms` is a monotonic clock. */
enum datapath_result datapath_serve_vif(struct datapath *dp, struct vif *vif, uint64_t now_ms);

/* Forward one batch of what came in on an uplink. */
enum datapath_result datapath_serve_uplink(struct datapath *dp, struct uplink_port *uplink,
                                           uint64_t now_ms);

/* Divides `ns` of CPU among the receivers of the batch last served, by the frames each got. Returns
 * what is nobody's: no guest got any. */
uint64_t datapath_charge_receivers(struct datapath *dp, uint64_t ns);

#endif
