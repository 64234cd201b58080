/* SPDX-License-Identifier: MIT */
/* From a frame to a frontend's receive slots (xen/io/netif.h, "Guest receive"). */
#include "net/netif_rx.h"

#include <string.h>

/* Walks over a source's bytes, piece after piece. */
struct cursor {
    const struct frame_source *source;
    size_t local_done;
    unsigned piece;
    size_t piece_done;
};

unsigned rx_slots_needed(size_t len, const struct frame_offload *offload)
{
    unsigned pages = (unsigned)((len + NETIF_PAGE_SIZE - 1) / NETIF_PAGE_SIZE);

    return pages + (offload->gso_size ? 1 : 0);
}

/* The request whose page holds page `page` of the frame: an extra takes slot 1. */
static unsigned slot_of_page(unsigned page, const struct frame_offload *offload)
{
    return page > 0 && offload->gso_size ? page + 1 : page;
}

/* Skip the first `len` bytes of the pieces. */
static void cursor_skip(struct cursor *c, size_t len)
{
    while (len > 0) {
        size_t here = c->source->pieces[c->piece].len;

        if (len < here) {
            c->piece_done = len;
            return;
        }
        len -= here;
        c->piece++;
    }
}

/* Make `segment` read the next bytes, at most `want` (> 0); returns how many, never 0. */
static size_t cursor_next(struct cursor *c, size_t want, struct xengnttab_grant_copy_segment *seg)
{
    const struct frame_source *s = c->source;
    const struct tx_piece *piece;
    size_t rest = s->local_len - c->local_done;

    if (rest > 0) {
        if (want > rest)
            want = rest;
        seg->source.virt = (void *)(uintptr_t)(s->local + c->local_done);
        c->local_done += want;
        return want;
    }
    while (s->pieces[c->piece].len == c->piece_done) {
        c->piece++;
        c->piece_done = 0;
    }
    piece = &s->pieces[c->piece];
    rest = piece->len - c->piece_done;
    if (want > rest)
        want = rest;
    seg->flags |= GNTCOPY_source_gref;
    seg->source.foreign.ref = piece->gref;
    seg->source.foreign.offset = (uint16_t)(piece->offset + c->piece_done);
    seg->source.foreign.domid = s->domid;
    c->piece_done += want;
    return want;
}

unsigned rx_plan_copies(const struct frame_source *source, size_t len,
                        const struct frame_offload *offload, uint16_t domid,
                        const struct netif_rx_request *requests,
                        struct xengnttab_grant_copy_segment *out)
{
    struct cursor c = {.source = source};
    unsigned n = 0;

    if (source->local_len < len)
        cursor_skip(&c, source->local_len);
    for (size_t done = 0; done < len; n++) {
        size_t in_page = done % NETIF_PAGE_SIZE, want = NETIF_PAGE_SIZE - in_page;
        unsigned page = (unsigned)(done / NETIF_PAGE_SIZE);

        if (want > len - done)
            want = len - done;
        memset(&out[n], 0, sizeof(out[n]));
        want = cursor_next(&c, want, &out[n]);
        out[n].flags |= GNTCOPY_dest_gref;
        out[n].dest.foreign.ref = requests[slot_of_page(page, offload)].gref;
        out[n].dest.foreign.offset = (uint16_t)in_page;
        out[n].dest.foreign.domid = domid;
        out[n].len = (uint16_t)want;
        done += want;
    }
    return n;
}

static uint16_t first_flags(const struct frame_offload *offload)
{
    uint16_t flags = 0;

    if (offload->csum == FRAME_CSUM_BLANK)
        flags |= NETRXF_csum_blank | NETRXF_data_validated;
    else if (offload->csum == FRAME_CSUM_VALID)
        flags |= NETRXF_data_validated;
    if (offload->gso_size)
        flags |= NETRXF_extra_info;
    return flags;
}

void rx_fill_responses(size_t len, const struct frame_offload *offload, bool copied,
                       const struct netif_rx_request *requests, struct netif_rx_response *out)
{
    for (unsigned page = 0; len > 0; page++) {
        unsigned slot = slot_of_page(page, offload);
        size_t here = len < NETIF_PAGE_SIZE ? len : NETIF_PAGE_SIZE;

        len -= here;
        out[slot] = (struct netif_rx_response){
            .id = requests[slot].id,
            .flags = (uint16_t)((page == 0 ? first_flags(offload) : 0) |
                                (len > 0 ? NETRXF_more_data : 0)),
            .status = copied ? (int16_t)here : NETIF_RSP_ERROR,
        };
    }
    if (offload->gso_size) {
        struct netif_extra_info extra = {
            .type = XEN_NETIF_EXTRA_TYPE_GSO,
            .u.gso = {.size = offload->gso_size, .type = XEN_NETIF_GSO_TYPE_TCPV4},
        };

        memcpy(&out[1], &extra, sizeof(out[1]));
    }
}

unsigned tx_plan_copies(uint16_t domid, const struct tx_piece *pieces, unsigned n_pieces,
                        size_t len, uint8_t *to, struct xengnttab_grant_copy_segment *out)
{
    unsigned n = 0;

    for (unsigned i = 0; i < n_pieces && len > 0; i++) {
        size_t here = pieces[i].len < len ? pieces[i].len : len;

        if (here == 0)
            continue;
        memset(&out[n], 0, sizeof(out[n]));
        out[n].flags = GNTCOPY_source_gref;
        out[n].source.foreign.ref = pieces[i].gref;
        out[n].source.foreign.offset = pieces[i].offset;
        out[n].source.foreign.domid = domid;
        out[n].dest.virt = to;
        out[n].len = (uint16_t)here;
        n++;
        to += here;
        len -= here;
    }
    return n;
}
