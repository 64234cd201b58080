/* SPDX-License-Identifier: MIT */
/* The configuration of corbel-vswitchd: vswitch.conf(5). */
#ifndef NET_CONFIG_H
#define NET_CONFIG_H

#include "net/vswitch/vswitch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <net/if.h>

#define CONFIG_SWITCHES_MAX 16

struct switch_config {
    char name[VSWITCH_NAME_MAX];
    unsigned mtu;
    unsigned aging_s;
    char tap[IF_NAMESIZE];    /* interface in dom0's stack; "" if none */
    char uplink[IF_NAMESIZE]; /* dom0's network card; "" if none */
    uint32_t address;         /* of the tap, host byte order; 0 if none */
    unsigned prefix_len;
    bool nat;
    uint32_t dhcp_first, dhcp_last; /* host byte order; 0 if none */
    unsigned n_groups;
    struct vswitch_group groups[VSWITCH_GROUPS_MAX]; /* [0] is "default" */
};

struct net_config {
    unsigned n_switches;
    struct switch_config switches[CONFIG_SWITCHES_MAX];
};

/*
 * Parse `text` (`len` bytes), the contents of `path`. 0, or -1 with a message "path:line: what is
 * wrong and how to mend it" in `error`.
 */
int config_parse(const char *path, const char *text, size_t len, struct net_config *out,
                 char *error, size_t error_size);

/* Read and parse a file; errors as config_parse(). */
int config_load(const char *path, struct net_config *out, char *error, size_t error_size);

#endif
