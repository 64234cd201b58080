/* SPDX-License-Identifier: MIT */
/* Page types: taking, dropping, validating tables. The states are drawn in arch/pv_mm.h. */
#include "arch/pv_mm.h"
#include "arch/tlb.h"
#include "console.h"
#include "fast.h"
#include "hypercall.h"
#include "lib/string.h"

uint64_t paddr_mask_invalid;

#define TABLE_FLAGS_REFUSED (PTE_PS | PTE_G | PTE_PWT | PTE_PCD | (0x7fful << 52))
#define L1_FLAGS_REFUSED    (PTE_GRANT | (0xful << 59))

static bool caching_flags(uint64_t l1e)
{
    return l1e & (PTE_PWT | PTE_PCD | PTE_PAT);
}

int l1e_get(uint64_t l1e, struct domain *mapper, struct domain *owner)
{
    if (unlikely(l1e & (L1_FLAGS_REFUSED | paddr_mask_invalid)))
        return -EINVAL;
    mfn_t mfn = paddr_to_mfn(l1e & PTE_ADDR);
    if (unlikely(!mfn_valid(mfn)))
        return rangeset_contains(mapper->iomem, mfn.n, mfn.n) ? 0 : -EPERM;
    struct page_info *pg = mfn_to_page(mfn);
    if (unlikely(caching_flags(l1e) && !mapper->is_control))
        return -EINVAL;
    if (unlikely(!fast_page_get(pg, owner)))
        return -EINVAL;
    if ((l1e & PTE_W) && unlikely(fast_type_get(pg, PGT_WRITABLE))) {
        fast_page_put(pg);
        return -EBUSY; /* in use as a table or descriptors */
    }
    return 0;
}

void l1e_put(uint64_t l1e, struct domain *mapper)
{
    if (!(l1e & PTE_P))
        return;
    mfn_t mfn = paddr_to_mfn(l1e & PTE_ADDR);
    if (unlikely(!mfn_valid(mfn)))
        return;
    if (unlikely(l1e & PTE_GRANT)) {
        if (!mapper->is_dying && !mapper->is_shut_down)
            domain_crash(mapper,
                         "a granted page was unmapped other than by GNTTABOP_unmap (MFN %#lx)\n",
                         mfn.n);
        return;
    }
    struct page_info *pg = mfn_to_page(mfn);
    if (l1e & PTE_W)
        fast_type_put(pg);
    fast_page_put(pg);
}

/* --- claims of an L2..L4 entry: a table one level down --- */

static int table_entry_get(uint64_t e, unsigned int level, struct domain *d, bool preempt)
{
    if (unlikely(e & (TABLE_FLAGS_REFUSED | paddr_mask_invalid)))
        return -EINVAL;
    return page_get_table(d, paddr_to_mfn(e & PTE_ADDR), (uint64_t)(level - 1) << 60, preempt);
}

int page_get_table(struct domain *d, mfn_t mfn, uint64_t type, bool preempt)
{
    if (!mfn_valid(mfn))
        return -EINVAL;
    struct page_info *pg = mfn_to_page(mfn);
    if (!page_get(pg, d))
        return -EINVAL;
    int rc = page_type_get(pg, type, preempt);
    if (rc)
        page_put(pg);
    return rc;
}

static bool is_hv_slot(unsigned int level, unsigned int i)
{
    return level == 4 && i >= HV_SLOT_FIRST && i <= HV_SLOT_LAST;
}

static bool want_pause(bool preempt, unsigned int level, unsigned int i)
{
    return preempt && level > 1 && (level > 2 || (i & 7) == 7) && hypercall_preempt_check();
}

void pv_fill_l4(struct domain *d, uint64_t *l4)
{
    memcpy(&l4[HV_SLOT_FIRST], &hv_l4[HV_SLOT_FIRST], (HV_SLOT_LAST - HV_SLOT_FIRST + 1) * 8);
    l4[HV_SLOT_PERDOMAIN] = virt_to_paddr(d->arch.perdomain_l3) | PTE_P | PTE_W | PTE_A;
}

