/* SPDX-License-Identifier: MIT */
/* Any bytes as transmit slots: what tx_parse() lets through obeys its own promises. */
#include "net/netif_rx.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX 40

static void check_frame(const struct tx_frame *frame, unsigned n)
{
    struct xengnttab_grant_copy_segment segs[RX_COPIES_MAX];
    struct netif_rx_request requests[RX_FRAME_SLOTS_MAX] = {0};
    struct frame_source source = {.pieces = frame->pieces, .n_pieces = frame->n_pieces, .domid = 1};
    size_t len = 0;
    unsigned copies;

    if (frame->n_slots > n || frame->n_slots > TX_FRAME_SLOTS_MAX ||
        frame->n_extras >= frame->n_slots)
        abort();
    for (unsigned i = 0; i < frame->n_pieces; i++) {
        if (frame->pieces[i].offset + frame->pieces[i].len > NETIF_PAGE_SIZE)
            abort();
        len += frame->pieces[i].len;
    }
    if (len != frame->len || rx_slots_needed(len, &frame->offload) > RX_FRAME_SLOTS_MAX)
        abort();
    copies = rx_plan_copies(&source, len, &frame->offload, 2, requests, segs);
    if (copies > RX_COPIES_MAX)
        abort();
    for (unsigned i = 0; i < copies; i++)
        len -= segs[i].len;
    if (len != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct netif_tx_request slots[SLOTS_MAX];
    unsigned n = (unsigned)(size / sizeof(slots[0]));
    struct tx_frame frame;
    const char *reason = NULL;

    if (n == 0 || n > SLOTS_MAX)
        return 0;
    memcpy(slots, data, n * sizeof(slots[0]));
    switch (tx_parse(slots, n, &frame, &reason)) {
    case TX_PARSE_FRAME:
        check_frame(&frame, n);
        break;
    case TX_PARSE_BROKEN:
        if (!reason)
            abort();
        break;
    default:
        break;
    }
    return 0;
}
