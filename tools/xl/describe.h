/* SPDX-License-Identifier: MIT */
/* Guests as JSON, in the shape that xl's users parse: c_info, b_info, disks, nics. */
#ifndef XL_DESCRIBE_H
#define XL_DESCRIBE_H

#include "config/domain_config.h"
#include "domain/toolstack.h"

#include <jansson.h>

/* What a config file asks for. The caller owns the result. */
json_t *describe_config(const struct domain_config *config);

/* A running domain, from the hypervisor and xenstore: {"domid": N, "config": {...}}. The caller
 * owns the result. */
json_t *describe_domain(struct toolstack *ts, const struct xen_domctl_getdomaininfo *info);

#endif
