/* SPDX-License-Identifier: MIT */
/* The hypervisor's command line: Xen's words, in a table. */
#include "boot.h"
#include "console.h"
#include "lib/string.h"

struct boot_options boot_options = {.com1_baud = 115200,
                                    .console_com1 = true,
                                    .loglvl = LOG_INFO,
                                    .guest_loglvl = LOG_WARN,
                                    .dom0_max_vcpus = 0};
static char unknown[256];

static void set_dom0_mem(const char *v)
{
    /* size, min:size, max:size, by commas */
    while (*v) {
        uint64_t *dst = &boot_options.dom0_mem;
        if (string_starts(v, "max:")) {
            dst = &boot_options.dom0_mem_max;
            v += 4;
        } else if (string_starts(v, "min:")) {
            dst = &boot_options.dom0_mem_min;
            v += 4;
        }
        if (!str_to_size(v, &v, 1024, dst))
            break;
        if (*v == ',')
            v++;
    }
}

static void set_dom0_max_vcpus(const char *v)
{
    uint64_t n;
    const char *dash = strchr(v, '-');
    if (str_to_u64(dash ? dash + 1 : v, NULL, 10, &n))
        boot_options.dom0_max_vcpus = (unsigned int)MIN(n, 128ul);
}

static void set_com1(const char *v)
{
    uint64_t baud;
    boot_options.com1_given = true;
    if (str_to_u64(v, &v, 10, &baud) && baud >= 300 && baud <= 115200)
        boot_options.com1_baud = (uint32_t)baud;
}

static void set_console(const char *v)
{
    boot_options.console_com1 = strstr(v, "com1") != NULL;
    boot_options.console_vga = strstr(v, "vga") != NULL;
}

static unsigned int level_of(const char *v)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
        if (string_starts(v, names[i]))
            return i;
    return string_starts(v, "all") ? LOG_DEBUG : string_starts(v, "none") ? 0 : LOG_INFO;
}

static void set_loglvl(const char *v)
{
    boot_options.loglvl = level_of(v);
}

static void set_guest_loglvl(const char *v)
{
    boot_options.guest_loglvl = level_of(v);
}

static void set_noreboot(const char *v)
{
    boot_options.noreboot =
        !string_starts(v, "0") && !string_starts(v, "no") && !string_starts(v, "off");
}

static void set_watchdog(const char *v)
{
    boot_options.watchdog =
        !string_starts(v, "0") && !string_starts(v, "no") && !string_starts(v, "off");
}

static void accept(const char *v)
{
    (void)v;
}

static const struct {
    const char *name;
    void (*set)(const char *value);
} words[] = {
    {"dom0_mem", set_dom0_mem},
    {"dom0_max_vcpus", set_dom0_max_vcpus},
    {"com1", set_com1},
    {"console", set_console},
    {"loglvl", set_loglvl},
    {"guest_loglvl", set_guest_loglvl},
    {"noreboot", set_noreboot},
    {"watchdog", set_watchdog},
    /* Said by Debian's GRUB scripts and by habit; nothing here depends on them. */
    {"placeholder", accept},
    {"no-real-mode", accept},
    {"edd", accept},
    {"vga", accept},
    {"ucode", accept},
    {"sync_console", accept},
};

static void one_word(char *word)
{
    char *eq = strchr(word, '=');
    size_t len = eq ? (size_t)(eq - word) : strlen(word);

    for (unsigned int i = 0; i < ARRAY_SIZE(words); i++)
        if (strlen(words[i].name) == len && strncmp(words[i].name, word, len) == 0) {
            words[i].set(eq ? eq + 1 : "");
            return;
        }
    size_t used = strlen(unknown);
    if (used + strlen(word) + 2 < sizeof(unknown)) {
        unknown[used++] = ' ';
        string_copy(unknown + used, word, sizeof(unknown) - used);
    }
}

void cmdline_init(void)
{
    static char text[BOOT_CMDLINE_MAX];
    char *p = text;

    string_copy(text, boot_info.cmdline, sizeof(text));
    while (*p) {
        while (*p == ' ')
            p++;
        char *word = p;
        while (*p && *p != ' ')
            p++;
        if (*p)
            *p++ = 0;
        if (*word == '-' && word[1] == '-' && !word[2])
            break;
        if (*word)
            one_word(word);
    }
}

void cmdline_report(void)
{
    if (unknown[0])
        printk(LOG_WARN, "Command line: not known here and ignored:%s\n", unknown);
}
