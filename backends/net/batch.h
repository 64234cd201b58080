/* SPDX-License-Identifier: MIT */
/* The memory of one batch: its frames, the copies it needs, what it delivers. */
#ifndef NET_BATCH_H
#define NET_BATCH_H

#include "net/netif_rx.h"
#include "net/port.h"

#define BATCH_FRAMES_MAX 32
/* Room for every frame of a batch whole, and as much again for what is cut from them. */
#define BATCH_ARENA_SIZE ((size_t)BATCH_FRAMES_MAX * 2 * (FRAME_LEN_MAX + 1 + VSWITCH_TAG_LEN))

struct batch_frame {
    size_t len;
    struct frame_offload offload;
    uint8_t head[FRAME_HEAD_MAX]; /* its first bytes; all of it if it's short */
    size_t head_len;
    uint8_t *whole; /* all of it in private memory, with room for a tag before it, or NULL */
    const struct tx_piece *pieces;
    unsigned n_pieces;
    uint16_t domid;                /* whose pages they are */
    unsigned first_copy, n_copies; /* that bring its head, then its whole */
    bool dropped;
    uint16_t vlan; /* 0: none; the tag itself is never in the frame here */
    struct portset receivers;
};

/* One frame, or a segment of it, on its way into one vif's receive ring. */
struct delivery {
    struct vif *vif;
    size_t len;
    struct frame_offload offload;
    unsigned first_copy, n_copies;
    unsigned n_slots;
    struct netif_rx_request requests[RX_FRAME_SLOTS_MAX];
};

struct batch {
    struct net_port *from;
    unsigned n_frames;
    struct batch_frame frames[BATCH_FRAMES_MAX];

    unsigned n_copies, copies_cap;
    struct xengnttab_grant_copy_segment *copies;

    unsigned n_deliveries, deliveries_cap;
    struct delivery *deliveries;

    uint8_t *arena;
    size_t arena_used;
};

int batch_init(struct batch *batch);
void batch_destroy(struct batch *batch);

/* Empty it for frames that come from `from`. */
void batch_begin(struct batch *batch, struct net_port *from);

/* Private memory until the next batch_begin(); NULL if this batch used its share. */
uint8_t *batch_alloc(struct batch *batch, size_t len);

/* Make room for `n` more; the place of the first, or NULL without memory. */
struct xengnttab_grant_copy_segment *batch_reserve_copies(struct batch *batch, unsigned n);
struct delivery *batch_reserve_delivery(struct batch *batch);

/* Have the hypervisor make all copies planned so far, and begin a new array after them. */
void batch_run_copies(struct batch *batch, xengnttab_handle *gnttab);

/* Whether copies first .. first + n - 1 of the array last run all succeeded. */
bool batch_copied(const struct batch *batch, unsigned first, unsigned n);

#endif
