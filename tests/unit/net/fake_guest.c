/* SPDX-License-Identifier: MIT */
/* Guests with granted pages and rings in ordinary memory, behind the hypervisor's two calls. */
#include "fake_guest.h"

#include "net/netif_rx.h"

#include <xenevtchn.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct fake_guest fake_guests[FAKE_GUESTS];
void (*fake_before_copy)(void);
unsigned fake_copy_calls;

/* What the hypervisor answers when it looks one end of a copy up. */
static int16_t resolve(unsigned domid, uint32_t ref, unsigned offset, unsigned len, uint8_t **out)
{
    if (domid < 1 || domid > FAKE_GUESTS)
        return GNTST_bad_domain;
    if (ref >= FAKE_GRANTS)
        return GNTST_bad_gntref;
    if (offset + len > 4096)
        return GNTST_bad_copy_arg;
    *out = fake_guests[domid - 1].grants[ref] + offset;
    return GNTST_okay;
}

int xengnttab_grant_copy(xengnttab_handle *xgt, uint32_t count,
                         xengnttab_grant_copy_segment_t *segs)
{
    (void)xgt;
    fake_copy_calls++;
    for (uint32_t i = 0; i < count; i++) {
        xengnttab_grant_copy_segment_t *seg = &segs[i];
        uint8_t *from = seg->source.virt, *to = seg->dest.virt;

        if (fake_before_copy)
            fake_before_copy();
        assert_true(seg->flags & (GNTCOPY_source_gref | GNTCOPY_dest_gref));
        seg->status = GNTST_okay;
        if (seg->flags & GNTCOPY_source_gref)
            seg->status = resolve(seg->source.foreign.domid, seg->source.foreign.ref,
                                  seg->source.foreign.offset, seg->len, &from);
        if (seg->status == GNTST_okay && seg->flags & GNTCOPY_dest_gref)
            seg->status = resolve(seg->dest.foreign.domid, seg->dest.foreign.ref,
                                  seg->dest.foreign.offset, seg->len, &to);
        if (seg->status == GNTST_okay)
            memmove(to, from, seg->len);
    }
    return 0;
}

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
    (void)xce;
    fake_guests[port].n_events++;
    return 0;
}

void fake_reset(struct vswitch *vs)
{
    fake_before_copy = NULL;
    for (unsigned i = 0; i < FAKE_GUESTS; i++) {
        struct fake_guest *guest = &fake_guests[i];
        const uint8_t mac[6] = {0x00, 0x16, 0x3e, 0, 0, (uint8_t)i};

        memset(guest, 0, sizeof(*guest));
        fake_tx(guest)->rsp_event = fake_rx(guest)->rsp_event = 1;
        guest->vif = (struct vif){.domid = (uint16_t)(i + 1),
                                  .tx_event = (int)i,
                                  .rx_event = (int)i,
                                  .can_scatter = true,
                                  .can_segment_tcp4 = true,
                                  .can_blank_csum4 = true,
                                  .can_blank_csum6 = true};
        assert_true(tx_ring_attach(&guest->vif.tx, guest->tx_page));
        assert_true(rx_ring_attach(&guest->vif.rx, guest->rx_page));
        guest->vif.port = (struct net_port){NET_PORT_VIF, vs, 0};
        guest->vif.port.number = vswitch_add_access(vs, "guest", 0, mac, 16, &guest->vif.port);
        assert_true(guest->vif.port.number >= 0);
    }
}

void fake_post_rx(struct fake_guest *guest, unsigned n, uint32_t first)
{
    for (unsigned i = 0; i < n; i++)
        fake_rx(guest)->ring[guest->rx_prod++ % NETIF_RX_RING_SIZE].req =
            (struct netif_rx_request){.id = (uint16_t)(first + i), .gref = first + i};
    fake_rx(guest)->req_prod = guest->rx_prod;
}

void fake_put_slot(struct fake_guest *guest, const void *slot)
{
    memcpy(&fake_tx(guest)->ring[guest->tx_prod++ % NETIF_TX_RING_SIZE].req, slot,
           sizeof(struct netif_tx_request));
}

void fake_kick(struct fake_guest *guest)
{
    fake_tx(guest)->req_prod = guest->tx_prod;
}

void fake_send(struct fake_guest *guest, const uint8_t *data, size_t len, uint16_t flags,
               uint16_t gso_size, uint32_t first)
{
    struct netif_tx_request slot = {.gref = first, .flags = flags, .size = (uint16_t)len};
    size_t done = len < 4096 ? len : 4096;

    memcpy(guest->grants[first], data, done);
    if (gso_size)
        slot.flags |= NETTXF_extra_info;
    if (done < len)
        slot.flags |= NETTXF_more_data;
    fake_put_slot(guest, &slot);
    if (gso_size) {
        struct netif_extra_info extra = {.type = XEN_NETIF_EXTRA_TYPE_GSO};
        struct netif_tx_request raw = {0};

        extra.u.gso.size = gso_size;
        extra.u.gso.type = XEN_NETIF_GSO_TYPE_TCPV4;
        memcpy(&raw, &extra, sizeof(extra));
        fake_put_slot(guest, &raw);
    }
    while (done < len) {
        size_t here = len - done < 4096 ? len - done : 4096;

        slot = (struct netif_tx_request){.gref = ++first, .size = (uint16_t)here};
        memcpy(guest->grants[first], data + done, here);
        done += here;
        slot.flags = done < len ? NETTXF_more_data : 0;
        fake_put_slot(guest, &slot);
    }
    fake_kick(guest);
}

static struct netif_rx_response next_response(struct fake_guest *guest)
{
    assert_int_not_equal(guest->rx_cons, fake_rx(guest)->rsp_prod);
    return fake_rx(guest)->ring[guest->rx_cons++ % NETIF_RX_RING_SIZE].rsp;
}

int fake_receive(struct fake_guest *guest, uint8_t *out, uint16_t *flags, uint16_t *gso_size)
{
    struct netif_rx_response rsp;
    bool failed = false;
    int len = 0;

    if (guest->rx_cons == fake_rx(guest)->rsp_prod)
        return 0;
    *gso_size = 0;
    for (bool first = true;; first = false) {
        unsigned slot = guest->rx_cons % FAKE_GRANTS;

        rsp = next_response(guest);
        if (first)
            *flags = rsp.flags;
        if (first && rsp.flags & NETRXF_extra_info) {
            struct netif_rx_response raw = next_response(guest);
            struct netif_extra_info extra;

            memcpy(&extra, &raw, sizeof(extra));
            *gso_size = extra.u.gso.size;
        }
        failed |= rsp.status < 0;
        if (rsp.status > 0) {
            assert_true(rsp.offset + rsp.status <= 4096);
            assert_true(len + rsp.status <= FRAME_LEN_MAX);
            memcpy(out + len, guest->grants[slot] + rsp.offset, (size_t)rsp.status);
            len += rsp.status;
        }
        if (!(rsp.flags & NETRXF_more_data))
            return failed ? -1 : len;
    }
}
