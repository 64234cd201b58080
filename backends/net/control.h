/* SPDX-License-Identifier: MIT */
/* The control socket of corbel-vswitchd: what corbel-vswitchctl asks, and the answers. */
#ifndef NET_CONTROL_H
#define NET_CONTROL_H

#include "net/switches.h"

/*
 * A stream socket, for root only. A client sends one line, the request, and reads one JSON text
 * until the end of the stream. Requests:
 *   show   {"vswitches": [{"name", "mtu", "ports": [{"port", "name", "kind", "group", "mac",
 *          "in_frames", ..., "drops": {reason: count}}], "macs": [{"mac", "vlan", "port",
 *          "fixed", "age_s"}]}]}
 * Anything else is answered by {"error": "..."}.
 */
#define CONTROL_SOCKET   "/run/corbel/vswitchd.sock"
#define CONTROL_LINE_MAX 64

/* Listen at `path`, replacing a dead socket. The descriptor, or -1 with errno. */
int control_listen(const char *path);

/*
 * Serve one client, who is connected on `fd`: read its request, answer, close. A client has
 * `CONTROL_PATIENCE_MS` for each of the two, so that it cannot stop the data path for long.
 */
#define CONTROL_PATIENCE_MS 200
void control_serve(int fd, const struct switches *switches, uint64_t now_ms);

#endif
