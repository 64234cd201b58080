/* SPDX-License-Identifier: MIT */
/* The control socket of corbel-vswitchd. */
#include "net/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <jansson.h>

#define BACKLOG 8

int control_listen(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t mask;
    int fd, result;

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(address.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    unlink(path);
    mask = umask(0177);
    result = bind(fd, (struct sockaddr *)&address, sizeof(address));
    umask(mask);
    if (result < 0 || listen(fd, BACKLOG) < 0) {
        result = errno;
        close(fd);
        errno = result;
        return -1;
    }
    return fd;
}

static json_t *show_mac(const uint8_t mac[6])
{
    return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                        mac[5]);
}

static json_t *show_port(const struct vswitch *vs, unsigned number)
{
    const struct vswitch_port *port = &vs->ports[number];
    const struct vswitch_counters *c = &port->counters;
    const struct net_port *owner = port->owner;
    json_t *drops = json_object();

    for (unsigned why = 0; why < VSWITCH_DROP_COUNT; why++)
        json_object_set_new(drops, vswitch_drop_name(why), json_integer((json_int_t)c->drops[why]));
    return json_pack("{s:i, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:o}", "port", (int)number,
                     "name", port->name, "kind", owner->kind == NET_PORT_VIF ? "vif" : "uplink",
                     "group", vs->groups[port->group].name, "mac",
                     port->trunk ? json_null() : show_mac(port->mac), "in_frames",
                     (json_int_t)c->in_frames, "in_bytes", (json_int_t)c->in_bytes, "out_frames",
                     (json_int_t)c->out_frames, "out_bytes", (json_int_t)c->out_bytes,
                     "macs_refused", (json_int_t)c->macs_refused, "drops", drops);
}

struct mac_list {
    json_t *array;
    uint64_t now_ms;
};

static void show_entry(const struct mac_entry *entry, void *arg)
{
    struct mac_list *list = arg;
    json_int_t age_s = entry->fixed ? 0 : (json_int_t)((list->now_ms - entry->seen_ms) / 1000);

    json_array_append_new(list->array,
                          json_pack("{s:o, s:i, s:i, s:b, s:I}", "mac", show_mac(entry->mac),
                                    "vlan", entry->vlan, "port", entry->port, "fixed", entry->fixed,
                                    "age_s", age_s));
}

static json_t *show_switch(const struct vswitch *vs, uint64_t now_ms)
{
    struct mac_list macs = {json_array(), now_ms};
    json_t *ports = json_array();

    for (unsigned i = 0; i < VSWITCH_PORTS_MAX; i++)
        if (vs->ports[i].used)
            json_array_append_new(ports, show_port(vs, i));
    mac_table_for_each(vs->macs, show_entry, &macs);
    return json_pack("{s:s, s:i, s:o, s:o}", "name", vs->name, "mtu", (int)vs->mtu, "ports", ports,
                     "macs", macs.array);
}

static json_t *answer(const char *request, const struct switches *switches, uint64_t now_ms)
{
    json_t *list;

    if (strcmp(request, "show") != 0)
        return json_pack("{s:s}", "error", "unknown request; known is: show");
    list = json_array();
    for (unsigned i = 0; i < switches->n; i++)
        json_array_append_new(list, show_switch(switches->list[i].vswitch, now_ms));
    return json_pack("{s:o}", "vswitches", list);
}

static bool read_line(int fd, char *line, size_t size)
{
    size_t len = 0;

    while (len + 1 < size) {
        ssize_t n = read(fd, line + len, size - 1 - len);

        if (n <= 0)
            return false;
        len += (size_t)n;
        line[len] = '\0';
        if (strchr(line, '\n')) {
            *strchr(line, '\n') = '\0';
            return true;
        }
    }
    return false;
}

void control_serve(int fd, const struct switches *switches, uint64_t now_ms)
{
    struct timeval patience = {.tv_usec = CONTROL_PATIENCE_MS * 1000};
    char line[CONTROL_LINE_MAX], *text;
    json_t *reply;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (read_line(fd, line, sizeof(line))) {
        reply = answer(line, switches, now_ms);
        text = json_dumps(reply, JSON_COMPACT);
        if (text)
            for (size_t done = 0, len = strlen(text); done < len;) {
                ssize_t n = send(fd, text + done, len - done, MSG_NOSIGNAL);

                if (n <= 0)
                    break;
                done += (size_t)n;
            }
        free(text);
        json_decref(reply);
    }
    close(fd);
}
