/* SPDX-License-Identifier: MIT */
/* A vSwitch's way out of the ring world: a tap into dom0's stack, or a network card of dom0. */
#ifndef NET_UPLINK_UPLINK_H
#define NET_UPLINK_UPLINK_H

#include "net/frame.h"

#include <sys/types.h>

#include <net/if.h>

/*
 * Both kinds carry a virtio-net header with each frame, so that blank checksums and frames to be
 * segmented cross without being worked on here. The descriptor is non-blocking: what cannot be
 * sent at once is not sent.
 */
struct uplink {
    int fd;
    char ifname[IF_NAMESIZE];
    unsigned ifindex;
    bool strips_tags; /* the kernel takes VLAN tags out of what it receives (AF_PACKET) */
};

enum uplink_result {
    UPLINK_OK,
    UPLINK_EMPTY,       /* nothing to receive now */
    UPLINK_FULL,        /* could not be sent now */
    UPLINK_UNSUPPORTED, /* a frame that cannot be carried; it is gone */
    UPLINK_GONE,        /* the interface was removed or the descriptor is dead */
};

/*
 * Create, or find, the tap interface `ifname` with this MTU and bring it up. 0, or -1 with errno.
 * The interface stays when the process ends, with its address, so that a restart goes unnoticed.
 */
int uplink_open_tap(struct uplink *uplink, const char *ifname, unsigned mtu);

/* Attach to dom0's network card `ifname`, promiscuous and up. 0, or -1 with errno. */
int uplink_open_packet(struct uplink *uplink, const char *ifname);

/*
 * Whether the interface that was opened is still there, and not another of the same name: a packet
 * socket gets no lasting sign of that.
 */
bool uplink_is_there(const struct uplink *uplink);

void uplink_close(struct uplink *uplink);

/* Receive a frame of at most `cap` bytes into `frame`. */
enum uplink_result uplink_receive(struct uplink *uplink, uint8_t *frame, size_t cap, size_t *len,
                                  struct frame_offload *offload);

/* Send a frame. A blank checksum's field is seeded in place. */
enum uplink_result uplink_send(struct uplink *uplink, uint8_t *frame, size_t len,
                               const struct frame_offload *offload);

#endif
