/* SPDX-License-Identifier: MIT */
/* One vSwitch: ports, port groups, learning, and the decision where a frame goes. */
#include "net/vswitch/vswitch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAC_CAPACITY 8192
#define TAG_ID_MASK  0x0fff
#define TAG_ID_MAX   4094

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

static uint16_t port_vlan(const struct vswitch *vs, unsigned port)
{
    return vs->groups[vs->ports[port].group].vlan;
}

int vswitch_add_group(struct vswitch *vs, const struct vswitch_group *group)
{
    struct portset *members = &vs->members[vs->n_groups];

    if (vs->n_groups == VSWITCH_GROUPS_MAX)
        return -1;
    vs->groups[vs->n_groups] = *group;
    for (unsigned i = 0; i < VSWITCH_PORTS_MAX; i++)
        if (vs->ports[i].used && (vs->ports[i].trunk || port_vlan(vs, i) == group->vlan))
            portset_add(members, i);
    return (int)vs->n_groups++;
}

int vswitch_find_group(const struct vswitch *vs, const char *name)
{
    for (unsigned i = 0; i < vs->n_groups; i++)
        if (strcmp(vs->groups[i].name, name) == 0)
            return (int)i;
    return -1;
}

/*
 * Groups with the same VLAN share a broadcast domain, and trunks are in all of them: keep `members`
 * of each group so.
 */
static void set_membership(struct vswitch *vs, unsigned port, bool member)
{
    for (unsigned i = 0; i < vs->n_groups; i++) {
        if (!vs->ports[port].trunk && vs->groups[i].vlan != port_vlan(vs, port))
            continue;
        if (member)
            portset_add(&vs->members[i], port);
        else
            portset_remove(&vs->members[i], port);
    }
}

/* Take a free port; what is the same for both kinds. */
static int take_port(struct vswitch *vs, const char *name, unsigned mac_quota, void *owner)
{
    unsigned i = 0;

    while (i < VSWITCH_PORTS_MAX && vs->ports[i].used)
        i++;
    if (i == VSWITCH_PORTS_MAX) {
        errno = ENOSPC;
        return -1;
    }
    vs->ports[i] = (struct vswitch_port){.used = true, .mac_quota = mac_quota, .owner = owner};
    snprintf(vs->ports[i].name, sizeof(vs->ports[i].name), "%s", name);
    return (int)i;
}

int vswitch_add_access(struct vswitch *vs, const char *name, unsigned group, const uint8_t mac[6],
                       unsigned mac_quota, void *owner)
{
    int number = take_port(vs, name, mac_quota, owner);

    if (number < 0)
        return -1;
    if (!mac_table_fix(vs->macs, vs->groups[group].vlan, mac, (unsigned)number)) {
        vs->ports[number].used = false;
        errno = EADDRINUSE;
        return -1;
    }
    vs->ports[number].group = group;
    memcpy(vs->ports[number].mac, mac, 6);
    set_membership(vs, (unsigned)number, true);
    return number;
}

int vswitch_add_trunk(struct vswitch *vs, const char *name, unsigned mac_quota, void *owner)
{
    int number = take_port(vs, name, mac_quota, owner);

    if (number < 0)
        return -1;
    vs->ports[number].trunk = true;
    set_membership(vs, (unsigned)number, true);
    return number;
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

/* The VLAN a frame belongs to, by its tag or its port; false if it may not come in with that tag.
 */
static bool classify(const struct vswitch *vs, unsigned port, const struct vswitch_frame *frame,
                     struct vswitch_verdict *out)
{
    const uint8_t *type = frame->header + 12;

    out->tagged = (type[0] << 8 | type[1]) == VSWITCH_ETHERTYPE_TAG;
    out->vlan = port_vlan(vs, port);
    if (!out->tagged)
        return true;
    if (!vs->ports[port].trunk || frame->len < VSWITCH_HEADER_MIN + VSWITCH_TAG_LEN)
        return false;
    out->vlan = (uint16_t)(type[2] << 8 | type[3]) & TAG_ID_MASK;
    return out->vlan <= TAG_ID_MAX;
}

/* Whether a frame may enter at all; if not, why in *why. */
static bool admit(const struct vswitch *vs, unsigned number, const struct vswitch_frame *frame,
                  struct vswitch_verdict *out, enum vswitch_drop *why)
{
    const struct vswitch_port *port = &vs->ports[number];
    const uint8_t *dst = frame->header, *src = frame->header + 6;

    *why = VSWITCH_DROP_MALFORMED;
    if (frame->len < VSWITCH_HEADER_MIN || is_group_address(src))
        return false;
    *why = VSWITCH_DROP_VLAN;
    if (!classify(vs, number, frame, out))
        return false;
    *why = VSWITCH_DROP_GIANT;
    if (frame->wire_len > VSWITCH_HEADER_MIN + (out->tagged ? VSWITCH_TAG_LEN : 0) + vs->mtu)
        return false;
    *why = VSWITCH_DROP_FORGED;
    if (!port->trunk && vs->groups[port->group].reject_forged && memcmp(src, port->mac, 6) != 0)
        return false;
    *why = VSWITCH_DROP_RESERVED;
    return !is_reserved_address(dst);
}

/* The ports of a VLAN; NULL if no group has it. */
static const struct portset *find_members(const struct vswitch *vs, uint16_t vlan)
{
    for (unsigned i = 0; i < vs->n_groups; i++)
        if (vs->groups[i].vlan == vlan)
            return &vs->members[i];
    return NULL;
}

static bool refuse(struct vswitch_port *port, enum vswitch_drop why)
{
    port->counters.drops[why]++;
    return false;
}

bool vswitch_forward(struct vswitch *vs, unsigned number, const struct vswitch_frame *frame,
                     uint64_t now_ms, struct vswitch_verdict *out)
{
    struct vswitch_port *port = &vs->ports[number];
    const struct portset *members;
    enum vswitch_drop why;
    int to = -1;

    port->counters.in_frames++;
    port->counters.in_bytes += frame->len;
    if (!admit(vs, number, frame, out, &why))
        return refuse(port, why);
    members = find_members(vs, out->vlan);
    if (!members)
        return refuse(port, VSWITCH_DROP_VLAN);
    if (mac_table_learn(vs->macs, out->vlan, frame->header + 6, number, port->mac_quota, now_ms) ==
        MAC_LEARN_REFUSED)
        port->counters.macs_refused++;

    if (!is_group_address(frame->header))
        to = mac_table_find(vs->macs, out->vlan, frame->header, now_ms);
    if (to >= 0) {
        memset(&out->receivers, 0, sizeof(out->receivers));
        portset_add(&out->receivers, (unsigned)to);
    } else {
        out->receivers = *members;
    }
    portset_remove(&out->receivers, number);
    return !portset_is_empty(&out->receivers) || refuse(port, VSWITCH_DROP_NOWHERE);
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
