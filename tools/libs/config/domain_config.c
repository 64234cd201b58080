/* SPDX-License-Identifier: MIT */
/* Gives the settings of an xl.cfg file their meaning, one row of a table for each key. */
#include "config/domain_config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KIB_PER_MIB      1024
#define MEMORY_MIB_MAX   (16ll << 20) /* 16 TiB */
#define CPU_WEIGHT_MAX   65535
#define CAP_MAX          (DOMAIN_VCPUS_MAX * 100)
#define GRANT_FRAMES_MAX 65536
/* Event ports: the limit of old toolstacks, and what the FIFO ABI can count. */
#define EVENT_CHANNELS_DEFAULT 1023
#define EVENT_CHANNELS_MAX     131071

/* UUIDs of guests whose file gives none are made of the name, in this namespace of ours. */
static const uuid_t name_space = {0xc0, 0x4b, 0xe1, 0x00, 0x6e, 0x61, 0x4d, 0x65,
                                  0x8a, 0x11, 0x75, 0x75, 0x69, 0x64, 0x00, 0x01};

struct reader {
    struct domain_config *config;
    struct cfg *cfg;
    domain_config_report *report;
    void *context;
    bool has_failed;
    bool has_uuid;
    /* Parts of what becomes the command line. */
    const char *root;
    const char *extra;
    bool has_cmdline;
    bool has_mac[DOMAIN_VIFS_MAX];
};

__attribute__((format(printf, 4, 5))) static void complain(struct reader *reader, bool is_error,
                                                           const struct cfg_setting *at,
                                                           const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (is_error)
        reader->has_failed = true;
    reader->report(reader->context, is_error, at ? at->file : reader->config->source,
                   at ? at->line : 0, text);
}

/* The number of a setting, checked against its bounds; 0 after a complaint. */
static int64_t number_of(struct reader *reader, const struct cfg_setting *setting, int64_t min,
                         int64_t max)
{
    const struct cfg_value *value = &setting->value;
    int64_t number = value->number;

    if (value->kind == CFG_STRING) { /* xl takes numbers in quotes as well */
        char *rest;

        number = strtoll(value->string, &rest, 0);
        if (*rest || rest == value->string) {
            complain(reader, true, setting, "%s = \"%s\": a number is needed here", setting->key,
                     value->string);
            return 0;
        }
    } else if (value->kind != CFG_NUMBER) {
        complain(reader, true, setting, "%s: a number is needed here, not a list", setting->key);
        return 0;
    }
    if (number < min || number > max) {
        complain(reader, true, setting, "%s = %lld: must be between %lld and %lld", setting->key,
                 (long long)number, (long long)min, (long long)max);
        return 0;
    }
    return number;
}

/* The string of a setting, the cfg's own; NULL after a complaint. */
static const char *string_of(struct reader *reader, const struct cfg_setting *setting)
{
    if (setting->value.kind == CFG_STRING)
        return setting->value.string;
    complain(reader, true, setting, "%s: a string in quotes is needed here", setting->key);
    return NULL;
}

static void copy_string(struct reader *reader, const struct cfg_setting *setting, char **field)
{
    const char *text = string_of(reader, setting);

    if (!text)
        return;
    *field = strdup(text);
    if (!*field)
        complain(reader, true, setting, "out of memory");
}

const char *domain_name_fault(const char *name)
{
    const char *at = name;

    while (isalnum((unsigned char)*at) || (*at && strchr("._-+:@", *at)))
        at++;
    if (*at || !*name || strlen(name) >= DOMAIN_NAME_MAX || *name == '.')
        return "use up to 63 letters, digits and . _ - + : @, no dot first";
    if (strspn(name, "0123456789") == strlen(name))
        return "a name of digits alone would be taken for a domain id";
    return NULL;
}
_Static_assert(DOMAIN_NAME_MAX == 64, "the fault's text names the length");

static void read_name(struct reader *reader, const struct cfg_setting *setting)
{
    const char *name = string_of(reader, setting);
    const char *fault = name ? domain_name_fault(name) : NULL;

    if (fault)
        complain(reader, true, setting, "name = \"%s\": %s", name, fault);
    else if (name)
        strcpy(reader->config->name, name);
}

static void read_uuid(struct reader *reader, const struct cfg_setting *setting)
{
    const char *text = string_of(reader, setting);

    if (text && uuid_parse(text, reader->config->uuid) != 0)
        complain(reader, true, setting, "uuid = \"%s\": not a UUID", text);
    reader->has_uuid = true;
}

