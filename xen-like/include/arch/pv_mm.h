/* SPDX-License-Identifier: MIT */
/*
 * Page types: what makes direct paging safe.
 *
 * A guest writes its own page tables' contents only through us, and a frame is, at any time, used
 * as at most one of: page table of one level, descriptor page, writable memory. `type` of page_info
 * says which, with how many uses:
 *
 *   NONE ──get──► BUSY ──valid──► T, count n, VALIDATED ──last put──► T, count 0 (unused, stamped)
 *                  │  ▲ go on                                 │ tables: BUSY while entries are
 * dropped stopped half ▼  │                                       ▼ T, count 0, PARTIAL ◄─────
 * stopped half way ┘
 *
 * BUSY is count 1 without VALIDATED: one CPU alone works on the page; who wants the same type
 * waits, who wants another is refused. It never lasts beyond a hypercall. All changes of the word
 * are compare-and-exchange, but for those of the CPU that made the page BUSY.
 *
 * A validated table of level n holds, for each present entry, one reference and one type use of the
 * frame it names. PARTIAL: entries [0, n_validated) hold theirs, the rest do not; the state itself
 * owns one reference to the page. While PARTIAL no other type can be taken. Anyone who asks for the
 * same type continues the work. Going from one type to another needs
 * the TLBs flushed since the last use ended (stamp; arch/tlb.h).
 *
 * A guest's kernel and user space both run in ring 3: entries the guest means for its kernel get U
 * and a mark in bit 52; the guest's user entries get G (both address spaces of a process see the
 * same there).
 */
#ifndef CORBEL_ARCH_PV_MM_H
#define CORBEL_ARCH_PV_MM_H

#include "domain.h"
#include "arch/paging.h"

#define PGT_TYPE        (15ull << 60)
#define PGT_NONE        (0ull << 60)
#define PGT_L1          (1ull << 60)
#define PGT_L2          (2ull << 60)
#define PGT_L3          (3ull << 60)
#define PGT_L4          (4ull << 60)
#define PGT_SEG         (5ull << 60)
#define PGT_WRITABLE    (6ull << 60)
#define PGT_PINNED      (1ull << 59)
#define PGT_VALIDATED   (1ull << 58)
#define PGT_PARTIAL     (1ull << 57)
#define PGT_STAMP_SHIFT 24 /* count 0: tlb_stamp() when the last use ended, 32 bits */
#define PGT_COUNT       0xffffffull

static inline unsigned int pgt_level(uint64_t type) /* 1..4 for page tables */
{
    return (unsigned int)((type & PGT_TYPE) >> 60);
}

/* In the count of mmu_update and mmuext_op: a continued call, *done holds what is done already. */
#define MMU_UPDATE_PREEMPTED (1u << 31)

#define PTE_GUEST_KERNEL (1ul << 52) /* the guest's entry had no U bit */
#define PTE_GRANT        (1ul << 62) /* made by a grant map; holds no reference of its own */

/*
 * Takes / drops one use of `pg` as `type`. The caller holds a reference. -EINVAL: in use as another
 * type or its contents are not allowed. With `preempt`: -ERESTART_HYPERCALL when stopped half way
 * (call again).
 */
int page_type_get(struct page_info *pg, uint64_t type, bool preempt);
int page_type_put(struct page_info *pg, bool preempt);
/* Continues dropping a PARTIAL page's entries, if it is PARTIAL still; results as page_type_put. */
int page_type_continue_put(struct page_info *pg, bool preempt);
/* Reference and type of a frame of `d`. */
int page_get_table(struct domain *d, mfn_t mfn, uint64_t type, bool preempt);
/* Drops type and reference; a table that needs long work is left to deferred_put_run of `v`. */
void page_put_table(struct vcpu *v, struct page_info *pg);
/* Finishes what page_put_table left over; -ERESTART_HYPERCALL when it needs more time. */
int deferred_put_continue(struct vcpu *v);
static inline int deferred_put_run(struct vcpu *v)
{
    return likely(v->arch.n_deferred == 0) ? 0 : deferred_put_continue(v);
}

/*
 * The entry as the CPU shall see it. Guests read entries as we stored them and write them back: one
 * that carries our mark is still the kernel's, although U is set in it.
 */
static inline uint64_t l1e_adjust(uint64_t l1e)
{
    if (!(l1e & PTE_P))
        return l1e;
    if ((l1e & (PTE_U | PTE_GUEST_KERNEL)) == PTE_U)
        return l1e | PTE_G;
    return (l1e & ~PTE_G) | PTE_U | PTE_GUEST_KERNEL;
}

/*
 * Writes entry `index` of the validated table `pt`, of which the caller holds a type use. `owner`:
 * whose frames an L1 entry may map. `keep_ad`: A and D bits are taken from the old entry. 0,
 * -EINVAL, -EPERM, -ERESTART_HYPERCALL.
 */
int pt_update(struct vcpu *v, struct page_info *pt, unsigned int index, uint64_t val,
              struct domain *owner, bool keep_ad);
/* Writes an L1 entry of `pt` (held by page_get_l1) if it is `old` still; -EAGAIN: it is not. */
int pt_update_if(struct page_info *pt, uint64_t *slot, uint64_t old, uint64_t val);
/*
 * The L1 slot that maps `va` in the kernel address space of `v`, or NULL. Nothing is held: before
 * *pt is relied on its type must be taken (page_get_l1).
 */
uint64_t *pv_walk_l1(const struct vcpu *v, uint64_t va, struct page_info **pt);
/* Reference and type use of `pt`, found by a walk, as an L1 table of `d`; undone by page_put_l1. */
bool page_get_l1(struct page_info *pt, struct domain *d);
void page_put_l1(struct page_info *pt);
/* Hypervisor's L4 slots for a table of `d`. */
void pv_fill_l4(struct domain *d, uint64_t *l4);
/* MMUEXT_NEW_BASEPTR for the running vCPU. 0, -EINVAL, -ERESTART_HYPERCALL. */
int pv_new_baseptr(struct vcpu *v, mfn_t l4);
/* The CPUs on which vCPUs of `d` named in a guest's bitmap run now. -EFAULT. */
int pv_vcpus_to_cpus(const struct domain *d, uint64_t bitmap, struct cpumask *cpus);
/* Flushes all of a guest's translations, or those of one page (others than this CPU flush all). */
void pv_flush_cpus(const struct cpumask *cpus, const uint64_t *page);
/* Loads the address space of v's current mode. */
void pv_load_cr3(struct vcpu *v);
/* Emulates the guest kernel's write at `va` to one of its page tables; true when done. */
bool pv_emulate_pt_write(struct vcpu *v, uint64_t va, struct regs *regs);

extern uint64_t paddr_mask_invalid; /* PTE bits above the CPU's physical address width */
/* Whose frames a mmu call may name (DOMID_*); NULL with *err set when the caller may not. */
struct domain *pv_page_owner_for(domid_t id, int *err);

#endif
