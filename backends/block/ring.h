/* SPDX-License-Identifier: MIT */
/* ring: the backend's side of one blkif ring page. Nothing in the page is trusted or read twice. */
#ifndef BACKENDS_BLOCK_RING_H
#define BACKENDS_BLOCK_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/io/blkif.h>

#define RING_SLOTS 32u /* of 112 bytes in a 4096-byte page behind a 64-byte header */

/*
 * Requests are answered in the order they came. So the slots between the page's rsp_prod and
 * req_prod are always the unanswered requests, and a restarted backend finds its work there.
 */
struct ring {
    struct blkif_sring *shared;
    uint32_t consumed; /* requests taken; private, never read back from the page */
    uint32_t answered; /* responses written */
    uint32_t pushed;   /* responses made visible */
};

/* Starts at the first unanswered request. -EINVAL when the page's counters make no sense. */
int ring_attach(struct ring *ring, void *page);

/*
 * Copies the next request out of the page. 1: copied, *slot is its place (0..31); 0: none there;
 * -EINVAL: the frontend's count of requests is not between what was taken and what the ring holds,
 * so that never more than RING_SLOTS requests are taken and unanswered.
 */
int ring_take(struct ring *ring, struct blkif_request *out, unsigned *slot);

/* Writes the next response; the order is the requests'. */
void ring_answer(struct ring *ring, uint64_t id, uint8_t operation, int16_t status);

/* Makes written responses visible; true when the frontend wants an event for them. */
bool ring_push(struct ring *ring);

/* Asks for an event at the next request; true when some have come already. */
bool ring_sleep(struct ring *ring);

#endif
