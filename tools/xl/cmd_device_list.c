/* SPDX-License-Identifier: MIT */
/* xl block-list, network-list: a guest's virtual devices as xenstore knows them. */
#include "command.h"
#include "domain/devices.h"
#include "util/report.h"

#include <stdio.h>
#include <stdlib.h>

struct device_list {
    json_t *array; /* NULL: print a table */
    const char *kind;
};

/* A number of the guest's half of the device, -1 when it has not written one yet. */
static long frontend_number(struct toolstack *ts, const struct device *device, const char *node)
{
    return store_read_number(ts->xs, XBT_NULL, "%s/%s", device->frontend, node);
}

static void show_disk(struct toolstack *ts, const struct device *device, domid_t domid,
                      json_t *array)
{
    long state = frontend_number(ts, device, "state");
    long channel = frontend_number(ts, device, "event-channel");
    long ring = frontend_number(ts, device, "ring-ref");

    if (array)
        json_array_append_new(array, json_pack("{s:i, s:i, s:i, s:I, s:I, s:I, s:s}", "vdev",
                                               (int)device->id, "be", (int)device->backend_domid,
                                               "handle", (int)domid, "state", (json_int_t)state,
                                               "evtchn", (json_int_t)channel, "ring_ref",
                                               (json_int_t)ring, "be_path", device->backend));
    else
        printf("%-5d %-3d %-6d %-5ld %-6ld %-8ld %-30s\n", device->id, device->backend_domid, domid,
               state, channel, ring, device->backend);
}

static void show_vif(struct toolstack *ts, const struct device *device, domid_t domid,
                     json_t *array)
{
    /* The toolstack's own: the guest may write anything into its half. */
    char *mac = store_read(ts->xs, XBT_NULL, "%s/mac", device->backend);
    long state = frontend_number(ts, device, "state");
    long channel = frontend_number(ts, device, "event-channel");
    long tx = frontend_number(ts, device, "tx-ring-ref");
    long rx = frontend_number(ts, device, "rx-ring-ref");

    (void)domid;
    if (channel < 0)
        channel = frontend_number(ts, device, "event-channel-tx");
    if (array)
        json_array_append_new(
            array,
            json_pack("{s:i, s:i, s:s, s:i, s:I, s:I, s:I, s:I, s:s}", "idx", (int)device->id, "be",
                      (int)device->backend_domid, "mac", mac ? mac : "", "handle", (int)device->id,
                      "state", (json_int_t)state, "evtchn", (json_int_t)channel, "tx_ring_ref",
                      (json_int_t)tx, "rx_ring_ref", (json_int_t)rx, "be_path", device->backend));
    else
        printf("%-3d %-2d %-17s %6d %5ld %6ld %5ld/%-11ld %-30s\n", device->id,
               device->backend_domid, mac ? mac : "", device->id, state, channel, tx, rx,
               device->backend);
    free(mac);
}

static int show_domain(struct toolstack *ts, domid_t domid, void *context)
{
    const struct device_list *list = context;
    struct device *devices;
    int n = devices_list(ts, domid, list->kind, &devices);

    if (n < 0)
        return report_errno("cannot list the devices of domain %u", domid);
    for (int i = 0; i < n; i++) {
        if (list->kind[1] == 'b')
            show_disk(ts, &devices[i], domid, list->array);
        else
            show_vif(ts, &devices[i], domid, list->array);
    }
    free(devices);
    return 0;
}

static int run(int argc, char **argv, const char *kind, const char *heading)
{
    struct device_list list = {.kind = kind};
    bool is_json;
    int status;

    if (command_json_option(argc, argv, &is_json) < 0)
        return XL_USAGE;
    if (is_json)
        list.array = json_array();
    else if (optind < argc)
        printf("%s\n", heading);
    status = command_for_domains(argc, argv, show_domain, &list);
    if (is_json)
        command_print_json(list.array);
    return status;
}

int cmd_block_list(int argc, char **argv)
{
    return run(argc, argv, "vbd",
               "Vdev  BE  handle state evt-ch ring-ref BE-path                       ");
}

int cmd_network_list(int argc, char **argv)
{
    return run(argc, argv, "vif",
               "Idx BE Mac Addr.         handle state evt-ch   tx-/rx-ring-ref BE-path             "
               "          ");
}