static void read_type(struct reader *reader, const struct cfg_setting *setting)
{
    const char *type = string_of(reader, setting);

    if (type && strcmp(type, "pv") != 0 && strcmp(type, "generic") != 0)
        complain(reader, true, setting, "%s = \"%s\": Corbel runs PV guests only so far (\"pv\")",
                 setting->key, type);
}

static void read_vcpus(struct reader *reader, const struct cfg_setting *setting)
{
    reader->config->vcpus = number_of(reader, setting, 1, DOMAIN_VCPUS_MAX);
}

static void read_max_vcpus(struct reader *reader, const struct cfg_setting *setting)
{
    reader->config->max_vcpus = number_of(reader, setting, 1, DOMAIN_VCPUS_MAX);
}

static void read_memory(struct reader *reader, const struct cfg_setting *setting)
{
    reader->config->memory_kib = number_of(reader, setting, 1, MEMORY_MIB_MAX) * KIB_PER_MIB;
}

static void read_max_memory(struct reader *reader, const struct cfg_setting *setting)
{
    reader->config->max_memory_kib = number_of(reader, setting, 1, MEMORY_MIB_MAX) * KIB_PER_MIB;
}

static void read_kernel(struct reader *reader, const struct cfg_setting *setting)
{
    copy_string(reader, setting, &reader->config->kernel);
}

static void read_ramdisk(struct reader *reader, const struct cfg_setting *setting)
{
    copy_string(reader, setting, &reader->config->ramdisk);
}

static void read_cmdline(struct reader *reader, const struct cfg_setting *setting)
{
    copy_string(reader, setting, &reader->config->cmdline);
    reader->has_cmdline = true;
}

static void read_root(struct reader *reader, const struct cfg_setting *setting)
{
    reader->root = string_of(reader, setting);
}

static void read_extra(struct reader *reader, const struct cfg_setting *setting)
{
    reader->extra = string_of(reader, setting);
}

static void read_action(struct reader *reader, const struct cfg_setting *setting,
                        enum domain_action *action)
{
    const char *text = string_of(reader, setting);

    if (!text)
        return;
    for (enum domain_action known = ACTION_DESTROY; known <= ACTION_PRESERVE; known++) {
        if (strcmp(text, domain_action_name(known)) == 0) {
            *action = known;
            return;
        }
    }
    complain(reader, true, setting, "%s = \"%s\": use \"destroy\", \"restart\" or \"preserve\"",
             setting->key, text);
}

static void read_on_poweroff(struct reader *reader, const struct cfg_setting *setting)
{
    read_action(reader, setting, &reader->config->on_poweroff);
}

static void read_on_reboot(struct reader *reader, const struct cfg_setting *setting)
{
    read_action(reader, setting, &reader->config->on_reboot);
}

static void read_on_crash(struct reader *reader, const struct cfg_setting *setting)
{
    read_action(reader, setting, &reader->config->on_crash);
}

static void read_on_watchdog(struct reader *reader, const struct cfg_setting *setting)
{
    read_action(reader, setting, &reader->config->on_watchdog);
}

static void read_cpu_weight(struct reader *reader, const struct cfg_setting *setting)
{
    reader->config->cpu_weight = number_of(reader, setting, 1, CPU_WEIGHT_MAX);
}

/* "0-3,^2" for all vCPUs, or a list with one of that for each of the first vCPUs. */
static size_t read_cpus(struct reader *reader, const struct cfg_setting *setting,
                        struct cpulist lists[DOMAIN_VCPUS_MAX])
{
    const struct cfg_value *value = &setting->value;
    const char *wrong = NULL;
    size_t n = DOMAIN_VCPUS_MAX;

    if (value->kind == CFG_LIST) {
        n = value->n_items;
        if (n > DOMAIN_VCPUS_MAX)
            wrong = "more items than a domain has vCPUs";
        for (size_t i = 0; i < n && !wrong; i++)
            wrong = value->items[i].kind == CFG_LIST
                        ? "a list in the list"
                        : cpulist_parse(&lists[i], value->items[i].string);
    } else {
        wrong = cpulist_parse(&lists[0], value->string);
        for (size_t i = 1; i < n; i++)
            lists[i] = lists[0];
    }
    for (size_t i = 0; i < n && !wrong; i++)
        if (cpulist_count(&lists[i]) == 0)
            wrong = "no CPU is left for a vCPU";
    if (wrong)
        complain(reader, true, setting, "%s: %s", setting->key, wrong);
    return wrong ? 0 : n;
}

