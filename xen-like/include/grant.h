/* SPDX-License-Identifier: MIT */
/* Grant tables v1 (<xen/grant_table.h>): map, unmap, copy, transfer refused; limits per domain. */
#ifndef CORBEL_GRANT_H
#define CORBEL_GRANT_H

#include "types.h"

#include <xen/grant_table.h>

#include "domain.h"

/* Limits in frames, before the table is first used; from domain_create. 0 < max <= 256 (-EINVAL). */
int grant_table_set_limits(struct domain *d, unsigned int max_frames, unsigned int max_maptrack_frames);
/*
 * Called by pv/mm when an L1 entry that maps a granted foreign frame goes away without an unmap call:
 * nothing is released (the mapping stays accounted until GNTTABOP_unmap or destruction).
 */
/* The MFN of grant-table frame `idx`, growing the table up to it: XENMEM_acquire_resource, add_to_physmap. */
int grant_table_get_frame(struct domain *d, unsigned int idx, mfn_t *mfn);
unsigned int grant_table_frames(const struct domain *d);
unsigned int grant_table_max_frames(const struct domain *d);

/* --- arch side (arch/x86/pv/grant.c, by the mm room): host mappings --- */
/*
 * Puts a mapping of `mfn` at `host_addr`: a virtual address of the current vCPU's (GNTMAP_contains_pte clear) or the
 * machine address of a PTE (set). The frame's references and types are the caller's business. GNTST_*.
 */
int arch_grant_map(uint64_t host_addr, mfn_t mfn, unsigned int flags);
/*
 * Removes the mapping if it maps `mfn` (else GNTST_general_error); `new_addr` != 0: moves the PTE found at that
 * virtual address in its place (unmap_and_replace).
 */
int arch_grant_unmap(uint64_t host_addr, mfn_t mfn, uint64_t new_addr, unsigned int flags);

#endif
