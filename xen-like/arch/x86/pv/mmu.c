/* SPDX-License-Identifier: MIT */
/* Hypercalls mmu_update and update_va_mapping(_otherdomain). <xen/xen.h> has their ABI. */
#include "arch/pv_mm.h"
#include "arch/tlb.h"
#include "arch/cpu.h"
#include "console.h"
#include "guest.h"
#include "l1.h"
#include "hypercall.h"

/*
 * Whose frames the caller may map: itself; for the control domain any domain, and DOMID_IO's MMIO.
 * NULL with *err set otherwise. No reference is taken: domains are only freed from outside the
 * hypercall, even when an update drops the last page, and with it the last reference, of a dead
 * one.
 */
struct domain *pv_page_owner_for(domid_t id, int *err)
{
    struct domain *d;

    if (id == DOMID_SELF || id == current->domain->id)
        return current->domain;
    if (id == DOMID_IO) /* MMIO needs no owner: l1e_get asks the mapper's iomem ranges */
        return current->domain->is_control ? current->domain : (*err = -EPERM, NULL);
    if (id == DOMID_XEN)
        return current->domain->is_control ? dom_xen : (*err = -EPERM, NULL);
    d = domain_find(id);
    if (!d)
        *err = -ESRCH;
    else if (!current->domain->is_control && current->domain->target != d) {
        *err = -EPERM;
        d = NULL;
    }
    return d;
}

/*
 * A word of a frame that is no L1 table: an entry of a higher table, or, not a page table (yet),
 * plain memory that is written with the same call. Takes over the caller's reference: when another
 * vCPU let go of the table meanwhile, all below it is dropped later, in parts.
 */
static int update_other(struct page_info *pg, unsigned int index, uint64_t val,
                        struct domain *owner, bool keep_ad)
{
    uint64_t type = pg->type & PGT_TYPE;
    int rc;

    if (type >= PGT_L1 && type <= PGT_L4 && table_type_get_used(pg, type)) {
        rc = pt_update(current, pg, index, val, owner, keep_ad);
        page_put_table(current, pg);
        return rc;
    }
    rc = page_type_get(pg, PGT_WRITABLE, false) ? -EINVAL : 0;
    if (rc == 0) {
        ((uint64_t *)page_to_virt(pg))[index] = val;
        page_type_put(pg, false);
    }
    page_put(pg);
    return rc;
}

static int update_pt_entry(uint64_t ptr, uint64_t val, struct domain *pt_owner,
                           struct domain *owner, bool keep_ad)
{
    unsigned int index = (ptr & (PAGE_SIZE - 1)) >> 3;
    mfn_t mfn = paddr_to_mfn(ptr);
    int rc;

    if (unlikely(!mfn_valid(mfn)))
        return -EINVAL;
    struct page_info *pt = mfn_to_page(mfn);
    if (unlikely(!fast_page_get(pt, pt_owner)))
        return -EINVAL;
    if (likely((pt->type & (PGT_TYPE | PGT_VALIDATED)) == (PGT_L1 | PGT_VALIDATED)) &&
        likely(fast_type_get(pt, PGT_L1) == 0)) {
        rc = l1_update(pt_owner, (uint64_t *)page_to_virt(pt) + index, val, owner, keep_ad);
        fast_type_put(pt);
        fast_page_put(pt);
    } else {
        rc = update_other(pt, index, val, owner, keep_ad);
    }
    return rc;
}

static int update_m2p(uint64_t ptr, uint64_t pfn, struct domain *owner)
{
    mfn_t mfn = paddr_to_mfn(ptr);
    if (!mfn_valid(mfn) || !page_get(mfn_to_page(mfn), owner))
        return -EINVAL;
    m2p_table[mfn.n] = pfn;
    page_put(mfn_to_page(mfn));
    return 0;
}

static int one_update(const mmu_update_t *u, struct domain *pt_owner, struct domain *owner)
{
    switch (u->ptr & 7) {
    case MMU_NORMAL_PT_UPDATE:
    case MMU_PT_UPDATE_NO_TRANSLATE:
        return update_pt_entry(u->ptr & ~7ul, u->val, pt_owner, owner, false);
    case MMU_PT_UPDATE_PRESERVE_AD:
        return update_pt_entry(u->ptr & ~7ul, u->val, pt_owner, owner, true);
    case MMU_MACHPHYS_UPDATE:
        return update_m2p(u->ptr & ~7ul, u->val, owner);
    default:
        return -ENOSYS;
    }
}

