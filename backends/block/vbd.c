/* SPDX-License-Identifier: MIT */
/* vbd: the xenbus life of one virtual block device. */
#include "block/vbd_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Lines a device may log at once; one more with every tick. */
#define LOG_BURST 60u

void vbd_log(struct vbd *vbd, const char *format, ...)
{
    va_list arguments;

    if (vbd->log_lines >= LOG_BURST) {
        vbd->log_dropped++;
        return;
    }
    vbd->log_lines++;
    fprintf(stderr, "corbel-blkback %s: ", vbd->bus.backend);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

static void vbd_log_tick(struct vbd *vbd)
{
    unsigned dropped = vbd->log_dropped;

    if (vbd->log_lines > 0)
        vbd->log_lines--;
    vbd->log_dropped = 0;
    if (dropped > 0)
        vbd_log(vbd, "%u more messages of this kind", dropped);
}

/* Prints why, and leaves it where the toolstack looks. */
static int fail(struct vbd *vbd, int rc, const char *why)
{
    vbd_log(vbd, "%s", why);
    xenbus_write(vbd->bus.xs, vbd->bus.backend, "hotplug-error", "%s", why);
    xenbus_write(vbd->bus.xs, vbd->bus.backend, "hotplug-status", "error");
    return rc;
}

int vbd_open_disk(struct vbd *vbd, char error[DISK_ERROR_MAX])
{
    uint64_t discards = 1;
    int rc = disk_open_wait(vbd->format, vbd->target, vbd->asked_read_only, VBD_OPEN_WAIT_MS,
                            &vbd->disk, error);

    if (rc != 0)
        return rc;
    xenbus_read_number(vbd->bus.xs, vbd->bus.backend, "discard-enable", 1, &discards);
    if (discards == 0)
        vbd->disk->discard_unit = 0;
    return 0;
}

void vbd_close_disk(struct vbd *vbd)
{
    int rc;

    engine_close(vbd->engine);
    rc = disk_close(vbd->disk);
    vbd->engine = NULL;
    vbd->disk = NULL;
    if (rc != 0)
        vbd_log(vbd, "closing the disk: %s; what the guest did not flush may be lost",
                strerror(-rc));
}

static int open_disk(struct vbd *vbd)
{
    char mode[8], policy[16], error[DISK_ERROR_MAX];
    int rc;

    if (!xenbus_read(vbd->bus.xs, vbd->bus.backend, "params", vbd->target, sizeof(vbd->target)))
        return fail(vbd, -EINVAL, "the backend directory has no params (or too long a one)");
    if (!xenbus_read(vbd->bus.xs, vbd->bus.backend, "format", vbd->format, sizeof(vbd->format)))
        strcpy(vbd->format, "raw");
    if (!xenbus_read(vbd->bus.xs, vbd->bus.backend, "mode", mode, sizeof(mode)))
        strcpy(mode, "r");
    if (xenbus_read(vbd->bus.xs, vbd->bus.backend, "on-error", policy, sizeof(policy)) &&
        strcmp(policy, "pause") == 0)
        vbd->on_error = VBD_PAUSE;
    vbd->asked_read_only = mode[0] != 'w';
    rc = vbd_open_disk(vbd, error);
    if (rc != 0)
        return fail(vbd, rc, error);
    vbd->limits.sectors = vbd->disk->size / REQUEST_SECTOR;
    vbd->limits.read_only = vbd->disk->read_only;
    return 0;
}

/* Whether a guest is connected to a predecessor of ours, and waits for its answers. */
static bool is_awaited(const struct vbd *vbd)
{
    return xenbus_state_of(vbd->bus.xs, vbd->bus.backend) == XENBUS_CONNECTED &&
           xs_is_domain_introduced(vbd->bus.xs, vbd->bus.frontend_id);
}

int vbd_open(struct xs_handle *xs, const char *backend, struct vbd **out)
{
    struct vbd *vbd = calloc(1, sizeof(*vbd));
    int rc;

    if (vbd == NULL)
        return -ENOMEM;
    rc = xenbus_open(&vbd->bus, xs, backend);
    if (rc != 0) {
        fprintf(stderr, "corbel-blkback: no usable frontend and frontend-id in %s\n", backend);
        free(vbd);
        return rc;
    }
    vbd_stats_open(vbd);
    /* The libraries' own error lines can be provoked by any guest: only the gravest pass. */
    vbd->logger = (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);
    vbd->gnttab = xengnttab_open(vbd->logger, 0);
    vbd->evtchn = xenevtchn_open(vbd->logger, 0);
    if (vbd->gnttab == NULL || vbd->evtchn == NULL)
        rc = fail(vbd, -ENODEV, "cannot open /dev/xen/gntdev and /dev/xen/evtchn");
    if (rc == 0)
        rc = open_disk(vbd);
    if (rc == 0)
        rc = engine_open(vbd->disk, &vbd->engine);
    if (rc != 0) {
        if (is_awaited(vbd))
            rc = -EAGAIN;
        vbd_close(vbd);
        return rc;
    }
    *out = vbd;
    return 0;
}

static void disconnect(struct vbd *vbd)
{
    if (vbd->page == NULL)
        return;
    /* Whatever is under way uses the buffers: it must end before they go. */
    while (engine_busy(vbd->engine) > 0)
        engine_wait(vbd->engine);
    vbd_answer(vbd);
    vbd_put_buffers(vbd);
    xenevtchn_unbind(vbd->evtchn, vbd->port);
    xengnttab_unmap(vbd->gnttab, vbd->page, 1);
    vbd->page = NULL;
}

void vbd_close(struct vbd *vbd)
{
    disconnect(vbd);
    vbd_stats_close(vbd);
    vbd_close_disk(vbd);
    if (vbd->evtchn != NULL)
        xenevtchn_close(vbd->evtchn);
    if (vbd->gnttab != NULL)
        xengnttab_close(vbd->gnttab);
    xtl_logger_destroy(vbd->logger);
    free(vbd);
}

/* Says what we can, before the frontend looks. */
static void announce(struct vbd *vbd)
{
    const struct {
        const char *key;
        unsigned value;
    } features[] = {
        {"feature-flush-cache", 1},
        {"feature-barrier", 0},
        {"feature-discard", vbd->disk->discard_unit != 0},
        {"discard-granularity", vbd->disk->discard_unit},
        {"discard-alignment", 0},
        {"discard-secure", 0},
        {"feature-persistent", 0}, /* grant copies make it pointless: the guest would copy too */
        {"feature-max-indirect-segments", REQUEST_MAX_SEGMENTS},
        {"max-ring-page-order", 0},
        {"multi-queue-max-queues", 1},
    };

    for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++)
        xenbus_write(vbd->bus.xs, vbd->bus.backend, features[i].key, "%u", features[i].value);
    xenbus_write(vbd->bus.xs, vbd->bus.backend, "hotplug-status", "connected");
}

