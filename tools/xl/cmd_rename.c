/* SPDX-License-Identifier: MIT */
/* xl rename: another name for a domain that runs. */
#include "command.h"
#include "domain/life.h"

int cmd_rename(int argc, char **argv)
{
    struct toolstack ts;
    domid_t domid;
    int ret;

    if (getopt(argc, argv, "") != -1 || argc - optind != 2)
        return command_usage(argv[0]);
    if (toolstack_open(&ts) < 0)
        return XL_FAILED;
    ret = domain_find(&ts, argv[optind], &domid);
    if (ret == 0)
        ret = domain_rename(&ts, domid, argv[optind + 1]);
    toolstack_close(&ts);
    return ret < 0 ? XL_FAILED : XL_OK;
}
