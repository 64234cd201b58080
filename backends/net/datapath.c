/* SPDX-License-Identifier: MIT */
/* Batches of frames from a port, through the vSwitch, to the receivers. */
#include "net/datapath.h"

#include "net/batch.h"
#include "net/deliver.h"
#include "net/offload.h"

#include <stdlib.h>
#include <string.h>

struct datapath {
    xengnttab_handle *gnttab;
    xenevtchn_handle *evtchn;
    struct batch batch;
    /* Of the vif being served: its slots and what to answer each; of frame i of the batch: what
     * was parsed, and its first slot. */
    struct netif_tx_request slots[DATAPATH_BATCH];
    int16_t status[DATAPATH_BATCH];
    struct tx_frame parsed[DATAPATH_BATCH];
    unsigned slot_of_frame[DATAPATH_BATCH];
};

struct datapath *datapath_new(xengnttab_handle *gnttab, xenevtchn_handle *evtchn)
{
    struct datapath *dp = calloc(1, sizeof(*dp));

    if (!dp)
        return NULL;
    dp->gnttab = gnttab;
    dp->evtchn = evtchn;
    if (batch_init(&dp->batch) < 0) {
        free(dp);
        return NULL;
    }
    return dp;
}

void datapath_free(struct datapath *dp)
{
    if (!dp)
        return;
    batch_destroy(&dp->batch);
    free(dp);
}

/* Make a parsed frame the batch's next one. */
static void batch_add_parsed(struct datapath *dp, const struct vif *vif, const struct tx_frame *tx,
                             unsigned slot)
{
    struct batch_frame *frame = &dp->batch.frames[dp->batch.n_frames];

    dp->slot_of_frame[dp->batch.n_frames++] = slot;
    frame->len = tx->len;
    frame->offload = tx->offload;
    frame->head_len = tx->len < FRAME_HEAD_MAX ? tx->len : FRAME_HEAD_MAX;
    frame->whole = NULL;
    frame->pieces = tx->pieces;
    frame->n_pieces = tx->n_pieces;
    frame->domid = vif->domid;
    frame->dropped = false;
}

/* What to answer each slot of a frame: extras get no answer of their own. */
static void set_status(struct datapath *dp, unsigned slot, const struct tx_frame *tx,
                       int16_t status)
{
    for (unsigned i = 0; i < tx->n_slots; i++)
        dp->status[slot + i] = i >= 1 && i <= tx->n_extras ? NETIF_RSP_NULL : status;
}

/*
 * Take what the vif has published, at most DATAPATH_BATCH slots. Returns how many were taken, or
 * -1 with vif->broken set.
 */
static int take_frames(struct datapath *dp, struct vif *vif)
{
    int waiting = tx_ring_waiting(&vif->tx);
    unsigned n = waiting < DATAPATH_BATCH ? (unsigned)waiting : DATAPATH_BATCH, taken = 0;

    if (waiting < 0) {
        vif->broken = "transmit ring indices out of range";
        return -1;
    }
    tx_ring_copy(&vif->tx, dp->slots, n);
    while (taken < n) {
        struct tx_frame *tx = &dp->parsed[dp->batch.n_frames];

        switch (tx_parse(&dp->slots[taken], n - taken, tx, &vif->broken)) {
        case TX_PARSE_FRAME:
            set_status(dp, taken, tx, NETIF_RSP_OKAY);
            batch_add_parsed(dp, vif, tx, taken);
            break;
        case TX_PARSE_BAD:
            set_status(dp, taken, tx, NETIF_RSP_ERROR);
            vswitch_count_drop(vif->port.vswitch, (unsigned)vif->port.number,
                               VSWITCH_DROP_MALFORMED);
            break;
        case TX_PARSE_INCOMPLETE:
            if ((unsigned)waiting > n)
                return (int)taken; /* its rest is beyond this batch */
            vif->broken = "a frame's last slots are missing";
            return -1;
        case TX_PARSE_BROKEN:
            return -1;
        }
        taken += tx->n_slots;
    }
    return (int)taken;
}

/* Bring the first bytes of every frame into private memory. */
static void copy_heads(struct datapath *dp)
{
    struct batch *batch = &dp->batch;

    for (unsigned i = 0; i < batch->n_frames; i++) {
        struct batch_frame *frame = &batch->frames[i];
        struct xengnttab_grant_copy_segment *seg = batch_reserve_copies(batch, frame->n_pieces);

        frame->first_copy = batch->n_copies;
        frame->dropped = !seg;
        frame->n_copies = seg ? tx_plan_copies(frame->domid, frame->pieces, frame->n_pieces,
                                               frame->head_len, frame->head, seg)
                              : 0;
        batch->n_copies += frame->n_copies;
    }
    batch_run_copies(batch, dp->gnttab);
    for (unsigned i = 0; i < batch->n_frames; i++) {
        struct batch_frame *frame = &batch->frames[i];

        if (frame->dropped || !batch_copied(batch, frame->first_copy, frame->n_copies)) {
            frame->dropped = true;
            vswitch_count_drop(batch->from->vswitch, (unsigned)batch->from->number,
                               VSWITCH_DROP_COPY);
            set_status(dp, dp->slot_of_frame[i], &dp->parsed[i], NETIF_RSP_ERROR);
        }
    }
}

/*
 * Set `wire_len` to the length of the longest frame that this one will be on a wire. False: it is
 * to be segmented and isn't what it claims to be (receivers act on that claim), or would become a
 * flood of small segments. The longest Ethernet, IPv4 and TCP headers fit into a head.
 */
