/* SPDX-License-Identifier: MIT */
/* All vifs of the machine: found in xenstore, connected, plugged into their vSwitches, served. */
#include "net/vifs.h"

#include "lib/xenbus.h"
#include "net/lifecycle.h"
#include "net/log.h"
#include "net/vif.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKENDS_DIR   "/local/domain/0/backend/vif"
#define ERRORS_DIR     "/local/domain/0/error/backend/vif"
#define BACKENDS_TOKEN "backend"
#define FRONTEND_TOKEN "frontend"
#define DEFAULT_BRIDGE "nat0"
#define DOMID_MAX      0x7fef
#define DEVID_MAX      0xffff
#define VIF_MAC_QUOTA  16 /* addresses a guest may use beside its own (nested bridges) */
/* Watch events taken at a time. Guests cause them at will: the rest waits until all were served. */
#define CHANGES_MAX 1024

struct device {
    TAILQ_ENTRY(device) link;
    uint32_t domid, devid;
    char name[VSWITCH_PORT_NAME_MAX];
    char backend_dir[XENBUS_PATH_MAX];
    char frontend_dir[XENBUS_PATH_MAX - 8]; /* "/state" must fit after it; "" if not known yet */
    bool connected;
    bool changed; /* something in the store: step() is due */
    unsigned n_messages;
    struct vif vif;
    struct cpu_account cpu;
};

TAILQ_HEAD(device_list, device);

struct vifs {
    struct xs_handle *xs;
    xengnttab_handle *gnttab;
    xenevtchn_handle *evtchn;
    struct cpu_meter *meter;
    vifs_find_switch find;
    void *find_arg;
    bool scan_due; /* devices may have come or gone: look at all of them */
    struct device_list devices;
    struct vif_list work;
};

struct vifs *vifs_new(struct xs_handle *xs, xengnttab_handle *gnttab, xenevtchn_handle *evtchn,
                      struct cpu_meter *meter, vifs_find_switch find, void *arg)
{
    struct vifs *vifs = calloc(1, sizeof(*vifs));

    if (!vifs)
        return NULL;
    *vifs = (struct vifs){.xs = xs,
                          .gnttab = gnttab,
                          .evtchn = evtchn,
                          .meter = meter,
                          .find = find,
                          .find_arg = arg};
    TAILQ_INIT(&vifs->devices);
    TAILQ_INIT(&vifs->work);
    if (!xs_watch(xs, BACKENDS_DIR, BACKENDS_TOKEN)) {
        free(vifs);
        return NULL;
    }
    return vifs;
}

/* A guest can make its device change state as often as it likes: say so only at powers of two. */
static bool may_speak(struct device *device)
{
    unsigned n = ++device->n_messages;

    return n <= 8 || (n & (n - 1)) == 0;
}

static void queue_vif(struct vifs *vifs, struct vif *vif)
{
    if (vif->queued)
        return;
    vif->queued = true;
    TAILQ_INSERT_TAIL(&vifs->work, vif, work_link);
}

static void unqueue_vif(struct vifs *vifs, struct vif *vif)
{
    if (vif->queued)
        TAILQ_REMOVE(&vifs->work, vif, work_link);
    vif->queued = false;
}

static void disconnect(struct vifs *vifs, struct device *device)
{
    if (!device->connected)
        return;
    unqueue_vif(vifs, &device->vif);
    vswitch_remove_port(device->vif.port.vswitch, (unsigned)device->vif.port.number);
    vif_disconnect(&device->vif, vifs->gnttab, vifs->evtchn);
    device->connected = false;
}

/* Disconnect because one of the two sides asked for it. */
static void leave(struct vifs *vifs, struct device *device)
{
    if (device->connected && may_speak(device))
        net_log("%s: unplugged from %s", device->name, device->vif.port.vswitch->name);
    disconnect(vifs, device);
}

static void set_state(struct vifs *vifs, struct device *device, enum xenbus_state state)
{
    /* A directory that the toolstack has removed isn't made again by writing into it. */
    if (xenbus_state_of(vifs->xs, device->backend_dir) != XENBUS_UNKNOWN &&
        xenbus_write(vifs->xs, device->backend_dir, "state", "%d", state) < 0)
        net_log("%s: cannot write its state to xenstore", device->name);
}