/* Takes the claims of entries from n_validated on. On return n_validated says how many hold. */
static int validate_table(struct page_info *pg, unsigned int level, bool preempt)
{
    struct domain *d = page_owner(pg);
    uint64_t *table = page_to_virt(pg);
    unsigned int i;
    int rc = 0;

    for (i = pg->n_validated; i < PT_ENTRIES; i++) {
        uint64_t e = table[i];
        if (is_hv_slot(level, i) || !(e & PTE_P))
            continue;
        if (want_pause(preempt, level, i)) {
            rc = -ERESTART_HYPERCALL;
            break;
        }
        if (level == 1) {
            rc = l1e_get(e, d, d);
            if (rc)
                break;
            table[i] = l1e_adjust(e);
        } else {
            rc = table_entry_get(e, level, d, preempt);
            if (rc)
                break;
            table[i] = e | PTE_U;
        }
    }
    pg->n_validated = (uint16_t)i;
    if (rc == 0 && level == 4)
        pv_fill_l4(d, table);
    return rc;
}

/* Descriptor pages: every descriptor harmless (pv/desc.c). */
bool pv_descriptors_valid(uint64_t *table);

/* Drops the claims of entries below n_validated, from the top. */
static int devalidate_table(struct page_info *pg, unsigned int level, bool preempt)
{
    struct domain *d = page_owner(pg);
    uint64_t *table = page_to_virt(pg);

    for (unsigned int i = pg->n_validated; i-- > 0;) {
        uint64_t e = table[i];
        if (is_hv_slot(level, i) || !(e & PTE_P))
            continue;
        if (want_pause(preempt, level, i)) {
            pg->n_validated = (uint16_t)(i + 1);
            return -ERESTART_HYPERCALL;
        }
        if (level == 1) {
            l1e_put(e, d);
            continue;
        }
        struct page_info *child = mfn_to_page(paddr_to_mfn(e & PTE_ADDR));
        int rc;
        if (pg->flags & PGF_PARTIAL_CHILD) {
            /* We dropped our use of it already; finish unless somebody else took it up. */
            pg->flags &= (uint8_t)~PGF_PARTIAL_CHILD;
            rc = (child->type & PGT_PARTIAL) ? page_type_continue_put(child, preempt) : 0;
        } else
            rc = page_type_put(child, preempt);
        if (rc) {
            pg->flags |= PGF_PARTIAL_CHILD;
            pg->n_validated = (uint16_t)(i + 1);
            return rc;
        }
        page_put(child);
    }
    pg->n_validated = 0;
    return 0;
}

static bool is_table(uint64_t type)
{
    return (type & PGT_TYPE) >= PGT_L1 && (type & PGT_TYPE) <= PGT_L4;
}

/*
 * The last use as `type` ended: it is remembered with the time, as CPUs may still hold translations
 * made while it lasted: writable ones, or through the table's old entries.
 */
static void leave_type(struct page_info *pg, uint64_t type)
{
    pg->type = (type & PGT_TYPE) | (uint64_t)(tlb_clock & 0xffff) << PGT_STAMP_SHIFT;
}

/* Before an unused page becomes `type`: those translations must be gone. */
static void flush_old_type(const struct page_info *pg, uint64_t type)
{
    uint64_t x = pg->type;
    if ((x & PGT_TYPE) != PGT_NONE && (x & PGT_TYPE) != type &&
        (x & PGT_STAMP) >> PGT_STAMP_SHIFT == (tlb_clock & 0xffff))
        tlb_flush_all();
}

static void make_partial(struct page_info *pg, uint64_t type)
{
    pg->type = type | PGT_PARTIAL | (pg->type & PGT_PINNED);
    __atomic_fetch_add(&pg->count, 1, __ATOMIC_RELAXED);
}

static void defer_put(struct vcpu *v, struct page_info *pg)
{
    BUG_ON(v->arch.n_deferred == ARRAY_SIZE(v->arch.deferred));
    v->arch.deferred[v->arch.n_deferred++] = pg;
}

