/* SPDX-License-Identifier: MIT */
/* CPU pools by name: the hypervisor numbers them, xenstore has their names. */
#ifndef DOMAIN_POOL_H
#define DOMAIN_POOL_H

#include "domain/toolstack.h"

#define POOL_NAME_MAX 64

/* The name of a pool, "Pool-N" when it has none. */
void pool_name(struct toolstack *ts, uint32_t id, char name[POOL_NAME_MAX]);
/* By name or number. 0, or -1 after saying that there is none. */
int pool_find(struct toolstack *ts, const char *name_or_id, struct hv_pool *pool);

#endif
