/* SPDX-License-Identifier: MIT */
/* Changing entries of validated page tables, and finding them. */
#include "arch/pv_mm.h"
#include "arch/tlb.h"
#include "arch/cpu.h"
#include "arch/protect.h"
#include "arch/trap.h"
#include "grant.h"
#include "l1.h"

/* Harmless for memory, since the handle holds the frame. Xen too lets it pass (its debug builds do
 * not). */
void l1e_grant_lost(struct domain *mapper, uint64_t l1e)
{
    if (!mapper->is_dying && !mapper->is_shut_down)
        grant_note_lost(mapper, paddr_to_mfn(l1e & PTE_ADDR), l1e & PTE_W);
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
        return l1_update(d, slot, val, owner, keep_ad);
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
