/* SPDX-License-Identifier: MIT */
/* What stands behind a vSwitch port: a guest's vif, or an uplink. */
#ifndef NET_PORT_H
#define NET_PORT_H

#include "net/ring.h"
#include "net/uplink/uplink.h"
#include "net/vswitch/vswitch.h"

#include <stdbool.h>
#include <sys/queue.h>

enum net_port_kind { NET_PORT_VIF, NET_PORT_UPLINK };

struct net_port {
    enum net_port_kind kind;
    struct vswitch *vswitch;
    int number; /* on that vSwitch; -1: not plugged in */
};

/* A connected frontend: its rings, its event channels, what it can receive. */
struct vif {
    struct net_port port;
    uint16_t domid;
    struct tx_ring tx;
    struct rx_ring rx;
    int tx_event, rx_event; /* local event-channel ports; the same one unless split */
    bool can_scatter;       /* frames longer than a page */
    bool can_segment_tcp4;
    bool can_blank_csum4, can_blank_csum6;
    bool queued; /* in the list of vifs with work */
    TAILQ_ENTRY(vif) work_link;
    uint64_t cpu_ns;    /* of this process, spent on its behalf and not yet in an account */
    const char *broken; /* why its ring cannot be served any more; NULL: it can */
};

TAILQ_HEAD(vif_list, vif);

struct uplink_port {
    struct net_port port;
    struct uplink uplink;
};

#endif
