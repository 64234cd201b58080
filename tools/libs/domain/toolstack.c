/* SPDX-License-Identifier: MIT */
/* Opens hypervisor and store, finds domains. */
#include "domain/toolstack.h"
#include "util/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int toolstack_open(struct toolstack *ts)
{
    *ts = (struct toolstack){0};
    ts->hv = hv_open();
    if (!ts->hv)
        return report_errno(
            "cannot reach the hypervisor through /dev/xen/privcmd (be root in dom0, and "
            "load the module xen-privcmd)");
    ts->xs = xs_open(0);
    if (!ts->xs) {
        report_errno("cannot reach xenstored (is it running?)");
        toolstack_close(ts);
        return -1;
    }
    return 0;
}

void toolstack_close(struct toolstack *ts)
{
    if (ts->xs)
        xs_close(ts->xs);
    hv_close(ts->hv);
    *ts = (struct toolstack){0};
}

char *domain_name(struct toolstack *ts, domid_t domid)
{
    return store_read(ts->xs, XBT_NULL, "/local/domain/%u/name", domid);
}

/* Looks through all domains. Returns 0 with *domid set, or -1. */
static int find_by_name(struct toolstack *ts, const char *name, domid_t *domid)
{
    struct xen_domctl_getdomaininfo *list;
    int n = hv_domain_list(ts->hv, &list);
    int ret = -1;

    for (int i = 0; i < n && ret < 0; i++) {
        char *found = domain_name(ts, list[i].domain);

        if (found && strcmp(found, name) == 0) {
            *domid = list[i].domain;
            ret = 0;
        }
        free(found);
    }
    free(list);
    return ret;
}

int domain_find(struct toolstack *ts, const char *name_or_id, domid_t *domid)
{
    char *rest;
    unsigned long number;

    if (find_by_name(ts, name_or_id, domid) == 0)
        return 0;
    errno = 0;
    number = strtoul(name_or_id, &rest, 10);
    if (!errno && *rest == '\0' && rest != name_or_id && number < DOMID_FIRST_RESERVED) {
        struct xen_domctl_getdomaininfo info;

        if (hv_domain_info(ts->hv, (domid_t)number, &info) == 0) {
            *domid = (domid_t)number;
            return 0;
        }
    }
    return report_error("there is no domain '%s' (xl list shows those there are)", name_or_id);
}

bool domain_name_is_taken(struct toolstack *ts, const char *name)
{
    domid_t domid;

    return find_by_name(ts, name, &domid) == 0;
}