static void read_hard(struct reader *reader, const struct cfg_setting *setting)
{
    reader->config->n_hard = read_cpus(reader, setting, reader->config->hard);
}

static void read_soft(struct reader *reader, const struct cfg_setting *setting)
{
    reader->config->n_soft = read_cpus(reader, setting, reader->config->soft);
}

static void read_pool(struct reader *reader, const struct cfg_setting *setting)
{
    copy_string(reader, setting, &reader->config->pool);
}

static void read_cap(struct reader *reader, const struct cfg_setting *setting)
{
    reader->config->cap = number_of(reader, setting, 0, CAP_MAX);
}

static void read_max_event_channels(struct reader *reader, const struct cfg_setting *setting)
{
    reader->config->max_event_channels = number_of(reader, setting, 1, EVENT_CHANNELS_MAX);
}

static void read_max_grant_frames(struct reader *reader, const struct cfg_setting *setting)
{
    reader->config->max_grant_frames = number_of(reader, setting, 1, GRANT_FRAMES_MAX);
}

static void read_max_maptrack_frames(struct reader *reader, const struct cfg_setting *setting)
{
    reader->config->max_maptrack_frames = number_of(reader, setting, 0, GRANT_FRAMES_MAX);
}

/* Walks a list of at most max strings. Returns how many there are; 0 after a complaint. */
static size_t list_of(struct reader *reader, const struct cfg_setting *setting, size_t max)
{
    const struct cfg_value *value = &setting->value;

    if (value->kind != CFG_LIST) {
        complain(reader, true, setting, "%s: a list in brackets is needed here: [ '...', '...' ]",
                 setting->key);
        return 0;
    }
    if (value->n_items > max) {
        complain(reader, true, setting, "%s: %zu given, %zu possible", setting->key, value->n_items,
                 max);
        return 0;
    }
    for (size_t i = 0; i < value->n_items; i++) {
        if (value->items[i].kind != CFG_STRING) {
            complain(reader, true, setting, "%s: item %zu is not a string in quotes", setting->key,
                     i + 1);
            return 0;
        }
    }
    return value->n_items;
}

static void read_disks(struct reader *reader, const struct cfg_setting *setting)
{
    struct domain_config *config = reader->config;
    size_t n = list_of(reader, setting, DOMAIN_DISKS_MAX);

    for (size_t i = 0; i < n; i++) {
        struct disk_config *disk = &config->disks[config->n_disks++];
        const char *spec = setting->value.items[i].string;
        const char *error = disk_config_parse(disk, spec);

        for (size_t j = 0; !error && j < config->n_disks - 1; j++)
            if (config->disks[j].device_id == disk->device_id)
                error = "another disk has the same vdev";
        if (error)
            complain(reader, true, setting, "disk '%s': %s", spec, error);
    }
}

static void read_vifs(struct reader *reader, const struct cfg_setting *setting)
{
    struct domain_config *config = reader->config;
    size_t n = list_of(reader, setting, DOMAIN_VIFS_MAX);

    for (size_t i = 0; i < n; i++) {
        struct vif_config *vif = &config->vifs[config->n_vifs++];
        const char *spec = setting->value.items[i].string;
        const char *error = vif_config_parse(vif, spec, &reader->has_mac[i]);

        vif->device_id = i;
        if (error)
            complain(reader, true, setting, "vif '%s': %s", spec, error);
    }
}

static const struct {
    const char *key;
    void (*read)(struct reader *reader, const struct cfg_setting *setting);
} rows[] = {
    {"name", read_name},
    {"uuid", read_uuid},
    {"type", read_type},
    {"builder", read_type},
    {"vcpus", read_vcpus},
    {"maxvcpus", read_max_vcpus},
    {"memory", read_memory},
    {"maxmem", read_max_memory},
    {"kernel", read_kernel},
    {"ramdisk", read_ramdisk},
    {"cmdline", read_cmdline},
    {"root", read_root},
    {"extra", read_extra},
    {"on_poweroff", read_on_poweroff},
    {"on_shutdown", read_on_poweroff},
    {"on_reboot", read_on_reboot},
    {"on_crash", read_on_crash},
    {"on_watchdog", read_on_watchdog},
    {"cpu_weight", read_cpu_weight},
    {"cap", read_cap},
    {"cpus", read_hard},
    {"cpus_soft", read_soft},
    {"pool", read_pool},
    {"max_event_channels", read_max_event_channels},
    {"max_grant_frames", read_max_grant_frames},
    {"max_maptrack_frames", read_max_maptrack_frames},
    {"disk", read_disks},
    {"vif", read_vifs},
};