static bool find_wire_len(const struct batch_frame *frame, const uint8_t *head, size_t *wire_len)
{
    size_t have = frame->whole ? frame->len : frame->head_len, headers;

    *wire_len = frame->len;
    if (frame->offload.gso_size == 0)
        return true;
    headers = offload_tcp4_headers(head, have, frame->len);
    *wire_len = headers + frame->offload.gso_size;
    return headers != 0 && frame->offload.gso_size >= OFFLOAD_MSS_MIN;
}

/* Take the tag out of an uplink's frame: receivers get theirs by the VLAN it belongs to. */
static void strip_tag(struct batch_frame *frame)
{
    memmove(frame->whole + VSWITCH_TAG_LEN, frame->whole, VSWITCH_HEADER_MIN - 2);
    frame->whole += VSWITCH_TAG_LEN;
    frame->len -= VSWITCH_TAG_LEN;
}

/* Ask the vSwitch where each frame goes. */
static void forward_frames(struct batch *batch, uint64_t now_ms)
{
    for (unsigned i = 0; i < batch->n_frames; i++) {
        struct batch_frame *frame = &batch->frames[i];
        struct vswitch_frame view = {.header = frame->whole ? frame->whole : frame->head,
                                     .len = frame->len};
        struct vswitch_verdict verdict;

        if (!frame->dropped && !find_wire_len(frame, view.header, &view.wire_len)) {
            frame->dropped = true;
            vswitch_count_drop(batch->from->vswitch, (unsigned)batch->from->number,
                               VSWITCH_DROP_MALFORMED);
        }
        if (frame->dropped)
            continue;
        if (!vswitch_forward(batch->from->vswitch, (unsigned)batch->from->number, &view, now_ms,
                             &verdict)) {
            frame->dropped = true;
            continue;
        }
        frame->receivers = verdict.receivers;
        frame->vlan = verdict.vlan;
        /* Only uplinks are let in with a tag, and their frames are whole. */
        if (verdict.tagged)
            strip_tag(frame);
    }
}

enum datapath_result datapath_serve_vif(struct datapath *dp, struct vif *vif, uint64_t now_ms)
{
    int taken;

    batch_begin(&dp->batch, &vif->port);
    taken = take_frames(dp, vif);
    if (taken < 0)
        return DATAPATH_BROKEN;
    if (dp->batch.n_frames > 0) {
        copy_heads(dp);
        forward_frames(&dp->batch, now_ms);
        deliver_batch(&dp->batch, dp->gnttab, dp->evtchn);
    }
    for (int i = 0; i < taken; i++)
        tx_ring_respond(&vif->tx, dp->slots[i].id, dp->status[i]);
    vif->tx.req_cons += (RING_IDX)taken;
    if (tx_ring_publish(&vif->tx))
        xenevtchn_notify(dp->evtchn, (evtchn_port_t)vif->tx_event);
    if (taken > 0)
        return DATAPATH_MORE;
    return tx_ring_arm(&vif->tx) ? DATAPATH_MORE : DATAPATH_IDLE;
}

/* Read one frame of an uplink into the batch. */
static enum uplink_result take_uplink_frame(struct batch *batch, struct uplink_port *port)
{
    struct batch_frame *frame = &batch->frames[batch->n_frames];
    uint8_t *buffer = batch_alloc(batch, FRAME_LEN_MAX + 1);
    enum uplink_result result;

    memset(frame, 0, offsetof(struct batch_frame, head));
    frame->whole = buffer;
    frame->dropped = false;
    result = uplink_receive(&port->uplink, buffer, FRAME_LEN_MAX, &frame->len, &frame->offload);
    if (result != UPLINK_OK)
        return result;
    frame->head_len = 0;
    frame->n_pieces = 0;
    /* DHCP clients read raw packets and verify the UDP checksum: it is never left blank. */
    if (frame->offload.csum == FRAME_CSUM_BLANK && frame->offload.gso_size == 0) {
        struct frame_layers layers;

        if (frame_find_layers(buffer, frame->len, frame->len, &layers) &&
            layers.l4 == FRAME_L4_UDP && offload_fill_checksum(buffer, frame->len))
            frame->offload.csum = FRAME_CSUM_VALID;
    }
    batch->n_frames++;
    return UPLINK_OK;
}

enum datapath_result datapath_serve_uplink(struct datapath *dp, struct uplink_port *port,
                                           uint64_t now_ms)
{
    enum uplink_result result = UPLINK_OK;

    batch_begin(&dp->batch, &port->port);
    for (unsigned i = 0; i < DATAPATH_BATCH; i++) {
        result = take_uplink_frame(&dp->batch, port);
        if (result == UPLINK_EMPTY || result == UPLINK_GONE)
            break;
        if (result == UPLINK_UNSUPPORTED)
            vswitch_count_drop(port->port.vswitch, (unsigned)port->port.number,
                               VSWITCH_DROP_UNSUPPORTED);
    }
    forward_frames(&dp->batch, now_ms);
    deliver_batch(&dp->batch, dp->gnttab, dp->evtchn);
    if (result == UPLINK_GONE)
        return DATAPATH_GONE;
    return result == UPLINK_EMPTY ? DATAPATH_IDLE : DATAPATH_MORE;
}

uint64_t datapath_charge_receivers(struct datapath *dp, uint64_t ns)
{
    unsigned n = dp->batch.n_deliveries;

    for (unsigned i = 0; i < n; i++)
        dp->batch.deliveries[i].vif->cpu_ns += ns / n;
    return n == 0 ? ns : 0;
}
