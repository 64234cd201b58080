/* SPDX-License-Identifier: MIT */
/* Console output and input: console_io for dom0, the shared ring for a domU. */
#include "runtime/console.h"
#include "runtime/event.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"

#include <xen/io/console.h>

/* The ring of a domU, mapped at its first use. */
static struct xencons_interface *ring_get(void)
{
    static struct xencons_interface *ring;

    if (!ring)
        ring = page_map_frame(start_info->console.domU.mfn);
    return ring;
}

static void ring_write(const char *text, size_t length)
{
    struct xencons_interface *ring = ring_get();

    for (size_t done = 0; done < length;) {
        XENCONS_RING_IDX cons = __atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE);
        XENCONS_RING_IDX prod = ring->out_prod;

        while (done < length && prod - cons < sizeof(ring->out)) {
            ring->out[MASK_XENCONS_IDX(prod, ring->out)] = text[done++];
            prod++;
        }
        __atomic_store_n(&ring->out_prod, prod, __ATOMIC_RELEASE);
        event_send(start_info->console.domU.evtchn);
        if (done < length)
            hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    }
}

static size_t ring_read(char *buffer, size_t size)
{
    struct xencons_interface *ring = ring_get();
    XENCONS_RING_IDX prod = __atomic_load_n(&ring->in_prod, __ATOMIC_ACQUIRE);
    XENCONS_RING_IDX cons = ring->in_cons;
    size_t got = 0;

    while (got < size && cons != prod && got < sizeof(ring->in))
        buffer[got++] = ring->in[MASK_XENCONS_IDX(cons++, ring->in)];
    if (got) {
        __atomic_store_n(&ring->in_cons, cons, __ATOMIC_RELEASE);
        event_send(start_info->console.domU.evtchn);
    }
    return got;
}

void console_write(const char *text, size_t length)
{
    if (guest_is_dom0())
        hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, length, arg(text));
    else
        ring_write(text, length);
}

size_t console_read(char *buffer, size_t size)
{
    long got;

    if (!guest_is_dom0())
        return ring_read(buffer, size);
    got = hypercall3(__HYPERVISOR_console_io, CONSOLEIO_read, size, arg(buffer));
    return got > 0 ? (size_t)got : 0;
}

void console_flush(void)
{
    struct xencons_interface *ring;

    if (guest_is_dom0())
        return;
    ring = ring_get();
    while (__atomic_load_n(&ring->out_cons, __ATOMIC_ACQUIRE) != ring->out_prod)
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
}

void print_args(const char *format, va_list args)
{
    char line[512];

    console_write(line, format_text(line, sizeof(line), format, args));
}

void print(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_args(format, args);
    va_end(args);
}
