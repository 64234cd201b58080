/* SPDX-License-Identifier: MIT */
/*
 * Grant tables v1 (<xen/grant_table.h>): one domain lets another map or copy from and to its
 * frames. Limits per domain; every mapping and every copy in flight holds page references and is
 * counted against the granting entry, so that a frame cannot change hands while somebody uses it.
 */
#ifndef CORBEL_GRANT_H
#define CORBEL_GRANT_H

#include "types.h"

#include <xen/grant_table.h>

#include "domain.h"

#define GRANT_MAX_FRAMES 4096
/* What a domain gets whose creator gives no limits (Xen's own defaults, in frames). */
#define GRANT_DEFAULT_FRAMES          64
#define GRANT_DEFAULT_MAPTRACK_FRAMES 1024
/* Mappings in one frame of maptrack, as Xen counts them. */
#define GRANT_HANDLES_PER_FRAME 256
/* The most operations one grant_*_batch call takes. */
#define GRANT_BATCH 32

/*
 * Limits in frames, before the table is first used; from domain_create, after the rooms' create.
 * Makes the first frame. -EINVAL unless 0 < max_frames <= GRANT_MAX_FRAMES and max_maptrack_frames
 * <= 1024; -ENOMEM.
 */
int grant_table_set_limits(struct domain *d, unsigned int max_frames,
                           unsigned int max_maptrack_frames);
/*
 * Called by pv/mm when an L1 entry that maps a granted foreign frame goes away without an unmap
 * call: nothing is released (the mapping stays accounted until GNTTABOP_unmap or destruction).
 */
/* The MFN of grant-table frame `idx`, growing the table up to it: XENMEM_acquire_resource,
 * add_to_physmap. */
int grant_table_get_frame(struct domain *d, unsigned int idx, mfn_t *mfn);
/* Grows the table to `n` frames at least. -EINVAL over its limit, -ENOMEM; -ERESTART_HYPERCALL when
 * there is more to do after a pause. */
int grant_table_grow(struct domain *d, unsigned int n);
unsigned int grant_table_frames(const struct domain *d);
unsigned int grant_table_max_frames(const struct domain *d);

/* --- from hypercall/grant_table.c: operations of `current`, each answered in its own status
 * (GNTST_*) --- */
void grant_map_batch(struct gnttab_map_grant_ref *ops, unsigned int n);
/* unmap_grant_ref and unmap_and_replace in one: new_addr is 0 for the former, dev_bus_addr for the
 * latter. */
struct grant_unmap {
    uint64_t host_addr, dev_bus_addr, new_addr;
    grant_handle_t handle;
    int16_t status;
};
void grant_unmap_batch(struct grant_unmap *ops, unsigned int n);
/* The giver's frame is gone and the receiver's entry names its new one, or nothing has changed. */
void grant_transfer_batch(struct gnttab_transfer *ops, unsigned int n);
void grant_copy_batch(struct gnttab_copy *ops, unsigned int n);
/* Exchanges two entries of the caller's own table. GNTST_*. */
int16_t grant_swap_refs(struct domain *d, grant_ref_t a, grant_ref_t b);

/*
 * Notes that a grant's entry in the domain's page tables was cleared by other means than an unmap:
 * Linux does that when a process dies whose grants are in use by I/O. The handle stays, and its
 * unmap later succeeds by what is noted here. Only kept for the control domain, and as far as there
 * is room: elsewhere that unmap fails, as it does on Xen. Takes no locks.
 */
void grant_note_lost(struct domain *d, mfn_t mfn, bool writable);
/* Takes such a note back; false when there is none. */
bool grant_take_lost(struct domain *d, mfn_t mfn, bool writable);

/* --- arch side (arch/x86/pv/grant.c, by the mm room): host mappings --- */
/*
 * Puts a mapping of `mfn` at `host_addr`: a virtual address of the current vCPU's
 * (GNTMAP_contains_pte clear) or the machine address of a PTE (set). The frame's references and
 * types are the caller's business. GNTST_*.
 */
int arch_grant_map(uint64_t host_addr, mfn_t mfn, unsigned int flags);
/*
 * Removes the mapping if it is one made by arch_grant_map that maps `mfn`, writable or not as
 * `flags` say (else GNTST_general_error); `new_addr` != 0: moves the PTE found at that virtual
 * address in its place (unmap_and_replace). TLBs may hold the mapping until arch_grant_flush.
 */
int arch_grant_unmap(uint64_t host_addr, mfn_t mfn, uint64_t new_addr, unsigned int flags);
/*
 * Ends what all CPUs that run the caller's vCPUs, this one too, have in their TLBs of mappings
 * removed. Everything, not the addresses named: one table may stand at several addresses.
 */
void arch_grant_flush(void);

#endif
