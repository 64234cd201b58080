/* SPDX-License-Identifier: MIT */
/* xl list, vm-list: the domains there are. */
#include "command.h"
#include "describe.h"
#include "domain/accounting.h"
#include "util/report.h"

#include <stdio.h>
#include <stdlib.h>

struct list_options {
    bool is_long;
    bool is_verbose;
    bool is_json;
    bool is_accounting;
};

struct domains {
    struct toolstack ts;
    struct xen_domctl_getdomaininfo *list;
    int n;
};

/* All domains, or the one that an argument names. Returns 0, or -1 after saying why. */
static int domains_open(struct domains *domains, const char *only)
{
    domid_t domid;

    *domains = (struct domains){0};
    if (toolstack_open(&domains->ts) < 0)
        return -1;
    if (!only) {
        domains->n = hv_domain_list(domains->ts.hv, &domains->list);
        return domains->n < 0 ? report_errno("cannot list domains") : 0;
    }
    if (domain_find(&domains->ts, only, &domid) < 0)
        return -1;
    domains->n = 1;
    domains->list = calloc(1, sizeof(*domains->list));
    if (!domains->list || hv_domain_info(domains->ts.hv, domid, domains->list) < 0)
        return report_errno("cannot ask for domain %u", domid);
    return 0;
}

static void domains_close(struct domains *domains)
{
    free(domains->list);
    toolstack_close(&domains->ts);
}

/* "rbpscd", each letter or a dash. */
static void state_text(const struct xen_domctl_getdomaininfo *info, char text[7])
{
    unsigned int reason = info->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
    bool is_shut = info->flags & XEN_DOMINF_shutdown;
    bool is_crashed = is_shut && reason == SHUTDOWN_crash;
    bool is_halted = is_shut || info->flags & XEN_DOMINF_dying;

    text[0] = info->flags & XEN_DOMINF_running && !is_halted ? 'r' : '-';
    text[1] = info->flags & XEN_DOMINF_blocked && !is_halted ? 'b' : '-';
    text[2] = info->flags & XEN_DOMINF_paused && !is_halted ? 'p' : '-';
    text[3] = is_shut ? 's' : '-';
    text[4] = is_crashed ? 'c' : '-';
    text[5] = info->flags & XEN_DOMINF_dying ? 'd' : '-';
    text[6] = '\0';
}

static unsigned long memory_mib(const struct xen_domctl_getdomaininfo *info)
{
    return (unsigned long)((info->tot_pages + info->outstanding_pages) >> 8);
}

static double seconds(const struct xen_domctl_getdomaininfo *info)
{
    return (double)info->cpu_time / 1e9;
}

static void print_row(const struct xen_domctl_getdomaininfo *info, const char *name,
                      bool is_verbose)
{
    char state[7], uuid[UUID_STR_LEN];

    state_text(info, state);
    printf("%-40s %5d %5lu %5d     %s  %8.1f", name, info->domain, memory_mib(info),
           info->nr_online_vcpus, state, seconds(info));
    if (is_verbose) {
        uuid_unparse_lower(info->handle, uuid);
        printf(" %s", uuid);
        if (info->flags & XEN_DOMINF_shutdown)
            printf(" %8u", info->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask);
        else
            printf(" %8s", "-");
        printf(" %16s", "-");
    }
    putchar('\n');
}

/* The CPU time of the guest itself, and what dom0's backends spent on its disks and interfaces. */
static void print_accounts(const struct xen_domctl_getdomaininfo *info, const char *name)
{
    struct accounting a = accounting_read(ACCOUNTING_DIRECTORY, info->domain);
    double disk = (double)a.disk_ns / 1e9, net = (double)a.net_ns / 1e9;

    printf("%-40s %5d %10.2f %10.2f %10.2f %10.2f\n", name, info->domain, seconds(info), disk, net,
           seconds(info) + disk + net);
}

