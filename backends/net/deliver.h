/* SPDX-License-Identifier: MIT */
/* The second half of a batch: from forwarded frames to the receivers. */
#ifndef NET_DELIVER_H
#define NET_DELIVER_H

#include "net/batch.h"

#include <xenevtchn.h>
#include <xengnttab.h>

/*
 * Deliver every frame of the batch that isn't dropped to its receivers, and count what became of
 * it. Receivers' responses are published and each gets at most one event. A receiver whose ring
 * cannot be served is marked broken (vif->broken) and takes no further frame.
 */
void deliver_batch(struct batch *batch, xengnttab_handle *gnttab, xenevtchn_handle *evtchn);

#endif
