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
#include "lib/cpu_account.h"
#include "lib/xenbus.h"

#include <xenevtchn.h>
#include <xentoollog.h>

#define VBD_STATS_DIRECTORY "/run/corbel"

/* What a request can carry at most. Memory is taken when a request first uses it. */
#define VBD_BUFFER_SIZE (REQUEST_MAX_SEGMENTS * REQUEST_PAGE_SIZE)

/* How long a predecessor's last transfers may take. */
#define VBD_OPEN_WAIT_MS 8000u

struct vbd_stats {
    uint64_t reads, writes, flushes, discards; /* requests that succeeded */
    uint64_t read_sectors, write_sectors, discard_sectors;
    uint64_t full_rings; /* times all slots were taken at once */
    uint64_t errors;     /* requests answered with an error */
    uint32_t held;       /* requests that wait for the disk to recover */
    uint32_t reserved;   /* keeps the struct comparable byte by byte */
};

/* What becomes of a request the disk fails. */
enum vbd_on_error {
    VBD_REPORT, /* the guest gets the error */
    VBD_PAUSE,  /* it waits, and is tried again every second */
};

/* A request between its taking and its answer; its place is its ring slot's. */
struct vbd_slot {
    struct vbd *vbd;
    struct request request;
    struct engine_io io;
    char *buffer; /* VBD_BUFFER_SIZE bytes */
    int copied;   /* 0, or why bytes did not come from the guest or get to it */
    int16_t status;
    bool done;
    bool arrived; /* read from the disk, on its way to the guest */
    bool written; /* to the disk, which may not have committed it yet */
    bool held;    /* failed, to be tried again */
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
    enum vbd_on_error on_error;
    struct vbd_stats stats, shown;
    int stats_fd;
    struct cpu_account cpu; /* all of this process, which serves nobody else */
    uint64_t cpu_before;    /* what its predecessors used */
    char format[16], target[512];
    bool asked_read_only;
    xentoollog_logger *logger;
    unsigned log_lines, log_dropped;
    char *buffers; /* of all slots */
    struct vbd_slot slots[RING_SLOTS];
};

/* One line in the log, unless a guest has provoked too many of late. */
void vbd_log(struct vbd *vbd, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Opens the disk the struct names, as disk_open_wait() does. */
int vbd_open_disk(struct vbd *vbd, char error[DISK_ERROR_MAX]);
/* Ends engine and disk; logs what could not be kept. Nothing may be under way. */
void vbd_close_disk(struct vbd *vbd);

/* ---- vbd_resize.c ---- */
/* Tells the frontend of a disk that has grown. */
void vbd_announce_size(struct vbd *vbd);
/*
 * Grows the disk to the bytes the node `resize` of the backend's directory asks for; takes the node
 * away and answers in `resize-status`. The guest's requests wait meanwhile.
 */
void vbd_resize(struct vbd *vbd);

/* What a connection needs beside its ring and event channel. -ENOMEM. */
int vbd_get_buffers(struct vbd *vbd, uint32_t domid);
/* Nothing may be under way. Requests that wait for the disk stay in the ring, unanswered. */
void vbd_put_buffers(struct vbd *vbd);

/* Serves the ring until it is empty or a fair share is done. */
void vbd_serve(struct vbd *vbd);
/* Sends the answers that are due, in order. */
void vbd_answer(struct vbd *vbd);
/* Tries the requests again that wait for the disk to recover. */
void vbd_retry(struct vbd *vbd);

/* ---- vbd_stats.c ---- */
/* Without /run the counters are kept, but shown nowhere. */
void vbd_stats_open(struct vbd *vbd);
void vbd_stats_close(struct vbd *vbd);
void vbd_stats_count(struct vbd *vbd, const struct request *request, int status);
void vbd_stats_show(struct vbd *vbd);

#endif
