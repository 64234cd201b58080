/* SPDX-License-Identifier: MIT */
/* The vSwitches of vswitch.conf, with their uplinks and services, brought up. */
#ifndef NET_SWITCHES_H
#define NET_SWITCHES_H

#include "net/config.h"
#include "net/nat/dhcp.h"
#include "net/port.h"

enum switch_port { SWITCH_TAP, SWITCH_WIRE, SWITCH_UPLINKS };

struct net_switch {
    const struct switch_config *config;
    struct vswitch *vswitch;
    struct uplink_port uplinks[SWITCH_UPLINKS]; /* port.number -1: not there */
    bool missing_told[SWITCH_UPLINKS];
    struct dhcp_server dhcp;
};

struct switches {
    const char *run_dir;
    unsigned n;
    struct net_switch list[CONFIG_SWITCHES_MAX];
};

/*
 * Create the vSwitches; taps and cards are tried by switches_maintain(). `config` and `run_dir`
 * must outlive them. 0, or -1 with a message logged.
 */
int switches_init(struct switches *switches, const struct net_config *config, const char *run_dir);

/*
 * To be called at the start and every few seconds: forgets old addresses, opens uplinks that are
 * not there yet, keeps dnsmasq running. For each uplink opened, `opened` is called.
 */
void switches_maintain(struct switches *switches, uint64_t now_ms,
                       void (*opened)(struct uplink_port *uplink, void *arg), void *arg);

/* The interface behind an uplink went away: unplug it, and try again at the next maintenance. */
void switches_lose_uplink(struct uplink_port *uplink);

/* A child process ended. */
void switches_child_ended(struct switches *switches, pid_t pid, int status, uint64_t now_ms);

/* The vSwitch called `name`, or NULL. `arg` is the struct switches. */
struct vswitch *switches_find(const char *name, void *arg);

/* Stop dnsmasq and free everything; taps, addresses and nftables rules stay for the next run. */
void switches_free(struct switches *switches);

#endif
