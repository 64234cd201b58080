/* SPDX-License-Identifier: MIT */
/* From a frontend's transmit slots to a frame (xen/io/netif.h, "Guest transmit"). */
#include "net/netif_tx.h"

#include "net/vswitch/vswitch.h"

#include <string.h>

struct parse {
    const struct netif_tx_request *slots;
    unsigned n;
    struct tx_frame *out;
    const char **reason;
    bool refused; /* well formed, but not for us */
};

static enum tx_parse_result broken(struct parse *p, const char *reason)
{
    *p->reason = reason;
    return TX_PARSE_BROKEN;
}

/* A segmentation request: only TCP over IPv4 is offered to frontends. */
static bool take_gso(const struct netif_extra_info *extra, struct frame_offload *offload)
{
    if (extra->u.gso.type == XEN_NETIF_GSO_TYPE_NONE)
        return true;
    if (extra->u.gso.type != XEN_NETIF_GSO_TYPE_TCPV4 || extra->u.gso.size == 0)
        return false;
    offload->gso_size = extra->u.gso.size;
    return true;
}

/* The extra-info slots after the first one. */
static enum tx_parse_result parse_extras(struct parse *p)
{
    struct netif_extra_info extra;

    do {
        if (p->out->n_extras == TX_EXTRA_SLOTS_MAX)
            return broken(p, "too many extra-info slots");
        if (p->out->n_slots == p->n)
            return TX_PARSE_INCOMPLETE;
        memcpy(&extra, &p->slots[p->out->n_slots], sizeof(extra));
        p->out->n_slots++;
        p->out->n_extras++;
        if (extra.type == XEN_NETIF_EXTRA_TYPE_NONE || extra.type >= XEN_NETIF_EXTRA_TYPE_MAX)
            return broken(p, "unknown extra-info type");
        if (extra.type == XEN_NETIF_EXTRA_TYPE_GSO && !take_gso(&extra, &p->out->offload))
            return broken(p, "bad segmentation request");
        /* Multicast control isn't offered, and such a request carries no frame. */
        if (extra.type == XEN_NETIF_EXTRA_TYPE_MCAST_ADD ||
            extra.type == XEN_NETIF_EXTRA_TYPE_MCAST_DEL)
            p->refused = true;
    } while (extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
    return TX_PARSE_FRAME;
}

static enum tx_parse_result add_piece(struct parse *p, const struct netif_tx_request *slot,
                                      unsigned len)
{
    if (p->out->n_pieces == TX_DATA_SLOTS_MAX)
        return broken(p, "too many slots for one frame");
    if (slot->offset > NETIF_PAGE_SIZE || len > NETIF_PAGE_SIZE - slot->offset)
        return broken(p, "data crosses the end of its page");
    p->out->pieces[p->out->n_pieces++] =
        (struct tx_piece){.gref = slot->gref, .offset = slot->offset, .len = (uint16_t)len};
    return TX_PARSE_FRAME;
}

/* The data slots after the first one. Its own length is what they leave of the total. */
static enum tx_parse_result parse_data(struct parse *p)
{
    const struct netif_tx_request *first = &p->slots[0];
    unsigned rest = first->size, flags = first->flags;
    enum tx_parse_result result;

    p->out->n_pieces = 1; /* kept for the first slot, filled in last */
    while (flags & NETTXF_more_data) {
        const struct netif_tx_request *slot = &p->slots[p->out->n_slots];

        if (p->out->n_slots == p->n)
            return TX_PARSE_INCOMPLETE;
        p->out->n_slots++;
        if (slot->size > rest)
            return broken(p, "pieces longer than their frame");
        rest -= slot->size;
        result = add_piece(p, slot, slot->size);
        if (result != TX_PARSE_FRAME)
            return result;
        flags = slot->flags;
    }
    if (first->offset > NETIF_PAGE_SIZE || rest > NETIF_PAGE_SIZE - first->offset)
        return broken(p, "data crosses the end of its page");
    p->out->pieces[0] =
        (struct tx_piece){.gref = first->gref, .offset = first->offset, .len = (uint16_t)rest};
    return TX_PARSE_FRAME;
}

enum tx_parse_result tx_parse(const struct netif_tx_request *slots, unsigned n,
                              struct tx_frame *out, const char **reason)
{
    struct parse p = {.slots = slots, .n = n, .out = out, .reason = reason};
    enum tx_parse_result result = TX_PARSE_FRAME;

    memset(out, 0, sizeof(*out));
    out->n_slots = 1;
    out->len = slots[0].size;
    if (slots[0].flags & NETTXF_csum_blank)
        out->offload.csum = FRAME_CSUM_BLANK;
    else if (slots[0].flags & NETTXF_data_validated)
        out->offload.csum = FRAME_CSUM_VALID;

    if (slots[0].flags & NETTXF_extra_info)
        result = parse_extras(&p);
    if (result == TX_PARSE_FRAME)
        result = parse_data(&p);
    if (result != TX_PARSE_FRAME)
        return result;
    if (p.refused || out->len < VSWITCH_HEADER_MIN)
        return TX_PARSE_BAD;
    /* Segments need a checksum each, so the sender cannot have filled in one for all. */
    if (out->offload.gso_size)
        out->offload.csum = FRAME_CSUM_BLANK;
    return TX_PARSE_FRAME;
}
