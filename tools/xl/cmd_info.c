/* SPDX-License-Identifier: MIT */
/* xl info: the host, its hypervisor and dom0. */
#include "command.h"
#include "util/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* Collects "key: value" in order, for either way of printing. */
struct facts {
    json_t *object; /* NULL: print at once */
};

__attribute__((format(printf, 3, 4))) static void fact(struct facts *facts, const char *key,
                                                       const char *format, ...)
{
    char text[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (facts->object)
        json_object_set_new(facts->object, key, json_string(text));
    else
        printf("%-23s: %s\n", key, text);
}

static void show_dom0(struct facts *facts)
{
    struct utsname uts;

    if (uname(&uts) < 0)
        return;
    fact(facts, "host", "%s", uts.nodename);
    fact(facts, "release", "%s", uts.release);
    fact(facts, "version", "%s", uts.version);
    fact(facts, "machine", "%s", uts.machine);
}

static void show_capabilities(struct facts *facts, const struct xen_sysctl_physinfo *host)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } known[] = {
        {XEN_SYSCTL_PHYSCAP_pv, "pv"},
        {XEN_SYSCTL_PHYSCAP_hvm, "hvm"},
        {XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_directio, "hvm_directio"},
        {XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_directio, "pv_directio"},
        {XEN_SYSCTL_PHYSCAP_hap, "hap"},
        {XEN_SYSCTL_PHYSCAP_shadow, "shadow"},
        {XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share, "iommu_hap_pt_share"},
        {XEN_SYSCTL_PHYSCAP_vmtrace, "vmtrace"},
        {XEN_SYSCTL_PHYSCAP_gnttab_v1, "gnttab-v1"},
        {XEN_SYSCTL_PHYSCAP_gnttab_v2, "gnttab-v2"},
    };
    char text[256] = "";

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if ((host->capabilities & known[i].bit) != known[i].bit)
            continue;
        strcat(text, *text ? " " : "");
        strcat(text, known[i].name);
    }
    fact(facts, "virt_caps", "%s", text);
}

static int show_host(struct facts *facts, struct hv *hv)
{
    struct xen_sysctl_physinfo host;
    struct hv_pool free;

    if (hv_physinfo(hv, &host) < 0)
        return report_errno("cannot ask the hypervisor for the host's resources");
    fact(facts, "nr_cpus", "%u", host.nr_cpus);
    fact(facts, "max_cpu_id", "%u", host.max_cpu_id);
    fact(facts, "nr_nodes", "%u", host.nr_nodes);
    fact(facts, "cores_per_socket", "%u", host.cores_per_socket);
    fact(facts, "threads_per_core", "%u", host.threads_per_core);
    fact(facts, "cpu_mhz", "%u.%03u", host.cpu_khz / 1000, host.cpu_khz % 1000);
    fact(facts, "hw_caps", "%08x:%08x:%08x:%08x:%08x:%08x:%08x:%08x", host.hw_cap[0],
         host.hw_cap[1], host.hw_cap[2], host.hw_cap[3], host.hw_cap[4], host.hw_cap[5],
         host.hw_cap[6], host.hw_cap[7]);
    show_capabilities(facts, &host);
    fact(facts, "total_memory", "%llu", (unsigned long long)host.total_pages >> 8);
    fact(facts, "free_memory", "%llu",
         (unsigned long long)(host.free_pages - host.outstanding_pages) >> 8);
    fact(facts, "sharing_freed_memory", "0");
    fact(facts, "sharing_used_memory", "0");
    fact(facts, "outstanding_claims", "%llu", (unsigned long long)host.outstanding_pages >> 8);
    if (hv_pool_info(hv, HV_POOL_FREE, &free) < 0)
        return report_errno("cannot ask the hypervisor for free CPUs");
    fact(facts, "free_cpus", "%u", cpulist_count(&free.cpus));
    return 0;
}

static const char *scheduler_name(struct hv *hv)
{
    uint32_t id;

    if (hv_scheduler(hv, &id) < 0)
        return "unknown";
    switch (id) {
    case XEN_SCHEDULER_CREDIT:
        return "credit";
    case XEN_SCHEDULER_CREDIT2:
        return "credit2";
    case XEN_SCHEDULER_ARINC653:
        return "arinc653";
    case XEN_SCHEDULER_RTDS:
        return "rtds";
    case XEN_SCHEDULER_NULL:
        return "null";
    default:
        return "unknown";
    }
}

