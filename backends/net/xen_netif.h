/* SPDX-License-Identifier: MIT */
/* Xen's public netif protocol header; its types only, none of ring.h's code. */
#ifndef NET_XEN_NETIF_H
#define NET_XEN_NETIF_H

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/io/ring.h>
#include <xen/io/netif.h>

#define NETIF_PAGE_SIZE    4096u
#define NETIF_TX_RING_SIZE __CONST_RING_SIZE(netif_tx, NETIF_PAGE_SIZE)
#define NETIF_RX_RING_SIZE __CONST_RING_SIZE(netif_rx, NETIF_PAGE_SIZE)

#endif
