/* SPDX-License-Identifier: MIT */
/* xl sysrq: a "magic SysRq" key for a guest's kernel, which watches for it. */
#include "command.h"
#include "util/report.h"

#include <ctype.h>

int cmd_sysrq(int argc, char **argv)
{
    struct toolstack ts;
    char control[64];
    domid_t domid;
    int ret = -1;

    if (getopt(argc, argv, "") != -1 || argc - optind != 2)
        return command_usage(argv[0]);
    if (!isalnum((unsigned char)argv[optind + 1][0]) || argv[optind + 1][1]) {
        report_error("'%s' is no SysRq key: one letter or digit", argv[optind + 1]);
        return XL_FAILED;
    }
    if (toolstack_open(&ts) < 0)
        return XL_FAILED;
    if (domain_find(&ts, argv[optind], &domid) == 0) {
        snprintf(control, sizeof(control), "/local/domain/%d/control", domid);
        if (store_write(ts.xs, XBT_NULL, control, "sysrq", "%s", argv[optind + 1]))
            ret = 0;
        else
            report_errno("cannot write %s/sysrq", control);
    }
    toolstack_close(&ts);
    return ret < 0 ? XL_FAILED : XL_OK;
}
