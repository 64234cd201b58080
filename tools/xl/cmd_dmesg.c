/* SPDX-License-Identifier: MIT */
/* xl dmesg, debug-keys: the hypervisor's log and its debug console. */
#include "command.h"
#include "util/report.h"

#include <stdio.h>
#include <stdlib.h>

int cmd_dmesg(int argc, char **argv)
{
    static const struct option options[] = {{"clear", no_argument, NULL, 'c'}, {0}};
    struct hv *hv;
    bool is_clear = false;
    char *text;
    int c, ret;

    while ((c = getopt_long(argc, argv, "c", options, NULL)) != -1) {
        if (c != 'c')
            return command_usage(argv[0]);
        is_clear = true;
    }
    hv = hv_open();
    ret = hv ? hv_console_read(hv, is_clear, &text) : -1;
    if (ret < 0)
        report_errno("cannot read the hypervisor's log");
    else
        fputs(text, stdout);
    if (ret == 0)
        free(text);
    hv_close(hv);
    return ret < 0 ? XL_FAILED : XL_OK;
}

int cmd_debug_keys(int argc, char **argv)
{
    struct hv *hv;
    int ret;

    if (argc != 2 || !*argv[1])
        return command_usage(argv[0]);
    hv = hv_open();
    ret = hv ? hv_debug_keys(hv, argv[1]) : -1;
    if (ret < 0)
        report_errno("cannot press the hypervisor's keys '%s'", argv[1]);
    hv_close(hv);
    return ret < 0 ? XL_FAILED : XL_OK;
}