/* Does up to `count` updates from the array at `list`; *done says how many. */
static int update_batch(uint64_t list, unsigned int count, struct domain *pt_owner,
                        struct domain *owner, unsigned int *done)
{
    for (unsigned int i = 0; i < count; i++, *done = i) {
        mmu_update_t u;
        if (unlikely((i & 15) == 15 && hypercall_preempt_check()))
            return -ERESTART_HYPERCALL;
        int rc = deferred_put_run(current);
        if (unlikely(rc) || unlikely((rc = guest_read(&u, list + i * sizeof(u), sizeof(u)))) ||
            unlikely((rc = one_update(&u, pt_owner, owner))))
            return rc;
    }
    return 0;
}

/* Finds whose tables and whose frames are meant (upper and lower half of `domains`), then updates.
 */
static int update_for(uint64_t requests, unsigned int count, uint32_t domains, unsigned int *done)
{
    uint16_t foreign = (uint16_t)domains, pt_dom = (uint16_t)(domains >> 16);
    struct domain *self = current->domain, *owner = self, *pt_owner = self;
    int rc = 0;

    if (pt_dom && !(pt_owner = pv_page_owner_for(pt_dom - 1, &rc)))
        return rc;
    if (foreign != DOMID_SELF && !(owner = pv_page_owner_for(foreign, &rc)))
        return rc;
    if (pt_owner != self && (pt_owner == dom_xen || pt_owner->is_dying))
        return -EINVAL;
    return update_batch(requests, count, pt_owner, owner, done);
}

int64_t hc_mmu_update(HC_ARGS)
{
    unsigned int count = (uint32_t)a2 & ~MMU_UPDATE_PREEMPTED, done = 0, prior = 0;
    (void)a5;

    if (((uint32_t)a2 & MMU_UPDATE_PREEMPTED) && a3 && guest_read(&prior, a3, sizeof(prior)))
        return -EFAULT;
    int rc = update_for(a1, count, (uint32_t)a4, &done);
    /* Told on any error too: Linux skips that many and goes on. */
    if (a3) {
        unsigned int total = prior + done;
        if (guest_write(a3, &total, sizeof(total)))
            return -EFAULT;
    }
    if (rc == -ERESTART_HYPERCALL)
        return hypercall_restart(__HYPERVISOR_mmu_update, a1 + done * sizeof(mmu_update_t),
                                 (count - done) | MMU_UPDATE_PREEMPTED, a3, a4, 0);
    return rc;
}

/* Here, on all CPUs of the domain, or on those of the vCPUs in a bitmap of the guest's. */
static int flush_for(uint64_t va, uint64_t flags)
{
    uint64_t where = flags & ~(uint64_t)UVMF_FLUSHTYPE_MASK;
    bool one_page = (flags & UVMF_FLUSHTYPE_MASK) == UVMF_INVLPG;
    struct cpumask cpus;

    if ((flags & UVMF_FLUSHTYPE_MASK) == UVMF_NONE)
        return 0;
    if (where == UVMF_LOCAL)
        cpus = cpumask_of(cpu_number());
    else if (where == UVMF_ALL)
        cpus = current->domain->dirty_cpus;
    else if (pv_vcpus_to_cpus(current->domain, where, &cpus))
        return -EFAULT;
    pv_flush_cpus(&cpus, one_page ? &va : NULL);
    return 0;
}

static int64_t update_va(uint64_t va, uint64_t val, uint64_t flags, struct domain *owner)
{
    struct vcpu *v = current;
    struct page_info *pt;
    int rc = deferred_put_run(v);

    if (unlikely(rc))
        return rc;
    uint64_t *slot = pv_walk_l1(v, va, &pt);
    if (unlikely(!slot || !page_get_l1(pt, v->domain)))
        return -EINVAL;
    rc = pt_update(v, pt, pt_index(va, 1), val, owner, false);
    page_put_l1(pt);
    if (likely(!rc) && (flags & UVMF_FLUSHTYPE_MASK))
        rc = flush_for(va, flags);
    return rc;
}

int64_t hc_update_va_mapping(HC_ARGS)
{
    int64_t rc = update_va(a1, a2, a3, current->domain);
    if (unlikely(rc == -ERESTART_HYPERCALL))
        return hypercall_restart(__HYPERVISOR_update_va_mapping, a1, a2, a3, a4, a5);
    return rc;
}

int64_t hc_update_va_mapping_otherdomain(HC_ARGS)
{
    int rc = 0;
    struct domain *owner = pv_page_owner_for((domid_t)a4, &rc);
    if (!owner)
        return rc;
    int64_t r = update_va(a1, a2, a3, owner);
    if (r == -ERESTART_HYPERCALL)
        return hypercall_restart(__HYPERVISOR_update_va_mapping_otherdomain, a1, a2, a3, a4, a5);
    return r;
}
