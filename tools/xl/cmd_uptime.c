/* SPDX-License-Identifier: MIT */
/* xl uptime: since when the domains run. */
#include "command.h"
#include "util/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum uptime_style {
    STYLE_TABLE,
    STYLE_SHORT,
    STYLE_JSON,
};

struct uptime {
    enum uptime_style style;
    json_t *array;
};

/* Seconds since a domain's start: dom0's own clock for itself, the start time in xenstore for
 * guests. -1: unknown. */
static long seconds_up(struct toolstack *ts, domid_t domid)
{
    char *vm, *start;
    long seconds = -1;

    if (domid == 0) {
        struct timespec up;

        return clock_gettime(CLOCK_BOOTTIME, &up) == 0 ? (long)up.tv_sec : -1;
    }
    vm = store_read(ts->xs, XBT_NULL, "/local/domain/%u/vm", domid);
    start = vm ? store_read(ts->xs, XBT_NULL, "%s/start_time", vm) : NULL;
    if (start)
        seconds = (long)(time(NULL) - strtoll(start, NULL, 10));
    free(vm);
    free(start);
    return seconds < 0 ? -1 : seconds;
}

/* "2 days, 0:05:07", or without seconds. */
static void format_duration(long seconds, bool has_seconds, char *text, size_t size)
{
    long days = seconds / 86400, hours = seconds % 86400 / 3600, minutes = seconds % 3600 / 60;
    int n = 0;

    if (seconds < 0) {
        snprintf(text, size, "unknown");
        return;
    }
    if (days)
        n = snprintf(text, size, "%ld day%s, ", days, days > 1 ? "s" : "");
    n += snprintf(text + n, size - n, "%2ld:%02ld", hours, minutes);
    if (has_seconds)
        snprintf(text + n, size - n, ":%02ld", seconds % 60);
}

static int print_one(struct toolstack *ts, domid_t domid, void *context)
{
    struct uptime *uptime = context;
    char *name = domain_name(ts, domid);
    const char *shown = name ? name : domid == 0 ? "Domain-0" : "(null)";
    long seconds = seconds_up(ts, domid);
    time_t now = time(NULL);
    char text[64], clock[16];

    format_duration(seconds, uptime->style == STYLE_TABLE, text, sizeof(text));
    if (uptime->style == STYLE_JSON) {
        json_array_append_new(uptime->array,
                              json_pack("{s:s, s:i, s:I}", "name", shown, "id", (int)domid,
                                        "uptime_s", (json_int_t)seconds));
    } else if (uptime->style == STYLE_SHORT) {
        strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&now));
        printf(" %s up %s, %s (%d)\n", clock, text, shown, domid);
    } else {
        printf("%-33s %4d %s\n", shown, domid, text);
    }
    free(name);
    return 0;
}

static int print_all(struct uptime *uptime)
{
    struct xen_domctl_getdomaininfo *list = NULL;
    struct toolstack ts;
    int n;

    if (toolstack_open(&ts) < 0)
        return XL_FAILED;
    n = hv_domain_list(ts.hv, &list);
    for (int i = 0; i < n; i++)
        print_one(&ts, list[i].domain, uptime);
    if (n < 0)
        report_errno("cannot list domains");
    free(list);
    toolstack_close(&ts);
    return n < 0 ? XL_FAILED : XL_OK;
}

int cmd_uptime(int argc, char **argv)
{
    static const struct option known[] = {
        {"short", no_argument, NULL, 's'}, {"json", no_argument, NULL, 'j'}, {0}};
    struct uptime uptime = {.style = STYLE_TABLE};
    int c, status;

    while ((c = getopt_long(argc, argv, "s", known, NULL)) != -1) {
        if (c != 's' && c != 'j')
            return command_usage(argv[0]);
        uptime.style = c == 's' ? STYLE_SHORT : STYLE_JSON;
    }
    if (uptime.style == STYLE_TABLE)
        printf("%-33s %4s %s\n", "Name", "ID", "Uptime");
    uptime.array = json_array();
    status =
        optind < argc ? command_for_domains(argc, argv, print_one, &uptime) : print_all(&uptime);
    if (uptime.style == STYLE_JSON)
        command_print_json(uptime.array);
    else
        json_decref(uptime.array);
    return status;
}
