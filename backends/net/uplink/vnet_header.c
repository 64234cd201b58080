/* SPDX-License-Identifier: MIT */
/* Our offload description to and from Linux's virtio_net_hdr (linux/virtio_net.h). */
#include "net/uplink/vnet_header.h"

#include "net/offload.h"

#include <string.h>

bool vnet_header_from_offload(uint8_t *frame, size_t len, const struct frame_offload *offload,
                              struct virtio_net_hdr *header)
{
    uint16_t start, offset;

    memset(header, 0, sizeof(*header));
    if (offload->gso_size) {
        size_t headers = offload_tcp4_headers(frame, len, len);

        if (headers == 0)
            return false;
        header->gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
        header->gso_size = offload->gso_size;
        header->hdr_len = (uint16_t)headers;
    }
    if (offload->csum == FRAME_CSUM_VALID) {
        header->flags = VIRTIO_NET_HDR_F_DATA_VALID;
    } else if (offload->csum == FRAME_CSUM_BLANK) {
        if (!offload_seed_checksum(frame, len, &start, &offset))
            return false;
        header->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        header->csum_start = start;
        header->csum_offset = offset;
    }
    return true;
}

bool vnet_header_to_offload(const struct virtio_net_hdr *header, struct frame_offload *offload)
{
    memset(offload, 0, sizeof(*offload));
    if (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        offload->csum = FRAME_CSUM_BLANK;
    else if (header->flags & VIRTIO_NET_HDR_F_DATA_VALID)
        offload->csum = FRAME_CSUM_VALID;
    switch (header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_NONE:
        return true;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        offload->gso_size = header->gso_size;
        offload->csum = FRAME_CSUM_BLANK;
        return header->gso_size != 0;
    default:
        return false;
    }
}