static void show_build_id(struct facts *facts, struct hv *hv)
{
    uint64_t buffer[32];
    xen_build_id_t *id = (xen_build_id_t *)buffer;
    char text[2 * sizeof(buffer)];
    int n;

    memset(buffer, 0, sizeof(buffer));
    id->len = sizeof(buffer) - sizeof(*id);
    n = hv_xen_version(hv, XENVER_build_id, id, sizeof(buffer));
    if (n < 0 || (size_t)n > sizeof(buffer) - sizeof(*id))
        n = 0;
    text[0] = '\0';
    for (int i = 0; i < n; i++)
        sprintf(text + 2 * i, "%02x", id->buf[i]);
    fact(facts, "build_id", "%s", text);
}

/* A text answer of xen_version, ended for certain. */
static const char *version_text(struct hv *hv, int what, char *text, size_t size)
{
    memset(text, 0, size);
    if (hv_xen_version(hv, what, text, size) < 0)
        return "";
    text[size - 1] = '\0';
    return text;
}

static int show_hypervisor(struct facts *facts, struct hv *hv)
{
    int version = hv_xen_version(hv, XENVER_version, NULL, 0);
    xen_extraversion_t extra;
    xen_capabilities_info_t caps;
    xen_changeset_info_t changeset;
    xen_commandline_t command_line;
    xen_platform_parameters_t platform = {0};
    xen_compile_info_t compiled = {0};

    if (version < 0)
        return report_errno("cannot ask the hypervisor for its version");
    version_text(hv, XENVER_extraversion, extra, sizeof(extra));
    hv_xen_version(hv, XENVER_platform_parameters, &platform, sizeof(platform));
    hv_xen_version(hv, XENVER_compile_info, &compiled, sizeof(compiled));
    fact(facts, "xen_major", "%d", version >> 16);
    fact(facts, "xen_minor", "%d", version & 0xffff);
    fact(facts, "xen_extra", "%s", extra);
    fact(facts, "xen_version", "%d.%d%s", version >> 16, version & 0xffff, extra);
    fact(facts, "xen_caps", "%s", version_text(hv, XENVER_capabilities, caps, sizeof(caps)));
    fact(facts, "xen_scheduler", "%s", scheduler_name(hv));
    fact(facts, "xen_pagesize", "%d", hv_xen_version(hv, XENVER_pagesize, NULL, 0));
    fact(facts, "platform_params", "virt_start=0x%llx", (unsigned long long)platform.virt_start);
    fact(facts, "xen_changeset", "%s",
         version_text(hv, XENVER_changeset, changeset, sizeof(changeset)));
    fact(facts, "xen_commandline", "%s",
         version_text(hv, XENVER_commandline, command_line, sizeof(command_line)));
    fact(facts, "cc_compiler", "%.*s", (int)sizeof(compiled.compiler), compiled.compiler);
    fact(facts, "cc_compile_by", "%.*s", (int)sizeof(compiled.compile_by), compiled.compile_by);
    fact(facts, "cc_compile_domain", "%.*s", (int)sizeof(compiled.compile_domain),
         compiled.compile_domain);
    fact(facts, "cc_compile_date", "%.*s", (int)sizeof(compiled.compile_date),
         compiled.compile_date);
    show_build_id(facts, hv);
    fact(facts, "xend_config_format", "4");
    return 0;
}

int cmd_info(int argc, char **argv)
{
    struct facts facts = {0};
    struct hv *hv;
    bool is_json;
    int ret;

    if (command_json_option(argc, argv, &is_json) < 0)
        return XL_USAGE;
    hv = hv_open();
    if (!hv) {
        report_errno("cannot reach the hypervisor through /dev/xen/privcmd (be root in dom0)");
        return XL_FAILED;
    }
    if (is_json)
        facts.object = json_object();
    show_dom0(&facts);
    ret = show_host(&facts, hv);
    if (ret == 0)
        ret = show_hypervisor(&facts, hv);
    hv_close(hv);
    if (is_json && ret == 0)
        return command_print_json(facts.object);
    json_decref(facts.object);
    return ret < 0 ? XL_FAILED : XL_OK;
}
