/* SPDX-License-Identifier: MIT */
/* What guests are told of memory nodes (control/vnuma.c). */
#ifndef CORBEL_VNUMA_H
#define CORBEL_VNUMA_H

#include "domain.h"

#include <xen/memory.h>

/*
 * Writes the topology of `d` into the caller's lists and its sizes into *info. -EOPNOTSUPP: it has
 * none; -ENOBUFS: the lists are too short, *info says what is needed; -EFAULT.
 */
int vnuma_tell(struct domain *d, struct xen_vnuma_topology_info *info);

#endif
