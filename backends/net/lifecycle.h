/* SPDX-License-Identifier: MIT */
/* What a backend does next, from the states in xenstore: the whole xenbus handshake as a table. */
#ifndef NET_LIFECYCLE_H
#define NET_LIFECYCLE_H

#include "lib/xenbus.h"

#include <stdbool.h>

/*
 * States are read anew at each change and the step is chosen from them alone, so a restarted
 * backend, which remembers nothing, takes the same step as one that was there all along.
 *
 *   offer    write the features, go to InitWait (2); the frontend may now set up its rings
 *   connect  map the rings, go to Connected (4)
 *   follow   let go of the rings, go to Closing (5), as the frontend does
 *   close    let go of the rings, go to Closed (6)
 */
enum lifecycle_step {
    LIFECYCLE_REST,
    LIFECYCLE_OFFER,
    LIFECYCLE_CONNECT,
    LIFECYCLE_FOLLOW,
    LIFECYCLE_CLOSE,
};

struct lifecycle_view {
    enum xenbus_state frontend; /* XENBUS_UNKNOWN if its node is missing */
    enum xenbus_state backend;
    bool online;    /* the toolstack wants the device to be there */
    bool connected; /* this process holds its rings */
};

enum lifecycle_step lifecycle_next(const struct lifecycle_view *view);

#endif
