/* SPDX-License-Identifier: MIT */
/* What a backend does next, from the states in xenstore (see lib/xenbus.h). */
#include "net/lifecycle.h"

/* The frontend is gone from the store, or has closed. */
static enum lifecycle_step after_frontend(const struct lifecycle_view *view)
{
    switch (view->backend) {
    case XENBUS_CONNECTED:
    case XENBUS_INITIALISED:
    case XENBUS_CLOSING:
        return LIFECYCLE_CLOSE;
    case XENBUS_INIT_WAIT:
        /* The store is being filled: the frontend's side may come a moment later. */
        return view->frontend == XENBUS_CLOSED ? LIFECYCLE_CLOSE : LIFECYCLE_REST;
    default:
        return LIFECYCLE_REST;
    }
}

static enum lifecycle_step ready_frontend(const struct lifecycle_view *view)
{
    switch (view->backend) {
    case XENBUS_INIT_WAIT:
    case XENBUS_INITIALISED:
        return LIFECYCLE_CONNECT;
    case XENBUS_CONNECTED:
        return view->connected ? LIFECYCLE_REST : LIFECYCLE_CONNECT;
    default:
        return LIFECYCLE_REST;
    }
}

enum lifecycle_step lifecycle_next(const struct lifecycle_view *view)
{
    /* The toolstack asks for removal; a frontend that doesn't answer must not hold it up. */
    if (view->backend == XENBUS_CLOSING && !view->online)
        return LIFECYCLE_CLOSE;
    if (view->backend == XENBUS_INITIALISING)
        return LIFECYCLE_OFFER;

    switch (view->frontend) {
    case XENBUS_INITIALISING:
        /* New, or begun again after it closed or crashed. */
        return view->backend == XENBUS_INIT_WAIT || !view->online ? LIFECYCLE_REST
                                                                  : LIFECYCLE_OFFER;
    case XENBUS_INITIALISED:
    case XENBUS_CONNECTED:
        return ready_frontend(view);
    case XENBUS_CLOSING:
        return view->backend == XENBUS_CLOSING || view->backend == XENBUS_CLOSED ? LIFECYCLE_REST
                                                                                 : LIFECYCLE_FOLLOW;
    case XENBUS_CLOSED:
    case XENBUS_UNKNOWN:
        return after_frontend(view);
    default:
        return LIFECYCLE_REST;
    }
}
