/* SPDX-License-Identifier: MIT */
/* Writes, watches and removes the xenstore directories of virtual disks and network interfaces. */
#include "domain/devices.h"
#include "util/report.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xen/io/xenbus.h>

#define BACKEND_ROOT     "/local/domain/0/backend"
#define READY_TIMEOUT_MS 30000
#define CLOSE_TIMEOUT_MS 10000

static const char *const kinds[] = {"vbd", "vif"};
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void device_name(struct device *device, domid_t domid, const char *kind, unsigned int id)
{
    device->id = id;
    snprintf(device->kind, sizeof(device->kind), "%s", kind);
    snprintf(device->backend, sizeof(device->backend), BACKEND_ROOT "/%s/%u/%u", kind, domid, id);
    snprintf(device->frontend, sizeof(device->frontend), "/local/domain/%u/device/%s/%u", domid,
             kind, id);
}

/* Makes both directories of a device and writes what every device has. */
static bool write_common(struct xs_handle *xs, xs_transaction_t t, domid_t domid,
                         struct device *device, const char *kind, unsigned int id)
{
    device_name(device, domid, kind, id);
    return store_make(xs, t, (struct store_access){0, domid}, "%s", device->backend) &&
           store_make(xs, t, (struct store_access){domid, 0}, "%s", device->frontend) &&
           store_write(xs, t, device->backend, "frontend", "%s", device->frontend) &&
           store_write(xs, t, device->backend, "frontend-id", "%u", domid) &&
           store_write(xs, t, device->backend, "online", "1") &&
           store_write(xs, t, device->frontend, "backend", "%s", device->backend) &&
           store_write(xs, t, device->frontend, "backend-id", "0");
}

/* The state comes last: backends wake by it. */
static bool write_states(struct xs_handle *xs, xs_transaction_t t, const struct device *device)
{
    return store_write(xs, t, device->frontend, "state", "%d", XenbusStateInitialising) &&
           store_write(xs, t, device->backend, "state", "%d", XenbusStateInitialising);
}

static bool write_disk(struct xs_handle *xs, xs_transaction_t t, domid_t domid,
                       const struct disk_config *disk)
{
    struct device device = {0};

    return write_common(xs, t, domid, &device, "vbd", disk->device_id) &&
           store_write(xs, t, device.backend, "params", "%s", disk->target) &&
           store_write(xs, t, device.backend, "format", "%s", disk->format) &&
           store_write(xs, t, device.backend, "dev", "%s", disk->vdev) &&
           store_write(xs, t, device.backend, "mode", "%s", disk->is_writable ? "w" : "r") &&
           store_write(xs, t, device.backend, "discard-enable", "%d", !disk->keeps_blocks) &&
           store_write(xs, t, device.backend, "on-error", "%s",
                       disk->pause_on_error ? "pause" : "error") &&
           store_write(xs, t, device.backend, "device-type", "disk") &&
           store_write(xs, t, device.backend, "removable", "0") &&
           store_write(xs, t, device.backend, "bootable", "1") &&
           store_write(xs, t, device.frontend, "virtual-device", "%u", disk->device_id) &&
           store_write(xs, t, device.frontend, "device-type", "disk") &&
           write_states(xs, t, &device);
}

static bool write_vif(struct xs_handle *xs, xs_transaction_t t, domid_t domid,
                      const struct vif_config *vif)
{
    struct device device = {0};
    char mac[18];

    snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", vif->mac[0], vif->mac[1],
             vif->mac[2], vif->mac[3], vif->mac[4], vif->mac[5]);
    return write_common(xs, t, domid, &device, "vif", vif->device_id) &&
           store_write(xs, t, device.backend, "handle", "%u", vif->device_id) &&
           store_write(xs, t, device.backend, "mac", "%s", mac) &&
           store_write(xs, t, device.backend, "bridge", "%s", vif->bridge) &&
           (!vif->ip || store_write(xs, t, device.backend, "ip", "%s", vif->ip)) &&
           store_write(xs, t, device.frontend, "handle", "%u", vif->device_id) &&
           store_write(xs, t, device.frontend, "mac", "%s", mac) && write_states(xs, t, &device);
}

bool devices_write(struct xs_handle *xs, xs_transaction_t t, domid_t domid,
                   const struct domain_config *config)
{
    for (size_t i = 0; i < config->n_disks; i++)
        if (!write_disk(xs, t, domid, &config->disks[i]))
            return false;
    for (size_t i = 0; i < config->n_vifs; i++)
        if (!write_vif(xs, t, domid, &config->vifs[i]))
            return false;
    return true;
}

