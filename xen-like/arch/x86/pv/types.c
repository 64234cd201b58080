/* SPDX-License-Identifier: MIT */
/* Page types: taking, dropping, validating tables. The states are drawn in arch/pv_mm.h. */
#include "arch/pv_mm.h"
#include "arch/tlb.h"
#include "arch/cpu.h"
#include "arch/smp.h"
#include "console.h"
#include "fast.h"
#include "l1.h"
#include "hypercall.h"
#include "lib/string.h"

uint64_t paddr_mask_invalid;

#define TABLE_FLAGS_REFUSED (PTE_PS | PTE_G | PTE_PWT | PTE_PCD | (0x7fful << 52))

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

bool page_get_l1(struct page_info *pt, struct domain *d)
{
    if (unlikely(!fast_page_get(pt, d)))
        return false;
    /* In use as one already: a walk found it so. */
    if (likely((pt->type & (PGT_TYPE | PGT_VALIDATED)) == (PGT_L1 | PGT_VALIDATED)) &&
        likely(fast_type_get(pt, PGT_L1) == 0))
        return true;
    fast_page_put(pt);
    return false;
}

void page_put_l1(struct page_info *pt)
{
    fast_type_put(pt);
    fast_page_put(pt);
}

static bool is_hv_slot(unsigned int level, unsigned int i)
{
    return level == 4 && i >= HV_SLOT_FIRST && i <= HV_SLOT_LAST;
}

/* Before each table below: there may be 512 entries to look at in one. */
static bool want_pause(bool preempt, unsigned int level)
{
    return preempt && level > 1 && hypercall_preempt_check();
}

void pv_fill_l4(struct domain *d, uint64_t *l4)
{
    memcpy(&l4[HV_SLOT_FIRST], &hv_l4[HV_SLOT_FIRST], (HV_SLOT_LAST - HV_SLOT_FIRST + 1) * 8);
    l4[HV_SLOT_PERDOMAIN] = virt_to_paddr(d->arch.perdomain_l3) | PTE_P | PTE_W | PTE_A;
}

#define GROUP 8 /* entries of a cache line */

/* Most of a young table is empty: a line of it at a time. */
static bool is_empty_group(const uint64_t *e)
{
    return !((e[0] | e[1] | e[2] | e[3] | e[4] | e[5] | e[6] | e[7]) & PTE_P);
}