/* Give up on a device: say why here and where the toolstack looks, and close it. */
static void refuse(struct vifs *vifs, struct device *device, const char *why)
{
    char dir[XENBUS_PATH_MAX];

    disconnect(vifs, device);
    if (may_speak(device))
        net_log("%s: disconnected: %s", device->name, why);
    snprintf(dir, sizeof(dir), ERRORS_DIR "/%u/%u", device->domid, device->devid);
    xenbus_write(vifs->xs, dir, "error", "%s", why);
    set_state(vifs, device, XENBUS_CLOSED);
}

static bool parse_mac(const char *text, uint8_t mac[6])
{
    int n = 0;

    return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3],
                  &mac[4], &mac[5], &n) == 6 &&
           n == 17 && text[n] == '\0' && !(mac[0] & 1);
}

/* The vSwitch and group named by the device's `bridge` node: SWITCH or SWITCH/GROUP. */
static struct vswitch *find_bridge(struct vifs *vifs, const struct device *device, int *group)
{
    char bridge[2 * VSWITCH_NAME_MAX], *slash;
    struct vswitch *vs;

    if (!xenbus_read(vifs->xs, device->backend_dir, "bridge", bridge, sizeof(bridge)))
        strcpy(bridge, DEFAULT_BRIDGE);
    slash = strchr(bridge, '/');
    if (slash)
        *slash++ = '\0';
    vs = vifs->find(bridge, vifs->find_arg);
    *group = vs ? vswitch_find_group(vs, slash ? slash : "default") : -1;
    return *group < 0 ? NULL : vs;
}

/* Plug a connected vif into its vSwitch. NULL, or what is wrong. */
static const char *plug(struct vifs *vifs, struct device *device)
{
    struct net_port *port = &device->vif.port;
    char text[32];
    uint8_t mac[6];
    int group;

    if (!xenbus_read(vifs->xs, device->backend_dir, "mac", text, sizeof(text)) ||
        !parse_mac(text, mac))
        return "its mac node isn't an address such as 00:16:3e:01:02:03";
    port->kind = NET_PORT_VIF;
    port->vswitch = find_bridge(vifs, device, &group);
    if (!port->vswitch)
        return "its bridge node names no vSwitch or group of vswitch.conf";
    port->number =
        vswitch_add_access(port->vswitch, device->name, (unsigned)group, mac, VIF_MAC_QUOTA, port);
    if (port->number >= 0)
        return NULL;
    return errno == EADDRINUSE ? "another vif on its vSwitch has the same mac"
                               : "its vSwitch has no free port";
}

static void offer(struct vifs *vifs, struct device *device)
{
    int group;

    leave(vifs, device);
    if (!find_bridge(vifs, device, &group)) {
        refuse(vifs, device, "its bridge node names no vSwitch or group of vswitch.conf");
        return;
    }
    if (!vif_write_features(vifs->xs, device->backend_dir))
        net_log("%s: cannot write its features to xenstore", device->name);
    set_state(vifs, device, XENBUS_INIT_WAIT);
}

static void connect_device(struct vifs *vifs, struct device *device)
{
    struct vif *vif = &device->vif;
    const char *wrong = vif_connect(vif, (uint16_t)device->domid, vifs->xs, device->frontend_dir,
                                    vifs->gnttab, vifs->evtchn);

    if (!wrong) {
        wrong = plug(vifs, device);
        if (wrong)
            vif_disconnect(vif, vifs->gnttab, vifs->evtchn);
    }
    if (wrong) {
        refuse(vifs, device, wrong);
        return;
    }
    device->connected = true;
    if (may_speak(device))
        net_log("%s: plugged into port %d of %s", device->name, vif->port.number,
                vif->port.vswitch->name);
    queue_vif(vifs, vif); /* frames may have waited for us */
    set_state(vifs, device, XENBUS_CONNECTED);
}

static void forget(struct vifs *vifs, struct device *device)
{
    char path[XENBUS_PATH_MAX];

    leave(vifs, device);
    if (device->frontend_dir[0]) {
        snprintf(path, sizeof(path), "%s/state", device->frontend_dir);
        xs_unwatch(vifs->xs, path, FRONTEND_TOKEN);
    }
    TAILQ_REMOVE(&vifs->devices, device, link);
    free(device);
}

