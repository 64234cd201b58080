/* SPDX-License-Identifier: MIT */
/* Heartbeat slots, looked at twice. */
#include "hosts.h"

static int note(void *context, const struct vmfs_slot_seen *slot)
{
    struct found_hosts *hosts = context;

    if (hosts->n < HOSTS_MAX)
        hosts->host[hosts->n++] = (struct found_host){.slot = *slot};
    return 0;
}

int hosts_look(const struct datastore *datastore, struct found_hosts *hosts)
{
    hosts->n = 0;
    return vmfs_list_slots(datastore->volume, note, hosts);
}

static const struct found_host *with_slot(const struct found_hosts *hosts, uint64_t slot)
{
    for (unsigned i = 0; i < hosts->n; i++)
        if (hosts->host[i].slot.address == slot)
            return &hosts->host[i];
    return NULL;
}

int hosts_look_again(const struct datastore *datastore, struct found_hosts *hosts)
{
    struct found_hosts now;
    int rc = hosts_look(datastore, &now);

    for (unsigned i = 0; rc == 0 && i < now.n; i++) {
        struct found_host *host = &now.host[i];
        const struct found_host *before = with_slot(hosts, host->slot.address);

        host->state = before != NULL && before->slot.stamp_us == host->slot.stamp_us &&
                              before->slot.generation == host->slot.generation
                          ? HOST_SILENT
                          : HOST_LIVE;
    }
    if (rc == 0)
        *hosts = now;
    return rc;
}

const char *host_state_word(enum host_state state)
{
    return state == HOST_LIVE ? "live" : state == HOST_SILENT ? "silent" : "in use";
}

const struct found_host *hosts_holder(const struct found_hosts *hosts, uint64_t slot)
{
    const struct found_host *host = slot == 0 ? NULL : with_slot(hosts, slot);

    return host != NULL && host->state != HOST_SILENT ? host : NULL;
}