int devices_list(struct toolstack *ts, domid_t domid, const char *kind, struct device **list)
{
    char path[STORE_PATH_MAX];
    unsigned int n = 0;
    char **names;

    *list = NULL;
    snprintf(path, sizeof(path), BACKEND_ROOT "/%s/%u", kind, domid);
    names = xs_directory(ts->xs, XBT_NULL, path, &n);
    if (!names)
        return errno == ENOENT ? 0 : -1;
    *list = calloc(n + 1, sizeof(**list));
    for (unsigned int i = 0; *list && i < n; i++)
        device_name(&(*list)[i], domid, kind, (unsigned int)strtoul(names[i], NULL, 10));
    free(names);
    return *list ? (int)n : -1;
}

/* All devices of all kinds. */
static int list_all(struct toolstack *ts, domid_t domid, struct device **all)
{
    size_t n_all = 0;

    *all = NULL;
    for (size_t k = 0; k < N_KINDS; k++) {
        struct device *some, *larger;
        int n = devices_list(ts, domid, kinds[k], &some);

        if (n < 0)
            continue;
        larger = reallocarray(*all, n_all + (size_t)n + 1, sizeof(**all));
        if (larger) {
            *all = larger;
            if (n)
                memcpy(*all + n_all, some, (size_t)n * sizeof(*some));
            n_all += (size_t)n;
        }
        free(some);
    }
    return (int)n_all;
}

static long backend_state(struct toolstack *ts, const struct device *device)
{
    return store_read_number(ts->xs, XBT_NULL, "%s/state", device->backend);
}

/* What the backend says went wrong (free() it), or NULL: in its own directory, or where xenbus puts
 * it. */
static char *backend_error(struct toolstack *ts, const struct device *device, domid_t domid)
{
    /* Xen's hotplug scripts, and our block backend, say why a device did not come up in the first.
     */
    char *text = store_read(ts->xs, XBT_NULL, "%s/hotplug-error", device->backend);

    if (!text)
        text = store_read(ts->xs, XBT_NULL, "%s/error", device->backend);
    return text ? text
                : store_read(ts->xs, XBT_NULL, "/local/domain/0/error/backend/%s/%u/%u/error",
                             device->kind, domid, device->id);
}

static bool is_ready(struct toolstack *ts, const struct device *device)
{
    long state = backend_state(ts, device);

    return state >= XenbusStateInitWait && state <= XenbusStateConnected;
}

