/* SPDX-License-Identifier: MIT */
/* xl block-attach, block-detach, network-attach, network-detach: devices of a running guest. */
#include "command.h"
#include "config/domain_config.h"
#include "domain/devices.h"
#include "util/report.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The words of a specification as one, with commas between; free() it. NULL when out of memory. */
static char *join(char *const *words, int n)
{
    size_t length = 1;
    char *joined;

    for (int i = 0; i < n; i++)
        length += strlen(words[i]) + 1;
    joined = calloc(1, length);
    for (int i = 0; joined && i < n; i++) {
        if (i > 0)
            strcat(joined, ",");
        strcat(joined, words[i]);
    }
    return joined;
}

/* The least number that no vif of the guest has. */
static int free_vif_id(struct toolstack *ts, domid_t domid)
{
    struct device *devices;
    int n = devices_list(ts, domid, "vif", &devices), id = 0;

    if (n < 0)
        return -1;
    for (int i = 0; i < n; i++) {
        if ((int)devices[i].id != id)
            continue;
        id++;
        i = -1;
    }
    free(devices);
    return id;
}

static int attach_disk(struct toolstack *ts, domid_t domid, const char *spec)
{
    struct disk_config disk = {0};
    const char *error = disk_config_parse(&disk, spec);
    int ret =
        error ? report_error("disk '%s': %s", spec, error) : devices_add_disk(ts, domid, &disk);

    disk_config_free(&disk);
    return ret;
}

static int attach_vif(struct toolstack *ts, domid_t domid, const char *spec)
{
    struct xen_domctl_getdomaininfo info;
    struct vif_config vif = {0};
    bool has_mac;
    const char *error = vif_config_parse(&vif, spec, &has_mac);
    int id = free_vif_id(ts, domid), ret;

    if (error) {
        ret = report_error("vif '%s': %s", spec, error);
    } else if (id < 0 || hv_domain_info(ts->hv, domid, &info) < 0) {
        ret = report_errno("cannot ask for domain %u", domid);
    } else {
        vif.device_id = (unsigned int)id;
        if (!has_mac)
            vif_config_make_mac(vif.mac, info.handle, vif.device_id);
        ret = devices_add_vif(ts, domid, &vif);
    }
    vif_config_free(&vif);
    return ret;
}

static int attach(int argc, char **argv, int least,
                  int (*act)(struct toolstack *, domid_t, const char *))
{
    struct toolstack ts;
    domid_t domid;
    char *spec;
    int ret = -1;

    if (getopt(argc, argv, "") != -1 || argc - optind < least)
        return command_usage(argv[0]);
    spec = join(argv + optind + 1, argc - optind - 1);
    if (!spec || toolstack_open(&ts) < 0) {
        free(spec);
        return XL_FAILED;
    }
    if (domain_find(&ts, argv[optind], &domid) == 0) {
        if (domid == 0)
            report_error("domain 0 has no virtual devices");
        else
            ret = act(&ts, domid, spec);
    }
    free(spec);
    toolstack_close(&ts);
    return ret < 0 ? XL_FAILED : XL_OK;
}

/* Whether an operator's word means this device: its number, a disk's name, a vif's MAC. */
static bool is_meant(struct toolstack *ts, const struct device *device, const char *word)
{
    char *end, *mac;
    unsigned long id = strtoul(word, &end, 10);
    bool is;

    if (end != word && !*end)
        return id == device->id;
    if (strcmp(device->kind, "vbd") == 0)
        return disk_device_id(word) == (int)device->id;
    mac = store_read(ts->xs, XBT_NULL, "%s/mac", device->backend);
    is = mac && strcasecmp(mac, word) == 0;
    free(mac);
    return is;
}

static int detach_one(struct toolstack *ts, const char *domain, const char *kind, const char *word,
                      bool force)
{
    struct device *devices;
    domid_t domid;
    int n, ret = -1, i;

    if (domain_find(ts, domain, &domid) < 0)
        return -1;
    n = devices_list(ts, domid, kind, &devices);
    if (n < 0)
        return report_errno("cannot list the devices of domain %u", domid);
    for (i = 0; i < n && !is_meant(ts, &devices[i], word); i++)
        ;
    if (i < n)
        ret = devices_remove_one(ts, domid, &devices[i], force);
    else
        report_error("domain '%s' has no %s '%s'", domain, kind, word);
    free(devices);
    return ret;
}

static int detach(int argc, char **argv, const char *kind)
{
    static const struct option known[] = {{"force", no_argument, NULL, 'f'}, {0}};
    struct toolstack ts;
    bool force = false;
    int c, ret;

    while ((c = getopt_long(argc, argv, "f", known, NULL)) != -1) {
        if (c != 'f')
            return command_usage(argv[0]);
        force = true;
    }
    if (argc - optind != 2)
        return command_usage(argv[0]);
    if (toolstack_open(&ts) < 0)
        return XL_FAILED;
    ret = detach_one(&ts, argv[optind], kind, argv[optind + 1], force);
    toolstack_close(&ts);
    return ret < 0 ? XL_FAILED : XL_OK;
}

int cmd_block_attach(int argc, char **argv)
{
    return attach(argc, argv, 2, attach_disk);
}

int cmd_block_detach(int argc, char **argv)
{
    return detach(argc, argv, "vbd");
}

int cmd_network_attach(int argc, char **argv)
{
    return attach(argc, argv, 1, attach_vif);
}

int cmd_network_detach(int argc, char **argv)
{
    return detach(argc, argv, "vif");
}
