/* SPDX-License-Identifier: MIT */
/*
 * A disk of a micro-guest: the frontend of <xen/io/blkif.h> over one ring page. Requests run side
 * by side as far as the ring has room; block_transfer() is for who wants one after the other.
 * Events are shut, and are only taken while waiting.
 */
#ifndef FRONTENDS_BLOCK_BLOCK_H
#define FRONTENDS_BLOCK_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/grant_table.h>
#include <xen/io/blkif.h>

#define BLOCK_SECTOR           512u
#define BLOCK_SECTORS_PER_PAGE 8u
#define BLOCK_MAX_PAGES        11u /* BLKIF_MAX_SEGMENTS_PER_REQUEST */
#define BLOCK_MAX_REQUESTS     32u /* slots of a ring of one page */

/* One request. The caller fills in the first part and keeps it, with its pages, until `done`. */
struct block_request {
    uint8_t operation; /* BLKIF_OP_READ, _WRITE, _FLUSH_DISKCACHE or _DISCARD */
    uint64_t sector;
    uint64_t sectors; /* of a discard */
    unsigned int page_count;
    void *pages[BLOCK_MAX_PAGES];
    /* What came of it. */
    bool done;
    int16_t status; /* BLKIF_RSP_* */
    /* The frontend's own. */
    bool answered;
    unsigned int granted; /* pages whose grants have not ended */
    grant_ref_t refs[BLOCK_MAX_PAGES];
};

struct block_device {
    char directory[32]; /* of the frontend in the store, relative to the domain */
    char backend[96];
    domid_t backend_domain;
    uint64_t sectors;
    bool is_read_only, can_flush, can_discard;
    uint32_t port;
    grant_ref_t ring_ref;
    struct blkif_front_ring ring;
    struct block_request *slots[BLOCK_MAX_REQUESTS];
    unsigned int in_flight;
    unsigned int lingering; /* of them answered, with pages the other side still has mapped */
};

/*
 * Connects the virtual block device of this number (51712 is xvda), once its backend is there: 0,
 * or a negative Xen errno when the store names no such device or the backend refuses us.
 */
int block_open(struct block_device *device, unsigned int number);
/* Waits for what is under way and disconnects. */
void block_close(struct block_device *device);

/* Puts a request on the ring: 0, or -XEN_EBUSY when it is full. block_kick() announces it. */
int block_submit(struct block_device *device, struct block_request *request);
void block_kick(struct block_device *device);
/* Takes the answers that are there; true when there were any. */
bool block_poll(struct block_device *device);
/* Sleeps until there may be something for block_poll(). */
void block_sleep(const struct block_device *device);
/* Waits until a request is done. */
void block_wait(struct block_device *device, const struct block_request *request);

/* Reads or writes one page: 0, or -XEN_EIO when the backend says so. */
int block_transfer(struct block_device *device, bool is_write, uint64_t sector, void *page);
/* Makes everything answered so far durable: 0, -XEN_EIO, or -XEN_EOPNOTSUPP. */
int block_flush(struct block_device *device);

/* Looks at the size anew, which the backend may have raised; the sectors it has now. */
uint64_t block_update_size(struct block_device *device);

#endif