static json_t *json_row(const struct xen_domctl_getdomaininfo *info, const char *name)
{
    char state[7], uuid[UUID_STR_LEN];

    struct accounting a = accounting_read(ACCOUNTING_DIRECTORY, info->domain);

    state_text(info, state);
    uuid_unparse_lower(info->handle, uuid);
    return json_pack("{s:s, s:i, s:I, s:i, s:s, s:f, s:s, s:f, s:f}", "name", name, "id",
                     (int)info->domain, "memory_mib", (json_int_t)memory_mib(info), "vcpus",
                     (int)info->nr_online_vcpus, "state", state, "time_s", seconds(info), "uuid",
                     uuid, "backend_disk_s", (double)a.disk_ns / 1e9, "backend_net_s",
                     (double)a.net_ns / 1e9);
}

static void print_all(struct domains *domains, const struct list_options *options)
{
    json_t *array = options->is_long || options->is_json ? json_array() : NULL;

    if (!array && options->is_accounting)
        printf("Name                                        ID    Time(s)    Disk(s)     Net(s)   "
               "Total(s)\n");
    else if (!array)
        printf("Name                                        ID   Mem VCPUs\tState\tTime(s)%s\n",
               options->is_verbose
                   ? "   UUID                            Reason-Code\tSecurity Label"
                   : "");
    for (int i = 0; i < domains->n; i++) {
        const struct xen_domctl_getdomaininfo *info = &domains->list[i];
        char *name = domain_name(&domains->ts, info->domain);
        const char *shown = name ? name : info->domain == 0 ? "Domain-0" : "(null)";

        if (options->is_long)
            json_array_append_new(array, describe_domain(&domains->ts, info));
        else if (options->is_json)
            json_array_append_new(array, json_row(info, shown));
        else if (options->is_accounting)
            print_accounts(info, shown);
        else
            print_row(info, shown, options->is_verbose);
        free(name);
    }
    if (array)
        command_print_json(array);
}

int cmd_list(int argc, char **argv)
{
    static const struct option known[] = {{"long", no_argument, NULL, 'l'},
                                          {"verbose", no_argument, NULL, 'v'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"accounting", no_argument, NULL, 'a'},
                                          {0}};
    struct list_options options = {0};
    struct domains domains;
    int c, ret;

    while ((c = getopt_long(argc, argv, "lva", known, NULL)) != -1) {
        if (c == 'l')
            options.is_long = true;
        else if (c == 'v')
            options.is_verbose = true;
        else if (c == 'j')
            options.is_json = true;
        else if (c == 'a')
            options.is_accounting = true;
        else
            return command_usage(argv[0]);
    }
    ret = domains_open(&domains, optind < argc ? argv[optind] : NULL);
    if (ret == 0)
        print_all(&domains, &options);
    domains_close(&domains);
    return ret < 0 ? XL_FAILED : XL_OK;
}

int cmd_vm_list(int argc, char **argv)
{
    json_t *array = json_array();
    struct domains domains;
    bool is_json;
    int ret;

    if (command_json_option(argc, argv, &is_json) < 0)
        return XL_USAGE;
    ret = domains_open(&domains, NULL);
    if (ret == 0 && !is_json)
        printf("UUID                                  ID    name\n");
    for (int i = 0; ret == 0 && i < domains.n; i++) {
        const struct xen_domctl_getdomaininfo *info = &domains.list[i];
        char *name = domain_name(&domains.ts, info->domain);
        const char *shown = name ? name : info->domain == 0 ? "Domain-0" : "(null)";
        char uuid[UUID_STR_LEN];

        uuid_unparse_lower(info->handle, uuid);
        if (is_json)
            json_array_append_new(array, json_pack("{s:s, s:i, s:s}", "uuid", uuid, "id",
                                                   (int)info->domain, "name", shown));
        else
            printf("%s  %d    %-30s\n", uuid, info->domain, shown);
        free(name);
    }
    domains_close(&domains);
    if (ret == 0 && is_json)
        return command_print_json(array);
    json_decref(array);
    return ret < 0 ? XL_FAILED : XL_OK;
}
