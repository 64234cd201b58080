/* SPDX-License-Identifier: MIT */
/* One vSwitch: ports, port groups, learning, and the decision where a frame goes. */
#ifndef NET_VSWITCH_VSWITCH_H
#define NET_VSWITCH_VSWITCH_H

#include "net/vswitch/mac_table.h"
#include "net/vswitch/portset.h"

#include <stddef.h>

/*
 * Pure: no clock, no device, no global. vswitch_forward() is given the first bytes of a frame (a
 * private copy) and answers with the set of ports it must reach; delivering is the caller's work.
 * A port belongs to a port group, which holds the policy common to its ports. Broadcast domains
 * are (vSwitch, VLAN of the group): ports of groups with different VLANs never see each other.
 * Two kinds of port: an access port (a vif) sends and receives without tags and belongs to its
 * group's VLAN; its tagged frames are dropped, so a guest cannot choose another VLAN. A trunk (an
 * uplink) carries every VLAN, each but 0 with its IEEE 802.1Q tag.
 */
#define VSWITCH_GROUPS_MAX    16
#define VSWITCH_NAME_MAX      32
#define VSWITCH_PORT_NAME_MAX 32
#define VSWITCH_HEADER_MIN    14 /* an Ethernet header */
#define VSWITCH_TAG_LEN       4  /* an 802.1Q tag, after the two addresses */
#define VSWITCH_ETHERTYPE_TAG 0x8100

enum vswitch_drop {
    VSWITCH_DROP_MALFORMED, /* shorter than a header, or from a group address */
    VSWITCH_DROP_GIANT,     /* longer on the wire than the MTU allows */
    VSWITCH_DROP_FORGED,    /* source address is not the port's own (policy) */
    VSWITCH_DROP_RESERVED,  /* 01-80-c2-00-00-0x, which bridges keep (IEEE 802.1Q 8.6.3) */
    VSWITCH_DROP_VLAN,      /* tagged by an access port, or in a VLAN that nobody is in */
    VSWITCH_DROP_NOWHERE,   /* its destination is the port it came from, or nobody else is there */
    VSWITCH_DROP_FULL,      /* the receiver had no room */
    VSWITCH_DROP_UNSUPPORTED, /* the receiver cannot take such a frame (scatter, offload) */
    VSWITCH_DROP_COPY,        /* the hypervisor refused a grant copy */
    VSWITCH_DROP_COUNT,
};

struct vswitch_counters {
    uint64_t in_frames, in_bytes;   /* from the port into the vSwitch */
    uint64_t out_frames, out_bytes; /* from the vSwitch to the port */
    uint64_t drops[VSWITCH_DROP_COUNT];
    uint64_t macs_refused; /* source addresses not learnt: quota, or another port's own */
};

struct vswitch_group {
    char name[VSWITCH_NAME_MAX];
    uint16_t vlan; /* 0: untagged, also on trunks */
    bool reject_forged;
};

struct vswitch_port {
    bool used;
    bool trunk;
    char name[VSWITCH_PORT_NAME_MAX];
    unsigned group;
    uint8_t mac[6]; /* an access port's own address */
    unsigned mac_quota;
    void *owner; /* whoever delivers to this port; never looked into here */
    struct vswitch_counters counters;
};

struct vswitch {
    char name[VSWITCH_NAME_MAX];
    unsigned mtu; /* bytes of payload after the Ethernet header */
    unsigned n_groups;
    struct vswitch_group groups[VSWITCH_GROUPS_MAX];
    struct portset members[VSWITCH_GROUPS_MAX]; /* ports that see a group's broadcasts */
    struct vswitch_port ports[VSWITCH_PORTS_MAX];
    struct mac_table *macs;
};

struct vswitch_frame {
    const uint8_t *header; /* its first bytes: header and tag, as far as len reaches */
    size_t len;            /* of the whole frame */
    size_t wire_len;       /* of the longest frame it will be once segmented, or len */
};

struct vswitch_verdict {
    struct portset receivers;
    uint16_t vlan; /* the frame's; trunks among the receivers want it tagged so, unless 0 */
    bool tagged;   /* the frame carries a tag now, which access ports don't want */
};

/* A vSwitch with one untagged group called "default"; NULL without memory. */
struct vswitch *vswitch_new(const char *name, unsigned mtu, uint64_t age_ms, uint32_t seed);
void vswitch_free(struct vswitch *vs);

/* Add a group; its number, or -1 if there are VSWITCH_GROUPS_MAX already. */
int vswitch_add_group(struct vswitch *vs, const struct vswitch_group *group);
int vswitch_find_group(const struct vswitch *vs, const char *name);

/*
 * Add an access port to a group, or a trunk, which takes its policy from group 0. `mac` is fixed to
 * the access port. Both return the port's number, or -1 with errno ENOSPC (all ports taken) or
 * EADDRINUSE (another port owns that address).
 */
int vswitch_add_access(struct vswitch *vs, const char *name, unsigned group, const uint8_t mac[6],
                       unsigned mac_quota, void *owner);
int vswitch_add_trunk(struct vswitch *vs, const char *name, unsigned mac_quota, void *owner);
void vswitch_remove_port(struct vswitch *vs, unsigned port);

/*
 * Decide where a frame that came in on `port` goes, learn its source, count it. True with
 * `out` filled in, whose receivers are never none and never `port`; false if it is dropped
 * (counted).
 */
bool vswitch_forward(struct vswitch *vs, unsigned port, const struct vswitch_frame *frame,
                     uint64_t now_ms, struct vswitch_verdict *out);

/* Count what became of a frame on its way to a port. */
void vswitch_count_delivered(struct vswitch *vs, unsigned port, size_t len);
void vswitch_count_drop(struct vswitch *vs, unsigned port, enum vswitch_drop why);

/* The word for a drop reason, as shown by corbel-vswitchctl. */
const char *vswitch_drop_name(enum vswitch_drop why);

#endif
