/* SPDX-License-Identifier: MIT */
/* Block frontend: the handshake through the store, the ring, the grants of what is under way. */
#define xen_mb()  __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)

#include "block/block.h"

#include "runtime/event.h"
#include "runtime/format.h"
#include "runtime/grant.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"
#include "runtime/xenbus.h"

#include <stdarg.h>
#include <xen/errno.h>
#include <xen/io/xenbus.h>

_Static_assert(BLOCK_MAX_PAGES == BLKIF_MAX_SEGMENTS_PER_REQUEST, "blkif.h: segments of a request");

/* States of a backend that has done with us. */
#define ENDED (1u << XenbusStateClosing | 1u << XenbusStateClosed)

static void join(char *path, size_t size, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    format_text(path, size, format, arguments);
    va_end(arguments);
}

static uint64_t read_number(const char *directory, const char *key)
{
    char path[128], text[24];
    uint64_t value = 0;

    join(path, sizeof(path), "%s/%s", directory, key);
    if (xenbus_read(path, text, sizeof(text)) != 0)
        return 0;
    for (const char *digit = text; *digit >= '0' && *digit <= '9'; digit++)
        value = value * 10 + (uint64_t)(*digit - '0');
    return value;
}

static int write_number(const struct block_device *device, const char *key, uint64_t value)
{
    char path[64], text[24];

    join(path, sizeof(path), "%s/%s", device->directory, key);
    join(text, sizeof(text), "%lu", value);
    return xenbus_write(path, text);
}

static unsigned int wait_backend(const struct block_device *device, unsigned int states)
{
    char path[128];

    join(path, sizeof(path), "%s/state", device->backend);
    return xenbus_wait_state(path, states);
}

static void on_event(uint32_t port, void *data)
{
    (void)port;
    (void)data;
}

/* Grants the ring, makes a port for it and tells the backend of both. */
static int offer(struct block_device *device)
{
    struct blkif_sring *shared = page_alloc();
    char path[64];
    long port;
    int rc;

    SHARED_RING_INIT(shared);
    FRONT_RING_INIT(&device->ring, shared, 4096);
    device->ring_ref = grant_access(device->backend_domain, page_mfn(shared), false);
    port = event_alloc_unbound(DOMID_SELF, device->backend_domain);
    if (port < 0)
        return (int)port;
    device->port = (uint32_t)port;
    event_set_handler(device->port, on_event, NULL);
    rc = write_number(device, "ring-ref", device->ring_ref);
    if (rc == 0)
        rc = write_number(device, "event-channel", device->port);
    if (rc == 0)
        rc = write_number(device, "feature-persistent", 0);
    join(path, sizeof(path), "%s/protocol", device->directory);
    if (rc == 0)
        rc = xenbus_write(path, "x86_64-abi");
    return rc == 0 ? write_number(device, "state", XenbusStateInitialised) : rc;
}

int block_open(struct block_device *device, unsigned int number)
{
    char path[64];
    int rc;

    *device = (struct block_device){0};
    join(device->directory, sizeof(device->directory), "device/vbd/%u", number);
    join(path, sizeof(path), "%s/backend", device->directory);
    rc = xenbus_read(path, device->backend, sizeof(device->backend));
    if (rc != 0)
        return rc;
    device->backend_domain = (domid_t)read_number(device->directory, "backend-id");
    rc = write_number(device, "state", XenbusStateInitialising);
    if (rc != 0)
        return rc;
    /* It may still show the end of an earlier connection. */
    wait_backend(device, 1u << XenbusStateInitWait);
    rc = offer(device);
    if (rc != 0)
        return rc;
    if (wait_backend(device, 1u << XenbusStateConnected | ENDED) != XenbusStateConnected)
        return -XEN_ENODEV;
    device->sectors = read_number(device->backend, "sectors");
    device->is_read_only = read_number(device->backend, "info") & VDISK_READONLY;
    device->can_flush = read_number(device->backend, "feature-flush-cache") != 0;
    device->can_discard = read_number(device->backend, "feature-discard") != 0;
    return write_number(device, "state", XenbusStateConnected);
}

void block_close(struct block_device *device)
{
    while (device->in_flight > 0) {
        if (!block_poll(device))
            block_sleep(device);
    }
    write_number(device, "state", XenbusStateClosing);
    wait_backend(device, ENDED);
    write_number(device, "state", XenbusStateClosed);
    event_set_handler(device->port, NULL, NULL);
    event_close(device->port);
    if (grant_end(device->ring_ref))
        page_free(device->ring.sring);
}

