/* SPDX-License-Identifier: MIT */
/* Guests with granted pages and rings in ordinary memory, behind the hypervisor's two calls. */
#ifndef TESTS_FAKE_GUEST_H
#define TESTS_FAKE_GUEST_H

#include "net/port.h"

#define FAKE_GUESTS 3
#define FAKE_GRANTS 600

/*
 * The test is linked with this instead of libxengnttab and libxenevtchn: grant copies obey the
 * hypervisor's rules (bounds, unknown references, no local-to-local) and are carried out; events
 * are counted. Guest n is domain n + 1; its references 0 .. FAKE_GRANTS - 1 are good.
 */
struct fake_guest {
    struct vif vif;
    _Alignas(4096) uint8_t tx_page[4096];
    _Alignas(4096) uint8_t rx_page[4096];
    uint8_t grants[FAKE_GRANTS][4096];
    RING_IDX tx_prod, rx_prod, rx_cons;
    unsigned n_events;
};

extern struct fake_guest fake_guests[FAKE_GUESTS];

/* The shared rings, as the guest sees them. */
static inline struct netif_tx_sring *fake_tx(struct fake_guest *guest)
{
    return (struct netif_tx_sring *)guest->tx_page;
}

static inline struct netif_rx_sring *fake_rx(struct fake_guest *guest)
{
    return (struct netif_rx_sring *)guest->rx_page;
}

/* Called before each segment of a grant copy: a hostile guest that runs at that very moment. */
extern void (*fake_before_copy)(void);

/* Number of calls to the hypervisor for copies so far. */
extern unsigned fake_copy_calls;

/* Begin again: rings empty, all able, guest n plugged into `vs` with address 00:16:3e:00:00:0n. */
void fake_reset(struct vswitch *vs);

/* Offer `n` receive buffers with references from `first` on. */
void fake_post_rx(struct fake_guest *guest, unsigned n, uint32_t first);

/* Put one raw slot on the transmit ring, shown by fake_kick(). */
void fake_put_slot(struct fake_guest *guest, const void *slot);
void fake_kick(struct fake_guest *guest);

/* Send a frame from references `first` on, a page each, as Linux's frontend does. */
void fake_send(struct fake_guest *guest, const uint8_t *data, size_t len, uint16_t flags,
               uint16_t gso_size, uint32_t first);

/*
 * Take the next frame delivered. Its length, 0 if there is none, or -1 if it came as an error;
 * `flags` and `gso_size` as the backend gave them. References must have been posted from 0 on.
 */
int fake_receive(struct fake_guest *guest, uint8_t *out, uint16_t *flags, uint16_t *gso_size);

#endif
