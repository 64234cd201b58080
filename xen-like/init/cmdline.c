/* SPDX-License-Identifier: MIT */
/* The hypervisor's command line: Xen's words, in a table. */
#include "arch/protect.h"
#include "arch/pstate.h"
#include "boot.h"
#include "console.h"
#include "lib/cmdline.h"
#include "lib/string.h"

struct boot_options boot_options = {.com1_baud = 115200,
                                    .console_com1 = true,
                                    .console_vga = true,
                                    .loglvl = LOG_INFO,
                                    .guest_loglvl = LOG_WARN};
static char unknown[256], refused[256];

/* size, min:size, max:size, by commas. */
static bool parse_dom0_mem(const char *v)
{
    while (*v) {
        uint64_t *dst = &boot_options.dom0_mem;
        if (string_starts(v, "max:")) {
            dst = &boot_options.dom0_mem_max;
            v += 4;
        } else if (string_starts(v, "min:")) {
            dst = &boot_options.dom0_mem_min;
            v += 4;
        }
        if (!str_to_size(v, &v, 1024, dst) || (*v && *v != ','))
            return false;
        v += *v == ',';
    }
    return true;
}

/* n or min-max. */
static bool parse_dom0_max_vcpus(const char *v)
{
    const char *dash = strchr(v, '-'), *end;
    uint64_t n;

    if (!str_to_u64(dash ? dash + 1 : v, &end, 10, &n) || *end)
        return false;
    boot_options.dom0_max_vcpus = (unsigned int)MIN(n, 128ul);
    return true;
}

/* baud[,8n1[,port,irq]]: the line's format is always 8n1. */
static bool parse_com1(const char *v)
{
    uint64_t baud;

    if (!str_to_u64(v, &v, 10, &baud) || baud < 300 || baud > 115200)
        return false;
    boot_options.com1_given = true;
    boot_options.com1_baud = (uint32_t)baud;
    return true;
}

static bool parse_console(const char *v)
{
    boot_options.console_com1 = strstr(v, "com1") != NULL;
    boot_options.console_vga = strstr(v, "vga") != NULL;
    return true;
}

/* Modes are the boot loader's affair; `keep` is ours. */
static bool parse_vga(const char *v)
{
    boot_options.vga_keep = strstr(v, "keep") != NULL;
    return true;
}

static bool level_of(const char *v, unsigned int *level)
{
    static const struct {
        const char *name;
        unsigned int level;
    } names[] = {{"error", LOG_ERR},   {"warning", LOG_WARN}, {"info", LOG_INFO},
                 {"debug", LOG_DEBUG}, {"all", LOG_DEBUG},    {"none", LOG_ERR}};

    /* level/ratelimited-level: there is one limit for all. */
    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
        if (string_starts(v, names[i].name)) {
            *level = names[i].level;
            return true;
        }
    return false;
}

static bool parse_loglvl(const char *v)
{
    return level_of(v, &boot_options.loglvl);
}

static bool parse_guest_loglvl(const char *v)
{
    return level_of(v, &boot_options.guest_loglvl);
}

/* cpu, core; socket is not offered. */
static bool parse_sched_granularity(const char *v)
{
    boot_options.sched_core = strcmp(v, "core") == 0;
    return boot_options.sched_core || strcmp(v, "cpu") == 0;
}

static bool accept(const char *v)
{
    (void)v;
    return true;
}

static const struct cmdline_option options[] = {
    {"dom0_mem", CMDLINE_CALL, .parse = parse_dom0_mem},
    {"dom0_max_vcpus", CMDLINE_CALL, .parse = parse_dom0_max_vcpus},
    {"com1", CMDLINE_CALL, .parse = parse_com1},
    {"console", CMDLINE_CALL, .parse = parse_console},
    {"loglvl", CMDLINE_CALL, .parse = parse_loglvl},
    {"guest_loglvl", CMDLINE_CALL, .parse = parse_guest_loglvl},
    {"smep", CMDLINE_BOOL, &protect_options.smep, sizeof(protect_options.smep), NULL},
    {"smap", CMDLINE_BOOL, &protect_options.smap, sizeof(protect_options.smap), NULL},
    {"umip", CMDLINE_BOOL, &protect_options.umip, sizeof(protect_options.umip), NULL},
    {"xpti", CMDLINE_CALL, .parse = protect_parse_xpti},
    {"spec-ctrl", CMDLINE_CALL, .parse = protect_parse_spec},
    {"sched-gran", CMDLINE_CALL, .parse = parse_sched_granularity},
    {"cpufreq", CMDLINE_CALL, .parse = pstate_parse_option},
    {"noreboot", CMDLINE_BOOL, &boot_options.noreboot, sizeof(boot_options.noreboot), NULL},
    {"watchdog", CMDLINE_BOOL, &boot_options.watchdog, sizeof(boot_options.watchdog), NULL},
    {"x2apic", CMDLINE_BOOL, &boot_options.x2apic, sizeof(boot_options.x2apic), NULL},
    /* Said by Debian's GRUB scripts and by habit; nothing here depends on them. */
    {"placeholder", CMDLINE_CALL, .parse = accept},
    {"no-real-mode", CMDLINE_CALL, .parse = accept},
    {"real-mode", CMDLINE_CALL, .parse = accept},
    {"edd", CMDLINE_CALL, .parse = accept},
    {"vga", CMDLINE_CALL, .parse = parse_vga},
    {"ucode", CMDLINE_CALL, .parse = accept},
    {"sync_console", CMDLINE_CALL, .parse = accept},
};

static void remember(void *arg, const char *word, bool known)
{
    char *text = known ? refused : unknown;
    size_t used = strlen(text);
    (void)arg;

    if (used + strlen(word) + 2 < sizeof(unknown)) {
        text[used++] = ' ';
        string_copy(text + used, word, sizeof(unknown) - used);
    }
}

void cmdline_init(void)
{
    cmdline_parse(boot_info.cmdline, options, ARRAY_SIZE(options), remember, NULL);
}

void cmdline_report(void)
{
    if (unknown[0])
        printk(LOG_WARN, "Command line: not known here and ignored:%s\n", unknown);
    if (refused[0])
        printk(LOG_WARN, "Command line: not understood, left at their defaults:%s\n", refused);
}
