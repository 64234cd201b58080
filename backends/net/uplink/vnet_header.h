/* SPDX-License-Identifier: MIT */
/* Our offload description to and from Linux's virtio_net_hdr. */
#ifndef NET_UPLINK_VNET_HEADER_H
#define NET_UPLINK_VNET_HEADER_H

#include "net/frame.h"

#include <linux/virtio_net.h>

/*
 * The header to send with a frame; a blank checksum's field is seeded in place. False if the
 * frame claims an offload that its headers don't bear out; it must not be sent.
 */
bool vnet_header_from_offload(uint8_t *frame, size_t len, const struct frame_offload *offload,
                              struct virtio_net_hdr *header);

/* What a received header says. False if it asks for a segmentation we cannot pass on. */
bool vnet_header_to_offload(const struct virtio_net_hdr *header, struct frame_offload *offload);

#endif
