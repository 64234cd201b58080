/* SPDX-License-Identifier: MIT */
/* Host mappings made and removed for the grant room. Such an entry carries PTE_GRANT and no claims
 * of its own. */
#include "arch/paging.h"
#include "arch/tlb.h"
#include "arch/pv_mm.h"
#include "l1.h"
#include "grant.h"
#include "guest.h"

#define GRANT_FLAGS (PTE_P | PTE_A | PTE_D)

/* The L1 slot that `host_addr` means, its table held by page_get_l1; NULL when there is none. */
static uint64_t *find_slot(uint64_t host_addr, unsigned int flags, struct page_info **pt)
{
    struct vcpu *v = current;
    uint64_t *slot;

    if (flags & GNTMAP_contains_pte) {
        mfn_t mfn = paddr_to_mfn(host_addr);
        if ((host_addr & 7) || !mfn_valid(mfn))
            return NULL;
        *pt = mfn_to_page(mfn);
        slot = (uint64_t *)((char *)page_to_virt(*pt) + (host_addr & (PAGE_SIZE - 1)));
    } else {
        slot = pv_walk_l1(v, host_addr, pt);
        if (!slot)
            return NULL;
    }
    return page_get_l1(*pt, v->domain) ? slot : NULL;
}

int arch_grant_map(uint64_t host_addr, mfn_t mfn, unsigned int flags)
{
    struct page_info *pt;
    uint64_t entry = mfn_to_paddr(mfn) | GRANT_FLAGS | PTE_GRANT;

    if (!(flags & GNTMAP_readonly))
        entry |= PTE_W;
    if (flags & GNTMAP_application_map)
        entry |= PTE_U;
    entry |= (uint64_t)(flags >> _GNTMAP_guest_avail0 & 7) << 9;
    uint64_t *slot = find_slot(host_addr, flags, &pt);
    if (!slot)
        return GNTST_general_error;
    l1e_put(__atomic_exchange_n(slot, l1e_adjust(entry), __ATOMIC_SEQ_CST), current->domain);
    page_put_l1(pt);
    return GNTST_okay;
}

/* Takes the caller's entry for `addr` out, with its claims: it is to replace a grant's. */
static bool take_entry(uint64_t addr, uint64_t *entry)
{
    struct page_info *pt;
    uint64_t *slot = find_slot(addr, 0, &pt);

    if (!slot)
        return false;
    *entry = READ_ONCE(*slot);
    while (!(*entry & PTE_GRANT) && !entry_exchange(slot, entry, 0))
        ;
    page_put_l1(pt);
    return !(*entry & PTE_GRANT);
}

/* Puts `entry` in the place of one for `want`: its frame, its right to write. */
static bool replace_entry(uint64_t *slot, uint64_t want, uint64_t entry)
{
    uint64_t old = READ_ONCE(*slot);

    while ((old & (PTE_ADDR | PTE_P | PTE_GRANT | PTE_W)) == want)
        if (entry_exchange(slot, &old, entry))
            return true;
    return false;
}

/* The entry may be gone already. */
static int unmap_lost(mfn_t mfn, unsigned int flags)
{
    return grant_take_lost(current->domain, mfn, !(flags & GNTMAP_readonly)) ? GNTST_okay
                                                                             : GNTST_general_error;
}

int arch_grant_unmap(uint64_t host_addr, mfn_t mfn, uint64_t new_addr, unsigned int flags)
{
    struct page_info *pt;
    uint64_t entry = 0;

    uint64_t *slot = find_slot(host_addr, flags, &pt);
    if (!slot)
        return new_addr ? GNTST_general_error : unmap_lost(mfn, flags);
    /* The entry must be one this handle could have made. */
    uint64_t want = mfn_to_paddr(mfn) | PTE_P | PTE_GRANT | (flags & GNTMAP_readonly ? 0 : PTE_W);
    bool is_right = (READ_ONCE(*slot) & (PTE_ADDR | PTE_P | PTE_GRANT | PTE_W)) == want &&
                    (!new_addr || take_entry(new_addr, &entry));

    if (is_right && !replace_entry(slot, want, entry)) {
        /* Another vCPU was faster: the entry taken has no place any more. */
        l1e_put(entry, current->domain);
        is_right = false;
    }
    page_put_l1(pt);
    if (!is_right)
        return new_addr ? GNTST_general_error : unmap_lost(mfn, flags);
    return GNTST_okay;
}

void arch_grant_flush(void)
{
    tlb_flush_cpus(&current->domain->dirty_cpus);
}
