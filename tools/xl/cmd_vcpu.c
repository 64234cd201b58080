/* SPDX-License-Identifier: MIT */
/* xl vcpu-list, vcpu-pin, vcpu-set: a domain's vCPUs, where they run, how many. */
#include "command.h"
#include "util/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int show_vcpu(struct toolstack *ts, domid_t domid, const char *name, uint32_t vcpu,
                     unsigned int n_cpus)
{
    struct xen_domctl_getvcpuinfo info;
    struct cpulist hard, soft;
    char hard_text[256], soft_text[256];

    if (hv_vcpu_info(ts->hv, domid, vcpu, &info) < 0 ||
        hv_vcpu_get_affinity(ts->hv, domid, vcpu, &hard, &soft) < 0)
        return report_errno("cannot ask for vCPU %u of domain %d", vcpu, domid);
    cpulist_format(&hard, n_cpus, hard_text, sizeof(hard_text));
    cpulist_format(&soft, n_cpus, soft_text, sizeof(soft_text));
    printf("%-32s %5u %5u ", name, domid, vcpu);
    if (info.online)
        printf("%5u %3c%c- ", info.cpu, info.running ? 'r' : '-', info.blocked ? 'b' : '-');
    else
        printf("%5c %3c%cp ", '-', '-', '-');
    printf("%9.1f  %s / %s\n", (double)info.cpu_time / 1e9, hard_text, soft_text);
    return 0;
}

static int show_domain(struct toolstack *ts, domid_t domid, void *context)
{
    const unsigned int *n_cpus = context;
    struct xen_domctl_getdomaininfo info;
    char *name;
    int ret = 0;

    if (hv_domain_info(ts->hv, domid, &info) < 0)
        return report_errno("cannot ask for domain %d", domid);
    name = domain_name(ts, domid);
    for (uint32_t vcpu = 0;
         info.max_vcpu_id != XEN_INVALID_MAX_VCPU_ID && vcpu <= info.max_vcpu_id && ret == 0;
         vcpu++)
        ret = show_vcpu(ts, domid, name ? name : domid == 0 ? "Domain-0" : "(null)", vcpu, *n_cpus);
    free(name);
    return ret;
}

static int show_all(struct toolstack *ts, unsigned int n_cpus)
{
    struct xen_domctl_getdomaininfo *list = NULL;
    int n = hv_domain_list(ts->hv, &list), ret = 0;

    if (n < 0)
        return report_errno("cannot list domains");
    for (int i = 0; i < n; i++)
        if (!(list[i].flags & XEN_DOMINF_dying) && show_domain(ts, list[i].domain, &n_cpus) < 0)
            ret = -1;
    free(list);
    return ret;
}

int cmd_vcpu_list(int argc, char **argv)
{
    struct xen_sysctl_physinfo host;
    unsigned int n_cpus;
    struct toolstack ts;
    int ret = 0;

    if (getopt(argc, argv, "") != -1)
        return command_usage(argv[0]);
    if (toolstack_open(&ts) < 0)
        return XL_FAILED;
    if (hv_physinfo(ts.hv, &host) < 0) {
        report_errno("cannot ask the hypervisor for the host's resources");
        toolstack_close(&ts);
        return XL_FAILED;
    }
    n_cpus = host.max_cpu_id + 1;
    printf("%-32s %5s %5s %5s %5s %9s %s\n", "Name", "ID", "VCPU", "CPU", "State", "Time(s)",
           "Affinity (Hard / Soft)");
    if (optind == argc)
        ret = show_all(&ts, n_cpus);
    toolstack_close(&ts);
    if (optind < argc)
        return command_for_domains(argc, argv, show_domain, &n_cpus);
    return ret < 0 ? XL_FAILED : XL_OK;
}

/* --- vcpu-pin --- */

/* Reads one affinity; *list becomes NULL for "-": as it is. */
static int read_affinity(const char *text, struct cpulist *into, const struct cpulist **list)
{
    const char *wrong;

    if (strcmp(text, "-") == 0)
        return 0;
    wrong = cpulist_parse(into, text);
    if (!wrong && cpulist_count(into) == 0)
        wrong = "it holds no CPU";
    if (wrong)
        return report_error("affinity '%s': %s", text, wrong);
    *list = into;
    return 0;
}

