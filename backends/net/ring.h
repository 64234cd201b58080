/* SPDX-License-Identifier: MIT */
/* The backend's end of one vif's two shared rings. */
#ifndef NET_RING_H
#define NET_RING_H

#include "net/xen_netif.h"

#include <stdbool.h>

/*
 * The shared page belongs to a hostile guest that may write it at any time. Each field is read
 * once, by an atomic load, into private memory, and checked there; nothing is read back that we
 * wrote ourselves. Every request taken is answered in order, so the answer to the request in slot
 * i lies in slot i (Linux's frontend relies on that), and after a restart the first unanswered
 * request is the first not taken.
 */
struct tx_ring {
    struct netif_tx_sring *shared;
    RING_IDX req_cons; /* the next request to take */
    RING_IDX rsp_prod; /* the next response to write */
    RING_IDX rsp_shown;
};

struct rx_ring {
    struct netif_rx_sring *shared;
    RING_IDX req_cons;
    RING_IDX rsp_prod;
    RING_IDX rsp_shown;
};

/* Begin on a ring page, where a former backend left off. False if its indices make no sense. */
bool tx_ring_attach(struct tx_ring *ring, void *page);
bool rx_ring_attach(struct rx_ring *ring, void *page);

/* Requests the frontend has published and we haven't taken; -1 if there cannot be so many. */
int tx_ring_waiting(const struct tx_ring *ring);
int rx_ring_waiting(const struct rx_ring *ring);

/* Copy `count` requests, from the next one on, without taking them. */
void tx_ring_copy(const struct tx_ring *ring, struct netif_tx_request *out, unsigned count);

/* Ask for an event at the next request. True if one has already come: look again. */
bool tx_ring_arm(struct tx_ring *ring);

/* Write the next response; tx_ring_publish() shows it. */
void tx_ring_respond(struct tx_ring *ring, uint16_t id, int16_t status);

/* Take the next request (the caller knows that there is one). */
struct netif_rx_request rx_ring_take(struct rx_ring *ring);
void rx_ring_respond(struct rx_ring *ring, const struct netif_rx_response *response);

/* Show all responses written; true if the frontend asked for an event. */
bool tx_ring_publish(struct tx_ring *ring);
bool rx_ring_publish(struct rx_ring *ring);

#endif