int block_submit(struct block_device *device, struct block_request *request)
{
    struct blkif_request *slot;
    unsigned int id = 0;

    if (RING_FULL(&device->ring))
        return -XEN_EBUSY;
    while (device->slots[id] != NULL)
        id++;
    slot = RING_GET_REQUEST(&device->ring, device->ring.req_prod_pvt);
    *slot = (struct blkif_request){.operation = request->operation,
                                   .id = id,
                                   .sector_number = request->sector,
                                   .nr_segments = (uint8_t)request->page_count};
    if (request->operation == BLKIF_OP_DISCARD)
        ((struct blkif_request_discard *)slot)->nr_sectors = request->sectors;
    for (unsigned int i = 0; i < request->page_count; i++) {
        request->refs[i] = grant_access(device->backend_domain, page_mfn(request->pages[i]),
                                        request->operation != BLKIF_OP_READ);
        slot->seg[i] = (struct blkif_request_segment){.gref = request->refs[i],
                                                      .last_sect = BLOCK_SECTORS_PER_PAGE - 1};
    }
    request->done = request->answered = false;
    request->granted = request->page_count;
    device->slots[id] = request;
    device->in_flight++;
    device->ring.req_prod_pvt++;
    return 0;
}

void block_kick(struct block_device *device)
{
    int notify;

    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&device->ring, notify);
    if (notify)
        event_send(device->port);
}

static void take(struct block_device *device, const struct blkif_response *response)
{
    struct block_request *request;

    if (response->id >= BLOCK_MAX_REQUESTS || device->slots[response->id] == NULL)
        guest_panic("%s: an answer to what was never asked", device->backend);
    request = device->slots[response->id];
    if (request->answered)
        guest_panic("%s: two answers to one request", device->backend);
    request->status = response->status;
    request->answered = true;
    device->lingering++;
}

/*
 * Ends the grants of what is answered; true when a request is done by that. After a backend's death
 * its kernel may have our pages mapped a little longer than the successor that answers.
 */
static bool settle(struct block_device *device)
{
    bool any = false;

    for (unsigned int id = 0; id < BLOCK_MAX_REQUESTS && device->lingering > 0; id++) {
        struct block_request *request = device->slots[id];

        if (request == NULL || !request->answered)
            continue;
        while (request->granted > 0 && grant_end(request->refs[request->granted - 1]))
            request->granted--;
        if (request->granted > 0)
            continue;
        device->slots[id] = NULL;
        device->in_flight--;
        device->lingering--;
        request->done = any = true;
    }
    return any;
}

bool block_poll(struct block_device *device)
{
    struct blkif_front_ring *ring = &device->ring;
    int more;

    do {
        RING_IDX produced = __atomic_load_n(&ring->sring->rsp_prod, __ATOMIC_ACQUIRE);

        if (RING_RESPONSE_PROD_OVERFLOW(ring, produced))
            guest_panic("%s: more answers than requests", device->backend);
        for (; ring->rsp_cons != produced; ring->rsp_cons++) {
            struct blkif_response response;

            RING_COPY_RESPONSE(ring, ring->rsp_cons, &response);
            take(device, &response);
        }
        RING_FINAL_CHECK_FOR_RESPONSES(ring, more);
    } while (more);
    return settle(device);
}

void block_sleep(const struct block_device *device)
{
    if (device->lingering > 0)
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_yield, 0);
    else
        event_wait();
}

void block_wait(struct block_device *device, const struct block_request *request)
{
    while (!request->done) {
        if (!block_poll(device))
            block_sleep(device);
    }
}

/* One request alone. */
static int carry_out(struct block_device *device, struct block_request *request)
{
    int rc;

    while ((rc = block_submit(device, request)) == -XEN_EBUSY) {
        if (!block_poll(device))
            block_sleep(device);
    }
    if (rc != 0)
        return rc;
    block_kick(device);
    block_wait(device, request);
    return request->status == BLKIF_RSP_OKAY         ? 0
           : request->status == BLKIF_RSP_EOPNOTSUPP ? -XEN_EOPNOTSUPP
                                                     : -XEN_EIO;
}

int block_transfer(struct block_device *device, bool is_write, uint64_t sector, void *page)
{
    struct block_request request = {.operation = is_write ? BLKIF_OP_WRITE : BLKIF_OP_READ,
                                    .sector = sector,
                                    .page_count = 1,
                                    .pages = {page}};

    return carry_out(device, &request);
}

int block_flush(struct block_device *device)
{
    struct block_request request = {.operation = BLKIF_OP_FLUSH_DISKCACHE};

    return device->can_flush ? carry_out(device, &request) : -XEN_EOPNOTSUPP;
}

uint64_t block_update_size(struct block_device *device)
{
    device->sectors = read_number(device->backend, "sectors");
    return device->sectors;
}
