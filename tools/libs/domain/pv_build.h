/* SPDX-License-Identifier: MIT */
/* Fills a new, empty domain with a PV guest that is ready to run. */
#ifndef DOMAIN_PV_BUILD_H
#define DOMAIN_PV_BUILD_H

#include "config/domain_config.h"
#include "xencall/hv.h"

/* What xenstored and the console daemon need to know of the guest. */
struct pv_rings {
    uint64_t store_mfn;
    uint64_t console_mfn;
    uint32_t store_port;
    uint32_t console_port;
};

/*
 * Loads kernel and ramdisk, gives memory, page tables, start_info, rings, grants 0 and 1 and the
 * first vCPU's registers. The domain must have its vCPUs and its memory limit; it stays paused.
 * Returns 0, or -1 after saying why; the domain is then fit only to be destroyed.
 */
int pv_build(struct hv *hv, domid_t domid, const struct domain_config *config,
             struct pv_rings *rings);

#endif
