/* SPDX-License-Identifier: MIT */
/* Changing entries of validated page tables, and finding them. */
#include "arch/pv_mm.h"
#include "arch/tlb.h"
#include "arch/cpu.h"
#include "arch/protect.h"
#include "arch/trap.h"
#include "console.h"

static bool entry_exchange(uint64_t *slot, uint64_t *old, uint64_t val)
{
    return __atomic_compare_exchange_n(slot, old, val, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* Both present, same frame, same write permission: the claims stay. */
static bool only_flags_change(uint64_t old, uint64_t val)
{
    return (val & PTE_P) && ((old ^ val) & (PTE_ADDR | PTE_P | PTE_W)) == 0 &&
           !((old | val) & PTE_GRANT) &&
           !(val & (paddr_mask_invalid | (0xful << 59) | PTE_PWT | PTE_PCD | PTE_PAT));
}

/* Another vCPU may change the entry at the same time, and the CPU its A and D bits: each entry is
 * taken out by whoever exchanges it, with its claims. */
static int update_l1(struct domain *d, uint64_t *slot, uint64_t val, struct domain *owner,
                     bool keep_ad)
{
    uint64_t old = READ_ONCE(*slot);

    if (val & PTE_P) {
        if (only_flags_change(old, val)) {
            uint64_t same = l1e_adjust(val) | (keep_ad ? old & (PTE_A | PTE_D) : 0);

            if (likely(entry_exchange(slot, &old, same)))
                return 0;
        }
        int rc = l1e_get(val, d, owner);
        if (unlikely(rc))
            return rc;
        val = l1e_adjust(val);
    }
    if (keep_ad && (val & PTE_P))
        while (!entry_exchange(slot, &old, val | (old & (PTE_A | PTE_D))))
            ;
    else
        old = __atomic_exchange_n(slot, val, __ATOMIC_SEQ_CST);
    l1e_put(old, d);
    return 0;
}

static int update_table(struct vcpu *v, struct domain *d, uint64_t *slot, uint64_t val,
                        unsigned int level, bool keep_ad)
{
    uint64_t old = READ_ONCE(*slot);

    if (keep_ad)
        val |= old & (PTE_A | PTE_D);
    if (val & PTE_P) {
        if (val & (PTE_PS | PTE_G | PTE_PWT | PTE_PCD | (0x7fful << 52) | paddr_mask_invalid))
            return -EINVAL;
        val |= PTE_U;
        if (((old ^ val) & (PTE_ADDR | PTE_P)) == 0 && entry_exchange(slot, &old, val)) {
            if (level == 4)
                xpti_l4_changed(d);
            return 0;
        }
        int rc = page_get_table(d, paddr_to_mfn(val & PTE_ADDR), (uint64_t)(level - 1) << 60, true);
        if (rc)
            return rc;
    }
    old = __atomic_exchange_n(slot, val, __ATOMIC_SEQ_CST);
    if (level == 4)
        xpti_l4_changed(d);
    if (old & PTE_P)
        page_put_table(v, mfn_to_page(paddr_to_mfn(old & PTE_ADDR)));
    return 0;
}

int pt_update_if(struct page_info *pt, uint64_t *slot, uint64_t old, uint64_t val)
{
    struct domain *d = page_owner(pt);
    uint64_t was = old;

    if (only_flags_change(old, val))
        return entry_exchange(slot, &was, l1e_adjust(val)) ? 0 : -EAGAIN;
    if (val & PTE_P) {
        int rc = l1e_get(val, d, d);
        if (unlikely(rc))
            return rc;
        val = l1e_adjust(val);
    }
    if (likely(entry_exchange(slot, &was, val))) {
        l1e_put(old, d);
        return 0;
    }
    l1e_put(val, d);
    return -EAGAIN;
}

int pt_update(struct vcpu *v, struct page_info *pt, unsigned int index, uint64_t val,
              struct domain *owner, bool keep_ad)
{
    uint64_t *slot = (uint64_t *)page_to_virt(pt) + index;
    unsigned int level = pgt_level(pt->type);
    struct domain *d = page_owner(pt); /* its table, its claims, whoever asks */

    if (likely(level == 1))
        return update_l1(d, slot, val, owner, keep_ad);
    if (unlikely(level < 2 || level > 4))
        return -EINVAL;
    if (level == 4 && index >= HV_SLOT_FIRST && index <= HV_SLOT_LAST)
        return -EINVAL;
    return update_table(v, d, slot, val, level, keep_ad);
}

uint64_t *pv_walk_l1(const struct vcpu *v, uint64_t va, struct page_info **pt)
{
    uint64_t e = v->arch.cr3_kernel | PTE_P;

    /* Beyond the canonical addresses the same table indexes come again, the hypervisor's too. */
    if (!pv_canonical(va) || !guest_range_ok(va, 1))
        return NULL;
    for (unsigned int level = 4; level > 1; level--) {
        const uint64_t *table = paddr_to_virt(e & PTE_ADDR);
        e = READ_ONCE(table[pt_index(va, level)]);
        /* Another vCPU may have freed the table by now: whatever stands there must not lead out of
         * RAM. */
        if (!(e & PTE_P) || (e & PTE_PS) || !mfn_valid(paddr_to_mfn(e & PTE_ADDR)))
            return NULL;
    }
    *pt = mfn_to_page(paddr_to_mfn(e & PTE_ADDR));
    return (uint64_t *)paddr_to_virt(e & PTE_ADDR) + pt_index(va, 1);
}

void pv_load_cr3(struct vcpu *v)
{
    xpti_forget();
    tlb_load_cr3(v->arch.flags & VCPU_KERNEL_MODE ? v->arch.cr3_kernel : v->arch.cr3_user);
}