/* root= and extra= make a command line where cmdline= does not give one. */
static void finish_cmdline(struct reader *reader)
{
    struct domain_config *config = reader->config;
    const char *root = reader->root ? reader->root : "";
    const char *extra = reader->extra ? reader->extra : "";

    if (reader->has_cmdline && (*root || *extra))
        complain(reader, false, cfg_find(reader->cfg, "cmdline"),
                 "cmdline is set: root and extra are ignored");
    if (!reader->has_cmdline && asprintf(&config->cmdline, "%s%s%s%s", *root ? "root=" : "", root,
                                         *root && *extra ? " " : "", extra) < 0)
        config->cmdline = NULL;
    if (!config->cmdline)
        complain(reader, true, NULL, "out of memory");
    else if (strlen(config->cmdline) >= DOMAIN_CMDLINE_MAX)
        complain(reader, true, NULL, "the kernel's command line is longer than %d bytes",
                 DOMAIN_CMDLINE_MAX - 1);
}

/* What follows from several settings together. */
static void finish(struct reader *reader)
{
    struct domain_config *config = reader->config;

    if (!*config->name && !reader->has_failed)
        complain(reader, true, NULL, "no name: add name = \"...\"");
    if (!config->kernel && !reader->has_failed)
        complain(reader, true, NULL, "no kernel: add kernel = \"/path/to/vmlinuz\"");
    finish_cmdline(reader);
    if (!config->max_vcpus)
        config->max_vcpus = config->vcpus;
    if (config->max_vcpus < config->vcpus)
        complain(reader, true, cfg_find(reader->cfg, "maxvcpus"),
                 "maxvcpus = %u is below vcpus = %u", config->max_vcpus, config->vcpus);
    if (!config->max_memory_kib)
        config->max_memory_kib = config->memory_kib;
    if (config->max_memory_kib < config->memory_kib)
        complain(reader, true, cfg_find(reader->cfg, "maxmem"),
                 "maxmem = %llu is below memory = %llu",
                 (unsigned long long)config->max_memory_kib / KIB_PER_MIB,
                 (unsigned long long)config->memory_kib / KIB_PER_MIB);
    if (!reader->has_uuid)
        uuid_generate_sha1(config->uuid, name_space, config->name, strlen(config->name));
    for (size_t i = 0; i < config->n_vifs; i++)
        if (!reader->has_mac[i])
            vif_config_make_mac(config->vifs[i].mac, config->uuid, i);
}

int domain_config_read(struct domain_config *config, struct cfg *cfg, const char *source,
                       domain_config_report *report, void *context)
{
    struct reader reader = {.config = config, .cfg = cfg, .report = report, .context = context};

    *config = (struct domain_config){
        .source = strdup(source),
        .vcpus = 1,
        .memory_kib = 32 * KIB_PER_MIB, /* xl's own default */
        .on_reboot = ACTION_RESTART,
        .max_event_channels = EVENT_CHANNELS_DEFAULT,
        .max_grant_frames = -1,
        .max_maptrack_frames = -1,
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct cfg_setting *setting = cfg_find(cfg, rows[i].key);

        if (setting)
            rows[i].read(&reader, setting);
    }
    for (size_t i = 0; i < cfg->n_settings; i++)
        if (!cfg->settings[i].is_used)
            complain(&reader, false, &cfg->settings[i], "unknown setting '%s' is ignored",
                     cfg->settings[i].key);
    finish(&reader);
    return reader.has_failed ? -1 : 0;
}

void domain_config_free(struct domain_config *config)
{
    for (size_t i = 0; i < config->n_disks; i++)
        disk_config_free(&config->disks[i]);
    for (size_t i = 0; i < config->n_vifs; i++)
        vif_config_free(&config->vifs[i]);
    free(config->pool);
    free(config->source);
    free(config->kernel);
    free(config->ramdisk);
    free(config->cmdline);
    *config = (struct domain_config){0};
}

const char *domain_action_name(enum domain_action action)
{
    static const char *const names[] = {
        [ACTION_DESTROY] = "destroy",
        [ACTION_RESTART] = "restart",
        [ACTION_PRESERVE] = "preserve",
    };

    return names[action];
}