/* Learn where the frontend is, and watch its state. */
static void find_frontend(struct vifs *vifs, struct device *device)
{
    char path[XENBUS_PATH_MAX];

    if (device->frontend_dir[0])
        return;
    if (!xenbus_read(vifs->xs, device->backend_dir, "frontend", device->frontend_dir,
                     sizeof(device->frontend_dir)))
        return;
    snprintf(path, sizeof(path), "%s/state", device->frontend_dir);
    if (!xs_watch(vifs->xs, path, FRONTEND_TOKEN)) {
        net_log("%s: cannot watch %s: %s", device->name, path, strerror(errno));
        device->frontend_dir[0] = '\0';
    }
}

/* Read both sides' states and take the step they call for. */
static void step(struct vifs *vifs, struct device *device)
{
    struct lifecycle_view view = {.connected = device->connected};
    uint64_t online;

    view.backend = xenbus_state_of(vifs->xs, device->backend_dir);
    if (view.backend == XENBUS_UNKNOWN) {
        cpu_account_close(&device->cpu);
        forget(vifs, device);
        return;
    }
    view.online = xenbus_read_number(vifs->xs, device->backend_dir, "online", 1, &online) && online;
    find_frontend(vifs, device);
    if (device->frontend_dir[0])
        view.frontend = xenbus_state_of(vifs->xs, device->frontend_dir);

    switch (lifecycle_next(&view)) {
    case LIFECYCLE_REST:
        break;
    case LIFECYCLE_OFFER:
        offer(vifs, device);
        break;
    case LIFECYCLE_CONNECT:
        connect_device(vifs, device);
        break;
    case LIFECYCLE_FOLLOW:
        leave(vifs, device);
        set_state(vifs, device, XENBUS_CLOSING);
        break;
    case LIFECYCLE_CLOSE:
        leave(vifs, device);
        set_state(vifs, device, XENBUS_CLOSED);
        break;
    }
    device->vif.cpu_ns += cpu_meter_lap(vifs->meter);
}

static struct device *find_device(struct vifs *vifs, uint32_t domid, uint32_t devid)
{
    struct device *device;

    TAILQ_FOREACH(device, &vifs->devices, link)
    if (device->domid == domid && device->devid == devid)
        return device;
    return NULL;
}

/* Something changed under BACKENDS_DIR/domid/devid. */
static void note_device(struct vifs *vifs, uint32_t domid, uint32_t devid)
{
    struct device *device = find_device(vifs, domid, devid);

    if (domid == 0 || domid > DOMID_MAX || devid > DEVID_MAX)
        return;
    if (!device) {
        device = calloc(1, sizeof(*device));
        if (!device) {
            net_log("vif%u.%u: no memory for it", domid, devid);
            return;
        }
        device->domid = domid;
        device->devid = devid;
        snprintf(device->name, sizeof(device->name), "vif%u.%u", domid, devid);
        snprintf(device->backend_dir, sizeof(device->backend_dir), BACKENDS_DIR "/%u/%u", domid,
                 devid);
        cpu_account_open(&device->cpu, CPU_ACCOUNT_DIRECTORY, "vif", domid, devid);
        TAILQ_INSERT_TAIL(&vifs->devices, device, link);
    }
    device->changed = true;
}

/* Note the devices of one domain that the store has. */
static void note_domain(struct vifs *vifs, uint32_t domid)
{
    char dir[XENBUS_PATH_MAX];
    unsigned n = 0;
    char **names;

    snprintf(dir, sizeof(dir), BACKENDS_DIR "/%u", domid);
    names = xs_directory(vifs->xs, XBT_NULL, dir, &n);
    for (unsigned i = 0; names && i < n; i++)
        note_device(vifs, domid, (uint32_t)strtoul(names[i], NULL, 10));
    free(names);
}

