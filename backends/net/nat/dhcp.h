/* SPDX-License-Identifier: MIT */
/* A dnsmasq for each vSwitch with a DHCP range, started and kept running. */
#ifndef NET_NAT_DHCP_H
#define NET_NAT_DHCP_H

#include "net/config.h"
#include "net/nat/child_log.h"

#include <sys/types.h>

struct dhcp_server {
    const struct switch_config *config;
    pid_t pid;         /* -1: not running */
    unsigned failures; /* in a row; the pause before the next start grows with them */
    uint64_t started_ms, next_start_ms;
    struct child_log log;
};

/*
 * Prepare; ends a dnsmasq that a former run of ours left behind. Nothing is started yet. What it
 * will say is to be taken by child_log_take() from dhcp->log. 0, or -1 with errno.
 */
int dhcp_init(struct dhcp_server *dhcp, const struct switch_config *config, const char *run_dir);

/* Start it if it isn't running and its pause is over; to be called every few seconds. */
void dhcp_keep_running(struct dhcp_server *dhcp, const char *run_dir, uint64_t now_ms);

/* A child ended: true if it was this one. */
bool dhcp_child_ended(struct dhcp_server *dhcp, pid_t pid, int status, uint64_t now_ms);

/* End it; what it still says is lost. */
void dhcp_stop(struct dhcp_server *dhcp);

#endif