/* A table turned out bad half way: its good entries' claims go, later if that may take long. */
static void undo_validation(struct page_info *pg, uint64_t type, bool preempt)
{
    make_partial(pg, type);
    if (!preempt) {
        int rc = page_type_continue_put(pg, false);
        BUG_ON(rc);
        return;
    }
    __atomic_fetch_add(&pg->count, 1, __ATOMIC_RELAXED);
    defer_put(current, pg);
}

/* First use as `type`, or the next part of one. The type's count is 0. */
static int type_establish(struct page_info *pg, uint64_t type, bool preempt)
{
    bool was_partial = pg->type & PGT_PARTIAL;

    if (!was_partial)
        pg->n_validated = 0;
    else if (pg->flags & PGF_PARTIAL_CHILD) {
        /* Half way through dropping: the child at n_validated - 1 no longer has our claim. */
        int rc = page_type_continue_put(pg, preempt);
        if (rc)
            return rc;
        return type_establish(pg, type, preempt);
    }
    pg->type = type | 1;
    int rc = 0;
    if (is_table(type))
        rc = validate_table(pg, pgt_level(type), preempt);
    else if (type == PGT_SEG && !pv_descriptors_valid(page_to_virt(pg)))
        rc = -EINVAL;

    if (rc == 0)
        pg->type = type | PGT_VALIDATED | 1;
    else if (rc == -ERESTART_HYPERCALL)
        make_partial(pg, type);
    else if (is_table(type) && pg->n_validated)
        undo_validation(pg, type, preempt);
    else
        pg->type = PGT_NONE;
    if (was_partial)
        page_put(pg); /* the reference the partial state owned */
    return rc;
}

int page_type_get(struct page_info *pg, uint64_t type, bool preempt)
{
    uint64_t x = pg->type;

    if (likely(x & PGT_COUNT)) {
        if (unlikely((x & PGT_TYPE) != type || !(x & PGT_VALIDATED) ||
                     (x & PGT_COUNT) == PGT_COUNT))
            return -EINVAL;
        pg->type = x + 1;
        return 0;
    }
    if (!(x & PGT_PARTIAL))
        flush_old_type(pg, type);
    if (type == PGT_WRITABLE && !(x & PGT_PARTIAL)) {
        pg->type = PGT_WRITABLE | PGT_VALIDATED | 1;
        return 0;
    }
    if ((x & PGT_PARTIAL) && (x & PGT_TYPE) != type)
        return -EINVAL;
    return type_establish(pg, type, preempt);
}

int page_type_put(struct page_info *pg, bool preempt)
{
    uint64_t x = pg->type;

    ASSERT(x & PGT_COUNT);
    if (likely((x & PGT_COUNT) > 1)) {
        pg->type = x - 1;
        return 0;
    }
    if (!is_table(x)) {
        leave_type(pg, x);
        return 0;
    }
    pg->n_validated = PT_ENTRIES;
    make_partial(pg, x & PGT_TYPE);
    return page_type_continue_put(pg, preempt);
}

int page_type_continue_put(struct page_info *pg, bool preempt)
{
    int rc = devalidate_table(pg, pgt_level(pg->type), preempt);
    if (rc)
        return rc;
    leave_type(pg, pg->type);
    pg->flags &= (uint8_t)~PGF_PARTIAL_CHILD;
    page_put(pg);
    return 0;
}

void page_put_table(struct vcpu *v, struct page_info *pg)
{
    int rc = page_type_put(pg, true);
    if (rc == -ERESTART_HYPERCALL)
        defer_put(v, pg); /* our reference goes with it */
    else
        page_put(pg);
}

int deferred_put_run(struct vcpu *v)
{
    while (unlikely(v->arch.n_deferred)) {
        struct page_info *pg = v->arch.deferred[v->arch.n_deferred - 1];
        int rc = (pg->type & PGT_PARTIAL) ? page_type_continue_put(pg, true) : 0;
        if (rc)
            return rc;
        v->arch.n_deferred--;
        page_put(pg);
    }
    return 0;
}
