/* SPDX-License-Identifier: MIT */
/* ring: counters and barriers. */
#include "block/ring.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define RING_BYTES(slots)                                                                          \
    (offsetof(struct blkif_sring, ring) + (slots) * sizeof(union blkif_sring_entry))
_Static_assert(RING_BYTES(RING_SLOTS) <= 4096 && RING_BYTES(2 * RING_SLOTS) > 4096,
               "blkif.h: slots of a ring page");

int ring_attach(struct ring *ring, void *page)
{
    uint32_t produced, answered;

    ring->shared = page;
    answered = __atomic_load_n(&ring->shared->rsp_prod, __ATOMIC_ACQUIRE);
    produced = __atomic_load_n(&ring->shared->req_prod, __ATOMIC_ACQUIRE);
    if (produced - answered > RING_SLOTS)
        return -EINVAL;
    ring->consumed = ring->answered = ring->pushed = answered;
    return 0;
}

int ring_take(struct ring *ring, struct blkif_request *out, unsigned *slot)
{
    uint32_t produced = __atomic_load_n(&ring->shared->req_prod, __ATOMIC_ACQUIRE);

    /* Between what was taken and a full ring: neither more, nor back over what is under way. */
    if (produced - ring->consumed > RING_SLOTS - (ring->consumed - ring->answered))
        return -EINVAL;
    if (produced == ring->consumed)
        return 0;
    *slot = ring->consumed % RING_SLOTS;
    memcpy(out, (const void *)&ring->shared->ring[*slot], sizeof(*out));
    /* From here on only the copy counts, whatever the guest writes into the slot. */
    __asm__ __volatile__("" : : : "memory");
    ring->consumed++;
    return 1;
}

void ring_answer(struct ring *ring, uint64_t id, uint8_t operation, int16_t status)
{
    struct blkif_response response = {.id = id, .operation = operation, .status = status};

    memcpy(&ring->shared->ring[ring->answered % RING_SLOTS].rsp, &response, sizeof(response));
    ring->answered++;
}

bool ring_push(struct ring *ring)
{
    uint32_t before = ring->pushed, wanted;

    if (before == ring->answered)
        return false;
    __atomic_store_n(&ring->shared->rsp_prod, ring->answered, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    wanted = __atomic_load_n(&ring->shared->rsp_event, __ATOMIC_RELAXED);
    ring->pushed = ring->answered;
    return ring->answered - wanted < ring->answered - before;
}

bool ring_sleep(struct ring *ring)
{
    __atomic_store_n(&ring->shared->req_event, ring->consumed + 1, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(&ring->shared->req_prod, __ATOMIC_ACQUIRE) != ring->consumed;
}
