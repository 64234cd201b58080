/* SPDX-License-Identifier: MIT */
/* One vSwitch: ports, port groups, learning, and the decision where a frame goes. */
#include "net/vswitch/vswitch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAC_CAPACITY   8192
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88a8

static const char *const drop_names[VSWITCH_DROP_COUNT] = {
    [VSWITCH_DROP_MALFORMED] = "malformed", [VSWITCH_DROP_GIANT] = "giant",
    [VSWITCH_DROP_FORGED] = "forged",       [VSWITCH_DROP_RESERVED] = "reserved",
    [VSWITCH_DROP_VLAN] = "vlan",           [VSWITCH_DROP_NOWHERE] = "nowhere",
    [VSWITCH_DROP_FULL] = "full",           [VSWITCH_DROP_UNSUPPORTED] = "unsupported",
    [VSWITCH_DROP_COPY] = "copy",
};

const char *vswitch_drop_name(enum vswitch_drop why)
{
    return drop_names[why];
}

struct vswitch *vswitch_new(const char *name, unsigned mtu, uint64_t age_ms, uint32_t seed)
{
    static const struct vswitch_group untagged = {.name = "default"};
    struct vswitch *vs = calloc(1, sizeof(*vs));

    if (!vs)
        return NULL;
    vs->macs = mac_table_new(MAC_CAPACITY, age_ms, seed);
    if (!vs->macs) {
        free(vs);
        return NULL;
    }
    snprintf(vs->name, sizeof(vs->name), "%s", name);
    vs->mtu = mtu;
    vswitch_add_group(vs, &untagged);
    return vs;
}

void vswitch_free(struct vswitch *vs)
{
    if (!vs)
        return;
    mac_table_free(vs->macs);
    free(vs);
}

int vswitch_add_group(struct vswitch *vs, const struct vswitch_group *group)
{
    if (vs->n_groups == VSWITCH_GROUPS_MAX)
        return -1;
    vs->groups[vs->n_groups] = *group;
    return (int)vs->n_groups++;
}

int vswitch_find_group(const struct vswitch *vs, const char *name)
{
    for (unsigned i = 0; i < vs->n_groups; i++)
        if (strcmp(vs->groups[i].name, name) == 0)
            return (int)i;
    return -1;
}

/* Groups with the same VLAN share a broadcast domain: keep `members` of each of them alike. */
static void set_membership(struct vswitch *vs, unsigned port, bool member)
{
    uint16_t vlan = vs->groups[vs->ports[port].group].vlan;

    for (unsigned i = 0; i < vs->n_groups; i++) {
        if (vs->groups[i].vlan != vlan)
            continue;
        if (member)
            portset_add(&vs->members[i], port);
        else
            portset_remove(&vs->members[i], port);
    }
}

int vswitch_add_port(struct vswitch *vs, const char *name, unsigned group, const uint8_t *mac,
                     unsigned mac_quota, void *owner)
{
    struct vswitch_port *port;
    unsigned i = 0;

    while (i < VSWITCH_PORTS_MAX && vs->ports[i].used)
        i++;
    if (i == VSWITCH_PORTS_MAX) {
        errno = ENOSPC;
        return -1;
    }
    if (mac && !mac_table_fix(vs->macs, vs->groups[group].vlan, mac, i)) {
        errno = EADDRINUSE;
        return -1;
    }
    port = &vs->ports[i];
    memset(port, 0, sizeof(*port));
    port->used = true;
    snprintf(port->name, sizeof(port->name), "%s", name);
    port->group = group;
    port->has_mac = mac != NULL;
    if (mac)
        memcpy(port->mac, mac, 6);
    port->mac_quota = mac_quota;
    port->owner = owner;
    set_membership(vs, i, true);
    return (int)i;
}

void vswitch_remove_port(struct vswitch *vs, unsigned port)
{
    set_membership(vs, port, false);
    mac_table_forget_port(vs->macs, port);
    vs->ports[port].used = false;
    vs->ports[port].owner = NULL;
}

static bool is_group_address(const uint8_t *mac)
{
    return mac[0] & 1;
}

static bool is_reserved_address(const uint8_t *mac)
{
    static const uint8_t prefix[5] = {0x01, 0x80, 0xc2, 0x00, 0x00};

    return memcmp(mac, prefix, sizeof(prefix)) == 0 && mac[5] < 0x10;
}

/* Whether a frame may enter at all; if not, why in *why. */
static bool admit(const struct vswitch *vs, const struct vswitch_port *port,
                  const struct vswitch_frame *frame, enum vswitch_drop *why)
{
    const struct vswitch_group *group = &vs->groups[port->group];
    const uint8_t *dst = frame->header, *src = frame->header + 6;
    unsigned type;
    bool tagged;

    *why = VSWITCH_DROP_MALFORMED;
    if (frame->len < VSWITCH_HEADER_MIN || is_group_address(src))
        return false;
    type = (unsigned)(frame->header[12] << 8 | frame->header[13]);
    tagged = type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ;
    *why = VSWITCH_DROP_GIANT;
    if (frame->wire_len > VSWITCH_HEADER_MIN + (tagged ? 4u : 0u) + vs->mtu)
        return false;
    *why = VSWITCH_DROP_FORGED;
    if (group->reject_forged && port->has_mac && memcmp(src, port->mac, 6) != 0)
        return false;
    *why = VSWITCH_DROP_RESERVED;
    if (is_reserved_address(dst))
        return false;
    *why = VSWITCH_DROP_VLAN;
    return !(tagged && group->vlan != 0);
}

bool vswitch_forward(struct vswitch *vs, unsigned port_nr, const struct vswitch_frame *frame,
                     uint64_t now_ms, struct portset *out)
{
    struct vswitch_port *port = &vs->ports[port_nr];
    uint16_t vlan = vs->groups[port->group].vlan;
    enum vswitch_drop why;
    int to = -1;

    port->counters.in_frames++;
    port->counters.in_bytes += frame->len;
    if (!admit(vs, port, frame, &why)) {
        port->counters.drops[why]++;
        return false;
    }
    if (mac_table_learn(vs->macs, vlan, frame->header + 6, port_nr, port->mac_quota, now_ms) ==
        MAC_LEARN_REFUSED)
        port->counters.macs_refused++;

    if (!is_group_address(frame->header))
        to = mac_table_find(vs->macs, vlan, frame->header, now_ms);
    if (to >= 0) {
        memset(out, 0, sizeof(*out));
        portset_add(out, (unsigned)to);
    } else {
        *out = vs->members[port->group];
    }
    portset_remove(out, port_nr);
    if (portset_is_empty(out)) {
        port->counters.drops[VSWITCH_DROP_NOWHERE]++;
        return false;
    }
    return true;
}

void vswitch_count_delivered(struct vswitch *vs, unsigned port, size_t len)
{
    vs->ports[port].counters.out_frames++;
    vs->ports[port].counters.out_bytes += len;
}

void vswitch_count_drop(struct vswitch *vs, unsigned port, enum vswitch_drop why)
{
    vs->ports[port].counters.drops[why]++;
}