/* Maps the ring and binds the event channel the frontend's directory names. */
static int attach(struct vbd *vbd, uint32_t ref, uint32_t remote_port)
{
    uint32_t domid = vbd->bus.frontend_id;
    int port, rc;

    vbd->page = xengnttab_map_grant_ref(vbd->gnttab, domid, ref, PROT_READ | PROT_WRITE);
    if (vbd->page == NULL) {
        vbd_log(vbd, "cannot map the ring (grant %u): %s", ref, strerror(errno));
        return -EINVAL;
    }
    rc = ring_attach(&vbd->ring, vbd->page);
    if (rc != 0)
        vbd_log(vbd, "the ring's counters make no sense");
    if (rc == 0)
        rc = vbd_get_buffers(vbd, domid);
    if (rc == 0) {
        port = xenevtchn_bind_interdomain(vbd->evtchn, domid, remote_port);
        if (port >= 0) {
            vbd->port = (evtchn_port_t)port;
            return 0;
        }
        rc = -errno;
        vbd_log(vbd, "cannot bind event channel %u: %s", remote_port, strerror(errno));
        vbd_put_buffers(vbd);
    }
    xengnttab_unmap(vbd->gnttab, vbd->page, 1);
    vbd->page = NULL;
    return rc;
}

static int connect_frontend(struct vbd *vbd)
{
    struct xs_handle *xs = vbd->bus.xs;
    const char *frontend = vbd->bus.frontend, *backend = vbd->bus.backend;
    uint64_t ref, port;
    char protocol[32];
    int rc;

    if (!xenbus_read_number(xs, frontend, "ring-ref", UINT32_MAX, &ref) ||
        !xenbus_read_number(xs, frontend, "event-channel", UINT32_MAX, &port)) {
        vbd_log(vbd, "the frontend gives no ring-ref and event-channel");
        return -EINVAL;
    }
    if (xenbus_read(xs, frontend, "protocol", protocol, sizeof(protocol)) &&
        strcmp(protocol, "x86_64-abi") != 0) {
        vbd_log(vbd, "the frontend speaks a protocol other than x86_64-abi");
        return -ENOTSUP;
    }
    rc = attach(vbd, (uint32_t)ref, (uint32_t)port);
    if (rc != 0)
        return rc;
    vbd->broken = false;
    xenbus_write(xs, backend, "sectors", "%llu", (unsigned long long)vbd->limits.sectors);
    xenbus_write(xs, backend, "sector-size", "%u", vbd->disk->sector);
    xenbus_write(xs, backend, "physical-sector-size", "%u", vbd->disk->physical_sector);
    xenbus_write(xs, backend, "info", "%u", vbd->limits.read_only ? VDISK_READONLY : 0);
    /* A predecessor may have had no disk. */
    xenbus_remove(xs, backend, "hotplug-error");
    xenbus_write(xs, backend, "hotplug-status", "connected");
    xenbus_switch_state(&vbd->bus, XENBUS_CONNECTED);
    vbd_log(vbd, "connected: %llu sectors%s", (unsigned long long)vbd->limits.sectors,
            vbd->limits.read_only ? ", read-only" : "");
    /* A predecessor may have died with requests taken and answers unannounced. */
    xenevtchn_notify(vbd->evtchn, vbd->port);
    vbd_serve(vbd);
    return 0;
}

