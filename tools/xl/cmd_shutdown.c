/* SPDX-License-Identifier: MIT */
/* xl shutdown, reboot: the guest is asked through control/shutdown, and may take its time. */
#include "command.h"
#include "domain/life.h"
#include "util/report.h"

#include <stdio.h>
#include <stdlib.h>

struct request {
    const char *what; /* "poweroff", "reboot" */
    const char *told; /* what the operator reads */
    bool is_all;
    bool is_waiting;
    domid_t *asked; /* whom to wait for: their names may pass to others, or end with them */
    size_t n_asked;
};

static int note_asked(struct request *request, domid_t domid)
{
    domid_t *grown = realloc(request->asked, (request->n_asked + 1) * sizeof(*grown));

    if (!grown)
        return report_error("out of memory");
    request->asked = grown;
    request->asked[request->n_asked++] = domid;
    return 0;
}

static int ask(struct toolstack *ts, domid_t domid, void *context)
{
    struct request *request = context;
    char control[64];

    if (domid == 0)
        return report_error("domain 0 is not asked through xl: use dom0's own %s", request->what);
    snprintf(control, sizeof(control), "/local/domain/%u/control", domid);
    if (!store_write(ts->xs, XBT_NULL, control, "shutdown", "%s", request->what))
        return report_errno("cannot write %s/shutdown", control);
    printf("%s domain %u\n", request->told, domid);
    return note_asked(request, domid);
}

static int wait_for_asked(const struct request *request)
{
    struct toolstack ts;

    if (toolstack_open(&ts) < 0)
        return XL_FAILED;
    for (size_t i = 0; i < request->n_asked; i++)
        domain_wait_stopped(&ts, request->asked[i], 0);
    toolstack_close(&ts);
    return XL_OK;
}

/* Asks every domain but dom0. */
static int ask_all(struct request *request)
{
    struct xen_domctl_getdomaininfo *list;
    struct toolstack ts;
    int n, status = XL_OK;

    if (toolstack_open(&ts) < 0)
        return XL_FAILED;
    n = hv_domain_list(ts.hv, &list);
    for (int i = 0; i < n; i++)
        if (list[i].domain != 0 && !(list[i].flags & XEN_DOMINF_dying) &&
            ask(&ts, list[i].domain, request) < 0)
            status = XL_FAILED;
    free(list);
    toolstack_close(&ts);
    return n < 0 ? XL_FAILED : status;
}

static int run(int argc, char **argv, struct request *request)
{
    static const struct option options[] = {
        {"all", no_argument, NULL, 'a'}, {"wait", no_argument, NULL, 'w'}, {0}};
    int c, status;

    while ((c = getopt_long(argc, argv, "aw", options, NULL)) != -1) {
        if (c == 'a')
            request->is_all = true;
        else if (c == 'w')
            request->is_waiting = true;
        else
            return command_usage(argv[0]);
    }
    status = request->is_all ? ask_all(request) : command_for_domains(argc, argv, ask, request);
    if (status == XL_OK && request->is_waiting)
        status = wait_for_asked(request);
    free(request->asked);
    return status;
}

int cmd_shutdown(int argc, char **argv)
{
    struct request request = {.what = "poweroff", .told = "Shutting down"};

    return run(argc, argv, &request);
}

int cmd_reboot(int argc, char **argv)
{
    struct request request = {.what = "reboot", .told = "Rebooting"};

    return run(argc, argv, &request);
}
