/* SPDX-License-Identifier: MIT */
/* The XenStore client: requests and answers over one shared page. */
#include "runtime/xenbus.h"
#include "runtime/event.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"

/* xs_wire.h names its errors by the includer's errno names. */
#define EINVAL    XEN_EINVAL
#define EACCES    XEN_EACCES
#define EEXIST    XEN_EEXIST
#define EISDIR    XEN_EISDIR
#define ENOENT    XEN_ENOENT
#define ENOMEM    XEN_ENOMEM
#define ENOSPC    XEN_ENOSPC
#define EIO       XEN_EIO
#define ENOTEMPTY XEN_ENOTEMPTY
#define ENOSYS    XEN_ENOSYS
#define EROFS     XEN_EROFS
#define EBUSY     XEN_EBUSY
#define EAGAIN    XEN_EAGAIN
#define EISCONN   XEN_EISCONN
#define E2BIG     XEN_E2BIG
#define EPERM     XEN_EPERM
#include <xen/errno.h>
#include <xen/io/xs_wire.h>

static struct xenstore_domain_interface *ring;
static char payload[XENSTORE_PAYLOAD_MAX + 1];
static char watch_path[XENSTORE_ABS_PATH_MAX + 1];
static bool watch_waits;
static uint32_t last_request;

bool xenbus_is_here(void)
{
    return !guest_is_dom0() && start_info->store_mfn && start_info->store_evtchn;
}

/* Sleeps until the store's port is pending. */
static void wait_for_store(void)
{
    evtchn_port_t port = start_info->store_evtchn;
    struct sched_poll poll = {.nr_ports = 1};

    set_xen_guest_handle(poll.ports, &port);
    hypercall2(__HYPERVISOR_sched_op, SCHEDOP_poll, arg(&poll));
    event_clear(port);
}

static void ring_init(void)
{
    if (ring)
        return;
    if (!xenbus_is_here())
        guest_panic("this guest has no store ring");
    ring = page_map_frame(start_info->store_mfn);
}

static void ring_put(const void *data, size_t size)
{
    const char *from = data;

    while (size) {
        XENSTORE_RING_IDX cons = __atomic_load_n(&ring->req_cons, __ATOMIC_ACQUIRE);
        XENSTORE_RING_IDX prod = ring->req_prod;

        if (prod - cons >= XENSTORE_RING_SIZE) {
            wait_for_store();
            continue;
        }
        while (size && prod - cons < XENSTORE_RING_SIZE) {
            ring->req[MASK_XENSTORE_IDX(prod++)] = *from++;
            size--;
        }
        __atomic_store_n(&ring->req_prod, prod, __ATOMIC_RELEASE);
        event_send(start_info->store_evtchn);
    }
}

static void ring_get(void *data, size_t size)
{
    char *to = data;

    while (size) {
        XENSTORE_RING_IDX prod = __atomic_load_n(&ring->rsp_prod, __ATOMIC_ACQUIRE);
        XENSTORE_RING_IDX cons = ring->rsp_cons;

        if (prod == cons) {
            wait_for_store();
            continue;
        }
        while (size && cons != prod) {
            *to++ = ring->rsp[MASK_XENSTORE_IDX(cons++)];
            size--;
        }
        __atomic_store_n(&ring->rsp_cons, cons, __ATOMIC_RELEASE);
        event_send(start_info->store_evtchn);
    }
}

/* Takes one message; its body stands, terminated, in `payload`. */
static struct xsd_sockmsg message_get(void)
{
    struct xsd_sockmsg header;

    ring_get(&header, sizeof(header));
    if (header.len > XENSTORE_PAYLOAD_MAX)
        guest_panic("the store sent %u bytes, more than its protocol allows", header.len);
    ring_get(payload, header.len);
    payload[header.len] = '\0';
    if (header.type == XS_WATCH_EVENT) {
        size_t length = strlen(payload);

        if (length >= sizeof(watch_path))
            length = sizeof(watch_path) - 1;
        memcpy(watch_path, payload, length);
        watch_path[length] = '\0';
        watch_waits = true;
    }
    return header;
}

static int error_number(const char *name)
{
    for (unsigned int i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
        if (!strcmp(name, xsd_errors[i].errstring))
            return -xsd_errors[i].errnum;
    return -XEN_EIO;
}

/* Sends path, then `second` of `size` bytes; answers the body's length or a negative errno. */
static int request(uint32_t type, const char *path, const char *second, size_t size)
{
    size_t length = strlen(path) + 1;
    struct xsd_sockmsg header = {.type = type, .req_id = ++last_request, .len = length + size};

    ring_init();
    if (header.len > XENSTORE_PAYLOAD_MAX)
        return -XEN_E2BIG;
    ring_put(&header, sizeof(header));
    ring_put(path, length);
    ring_put(second, size);
    do
        header = message_get();
    while (header.type == XS_WATCH_EVENT || header.req_id != last_request);
    return header.type == XS_ERROR ? error_number(payload) : (int)header.len;
}

static void copy_payload(char *buffer, size_t size, int length)
{
    size_t count = (size_t)length < size ? (size_t)length : size - 1;

    memcpy(buffer, payload, count);
    buffer[count] = '\0';
}

int xenbus_read(const char *path, char *buffer, size_t size)
{
    int length = request(XS_READ, path, 0, 0);

    if (length < 0)
        return length;
    copy_payload(buffer, size, length);
    return 0;
}

domid_t xenbus_own_domain(void)
{
    char text[8];
    domid_t number = 0;

    if (!xenbus_is_here() || xenbus_read("domid", text, sizeof(text)))
        return 0;
    for (const char *at = text; *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (*at - '0');
    return number;
}

int xenbus_list(const char *path, char *buffer, size_t size)
{
    int length = request(XS_DIRECTORY, path, 0, 0);

    if (length < 0)
        return length;
    for (int i = 0; i + 1 < length; i++)
        if (!payload[i])
            payload[i] = ' ';
    copy_payload(buffer, size, length ? length - 1 : 0);
    return 0;
}

int xenbus_write(const char *path, const char *value)
{
    int length = request(XS_WRITE, path, value, strlen(value));

    return length < 0 ? length : 0;
}

int xenbus_remove(const char *path)
{
    int length = request(XS_RM, path, 0, 0);

    return length < 0 ? length : 0;
}

int xenbus_watch(const char *path, const char *token)
{
    int length = request(XS_WATCH, path, token, strlen(token) + 1);

    return length < 0 ? length : 0;
}

void xenbus_wait(char *path, size_t size)
{
    ring_init();
    while (!watch_waits)
        message_get();
    watch_waits = false;
    size_t length = strlen(watch_path);

    if (length >= size)
        length = size - 1;
    memcpy(path, watch_path, length);
    path[length] = '\0';
}

unsigned int xenbus_wait_state(const char *path, unsigned int wanted)
{
    char text[8], event[64];
    int rc = xenbus_watch(path, "state");

    if (rc != 0 && rc != -XEN_EEXIST)
        guest_panic("cannot watch %s", path);
    for (;;) {
        if (!xenbus_read(path, text, sizeof(text)) && text[0] >= '0' && text[0] <= '8' &&
            wanted >> (text[0] - '0') & 1)
            return text[0] - '0';
        xenbus_wait(event, sizeof(event));
    }
}
