/* SPDX-License-Identifier: MIT */
/* The second half of a batch: from forwarded frames to the receivers. */
#include "net/deliver.h"

#include "net/offload.h"

#include <string.h>

/* What stands in a receiver's way of taking a frame as it is. */
struct needs {
    bool whole;       /* it must be in private memory */
    bool checksum;    /* its blank checksum must be filled in */
    unsigned version; /* of IP, as far as the first bytes tell */
};

static struct net_port *port_of(const struct batch *batch, unsigned number)
{
    return batch->from->vswitch->ports[number].owner;
}

static struct vif *vif_of(struct net_port *port)
{
    return (struct vif *)((char *)port - offsetof(struct vif, port));
}

static struct uplink_port *uplink_of(struct net_port *port)
{
    return (struct uplink_port *)((char *)port - offsetof(struct uplink_port, port));
}

static void count_drop(const struct net_port *port, enum vswitch_drop why)
{
    vswitch_count_drop(port->vswitch, (unsigned)port->number, why);
}

static const uint8_t *first_bytes(const struct batch_frame *frame, size_t *have)
{
    *have = frame->whole ? frame->len : frame->head_len;
    return frame->whole ? frame->whole : frame->head;
}

static struct needs find_needs(const struct batch *batch, const struct batch_frame *frame)
{
    struct needs needs = {0};
    struct frame_layers layers;
    size_t have;
    const uint8_t *data = first_bytes(frame, &have);

    if (frame->offload.csum == FRAME_CSUM_BLANK &&
        frame_find_layers(data, have, frame->len, &layers))
        needs.version = layers.ip_version;
    portset_for_each(number, &frame->receivers)
    {
        struct net_port *port = port_of(batch, number);

        if (port->kind == NET_PORT_UPLINK) {
            needs.whole = true;
            continue;
        }
        if (frame->offload.gso_size) {
            needs.whole |= !vif_of(port)->can_segment_tcp4;
        } else if (frame->offload.csum == FRAME_CSUM_BLANK) {
            needs.checksum |= needs.version == 6 ? !vif_of(port)->can_blank_csum6
                                                 : !vif_of(port)->can_blank_csum4;
        }
    }
    needs.whole |= needs.checksum;
    return needs;
}

/* Plan the copies that make a frame whole in private memory; its head is there already. */
static bool plan_body(struct batch *batch, struct batch_frame *frame)
{
    struct xengnttab_grant_copy_segment *seg = batch_reserve_copies(batch, frame->n_pieces);
    uint8_t *memory = batch_alloc(batch, VSWITCH_TAG_LEN + frame->len);

    if (!seg || !memory)
        return false;
    frame->whole = memory + VSWITCH_TAG_LEN;
    frame->first_copy = batch->n_copies;
    frame->n_copies =
        tx_plan_copies(frame->domid, frame->pieces, frame->n_pieces, frame->len, frame->whole, seg);
    batch->n_copies += frame->n_copies;
    return true;
}

static void drop_frame(const struct batch *batch, struct batch_frame *frame, enum vswitch_drop why)
{
    frame->dropped = true;
    count_drop(batch->from, why);
}

/* Bring whole frames, and fill checksums, where a receiver asks for it. */
static void prepare_frames(struct batch *batch, xengnttab_handle *gnttab)
{
    struct needs needs[BATCH_FRAMES_MAX] = {0};
    bool copied[BATCH_FRAMES_MAX] = {false};

    for (unsigned i = 0; i < batch->n_frames; i++) {
        struct batch_frame *frame = &batch->frames[i];

        if (frame->dropped)
            continue;
        needs[i] = find_needs(batch, frame);
        if (!needs[i].whole || frame->whole)
            continue;
        copied[i] = plan_body(batch, frame);
        if (!copied[i])
            drop_frame(batch, frame, VSWITCH_DROP_FULL);
    }
    batch_run_copies(batch, gnttab);
    for (unsigned i = 0; i < batch->n_frames; i++) {
        struct batch_frame *frame = &batch->frames[i];

        if (copied[i] && !batch_copied(batch, frame->first_copy, frame->n_copies)) {
            drop_frame(batch, frame, VSWITCH_DROP_COPY);
            continue;
        }
        /* The sender may have changed its pages since the vSwitch looked: what it saw stays. */
        if (copied[i])
            memcpy(frame->whole, frame->head, frame->head_len);
        if (needs[i].checksum && !frame->dropped && offload_fill_checksum(frame->whole, frame->len))
            frame->offload.csum = FRAME_CSUM_VALID;
    }
}

