/* SPDX-License-Identifier: MIT */
/* What the files of xencall/ share; nobody else includes this. */
#ifndef XENCALL_HV_PRIVATE_H
#define XENCALL_HV_PRIVATE_H

#include "xencall/hv.h"

#include <xencall.h>

struct hv {
    xencall_handle *xcall;
    void *argument; /* one page for the operation's own structure */
};

/*
 * Calls op(cmd, argument page) with the structure copied there before and back afterwards. size is
 * at most a page.
 */
int hv_call_with(struct hv *hv, unsigned int op, uint64_t cmd, void *argument, size_t size);

#endif
