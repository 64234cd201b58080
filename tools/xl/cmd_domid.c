/* SPDX-License-Identifier: MIT */
/* xl domid, domname: from name to number and back. */
#include "command.h"
#include "util/report.h"

#include <stdio.h>
#include <stdlib.h>

static int print_id(struct toolstack *ts, domid_t domid, void *context)
{
    (void)ts;
    (void)context;
    printf("%u\n", domid);
    return 0;
}

static int print_name(struct toolstack *ts, domid_t domid, void *context)
{
    char *name = domain_name(ts, domid);

    (void)context;
    if (!name)
        return report_error("domain %u has no name in xenstore", domid);
    printf("%s\n", name);
    free(name);
    return 0;
}

int cmd_domid(int argc, char **argv)
{
    return command_for_domains(argc, argv, print_id, NULL);
}

int cmd_domname(int argc, char **argv)
{
    return command_for_domains(argc, argv, print_name, NULL);
}