static bool is_closed(struct toolstack *ts, const struct device *device)
{
    long state = backend_state(ts, device);

    return state < 0 || state == XenbusStateUnknown || state == XenbusStateClosed;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/*
 * Waits until is_done holds for all devices, one has an error, or time is up. Returns the index of
 * the first device that is not done, or -1.
 */
static int wait_for(struct toolstack *ts, domid_t domid, const struct device *devices, int n,
                    bool (*is_done)(struct toolstack *, const struct device *), int timeout_ms)
{
    const int64_t end = now_ms() + timeout_ms;
    int waiting = -1;

    for (int i = 0; i < n; i++)
        xs_watch(ts->xs, devices[i].backend, "backend");
    for (;;) {
        int64_t left = end - now_ms();
        struct pollfd pfd = {.fd = xs_fileno(ts->xs), .events = POLLIN};
        char *error = NULL;
        char **event;

        waiting = -1;
        for (int i = 0; i < n && waiting < 0; i++)
            if (!is_done(ts, &devices[i]))
                waiting = i;
        if (waiting >= 0)
            error = backend_error(ts, &devices[waiting], domid);
        if (waiting < 0 || left <= 0 || (error && is_done == is_ready)) {
            free(error);
            break;
        }
        free(error);
        poll(&pfd, 1, left < 1000 ? (int)left : 1000);
        while ((event = xs_check_watch(ts->xs)) != NULL)
            free(event);
    }
    for (int i = 0; i < n; i++)
        xs_unwatch(ts->xs, devices[i].backend, "backend");
    return waiting;
}

/* Says which device is not ready, and why if the backend left a word about it. */
static int report_not_ready(struct toolstack *ts, const struct device *device, domid_t domid)
{
    char *why = backend_error(ts, device, domid);

    if (why)
        report_error("%s %u: %s", device->kind, device->id, why);
    else
        report_error("%s %u: its backend did not come up within %d s; is %s running?", device->kind,
                     device->id, READY_TIMEOUT_MS / 1000,
                     strcmp(device->kind, "vbd") == 0 ? "corbel-blockd" : "corbel-vswitchd");
    free(why);
    return -1;
}

int devices_wait_ready(struct toolstack *ts, domid_t domid)
{
    struct device *devices;
    int n = list_all(ts, domid, &devices);
    int failed = wait_for(ts, domid, devices, n, is_ready, READY_TIMEOUT_MS);

    if (failed >= 0)
        report_not_ready(ts, &devices[failed], domid);
    free(devices);
    return failed >= 0 ? -1 : 0;
}

static void ask_to_close(struct toolstack *ts, const struct device *device)
{
    long state = backend_state(ts, device);

    store_write(ts->xs, XBT_NULL, device->backend, "online", "0");
    /* One that nobody has taken up yet has nothing to close. */
    if (state == XenbusStateInitialising)
        store_write(ts->xs, XBT_NULL, device->backend, "state", "%d", XenbusStateClosed);
    else if (state != XenbusStateClosed)
        store_write(ts->xs, XBT_NULL, device->backend, "state", "%d", XenbusStateClosing);
}

int devices_remove(struct toolstack *ts, domid_t domid)
{
    struct device *devices;
    int n = list_all(ts, domid, &devices);
    int failed;

    /* A guest at its end is not asked: for the backend its frontends are gone. */
    for (int i = 0; i < n; i++) {
        ask_to_close(ts, &devices[i]);
        store_remove(ts->xs, "%s", devices[i].frontend);
    }
    failed = wait_for(ts, domid, devices, n, is_closed, CLOSE_TIMEOUT_MS);
    if (failed >= 0)
        report_warning("%s %u: its backend did not close within %d s; removed all the same",
                       devices[failed].kind, devices[failed].id, CLOSE_TIMEOUT_MS / 1000);
    for (int i = 0; i < n; i++)
        store_remove(ts->xs, "%s", devices[i].backend);
    for (size_t k = 0; k < N_KINDS; k++) {
        store_remove(ts->xs, BACKEND_ROOT "/%s/%u", kinds[k], domid);
        store_remove(ts->xs, "/local/domain/0/error/backend/%s/%u", kinds[k], domid);
    }
    free(devices);
    return failed >= 0 ? -1 : 0;
}

static void remove_directories(struct toolstack *ts, domid_t domid, const struct device *device)
{
    store_remove(ts->xs, "%s", device->backend);
    store_remove(ts->xs, "%s", device->frontend);
    store_remove(ts->xs, "/local/domain/0/error/backend/%s/%u/%u", device->kind, domid, device->id);
}

/* A device to be written in a transaction: a disk or a vif. */
struct addition {
    domid_t domid;
    const struct disk_config *disk;
    const struct vif_config *vif;
    struct device device;
};

static bool write_addition(struct xs_handle *xs, xs_transaction_t t, void *context)
{
    const struct addition *add = context;
    char *there = store_read(xs, t, "%s/frontend", add->device.backend);

    free(there);
    if (there) {
        errno = EEXIST;
        return false;
    }
    return add->disk ? write_disk(xs, t, add->domid, add->disk)
                     : write_vif(xs, t, add->domid, add->vif);
}

static int add_device(struct toolstack *ts, struct addition *add, const char *kind, unsigned int id)
{
    device_name(&add->device, add->domid, kind, id);
    if (!store_transact(ts->xs, write_addition, add))
        return errno == EEXIST ? report_error("domain %u has a %s %u already", add->domid, kind, id)
                               : report_errno("cannot write %s %u to xenstore", kind, id);
    if (wait_for(ts, add->domid, &add->device, 1, is_ready, READY_TIMEOUT_MS) < 0)
        return 0;
    report_not_ready(ts, &add->device, add->domid);
    ask_to_close(ts, &add->device);
    wait_for(ts, add->domid, &add->device, 1, is_closed, CLOSE_TIMEOUT_MS);
    remove_directories(ts, add->domid, &add->device);
    return -1;
}

int devices_add_disk(struct toolstack *ts, domid_t domid, const struct disk_config *disk)
{
    struct addition add = {.domid = domid, .disk = disk};

    return add_device(ts, &add, "vbd", disk->device_id);
}

int devices_add_vif(struct toolstack *ts, domid_t domid, const struct vif_config *vif)
{
    struct addition add = {.domid = domid, .vif = vif};

    return add_device(ts, &add, "vif", vif->device_id);
}

int devices_remove_one(struct toolstack *ts, domid_t domid, const struct device *device, bool force)
{
    ask_to_close(ts, device);
    if (force)
        store_remove(ts->xs, "%s", device->frontend);
    if (wait_for(ts, domid, device, 1, is_closed, CLOSE_TIMEOUT_MS) >= 0 && !force)
        return report_error(
            "%s %u: domain %u has not let go of it within %d s (is it mounted?); it "
            "goes when the guest closes it, or now with --force",
            device->kind, device->id, domid, CLOSE_TIMEOUT_MS / 1000);
    remove_directories(ts, domid, device);
    return 0;
}