static int pin(struct toolstack *ts, const char *domain, const char *vcpu,
               const struct cpulist *hard, const struct cpulist *soft)
{
    struct xen_domctl_getdomaininfo info;
    uint32_t first = 0, last;
    domid_t domid;
    char *end;

    if (domain_find(ts, domain, &domid) < 0)
        return -1;
    if (hv_domain_info(ts->hv, domid, &info) < 0)
        return report_errno("cannot ask for domain %d", domid);
    last = info.max_vcpu_id;
    if (strcmp(vcpu, "all") != 0) {
        first = last = (uint32_t)strtoul(vcpu, &end, 10);
        if (end == vcpu || *end)
            return report_error("Invalid VCPU '%s': it is a number, or all", vcpu);
    }
    for (uint32_t i = first; i <= last; i++)
        if (hv_vcpu_set_affinity(ts->hv, domid, i, hard, soft) < 0)
            return report_errno("cannot set the affinity of vCPU %u of '%s' (some CPU of it must "
                                "be in the domain's pool)",
                                i, domain);
    return 0;
}

int cmd_vcpu_pin(int argc, char **argv)
{
    static const struct option known[] = {{"force", no_argument, NULL, 'f'}, {0}};
    const struct cpulist *hard = NULL, *soft = NULL;
    struct cpulist hard_list, soft_list;
    struct toolstack ts;
    int c, ret;

    while ((c = getopt_long(argc, argv, "f", known, NULL)) != -1)
        if (c != 'f')
            return command_usage(argv[0]);
    if (argc - optind < 3 || argc - optind > 4)
        return command_usage(argv[0]);
    if (read_affinity(argv[optind + 2], &hard_list, &hard) < 0 ||
        (argc - optind == 4 && read_affinity(argv[optind + 3], &soft_list, &soft) < 0))
        return XL_FAILED;
    if (!hard && !soft)
        return XL_OK;
    if (toolstack_open(&ts) < 0)
        return XL_FAILED;
    ret = pin(&ts, argv[optind], argv[optind + 1], hard, soft);
    toolstack_close(&ts);
    return ret < 0 ? XL_FAILED : XL_OK;
}

/* --- vcpu-set --- */

/* The guest is told in xenstore which vCPUs to use; bringing them up and down is its own work. */
static int set_vcpus(struct toolstack *ts, const char *domain, unsigned long n, bool ignores_host)
{
    struct xen_domctl_getdomaininfo info;
    struct xen_sysctl_physinfo host;
    char root[64];
    domid_t domid;

    if (domain_find(ts, domain, &domid) < 0)
        return -1;
    if (hv_domain_info(ts->hv, domid, &info) < 0 || hv_physinfo(ts->hv, &host) < 0)
        return report_errno("cannot ask for domain %d", domid);
    if (n < 1 || n > info.max_vcpu_id + 1)
        return report_error("'%s' has 1 to %u vCPUs (maxvcpus), not %lu", domain,
                            info.max_vcpu_id + 1, n);
    if (n > host.nr_cpus && !ignores_host)
        return report_error("overcommit refused: %lu vCPUs on %u CPUs (--ignore-host allows it)", n,
                            host.nr_cpus);
    snprintf(root, sizeof(root), "/local/domain/%d/cpu", domid);
    for (uint32_t vcpu = 0; vcpu <= info.max_vcpu_id; vcpu++) {
        char name[32];

        snprintf(name, sizeof(name), "%u/availability", vcpu);
        if (!store_write(ts->xs, XBT_NULL, root, name, "%s", vcpu < n ? "online" : "offline"))
            return report_errno("cannot write %s/%s", root, name);
    }
    return 0;
}

int cmd_vcpu_set(int argc, char **argv)
{
    static const struct option known[] = {{"ignore-host", no_argument, NULL, 'i'}, {0}};
    bool ignores_host = false;
    struct toolstack ts;
    unsigned long n;
    char *end;
    int c, ret;

    while ((c = getopt_long(argc, argv, "i", known, NULL)) != -1) {
        if (c != 'i')
            return command_usage(argv[0]);
        ignores_host = true;
    }
    if (argc - optind != 2)
        return command_usage(argv[0]);
    n = strtoul(argv[optind + 1], &end, 10);
    if (end == argv[optind + 1] || *end) {
        report_error("'%s' is no number of vCPUs", argv[optind + 1]);
        return XL_FAILED;
    }
    if (toolstack_open(&ts) < 0)
        return XL_FAILED;
    ret = set_vcpus(&ts, argv[optind], n, ignores_host);
    toolstack_close(&ts);
    return ret < 0 ? XL_FAILED : XL_OK;
}
