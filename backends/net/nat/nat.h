/* SPDX-License-Identifier: MIT */
/* The IP side of a vSwitch that ends in dom0: address, forwarding, masquerading. */
#ifndef NET_NAT_NAT_H
#define NET_NAT_NAT_H

#include "net/config.h"

/* Put the vSwitch's address on its tap. 0, or -1 with a message logged. */
int nat_set_address(const struct switch_config *config);

/*
 * Let dom0 forward, and masquerade what comes from the vSwitch's network on its way out, in an
 * nftables table of its own, `ip corbel-NAME`, which replaces the one of a former run; others'
 * tables are not touched. 0, or -1 with a message logged.
 */
int nat_masquerade(const struct switch_config *config);

#endif
