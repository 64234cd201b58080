/* SPDX-License-Identifier: MIT */
/* xl pause, unpause. */
#include "command.h"
#include "util/report.h"

static int pause_one(struct toolstack *ts, domid_t domid, void *context)
{
    (void)context;
    if (domid == 0)
        return report_error("domain 0 cannot be paused: xl runs in it");
    if (hv_domain_pause(ts->hv, domid) < 0)
        return report_errno("cannot pause domain %u", domid);
    return 0;
}

static int unpause_one(struct toolstack *ts, domid_t domid, void *context)
{
    (void)context;
    if (hv_domain_unpause(ts->hv, domid) < 0)
        return report_errno("cannot unpause domain %u", domid);
    return 0;
}

int cmd_pause(int argc, char **argv)
{
    return command_for_domains(argc, argv, pause_one, NULL);
}

int cmd_unpause(int argc, char **argv)
{
    return command_for_domains(argc, argv, unpause_one, NULL);
}
