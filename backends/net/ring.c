/* SPDX-License-Identifier: MIT */
/* The backend's end of one vif's two shared rings (xen/io/ring.h, xen/io/netif.h). */
#include "net/ring.h"

#include <string.h>

static void full_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static RING_IDX load(const RING_IDX *shared)
{
    return __atomic_load_n(shared, __ATOMIC_ACQUIRE);
}

static int waiting(const RING_IDX *req_prod, RING_IDX req_cons, RING_IDX rsp_prod, unsigned size)
{
    RING_IDX prod = load(req_prod);

    /* Unanswered requests cannot be more than the ring has slots; neither can those not taken. */
    if (prod - rsp_prod > size || prod - req_cons > size)
        return -1;
    return (int)(prod - req_cons);
}

static bool publish(RING_IDX *rsp_prod, const RING_IDX *rsp_event, RING_IDX *shown, RING_IDX to)
{
    RING_IDX from = *shown;

    if (from == to)
        return false;
    __atomic_store_n(rsp_prod, to, __ATOMIC_RELEASE);
    full_fence(); /* the frontend sets rsp_event, then looks at rsp_prod: one of us sees the other
                   */
    *shown = to;
    return to - load(rsp_event) < to - from;
}

bool tx_ring_attach(struct tx_ring *ring, void *page)
{
    ring->shared = page;
    ring->rsp_prod = ring->rsp_shown = ring->req_cons = load(&ring->shared->rsp_prod);
    return tx_ring_waiting(ring) >= 0;
}

bool rx_ring_attach(struct rx_ring *ring, void *page)
{
    ring->shared = page;
    ring->rsp_prod = ring->rsp_shown = ring->req_cons = load(&ring->shared->rsp_prod);
    return rx_ring_waiting(ring) >= 0;
}

int tx_ring_waiting(const struct tx_ring *ring)
{
    return waiting(&ring->shared->req_prod, ring->req_cons, ring->rsp_prod, NETIF_TX_RING_SIZE);
}

int rx_ring_waiting(const struct rx_ring *ring)
{
    return waiting(&ring->shared->req_prod, ring->req_cons, ring->rsp_prod, NETIF_RX_RING_SIZE);
}

/* Byte copy through volatile: the compiler may neither repeat nor merge the reads. */
static void copy_once(void *to, const volatile void *from, size_t len)
{
    const volatile uint32_t *in = from;

    for (size_t i = 0; i < len / sizeof(uint32_t); i++) {
        uint32_t word = in[i];

        memcpy((uint8_t *)to + i * sizeof(word), &word, sizeof(word));
    }
}

void tx_ring_copy(const struct tx_ring *ring, struct netif_tx_request *out, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        unsigned slot = (ring->req_cons + i) & (NETIF_TX_RING_SIZE - 1);

        copy_once(&out[i], &ring->shared->ring[slot].req, sizeof(out[i]));
    }
}

bool tx_ring_arm(struct tx_ring *ring)
{
    __atomic_store_n(&ring->shared->req_event, ring->req_cons + 1, __ATOMIC_RELEASE);
    full_fence(); /* the frontend writes req_prod, then looks at req_event */
    return load(&ring->shared->req_prod) != ring->req_cons;
}

void tx_ring_respond(struct tx_ring *ring, uint16_t id, int16_t status)
{
    struct netif_tx_response *rsp =
        &ring->shared->ring[ring->rsp_prod++ & (NETIF_TX_RING_SIZE - 1)].rsp;

    rsp->id = id;
    rsp->status = status;
}

struct netif_rx_request rx_ring_take(struct rx_ring *ring)
{
    struct netif_rx_request request;

    copy_once(&request, &ring->shared->ring[ring->req_cons++ & (NETIF_RX_RING_SIZE - 1)].req,
              sizeof(request));
    return request;
}

void rx_ring_respond(struct rx_ring *ring, const struct netif_rx_response *response)
{
    ring->shared->ring[ring->rsp_prod++ & (NETIF_RX_RING_SIZE - 1)].rsp = *response;
}

bool tx_ring_publish(struct tx_ring *ring)
{
    return publish(&ring->shared->rsp_prod, &ring->shared->rsp_event, &ring->rsp_shown,
                   ring->rsp_prod);
}

bool rx_ring_publish(struct rx_ring *ring)
{
    return publish(&ring->shared->rsp_prod, &ring->shared->rsp_event, &ring->rsp_shown,
                   ring->rsp_prod);
}
