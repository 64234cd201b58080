/* SPDX-License-Identifier: MIT */
/* corbel-datastore scan: the volumes on this machine's disks and the virtual machines on them. */
#include "datastore_tool.h"
#include "hosts.h"
#include "machines.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WATCH_S 4 /* a living host's stamp moves every 3 seconds */

/* One volume of the scan: open, unless `problem` says why not. */
struct scanned {
    const struct found_volume *volume;
    struct datastore datastore;
    struct found_hosts hosts;
    json_t *machines;
    char problem[STORE_ERROR_MAX];
};

struct scan {
    struct found_volumes volumes;
    struct scanned scanned[VOLUMES_MAX];
};

static void set(json_t *object, const char *key, json_t *value)
{
    json_object_set_new(object, key, value != NULL ? value : json_null());
}

/* Bytes that are no UTF-8 become question marks: names come from others' disks. */
static json_t *text(const char *string)
{
    json_t *value = json_string(string);
    char *copy;

    if (value != NULL || (copy = strdup(string)) == NULL)
        return value;
    for (char *c = copy; *c != '\0'; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    value = json_string(copy);
    free(copy);
    return value;
}

/* ---- looking ---- */

static json_t *describe_machine(const struct machine *machine)
{
    json_t *object = json_object(), *disks = json_array(), *losses = json_array();

    set(object, "name", text(machine->vm.name != NULL ? machine->vm.name : machine->path));
    set(object, "vmx", text(machine->path));
    set(object, "vcpus", json_integer(machine->vm.vcpus));
    set(object, "memory_mib", json_integer((json_int_t)machine->vm.memory_mib));
    for (size_t i = 0; i < machine->vm.n_disks; i++) {
        json_t *disk = json_object();

        set(disk, "place", text(machine->vm.disks[i].place));
        set(disk, "file", text(machine->vm.disks[i].file));
        json_array_append_new(disks, disk);
    }
    for (size_t i = 0; i < machine->vm.n_losses; i++)
        json_array_append_new(losses, text(machine->vm.losses[i]));
    set(object, "disks", disks);
    set(object, "snapshots", json_integer(machine->n_snapshots));
    set(object, "not_carried_over", losses);
    set(object, "can_start", json_boolean(machine->problem[0] == '\0'));
    set(object, "problem", machine->problem[0] != '\0' ? text(machine->problem) : NULL);
    return object;
}

static int add_machine(void *context, const struct machine *machine)
{
    struct scanned *scanned = context;

    json_array_append_new(scanned->machines, describe_machine(machine));
    return 0;
}

static void close_all(struct scan *scan)
{
    for (unsigned i = 0; i < scan->volumes.n; i++) {
        if (scan->scanned[i].problem[0] == '\0')
            datastore_close(&scan->scanned[i].datastore);
        json_decref(scan->scanned[i].machines);
    }
    volumes_free(&scan->volumes);
}

/* Opens what can be opened, and watches the hosts for `watch_s` seconds where there are any. */
static void open_all(struct scan *scan, unsigned watch_s)
{
    bool is_used = false;

    for (unsigned i = 0; i < scan->volumes.n; i++) {
        struct scanned *scanned = &scan->scanned[i];

        scanned->volume = &scan->volumes.volume[i];
        scanned->machines = json_array();
        if (volume_open(scanned->volume, VMFS_OPEN_REMEMBER, &scanned->datastore,
                        scanned->problem) != 0)
            continue;
        hosts_look(&scanned->datastore, &scanned->hosts);
        is_used |= scanned->hosts.n > 0;
    }
    if (!is_used || watch_s == 0)
        return;
    sleep(watch_s);
    for (unsigned i = 0; i < scan->volumes.n; i++)
        if (scan->scanned[i].problem[0] == '\0')
            hosts_look_again(&scan->scanned[i].datastore, &scan->scanned[i].hosts);
}

static void look_at_machines(struct scan *scan)
{
    for (unsigned i = 0; i < scan->volumes.n; i++) {
        struct scanned *scanned = &scan->scanned[i];
        struct machine_place place = {&scan->volumes, scanned->volume, &scanned->datastore,
                                      &scanned->hosts};

        if (scanned->problem[0] != '\0')
            continue;
        if (machines_visit(&place, add_machine, scanned) != 0) {
            snprintf(scanned->problem, sizeof(scanned->problem), "%s",
                     vmfs_error(scanned->datastore.volume));
            datastore_close(&scanned->datastore);
        }
    }
}

/* ---- telling ---- */

static json_t *describe_volume(const struct scanned *scanned)
{
    const struct found_volume *v = scanned->volume;
    json_t *object = json_object(), *devices = json_array(), *hosts = json_array();
    char version[24];

    for (unsigned i = 0; i < v->n_paths; i++)
        json_array_append_new(devices, text(v->paths[i]));
    for (unsigned i = 0; i < scanned->hosts.n; i++) {
        const struct found_host *host = &scanned->hosts.host[i];
        json_t *entry = json_object();

        set(entry, "uuid", text(host->slot.host));
        set(entry, "name", text(host->slot.name));
        set(entry, "state", text(host_state_word(host->state)));
        json_array_append_new(hosts, entry);
    }
    snprintf(version, sizeof(version), "%u.%u", v->major, v->minor);
    set(object, "volume", text(v->id));
    set(object, "label", v->major != 0 ? text(v->label) : NULL);
    set(object, "uuid", v->major != 0 ? text(v->uuid) : NULL);
    set(object, "format", json_sprintf("VMFS-%u", v->lvm_major));
    set(object, "version", v->major != 0 ? text(version) : NULL);
    set(object, "made_by_corbel", json_boolean(v->ours));
    set(object, "size", json_integer((json_int_t)v->size));
    set(object, "extents", json_integer(v->n_extents));
    set(object, "extents_present", json_integer(v->n_paths));
    set(object, "devices", devices);
    set(object, "hosts", hosts);
    set(object, "problem", scanned->problem[0] != '\0' ? text(scanned->problem) : NULL);
    set(object, "machines", json_incref(scanned->machines));
    return object;
}

static const char *string_of(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value != NULL ? value : "-";
}

static long long number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void print_hosts(const json_t *hosts)
{
    json_t *host;
    size_t i;

    json_array_foreach(hosts, i, host)
    {
        const char *name = string_of(host, "name");

        printf("  host %s: %s\n", name[0] != '\0' ? name : string_of(host, "uuid"),
               string_of(host, "state"));
    }
}

static void print_machines(const json_t *machines)
{
    json_t *machine;
    size_t i;

    if (json_array_size(machines) > 0)
        printf("  %-20s %5s %8s %5s %9s  %-5s %s\n", "VM", "VCPUS", "MEM(MiB)", "DISKS",
               "SNAPSHOTS", "START", "VMX");
    json_array_foreach(machines, i, machine)
    {
        bool can_start = json_is_true(json_object_get(machine, "can_start"));

        printf("  %-20s %5lld %8lld %5zu %9lld  %-5s %s\n", string_of(machine, "name"),
               number_of(machine, "vcpus"), number_of(machine, "memory_mib"),
               json_array_size(json_object_get(machine, "disks")), number_of(machine, "snapshots"),
               can_start ? "yes" : "no", string_of(machine, "vmx"));
        if (!can_start)
            printf("    %s\n", string_of(machine, "problem"));
    }
}

static void print_table(const json_t *volumes)
{
    json_t *volume, *device;
    size_t i, k;

    printf("%-24s %-7s %-8s %10s %7s  %s\n", "VOLUME", "FORMAT", "VERSION", "SIZE(MiB)", "EXTENTS",
           "DEVICES");
    json_array_foreach(volumes, i, volume)
    {
        printf("%-24s %-7s %-8s %10lld %3lld/%-3lld ", string_of(volume, "label"),
               string_of(volume, "format"), string_of(volume, "version"),
               number_of(volume, "size") >> 20, number_of(volume, "extents_present"),
               number_of(volume, "extents"));
        json_array_foreach(json_object_get(volume, "devices"), k, device)
            printf(" %s", json_string_value(device));
        putchar('\n');
        if (json_is_string(json_object_get(volume, "problem")))
            printf("  %s\n", string_of(volume, "problem"));
        print_hosts(json_object_get(volume, "hosts"));
        print_machines(json_object_get(volume, "machines"));
    }
}

static int tell(const struct scan *scan, bool is_json)
{
    json_t *volumes = json_array();
    int rc = 0;

    for (unsigned i = 0; i < scan->volumes.n; i++)
        json_array_append_new(volumes, describe_volume(&scan->scanned[i]));
    if (!is_json)
        print_table(volumes);
    else if (json_dumpf(volumes, stdout, JSON_INDENT(2)) == 0)
        putchar('\n');
    else
        rc = complain("cannot write to standard output");
    json_decref(volumes);
    return rc;
}

int command_scan(int argc, char **argv)
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"watch", required_argument, NULL, 'w'}, {0}};
    struct scan *scan = calloc(1, sizeof(*scan));
    unsigned watch_s = WATCH_S;
    bool is_json = false;
    int letter, rc;

    while ((letter = getopt_long(argc, argv, "jw:", options, NULL)) != -1) {
        if (letter == 'j')
            is_json = true;
        else if (letter == 'w')
            watch_s = (unsigned)atoi(optarg);
        else
            return 2;
    }
    if (scan == NULL)
        return complain("out of memory");
    volumes_find((const char *const *)argv + optind, (unsigned)(argc - optind), &scan->volumes);
    open_all(scan, watch_s);
    look_at_machines(scan);
    rc = tell(scan, is_json);
    close_all(scan);
    free(scan);
    return rc;
}
