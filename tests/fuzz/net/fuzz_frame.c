/* SPDX-License-Identifier: MIT */
/* Any bytes as a frame, through all that looks into one: headers, checksums, segmentation. */
#include "net/offload.h"
#include "net/uplink/vnet_header.h"

#include <stdlib.h>
#include <string.h>

#define SEGMENTS_MAX 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame_offload offload = {.csum = FRAME_CSUM_BLANK, .gso_size = 1448};
    struct virtio_net_hdr header;
    struct frame_layers layers;
    uint8_t *frame, *segment;
    unsigned mss = OFFLOAD_MSS_MIN;

    if (size > FRAME_LEN_MAX)
        return 0;
    /* A heap block of the exact size, so that the sanitizer sees one byte too far. */
    frame = malloc(size + !size);
    segment = malloc(size + mss);
    memcpy(frame, data, size);
    for (size_t have = 0; have <= size && have <= FRAME_HEAD_MAX; have += 7) {
        uint8_t *head = malloc(have + !have);

        memcpy(head, data, have);
        frame_find_layers(head, have, size, &layers);
        free(head);
    }
    for (unsigned i = 0; offload_segment(frame, size, mss, i, segment) > 0; i++)
        if (i > SEGMENTS_MAX)
            abort();
    vnet_header_from_offload(frame, size, &offload, &header);
    offload.gso_size = 0;
    if (vnet_header_from_offload(frame, size, &offload, &header) &&
        (size_t)header.csum_start + header.csum_offset + 2 > size)
        abort();
    offload_fill_checksum(frame, size);
    free(segment);
    free(frame);
    return 0;
}
