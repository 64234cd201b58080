/* SPDX-License-Identifier: MIT */
/* What a backend does next, from the states in xenstore (xen/io/xenbus.h). */
#include "net/lifecycle.h"

/* The frontend is gone from the store, or has closed. */
static enum lifecycle_step after_frontend(const struct lifecycle_view *view)
{
    switch (view->backend) {
    case XenbusStateConnected:
    case XenbusStateInitialised:
    case XenbusStateClosing:
        return LIFECYCLE_CLOSE;
    case XenbusStateInitWait:
        /* The store is being filled: the frontend's side may come a moment later. */
        return view->frontend == XenbusStateClosed ? LIFECYCLE_CLOSE : LIFECYCLE_REST;
    default:
        return LIFECYCLE_REST;
    }
}

static enum lifecycle_step ready_frontend(const struct lifecycle_view *view)
{
    switch (view->backend) {
    case XenbusStateInitWait:
    case XenbusStateInitialised:
        return LIFECYCLE_CONNECT;
    case XenbusStateConnected:
        return view->connected ? LIFECYCLE_REST : LIFECYCLE_CONNECT;
    default:
        return LIFECYCLE_REST;
    }
}

enum lifecycle_step lifecycle_next(const struct lifecycle_view *view)
{
    /* The toolstack asks for removal; a frontend that doesn't answer must not hold it up. */
    if (view->backend == XenbusStateClosing && !view->online)
        return LIFECYCLE_CLOSE;
    if (view->backend == XenbusStateInitialising)
        return LIFECYCLE_OFFER;

    switch (view->frontend) {
    case XenbusStateInitialising:
        /* New, or begun again after it closed or crashed. */
        return view->backend == XenbusStateInitWait || !view->online ? LIFECYCLE_REST
                                                                     : LIFECYCLE_OFFER;
    case XenbusStateInitialised:
    case XenbusStateConnected:
        return ready_frontend(view);
    case XenbusStateClosing:
        return view->backend == XenbusStateClosing || view->backend == XenbusStateClosed
                   ? LIFECYCLE_REST
                   : LIFECYCLE_FOLLOW;
    case XenbusStateClosed:
    case XenbusStateUnknown:
        return after_frontend(view);
    default:
        return LIFECYCLE_REST;
    }
}
