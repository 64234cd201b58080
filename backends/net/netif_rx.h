/* SPDX-License-Identifier: MIT */
/* From a frame to a frontend's receive slots: the copies to make and the responses to write. */
#ifndef NET_NETIF_RX_H
#define NET_NETIF_RX_H

#include "net/netif_tx.h"

#include <xengnttab.h>

/* Most receive slots a frame takes: its pages and a segmentation extra. */
#define RX_FRAME_SLOTS_MAX (FRAME_LEN_MAX / NETIF_PAGE_SIZE + 1 + 1)
/* Most grant copies: each piece of the source ends one, each page of the target ends one. */
#define RX_COPIES_MAX (1 + TX_DATA_SLOTS_MAX + RX_FRAME_SLOTS_MAX)

/* Where a frame's bytes are: first `n_local` private ones, the rest in another guest's pages. */
struct frame_source {
    const uint8_t *local;
    size_t local_len;
    uint16_t domid;
    const struct tx_piece *pieces; /* of the WHOLE frame; the first local_len bytes are skipped */
    unsigned n_pieces;
};

/* Slots a frame takes in a receive ring. */
unsigned rx_slots_needed(size_t len, const struct frame_offload *offload);

/*
 * Plan the grant copies that put a frame `len` bytes long into the pages of `requests` (as many
 * as rx_slots_needed() says) of domain `domid`. At most RX_COPIES_MAX are written to `out`; their
 * number is returned. No copy crosses a page at either end, and none is from local to local.
 */
unsigned rx_plan_copies(const struct frame_source *source, size_t len,
                        const struct frame_offload *offload, uint16_t domid,
                        const struct netif_rx_request *requests,
                        struct xengnttab_grant_copy_segment *out);

/*
 * Write the responses, one per request. `copied` false marks each of them as an error, so that
 * the frontend drops the frame and has its pages back.
 */
void rx_fill_responses(size_t len, const struct frame_offload *offload, bool copied,
                       const struct netif_rx_request *requests, struct netif_rx_response *out);

/*
 * Plan the copies of a source's first `len` bytes into private memory at `to`. At most
 * TX_DATA_SLOTS_MAX; returns their number.
 */
unsigned tx_plan_copies(uint16_t domid, const struct tx_piece *pieces, unsigned n_pieces,
                        size_t len, uint8_t *to, struct xengnttab_grant_copy_segment *out);

#endif
