/* SPDX-License-Identifier: MIT */
/* Connecting to a frontend (xen/io/netif.h names every node). */
#include "net/vif.h"

#include "lib/xenbus.h"

#include <sys/mman.h>

struct wishes {
    uint64_t tx_ref, rx_ref;
    uint64_t tx_event, rx_event;
    bool split;
};

bool vif_write_features(struct xs_handle *xs, const char *backend_dir)
{
    static const char *const offered[] = {
        "feature-rx-copy",
        "feature-sg",
        "feature-gso-tcpv4",
        "feature-ipv6-csum-offload",
        "feature-split-event-channels",
    };

    for (size_t i = 0; i < sizeof(offered) / sizeof(offered[0]); i++)
        if (xenbus_write(xs, backend_dir, offered[i], "1") < 0)
            return false;
    return true;
}

/* A feature is on only if its node is there and isn't 0. */
static bool read_switch(struct xs_handle *xs, const char *dir, const char *key)
{
    uint64_t value;

    return xenbus_read_number(xs, dir, key, UINT32_MAX, &value) && value != 0;
}

static const char *read_wishes(struct xs_handle *xs, const char *dir, struct wishes *wishes)
{
    if (!xenbus_read_number(xs, dir, "tx-ring-ref", UINT32_MAX, &wishes->tx_ref) ||
        !xenbus_read_number(xs, dir, "rx-ring-ref", UINT32_MAX, &wishes->rx_ref))
        return "the frontend wrote no tx-ring-ref or rx-ring-ref";
    wishes->split =
        xenbus_read_number(xs, dir, "event-channel-tx", UINT32_MAX, &wishes->tx_event) &&
        xenbus_read_number(xs, dir, "event-channel-rx", UINT32_MAX, &wishes->rx_event);
    if (!wishes->split &&
        !xenbus_read_number(xs, dir, "event-channel", UINT32_MAX, &wishes->tx_event))
        return "the frontend wrote no event-channel";
    if (!read_switch(xs, dir, "request-rx-copy"))
        return "the frontend doesn't ask for request-rx-copy, the only way we deliver";
    return NULL;
}

static void read_abilities(struct xs_handle *xs, const char *dir, struct vif *vif)
{
    vif->can_scatter = read_switch(xs, dir, "feature-sg");
    vif->can_segment_tcp4 = vif->can_scatter && read_switch(xs, dir, "feature-gso-tcpv4");
    vif->can_blank_csum4 = !read_switch(xs, dir, "feature-no-csum-offload");
    vif->can_blank_csum6 = read_switch(xs, dir, "feature-ipv6-csum-offload");
}

static const char *map_rings(struct vif *vif, const struct wishes *wishes, xengnttab_handle *gnttab)
{
    void *tx, *rx;

    tx = xengnttab_map_grant_ref(gnttab, vif->domid, (uint32_t)wishes->tx_ref,
                                 PROT_READ | PROT_WRITE);
    if (!tx)
        return "its tx-ring-ref cannot be mapped";
    vif->tx.shared = tx;
    rx = xengnttab_map_grant_ref(gnttab, vif->domid, (uint32_t)wishes->rx_ref,
                                 PROT_READ | PROT_WRITE);
    if (!rx)
        return "its rx-ring-ref cannot be mapped";
    vif->rx.shared = rx;
    if (!tx_ring_attach(&vif->tx, tx) || !rx_ring_attach(&vif->rx, rx))
        return "its ring indices are out of range";
    return NULL;
}

static const char *bind_events(struct vif *vif, const struct wishes *wishes,
                               xenevtchn_handle *evtchn)
{
    vif->tx_event = xenevtchn_bind_interdomain(evtchn, vif->domid, (uint32_t)wishes->tx_event);
    if (vif->tx_event < 0)
        return "its event channel cannot be bound";
    vif->rx_event = vif->tx_event;
    if (!wishes->split)
        return NULL;
    vif->rx_event = xenevtchn_bind_interdomain(evtchn, vif->domid, (uint32_t)wishes->rx_event);
    return vif->rx_event < 0 ? "its receive event channel cannot be bound" : NULL;
}

const char *vif_connect(struct vif *vif, uint16_t domid, struct xs_handle *xs,
                        const char *frontend_dir, xengnttab_handle *gnttab,
                        xenevtchn_handle *evtchn)
{
    struct wishes wishes = {0};
    const char *wrong = read_wishes(xs, frontend_dir, &wishes);

    if (wrong)
        return wrong;
    vif->domid = domid;
    vif->tx_event = vif->rx_event = -1;
    vif->tx.shared = NULL;
    vif->rx.shared = NULL;
    vif->broken = NULL;
    read_abilities(xs, frontend_dir, vif);
    wrong = map_rings(vif, &wishes, gnttab);
    if (!wrong)
        wrong = bind_events(vif, &wishes, evtchn);
    if (wrong) {
        vif_disconnect(vif, gnttab, evtchn);
        return wrong;
    }
    /* If a backend before us was killed, its last responses may have gone unannounced. */
    xenevtchn_notify(evtchn, (evtchn_port_t)vif->tx_event);
    if (wishes.split)
        xenevtchn_notify(evtchn, (evtchn_port_t)vif->rx_event);
    return NULL;
}

void vif_disconnect(struct vif *vif, xengnttab_handle *gnttab, xenevtchn_handle *evtchn)
{
    if (vif->rx_event >= 0 && vif->rx_event != vif->tx_event)
        xenevtchn_unbind(evtchn, (evtchn_port_t)vif->rx_event);
    if (vif->tx_event >= 0)
        xenevtchn_unbind(evtchn, (evtchn_port_t)vif->tx_event);
    if (vif->rx.shared)
        xengnttab_unmap(gnttab, vif->rx.shared, 1);
    if (vif->tx.shared)
        xengnttab_unmap(gnttab, vif->tx.shared, 1);
    vif->tx_event = vif->rx_event = -1;
    vif->tx.shared = NULL;
    vif->rx.shared = NULL;
}
