/* SPDX-License-Identifier: MIT */
/* The hosts that have a volume open, told apart by whether their heart beats. */
#ifndef DATASTORE_HOSTS_H
#define DATASTORE_HOSTS_H

#include "block/datastore.h"

#define HOSTS_MAX 64

enum host_state {
    HOST_UNKNOWN, /* a slot in use, not watched */
    HOST_LIVE,    /* its stamp moved */
    HOST_SILENT,  /* it did not: dead, or cut off */
};

struct found_host {
    struct vmfs_slot_seen slot;
    enum host_state state;
};

struct found_hosts {
    struct found_host host[HOSTS_MAX];
    unsigned n;
};

/* Reads the slots in use. 0 or -errno; then *hosts holds those read so far. */
int hosts_look(const struct datastore *datastore, struct found_hosts *hosts);

/* Looks again, some seconds after hosts_look(), and judges each host by what has moved. */
int hosts_look_again(const struct datastore *datastore, struct found_hosts *hosts);

/* "live", "silent" or "in use". */
const char *host_state_word(enum host_state state);

/* The host with this slot, unless it is silent; NULL when there is none. */
const struct found_host *hosts_holder(const struct found_hosts *hosts, uint64_t slot);

#endif
