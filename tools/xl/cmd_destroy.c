/* SPDX-License-Identifier: MIT */
/* xl destroy. */
#include "command.h"
#include "domain/life.h"
#include "util/report.h"

static int destroy_one(struct toolstack *ts, domid_t domid, void *context)
{
    (void)context;
    if (domid == 0)
        return report_error("domain 0 cannot be destroyed: to halt the host, power dom0 off");
    return domain_destroy(ts, domid);
}

int cmd_destroy(int argc, char **argv)
{
    return command_for_domains(argc, argv, destroy_one, NULL);
}
