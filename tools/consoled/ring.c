/* SPDX-License-Identifier: MIT */
/* Reads and writes a guest's console ring without trusting it. */
#include "ring.h"

size_t ring_take_output(volatile struct xencons_interface *ring, char *data, size_t size)
{
    const XENCONS_RING_IDX ring_size = sizeof(ring->out);
    XENCONS_RING_IDX cons = ring->out_cons;
    XENCONS_RING_IDX prod = ring->out_prod;
    XENCONS_RING_IDX n = prod - cons;

    /* The bytes must not be read before the index that vouches for them. */
    __sync_synchronize();
    if (n > ring_size) {
        ring->out_cons = prod;
        return 0;
    }
    if (n > size)
        n = size;
    for (XENCONS_RING_IDX i = 0; i < n; i++)
        data[i] = ring->out[(cons + i) & (ring_size - 1)];
    /* Nor may the guest write over them before we have them. */
    __sync_synchronize();
    ring->out_cons = cons + n;
    return n;
}

size_t ring_input_room(const volatile struct xencons_interface *ring)
{
    const XENCONS_RING_IDX ring_size = sizeof(ring->in);
    XENCONS_RING_IDX used = ring->in_prod - ring->in_cons;

    return used > ring_size ? 0 : ring_size - used;
}

size_t ring_put_input(volatile struct xencons_interface *ring, const char *data, size_t size)
{
    const XENCONS_RING_IDX ring_size = sizeof(ring->in);
    XENCONS_RING_IDX prod = ring->in_prod;
    size_t room = ring_input_room(ring);

    if (size > room)
        size = room;
    for (size_t i = 0; i < size; i++)
        ring->in[(prod + i) & (ring_size - 1)] = data[i];
    __sync_synchronize();
    ring->in_prod = prod + (XENCONS_RING_IDX)size;
    return size;
}
