/* SPDX-License-Identifier: MIT */
/* Turns guests, planned or running, into JSON. */
#include "describe.h"
#include "domain/devices.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_text(json_t *object, const char *key, const char *text)
{
    if (text)
        json_object_set_new(object, key, json_string(text));
}

static void set_number(json_t *object, const char *key, uint64_t number)
{
    json_object_set_new(object, key, json_integer((json_int_t)number));
}

/* vCPUs 0 to n-1, as the list that xl gives. */
static void set_vcpus(json_t *object, unsigned int n)
{
    json_t *array = json_array();

    for (unsigned int i = 0; i < n; i++)
        json_array_append_new(array, json_integer(i));
    json_object_set_new(object, "avail_vcpus", array);
}

static json_t *describe_disk(const struct disk_config *disk)
{
    json_t *object = json_object();

    set_text(object, "pdev_path", disk->target);
    set_text(object, "vdev", disk->vdev);
    set_text(object, "format", disk->format);
    set_number(object, "readwrite", disk->is_writable);
    set_number(object, "discard_enable", !disk->keeps_blocks);
    set_text(object, "on_error", disk->pause_on_error ? "pause" : "error");
    return object;
}

static json_t *describe_vif(const struct vif_config *vif)
{
    json_t *object = json_object();
    char mac[18];

    snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", vif->mac[0], vif->mac[1],
             vif->mac[2], vif->mac[3], vif->mac[4], vif->mac[5]);
    set_number(object, "devid", vif->device_id);
    set_text(object, "mac", mac);
    set_text(object, "bridge", vif->bridge);
    set_text(object, "ip", vif->ip);
    return object;
}

/* The shape all of them have; parts that are not known are left out. */
static json_t *new_config(const char *name, const char *uuid, json_t *build)
{
    json_t *config = json_object();
    json_t *create = json_object();

    set_text(create, "type", "pv");
    set_text(create, "name", name);
    set_text(create, "uuid", uuid);
    json_object_set_new(build, "type.pv", json_object());
    json_object_set_new(config, "c_info", create);
    json_object_set_new(config, "b_info", build);
    return config;
}

json_t *describe_config(const struct domain_config *config)
{
    json_t *build = json_object(), *disks = json_array(), *nics = json_array(), *object;
    json_t *scheduler = json_object();
    char uuid[UUID_STR_LEN];

    uuid_unparse_lower(config->uuid, uuid);
    set_number(build, "max_vcpus", config->max_vcpus);
    set_vcpus(build, config->vcpus);
    set_number(build, "max_memkb", config->max_memory_kib);
    set_number(build, "target_memkb", config->memory_kib);
    if (config->cpu_weight)
        set_number(scheduler, "weight", config->cpu_weight);
    if (config->cap)
        set_number(scheduler, "cap", config->cap);
    json_object_set_new(build, "sched_params", scheduler);
    set_text(build, "kernel", config->kernel);
    set_text(build, "ramdisk", config->ramdisk);
    set_text(build, "cmdline", config->cmdline);
    for (size_t i = 0; i < config->n_disks; i++)
        json_array_append_new(disks, describe_disk(&config->disks[i]));
    for (size_t i = 0; i < config->n_vifs; i++)
        json_array_append_new(nics, describe_vif(&config->vifs[i]));
    object = new_config(config->name, uuid, build);
    json_object_set_new(object, "disks", disks);
    json_object_set_new(object, "nics", nics);
    set_text(object, "on_poweroff", domain_action_name(config->on_poweroff));
    set_text(object, "on_reboot", domain_action_name(config->on_reboot));
    set_text(object, "on_watchdog", domain_action_name(config->on_watchdog));
    set_text(object, "on_crash", domain_action_name(config->on_crash));
    return object;
}

/* Copies a node's value into an object, if there is one. */
static void set_from_store(struct toolstack *ts, json_t *object, const char *key,
                           const char *directory, const char *node)
{
    char *text = store_read(ts->xs, XBT_NULL, "%s/%s", directory, node);

    set_text(object, key, text);
    free(text);
}

static json_t *describe_disks(struct toolstack *ts, domid_t domid)
{
    struct device *devices;
    int n = devices_list(ts, domid, "vbd", &devices);
    json_t *array = json_array();

    for (int i = 0; i < n; i++) {
        json_t *disk = json_object();
        char *mode = store_read(ts->xs, XBT_NULL, "%s/mode", devices[i].backend);

        set_from_store(ts, disk, "pdev_path", devices[i].backend, "params");
        set_from_store(ts, disk, "vdev", devices[i].backend, "dev");
        set_from_store(ts, disk, "format", devices[i].backend, "format");
        set_number(disk, "readwrite", mode && strcmp(mode, "w") == 0);
        free(mode);
        json_array_append_new(array, disk);
    }
    free(devices);
    return array;
}

static json_t *describe_vifs(struct toolstack *ts, domid_t domid)
{
    struct device *devices;
    int n = devices_list(ts, domid, "vif", &devices);
    json_t *array = json_array();

    for (int i = 0; i < n; i++) {
        json_t *vif = json_object();

        set_number(vif, "devid", devices[i].id);
        set_from_store(ts, vif, "mac", devices[i].backend, "mac");
        set_from_store(ts, vif, "bridge", devices[i].backend, "bridge");
        json_array_append_new(array, vif);
    }
    free(devices);
    return array;
}

json_t *describe_domain(struct toolstack *ts, const struct xen_domctl_getdomaininfo *info)
{
    json_t *build = json_object(), *scheduler = json_object(), *result = json_object(), *config;
    char *name = domain_name(ts, info->domain);
    char *vm = store_read(ts->xs, XBT_NULL, "/local/domain/%u/vm", info->domain);
    char uuid[UUID_STR_LEN];
    uint16_t weight, cap;

    uuid_unparse_lower(info->handle, uuid);
    set_number(build, "max_vcpus", info->max_vcpu_id + 1ull);
    set_vcpus(build, info->nr_online_vcpus);
    set_number(build, "max_memkb", info->max_pages << 2);
    set_number(build, "target_memkb", info->tot_pages << 2);
    if (hv_domain_get_credit(ts->hv, info->domain, &weight, &cap) == 0) {
        set_number(scheduler, "weight", weight);
        set_number(scheduler, "cap", cap);
    }
    json_object_set_new(build, "sched_params", scheduler);
    config = new_config(name, uuid, build);
    if (vm) {
        set_from_store(ts, build, "kernel", vm, "image/kernel");
        set_from_store(ts, build, "ramdisk", vm, "image/ramdisk");
        set_from_store(ts, build, "cmdline", vm, "image/cmdline");
        set_from_store(ts, config, "on_poweroff", vm, "on_poweroff");
        set_from_store(ts, config, "on_reboot", vm, "on_reboot");
        set_from_store(ts, config, "on_crash", vm, "on_crash");
    }
    json_object_set_new(config, "disks", describe_disks(ts, info->domain));
    json_object_set_new(config, "nics", describe_vifs(ts, info->domain));
    set_number(result, "domid", info->domain);
    json_object_set_new(result, "config", config);
    free(name);
    free(vm);
    return result;
}