/* Where the bytes of a frame come from when they go to a vif. */
static struct frame_source source_of(const struct batch_frame *frame)
{
    if (frame->whole)
        return (struct frame_source){.local = frame->whole, .local_len = frame->len};
    return (struct frame_source){.local = frame->head,
                                 .local_len = frame->head_len,
                                 .domid = frame->domid,
                                 .pieces = frame->pieces,
                                 .n_pieces = frame->n_pieces};
}

/* Take receive slots of a vif and plan the copies into them. Why not, or VSWITCH_DROP_COUNT. */
static enum vswitch_drop plan_delivery(struct batch *batch, struct vif *vif,
                                       const struct frame_source *source, size_t len,
                                       const struct frame_offload *offload)
{
    unsigned n_slots = rx_slots_needed(len, offload);
    struct xengnttab_grant_copy_segment *seg = batch_reserve_copies(batch, RX_COPIES_MAX);
    struct delivery *delivery = batch_reserve_delivery(batch);
    int waiting = rx_ring_waiting(&vif->rx);

    if (len > NETIF_PAGE_SIZE && !vif->can_scatter)
        return VSWITCH_DROP_UNSUPPORTED;
    if (waiting < 0)
        vif->broken = "receive ring indices out of range";
    if (!seg || !delivery || waiting < (int)n_slots)
        return VSWITCH_DROP_FULL;
    delivery->vif = vif;
    delivery->len = len;
    delivery->offload = *offload;
    delivery->n_slots = n_slots;
    for (unsigned i = 0; i < n_slots; i++)
        delivery->requests[i] = rx_ring_take(&vif->rx);
    delivery->first_copy = batch->n_copies;
    delivery->n_copies = rx_plan_copies(source, len, offload, vif->domid, delivery->requests, seg);
    batch->n_copies += delivery->n_copies;
    batch->n_deliveries++;
    return VSWITCH_DROP_COUNT;
}

/* Cut a TCP frame into segments for a vif that wants them ready-made. */
static enum vswitch_drop plan_segments(struct batch *batch, struct vif *vif,
                                       const struct batch_frame *frame)
{
    static const struct frame_offload ready = {.csum = FRAME_CSUM_VALID};
    size_t headers = offload_tcp4_headers(frame->whole, frame->len, frame->len), len;
    enum vswitch_drop why = VSWITCH_DROP_UNSUPPORTED;

    for (unsigned i = 0;; i++) {
        struct frame_source source;
        uint8_t *segment = batch_alloc(batch, headers + frame->offload.gso_size);

        if (!segment)
            return VSWITCH_DROP_FULL;
        len = offload_segment(frame->whole, frame->len, frame->offload.gso_size, i, segment);
        if (len == 0)
            return why;
        source = (struct frame_source){.local = segment, .local_len = len};
        why = plan_delivery(batch, vif, &source, len, &ready);
        if (why != VSWITCH_DROP_COUNT)
            return why;
    }
}

static void plan_deliveries(struct batch *batch)
{
    for (unsigned i = 0; i < batch->n_frames; i++) {
        struct batch_frame *frame = &batch->frames[i];
        struct frame_source source = source_of(frame);

        if (frame->dropped)
            continue;
        portset_for_each(number, &frame->receivers)
        {
            struct net_port *port = port_of(batch, number);
            enum vswitch_drop why;

            if (port->kind != NET_PORT_VIF || vif_of(port)->broken)
                continue;
            if (frame->offload.gso_size && !vif_of(port)->can_segment_tcp4)
                why = plan_segments(batch, vif_of(port), frame);
            else
                why = plan_delivery(batch, vif_of(port), &source, frame->len, &frame->offload);
            if (why != VSWITCH_DROP_COUNT)
                count_drop(port, why);
        }
    }
}