/* Takes the claims of entries from n_validated on. On return n_validated says how many hold. */
static int validate_table(struct page_info *pg, unsigned int level, bool preempt)
{
    struct domain *d = page_owner(pg);
    uint64_t *table = page_to_virt(pg);
    unsigned int i;
    int rc = 0;

    for (i = pg->n_validated; i < PT_ENTRIES; i++) {
        if (i % GROUP == 0 && is_empty_group(&table[i])) {
            i += GROUP - 1;
            continue;
        }
        uint64_t e = table[i];
        if (is_hv_slot(level, i) || !(e & PTE_P))
            continue;
        if (want_pause(preempt, level)) {
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
        if (i % GROUP == GROUP - 1 && is_empty_group(&table[i - (GROUP - 1)])) {
            i -= GROUP - 1;
            continue;
        }
        uint64_t e = table[i];
        if (is_hv_slot(level, i) || !(e & PTE_P))
            continue;
        if (want_pause(preempt, level)) {
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
            page_flag_clear(pg, PGF_PARTIAL_CHILD);
            rc = page_type_continue_put(child, preempt);
        } else
            rc = page_type_put(child, preempt);
        if (rc) {
            page_flag_set(pg, PGF_PARTIAL_CHILD);
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

/* The word of a page whose last use as `type` ends now, its translations being out of all page
 * tables. */
static uint64_t unused_word(uint64_t type)
{
    return (type & PGT_TYPE) | (uint64_t)tlb_stamp() << PGT_STAMP_SHIFT;
}

/*
 * Before an unused page (`x` is its word) becomes `type`: CPUs may still hold translations made
 * while the old use lasted, writable ones or through the table's old entries. They run its owner's
 * vCPUs, unless others mapped it.
 */
static bool needs_flush(uint64_t x, uint64_t type)
{
    return (x & PGT_TYPE) != PGT_NONE && (x & PGT_TYPE) != type && !(x & PGT_PARTIAL);
}

static void flush_old_type(const struct page_info *pg, uint64_t x)
{
    const struct domain *d = page_owner(pg);
    const struct cpumask *cpus = !d || (pg->flags & PGF_FOREIGN) ? &cpu_online_map : &d->dirty_cpus;

    tlb_flush_since(cpus, (uint32_t)(x >> PGT_STAMP_SHIFT));
}

static void set_word(struct page_info *pg, uint64_t word)
{
    __atomic_store_n(&pg->type, word, __ATOMIC_RELEASE);
}

static bool change_word(struct page_info *pg, uint64_t *x, uint64_t word)
{
    return __atomic_compare_exchange_n(&pg->type, x, word, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_RELAXED);
}

static void take_partial_reference(struct page_info *pg)
{
    __atomic_fetch_add(&pg->count, 1, __ATOMIC_RELAXED);
}

static void defer_put(struct vcpu *v, struct page_info *pg)
{
    BUG_ON(v->arch.n_deferred == ARRAY_SIZE(v->arch.deferred));
    v->arch.deferred[v->arch.n_deferred++] = pg;
}

/* Drops the entries of a BUSY table that owns a partial state's reference: unused then, or PARTIAL
 * again. */
static int devalidate_busy(struct page_info *pg, bool preempt)
{
    uint64_t type = pg->type & PGT_TYPE;
    int rc = devalidate_table(pg, pgt_level(type), preempt);

    if (rc) {
        set_word(pg, type | PGT_PARTIAL);
        return rc;
    }
    page_flag_clear(pg, PGF_PARTIAL_CHILD);
    set_word(pg, unused_word(type));
    page_put(pg);
    return 0;
}

/* A table turned out bad half way: its good entries' claims go, later if that may take long. */
static void undo_validation(struct page_info *pg, uint64_t type, bool preempt)
{
    if (!preempt) {
        int rc = devalidate_busy(pg, false);
        BUG_ON(rc);
        return;
    }
    __atomic_fetch_add(&pg->count, 1, __ATOMIC_RELAXED);
    set_word(pg, type | PGT_PARTIAL);
    defer_put(current, pg);
}

/* First use as `type`, or the next part of one. The page is BUSY, and ours. */
static int type_establish(struct page_info *pg, uint64_t type, bool was_partial, bool preempt)
{
    int rc = 0;

    if (!was_partial)
        pg->n_validated = 0;
    else if (pg->flags & PGF_PARTIAL_CHILD) {
        /* Half way through dropping: the child at n_validated - 1 no longer has our claim. */
        rc = devalidate_busy(pg, preempt);
        return rc ? rc : page_type_get(pg, type, preempt);
    }
    if (is_table(type))
        rc = validate_table(pg, pgt_level(type), preempt);
    else if (type == PGT_SEG && !pv_descriptors_valid(page_to_virt(pg)))
        rc = -EINVAL;

    if (rc == 0) {
        set_word(pg, type | PGT_VALIDATED | 1);
        if (was_partial)
            page_put(pg); /* the reference the partial state owned */
        return 0;
    }
    if (!was_partial && (rc == -ERESTART_HYPERCALL || (is_table(type) && pg->n_validated)))
        take_partial_reference(pg);
    if (rc == -ERESTART_HYPERCALL) {
        set_word(pg, type | PGT_PARTIAL);
    } else if (is_table(type) && pg->n_validated) {
        undo_validation(pg, type, preempt);
    } else {
        set_word(pg, unused_word(type));
        if (was_partial)
            page_put(pg);
    }
    return rc;
}

/* One more use of a page in use; *x is its word. -EAGAIN: it has changed, or is BUSY, which lasts
 * as long as another CPU's work on a whole tree. */
static int type_get_used(struct page_info *pg, uint64_t *x, uint64_t type, bool preempt)
{
    if (unlikely((*x & PGT_TYPE) != type || (*x & PGT_COUNT) == PGT_COUNT))
        return -EINVAL;
    if (unlikely(!(*x & PGT_VALIDATED))) {
        if (preempt && hypercall_preempt_check())
            return -ERESTART_HYPERCALL;
        cpu_serve_requests();
        cpu_relax();
        *x = __atomic_load_n(&pg->type, __ATOMIC_ACQUIRE);
        return -EAGAIN;
    }
    return change_word(pg, x, *x + 1) ? 0 : -EAGAIN;
}

int page_type_get(struct page_info *pg, uint64_t type, bool preempt)
{
    uint64_t x = __atomic_load_n(&pg->type, __ATOMIC_ACQUIRE);

    for (;;) {
        if (likely(x & PGT_COUNT)) {
            int rc = type_get_used(pg, &x, type, preempt);
            if (rc != -EAGAIN)
                return rc;
            continue;
        }
        bool was_partial = x & PGT_PARTIAL, flush = needs_flush(x, type);
        bool at_once = type == PGT_WRITABLE && !was_partial;

        if (was_partial && (x & PGT_TYPE) != type)
            return -EINVAL;
        if (!change_word(pg, &x, type | 1 | (at_once && !flush ? PGT_VALIDATED : 0)))
            continue;
        if (flush)
            flush_old_type(pg, x);
        if (!at_once)
            return type_establish(pg, type, was_partial, preempt);
        if (flush)
            set_word(pg, PGT_WRITABLE | PGT_VALIDATED | 1);
        return 0;
    }
}

int page_type_put(struct page_info *pg, bool preempt)
{
    uint64_t x = __atomic_load_n(&pg->type, __ATOMIC_RELAXED);

    for (;;) {
        ASSERT((x & PGT_COUNT) && (x & PGT_VALIDATED));
        if (likely((x & PGT_COUNT) > 1)) {
            if (change_word(pg, &x, x - 1))
                return 0;
        } else if (!is_table(x)) {
            if (change_word(pg, &x, unused_word(x)))
                return 0;
        } else if (change_word(pg, &x, (x & PGT_TYPE) | 1)) {
            pg->n_validated = PT_ENTRIES;
            take_partial_reference(pg);
            return devalidate_busy(pg, preempt);
        }
    }
}

int page_type_continue_put(struct page_info *pg, bool preempt)
{
    uint64_t x = __atomic_load_n(&pg->type, __ATOMIC_ACQUIRE);

    while (x & PGT_PARTIAL)
        if (change_word(pg, &x, (x & PGT_TYPE) | 1))
            return devalidate_busy(pg, preempt);
    return 0; /* somebody else took it up, or has finished it */
}

void page_put_table(struct vcpu *v, struct page_info *pg)
{
    int rc = page_type_put(pg, true);
    if (rc == -ERESTART_HYPERCALL)
        defer_put(v, pg); /* our reference goes with it */
    else
        page_put(pg);
}

int deferred_put_continue(struct vcpu *v)
{
    while (v->arch.n_deferred > 0) {
        struct page_info *pg = v->arch.deferred[v->arch.n_deferred - 1];
        int rc = page_type_continue_put(pg, true);
        if (rc)
            return rc;
        v->arch.n_deferred--;
        page_put(pg);
    }
    return 0;
}
