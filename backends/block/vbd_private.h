/* SPDX-License-Identifier: MIT */
/* What vbd.c (life cycle) and vbd_serve.c (requests) share. */
#ifndef BACKENDS_BLOCK_VBD_PRIVATE_H
#define BACKENDS_BLOCK_VBD_PRIVATE_H

#include "block/disk.h"
#include "block/engine.h"
#include "block/grants.h"
#include "block/request.h"
#include "block/ring.h"
#include "block/vbd.h"
#include "lib/xenbus.h"

#include <xenevtchn.h>

/* A request between its taking and its answer; its place is its ring slot's. */
struct vbd_slot {
    struct vbd *vbd;
    struct request request;
    struct grant_want want;
    struct engine_io io;
    int16_t status;
    bool done;
};

struct vbd {
    struct xenbus bus;
    struct disk *disk;
    struct engine *engine;
    xengnttab_handle *gnttab;
    xenevtchn_handle *evtchn;
    evtchn_port_t port;
    struct grants *grants;
    void *page; /* the ring; NULL: not connected */
    struct ring ring;
    struct request_limits limits;
    bool broken; /* the frontend broke the protocol; nothing more is taken from it */
    bool more;   /* the ring was left with requests in it */
    bool seen;   /* the frontend's domain has been introduced to xenstore */
    bool failed; /* the lease on the volume is lost; no more writing */
    unsigned errors;
    struct vbd_slot slots[RING_SLOTS];
};

void vbd_log(const struct vbd *vbd, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Serves the ring until it is empty or a fair share is done. */
void vbd_serve(struct vbd *vbd);
/* Sends the answers that are due, in order. */
void vbd_answer(struct vbd *vbd);

#endif