/* Write the receivers' responses, in the order their slots were taken. */
static void answer_deliveries(struct batch *batch)
{
    struct netif_rx_response responses[RX_FRAME_SLOTS_MAX];

    for (unsigned i = 0; i < batch->n_deliveries; i++) {
        struct delivery *delivery = &batch->deliveries[i];
        struct vif *vif = delivery->vif;
        bool copied = batch_copied(batch, delivery->first_copy, delivery->n_copies);

        rx_fill_responses(delivery->len, &delivery->offload, copied, delivery->requests, responses);
        for (unsigned slot = 0; slot < delivery->n_slots; slot++)
            rx_ring_respond(&vif->rx, &responses[slot]);
        if (copied)
            vswitch_count_delivered(vif->port.vswitch, (unsigned)vif->port.number, delivery->len);
        else
            count_drop(&vif->port, VSWITCH_DROP_COPY);
    }
}

static void publish_deliveries(const struct batch *batch, xenevtchn_handle *evtchn)
{
    /* After the first delivery to a vif, publishing finds nothing new: one event at most. */
    for (unsigned i = 0; i < batch->n_deliveries; i++) {
        struct vif *vif = batch->deliveries[i].vif;

        if (rx_ring_publish(&vif->rx))
            xenevtchn_notify(evtchn, (evtchn_port_t)vif->rx_event);
    }
}

static void send_to_uplink(struct net_port *port, uint8_t *data, size_t len,
                           const struct frame_offload *offload)
{
    switch (uplink_send(&uplink_of(port)->uplink, data, len, offload)) {
    case UPLINK_OK:
        vswitch_count_delivered(port->vswitch, (unsigned)port->number, len);
        break;
    case UPLINK_UNSUPPORTED:
        count_drop(port, VSWITCH_DROP_UNSUPPORTED);
        break;
    default:
        count_drop(port, VSWITCH_DROP_FULL);
    }
}

/*
 * Put the tag of its VLAN into a whole frame, in the room before it. Returns its new beginning.
 * Nobody but uplinks may be left to receive it.
 */
static uint8_t *insert_tag(const struct batch_frame *frame)
{
    uint8_t *data = frame->whole - VSWITCH_TAG_LEN;

    memmove(data, frame->whole, VSWITCH_HEADER_MIN - 2);
    frame_put16(data + VSWITCH_HEADER_MIN - 2, VSWITCH_ETHERTYPE_TAG);
    frame_put16(data + VSWITCH_HEADER_MIN, frame->vlan);
    return data;
}

static void send_to_uplinks(const struct batch *batch)
{
    for (unsigned i = 0; i < batch->n_frames; i++) {
        const struct batch_frame *frame = &batch->frames[i];
        uint8_t *data = NULL;

        if (frame->dropped)
            continue;
        portset_for_each(number, &frame->receivers)
        {
            struct net_port *port = port_of(batch, number);

            if (port->kind != NET_PORT_UPLINK)
                continue;
            if (!data)
                data = frame->vlan ? insert_tag(frame) : frame->whole;
            send_to_uplink(port, data, frame->len + (frame->vlan ? VSWITCH_TAG_LEN : 0),
                           &frame->offload);
        }
    }
}

void deliver_batch(struct batch *batch, xengnttab_handle *gnttab, xenevtchn_handle *evtchn)
{
    prepare_frames(batch, gnttab);
    plan_deliveries(batch);
    batch_run_copies(batch, gnttab);
    answer_deliveries(batch);
    publish_deliveries(batch, evtchn);
    send_to_uplinks(batch);
}