/* Whether this is the device's end, or the frontend may come back. */
static bool stays_online(struct vbd *vbd)
{
    uint64_t online = 0;

    xenbus_read_number(vbd->bus.xs, vbd->bus.backend, "online", 1, &online);
    return online != 0;
}

static void close_device(struct vbd *vbd)
{
    disconnect(vbd);
    if (xenbus_state_of(vbd->bus.xs, vbd->bus.backend) != XENBUS_CLOSED)
        xenbus_switch_state(&vbd->bus, XENBUS_CLOSED);
}

/* Whether the frontend's domain has ended, or was removed from xenstore. */
static bool frontend_is_gone(struct vbd *vbd, enum xenbus_state ours, enum xenbus_state theirs)
{
    bool introduced = xs_is_domain_introduced(vbd->bus.xs, vbd->bus.frontend_id);

    vbd->seen = vbd->seen || introduced;
    /* While the toolstack is building the domain some of it is not there yet. */
    if (ours == XENBUS_INITIALISING)
        return false;
    return theirs == XENBUS_UNKNOWN || (!introduced && (vbd->seen || ours >= XENBUS_CONNECTED));
}

/* The frontend is at its beginning: after ours, or again after an earlier end. */
static void meet(struct vbd *vbd, enum xenbus_state ours)
{
    disconnect(vbd);
    if (ours == XENBUS_CLOSING || !stays_online(vbd)) {
        close_device(vbd);
    } else if (ours != XENBUS_INIT_WAIT) {
        announce(vbd);
        xenbus_switch_state(&vbd->bus, XENBUS_INIT_WAIT);
    }
}

bool vbd_update(struct vbd *vbd)
{
    enum xenbus_state ours = xenbus_state_of(vbd->bus.xs, vbd->bus.backend);
    enum xenbus_state theirs = xenbus_state_of(vbd->bus.xs, vbd->bus.frontend);

    if (ours == XENBUS_UNKNOWN)
        return false;
    vbd_resize(vbd);
    if (frontend_is_gone(vbd, ours, theirs)) {
        close_device(vbd);
        return false;
    }
    switch (theirs) {
    case XENBUS_INITIALISING:
        meet(vbd, ours);
        break;
    case XENBUS_INITIALISED:
    case XENBUS_CONNECTED:
        /* A guest that is asked for its disk may have it mounted: it is served until it lets go. */
        if (vbd->page == NULL && ours < XENBUS_CLOSING && connect_frontend(vbd) != 0)
            close_device(vbd);
        break;
    case XENBUS_CLOSING:
        if (ours < XENBUS_CLOSING)
            xenbus_switch_state(&vbd->bus, XENBUS_CLOSING);
        break;
    case XENBUS_CLOSED:
        close_device(vbd);
        break;
    case XENBUS_UNKNOWN:
    case XENBUS_INIT_WAIT:
        break;
    }
    return stays_online(vbd) || xenbus_state_of(vbd->bus.xs, vbd->bus.backend) != XENBUS_CLOSED;
}

bool vbd_has_more(const struct vbd *vbd)
{
    return vbd->page != NULL && vbd->more;
}

void vbd_continue(struct vbd *vbd)
{
    vbd_serve(vbd);
}

int vbd_event_fd(const struct vbd *vbd)
{
    return vbd->page == NULL ? -1 : xenevtchn_fd(vbd->evtchn);
}

int vbd_engine_fd(const struct vbd *vbd)
{
    return engine_fd(vbd->engine);
}

void vbd_on_event(struct vbd *vbd)
{
    xenevtchn_port_or_error_t port = xenevtchn_pending(vbd->evtchn);

    if (port < 0)
        return;
    xenevtchn_unmask(vbd->evtchn, (evtchn_port_t)port);
    if (vbd->page != NULL && (evtchn_port_t)port == vbd->port)
        vbd_serve(vbd);
}

void vbd_on_engine(struct vbd *vbd)
{
    engine_reap(vbd->engine);
    if (vbd->page != NULL)
        vbd_answer(vbd);
}

void vbd_tick(struct vbd *vbd)
{
    int rc = disk_tick(vbd->disk);

    if (rc == -ESTALE && !vbd->failed) {
        vbd->failed = true;
        vbd_log(vbd, "%s", vbd->disk->error);
        xenbus_write(vbd->bus.xs, vbd->bus.backend, "io-status", "failed: %s", vbd->disk->error);
    }
    vbd_announce_size(vbd);
    vbd_log_tick(vbd);
    vbd_retry(vbd);
    vbd_stats_show(vbd);
}
