/* SPDX-License-Identifier: MIT */
/* xl trigger: an NMI for one of a guest's vCPUs, and the buttons that PV guests do not have. */
#include "command.h"
#include "util/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const triggers[] = {
    [XEN_DOMCTL_SENDTRIGGER_NMI] = "nmi",     [XEN_DOMCTL_SENDTRIGGER_RESET] = "reset",
    [XEN_DOMCTL_SENDTRIGGER_INIT] = "init",   [XEN_DOMCTL_SENDTRIGGER_POWER] = "power",
    [XEN_DOMCTL_SENDTRIGGER_SLEEP] = "sleep",
};

/* Returns 0 with *trigger set, or -1. */
static int trigger_find(const char *name, uint32_t *trigger)
{
    for (*trigger = 0; *trigger < sizeof(triggers) / sizeof(triggers[0]); ++*trigger)
        if (strcmp(triggers[*trigger], name) == 0)
            return 0;
    return report_error("'%s' is no trigger: nmi, reset, init, power or sleep", name);
}

/* Returns 0 with *vcpu set, or -1. */
static int vcpu_read(const char *text, uint32_t *vcpu)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    if (end == text || *end || n > UINT16_MAX)
        return report_error("'%s' is no vCPU: give its number", text);
    *vcpu = (uint32_t)n;
    return 0;
}

static int send(struct toolstack *ts, domid_t domid, uint32_t trigger, uint32_t vcpu)
{
    if (hv_domain_send_trigger(ts->hv, domid, trigger, vcpu) == 0)
        return 0;
    if (errno == ESRCH)
        return report_error("domain %u has no vCPU %u", domid, vcpu);
    return report_errno("domain %u takes no trigger '%s' (a PV guest takes nmi)", domid,
                        triggers[trigger]);
}

int cmd_trigger(int argc, char **argv)
{
    struct toolstack ts;
    uint32_t trigger, vcpu = 0;
    domid_t domid;
    int ret;

    if (getopt(argc, argv, "") != -1 || argc - optind < 2 || argc - optind > 3)
        return command_usage(argv[0]);
    if (trigger_find(argv[optind + 1], &trigger) < 0 ||
        (argc - optind == 3 && vcpu_read(argv[optind + 2], &vcpu) < 0) || toolstack_open(&ts) < 0)
        return XL_FAILED;
    ret = domain_find(&ts, argv[optind], &domid);
    if (ret == 0)
        ret = send(&ts, domid, trigger, vcpu);
    toolstack_close(&ts);
    return ret < 0 ? XL_FAILED : XL_OK;
}