/* Note every device, those we know and those the store has. */
static void note_all(struct vifs *vifs)
{
    struct device *device;
    unsigned n = 0;
    char **names;

    TAILQ_FOREACH(device, &vifs->devices, link)
    device->changed = true;
    names = xs_directory(vifs->xs, XBT_NULL, BACKENDS_DIR, &n);
    for (unsigned i = 0; names && i < n; i++)
        note_domain(vifs, (uint32_t)strtoul(names[i], NULL, 10));
    free(names);
}

static void note_frontend(struct vifs *vifs, const char *path)
{
    struct device *device;

    TAILQ_FOREACH(device, &vifs->devices, link)
    {
        size_t len = strlen(device->frontend_dir);

        if (len > 0 && strncmp(path, device->frontend_dir, len) == 0 &&
            strcmp(path + len, "/state") == 0) {
            device->changed = true;
            device->vif.cpu_ns += cpu_meter_lap(vifs->meter);
        }
    }
}

/* What a watch event is about. Asks the store nothing: while one answer comes, more events do. */
static void note_change(struct vifs *vifs, const char *path, const char *token)
{
    unsigned domid, devid;

    if (strcmp(token, FRONTEND_TOKEN) == 0)
        note_frontend(vifs, path);
    else if (sscanf(path, BACKENDS_DIR "/%u/%u", &domid, &devid) == 2)
        note_device(vifs, domid, devid);
    else
        vifs->scan_due = true;
}

/* However often a device has changed, it is looked at once. */
void vifs_handle_changes(struct vifs *vifs)
{
    struct device *device, *next;
    char **change;

    for (unsigned i = 0; i < CHANGES_MAX && (change = xs_check_watch(vifs->xs)) != NULL; i++) {
        note_change(vifs, change[XS_WATCH_PATH], change[XS_WATCH_TOKEN]);
        free(change);
    }
    if (vifs->scan_due)
        note_all(vifs);
    vifs->scan_due = false;
    for (device = TAILQ_FIRST(&vifs->devices); device; device = next) {
        next = TAILQ_NEXT(device, link);
        if (!device->changed)
            continue;
        device->changed = false;
        step(vifs, device);
    }
}

void vifs_handle_event(struct vifs *vifs)
{
    int port = xenevtchn_pending(vifs->evtchn);
    struct device *device;

    if (port < 0)
        return;
    xenevtchn_unmask(vifs->evtchn, (evtchn_port_t)port);
    TAILQ_FOREACH(device, &vifs->devices, link)
    if (device->connected && (device->vif.tx_event == port || device->vif.rx_event == port)) {
        queue_vif(vifs, &device->vif);
        device->vif.cpu_ns += cpu_meter_lap(vifs->meter);
    }
}

bool vifs_have_work(const struct vifs *vifs)
{
    return !TAILQ_EMPTY(&vifs->work);
}

void vifs_close_broken(struct vifs *vifs)
{
    struct device *device;

    TAILQ_FOREACH(device, &vifs->devices, link)
    if (device->connected && device->vif.broken)
        refuse(vifs, device, device->vif.broken);
}

void vifs_serve(struct vifs *vifs, struct datapath *dp, uint64_t now_ms)
{
    struct vif_list round = TAILQ_HEAD_INITIALIZER(round);
    struct vif *vif;

    /* Those that come back into the list wait for the next round. */
    TAILQ_CONCAT(&round, &vifs->work, work_link);
    while ((vif = TAILQ_FIRST(&round)) != NULL) {
        TAILQ_REMOVE(&round, vif, work_link);
        vif->queued = false;
        if (!vif->broken && datapath_serve_vif(dp, vif, now_ms) == DATAPATH_MORE)
            queue_vif(vifs, vif);
        vif->cpu_ns += cpu_meter_lap(vifs->meter);
    }
    vifs_close_broken(vifs);
}

void vifs_show_accounts(struct vifs *vifs)
{
    struct device *device;

    TAILQ_FOREACH(device, &vifs->devices, link)
    {
        device->cpu.ns += device->vif.cpu_ns;
        device->vif.cpu_ns = 0;
        cpu_account_show(&device->cpu);
    }
}

void vifs_free(struct vifs *vifs)
{
    struct device *device;

    if (!vifs)
        return;
    vifs_show_accounts(vifs);
    while ((device = TAILQ_FIRST(&vifs->devices)) != NULL)
        forget(vifs, device);
    free(vifs);
}
