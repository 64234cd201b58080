/* SPDX-License-Identifier: MIT */
/* The vSwitches of vswitch.conf, with their uplinks and services, brought up. */
#include "net/switches.h"

#include "net/log.h"
#include "net/nat/nat.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define UPLINK_MAC_QUOTA 4096

int switches_init(struct switches *switches, const struct net_config *config, const char *run_dir)
{
    *switches = (struct switches){.run_dir = run_dir, .n = config->n_switches};
    for (unsigned i = 0; i < switches->n; i++) {
        struct net_switch *sw = &switches->list[i];
        uint32_t seed = 0;

        sw->config = &config->switches[i];
        if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
            net_log("no random numbers from the kernel: %s", strerror(errno));
            return -1;
        }
        sw->vswitch = vswitch_new(sw->config->name, sw->config->mtu,
                                  (uint64_t)sw->config->aging_s * 1000, seed);
        if (!sw->vswitch) {
            net_log("%s: no memory for a vSwitch", sw->config->name);
            return -1;
        }
        sw->vswitch->groups[0] = sw->config->groups[0];
        for (unsigned g = 1; g < sw->config->n_groups; g++)
            vswitch_add_group(sw->vswitch, &sw->config->groups[g]);
        for (unsigned u = 0; u < SWITCH_UPLINKS; u++)
            sw->uplinks[u] =
                (struct uplink_port){.port = {NET_PORT_UPLINK, sw->vswitch, -1}, .uplink.fd = -1};
        if (sw->config->dhcp_first && dhcp_init(&sw->dhcp, sw->config, run_dir) < 0) {
            net_log("%s: no pipe for what dnsmasq says: %s", sw->config->name, strerror(errno));
            return -1;
        }
    }
    return 0;
}

static int open_uplink(struct net_switch *sw, enum switch_port which)
{
    struct uplink *uplink = &sw->uplinks[which].uplink;

    if (which == SWITCH_WIRE)
        return uplink_open_packet(uplink, sw->config->uplink);
    if (uplink_open_tap(uplink, sw->config->tap, sw->config->mtu) < 0)
        return -1;
    if (sw->config->address && nat_set_address(sw->config) < 0)
        return -1;
    /* Guests still reach dom0 and each other without it, so this alone is no reason to stop. */
    if (sw->config->nat)
        nat_masquerade(sw->config);
    return 0;
}

/* Open and plug in one uplink that the configuration asks for. */
static bool plug_uplink(struct net_switch *sw, enum switch_port which)
{
    struct uplink_port *up = &sw->uplinks[which];
    const char *name = which == SWITCH_TAP ? sw->config->tap : sw->config->uplink;

    if (open_uplink(sw, which) < 0) {
        if (!sw->missing_told[which])
            net_log("%s: cannot open %s %s: %s; trying again until it is there", sw->config->name,
                    which == SWITCH_TAP ? "tap" : "uplink", name, strerror(errno));
        sw->missing_told[which] = true;
        uplink_close(&up->uplink);
        return false;
    }
    up->port.number = vswitch_add_trunk(sw->vswitch, name, UPLINK_MAC_QUOTA, &up->port);
    if (up->port.number < 0) {
        uplink_close(&up->uplink);
        return false;
    }
    sw->missing_told[which] = false;
    net_log("%s: %s plugged into port %d", sw->config->name, name, up->port.number);
    return true;
}

void switches_lose_uplink(struct uplink_port *up)
{
    net_log("%s: %s went away", up->port.vswitch->name, up->uplink.ifname);
    vswitch_remove_port(up->port.vswitch, (unsigned)up->port.number);
    up->port.number = -1;
    uplink_close(&up->uplink);
}

/* Whether an uplink is plugged in and alive; a dead one is unplugged. */
static bool is_plugged(struct uplink_port *up)
{
    if (up->port.number < 0)
        return false;
    if (uplink_is_there(&up->uplink))
        return true;
    switches_lose_uplink(up);
    return false;
}

void switches_maintain(struct switches *switches, uint64_t now_ms,
                       void (*opened)(struct uplink_port *uplink, void *arg), void *arg)
{
    for (unsigned i = 0; i < switches->n; i++) {
        struct net_switch *sw = &switches->list[i];
        const char *wanted[SWITCH_UPLINKS];

        wanted[SWITCH_TAP] = sw->config->tap;
        wanted[SWITCH_WIRE] = sw->config->uplink;
        mac_table_expire(sw->vswitch->macs, now_ms);
        for (unsigned u = 0; u < SWITCH_UPLINKS; u++)
            if (wanted[u][0] && !is_plugged(&sw->uplinks[u]) && plug_uplink(sw, u))
                opened(&sw->uplinks[u], arg);
        if (sw->uplinks[SWITCH_TAP].port.number >= 0)
            dhcp_keep_running(&sw->dhcp, switches->run_dir, now_ms);
    }
}

void switches_child_ended(struct switches *switches, pid_t pid, int status, uint64_t now_ms)
{
    for (unsigned i = 0; i < switches->n; i++)
        if (dhcp_child_ended(&switches->list[i].dhcp, pid, status, now_ms))
            return;
}

struct vswitch *switches_find(const char *name, void *arg)
{
    struct switches *switches = arg;

    for (unsigned i = 0; i < switches->n; i++)
        if (strcmp(switches->list[i].config->name, name) == 0)
            return switches->list[i].vswitch;
    return NULL;
}

void switches_free(struct switches *switches)
{
    for (unsigned i = 0; i < switches->n; i++) {
        struct net_switch *sw = &switches->list[i];

        dhcp_stop(&sw->dhcp);
        for (unsigned u = 0; u < SWITCH_UPLINKS; u++)
            uplink_close(&sw->uplinks[u].uplink);
        vswitch_free(sw->vswitch);
    }
}
