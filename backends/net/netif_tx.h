/* SPDX-License-Identifier: MIT */
/* From a frontend's transmit slots to a frame: the only reader of that wire format. */
#ifndef NET_NETIF_TX_H
#define NET_NETIF_TX_H

#include "net/frame.h"
#include "net/xen_netif.h"

/* Most slots one frame may take: data slots, and one extra of each kind. */
#define TX_DATA_SLOTS_MAX  XEN_NETIF_NR_SLOTS_MIN
#define TX_EXTRA_SLOTS_MAX (XEN_NETIF_EXTRA_TYPE_MAX - 1)
#define TX_FRAME_SLOTS_MAX (TX_DATA_SLOTS_MAX + TX_EXTRA_SLOTS_MAX)

/* A piece of a frame in a page the guest granted: offset + len <= 4096. */
struct tx_piece {
    uint32_t gref;
    uint16_t offset;
    uint16_t len;
};

struct tx_frame {
    unsigned n_slots;  /* ring slots it takes, extras included */
    unsigned n_extras; /* they are slots 1 .. n_extras */
    uint32_t len;      /* the sum of its pieces */
    struct frame_offload offload;
    unsigned n_pieces;
    struct tx_piece pieces[TX_DATA_SLOTS_MAX];
};

enum tx_parse_result {
    TX_PARSE_FRAME,      /* *out is a frame to forward */
    TX_PARSE_BAD,        /* *out says how many slots to refuse; the ring goes on */
    TX_PARSE_INCOMPLETE, /* the frame ends beyond the slots given */
    TX_PARSE_BROKEN,     /* no honest frontend sends this: disconnect */
};

/*
 * Parse the frame that begins at slots[0]; `n` >= 1 private copies of ring slots. With
 * TX_PARSE_BROKEN, *reason is a short English phrase. Grant references aren't judged here: the
 * hypervisor does that when they are copied from.
 */
enum tx_parse_result tx_parse(const struct netif_tx_request *slots, unsigned n,
                              struct tx_frame *out, const char **reason);

#endif
