/* SPDX-License-Identifier: MIT */
/* Guests' GDT and LDT: checked pages, mapped in the vCPU's window. Hypercalls set_gdt and
 * update_descriptor. */
#include "arch/paging.h"
#include "arch/tlb.h"
#include "arch/pv_desc.h"
#include "arch/pv_mm.h"
#include "guest.h"
#include "hypercall.h"
#include "lib/string.h"

#define DESC_S       (1ull << 44)
#define DESC_P       (1ull << 47)
#define DESC_DPL     (3ull << 45)
#define DESC_TYPE    (0xfull << 40)
#define GDT_PAGES    14 /* the guest's; the page after is the hypervisor's */
#define GDT_MAX      (GDT_PAGES * 512)
#define LDT_MAX      8192
#define WINDOW_FLAGS (PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX)

bool pv_descriptor_fix(uint64_t *desc)
{
    if (!(*desc & DESC_P) || (!(*desc & DESC_S) && !(*desc & DESC_TYPE)))
        return true;
    if (!(*desc & DESC_S))
        return false; /* gates, TSS and LDT descriptors would name the hypervisor's structures */
    *desc |= DESC_DPL;
    return true;
}

bool pv_descriptors_valid(uint64_t *table);
bool pv_descriptors_valid(uint64_t *table)
{
    for (unsigned int i = 0; i < 512; i++)
        if (!pv_descriptor_fix(&table[i]))
            return false;
    return true;
}

/* Where a guest has no GDT page the CPU finds null descriptors: a selector there gives #GP, not a
 * page fault of ours. */
static const uint64_t no_descriptors[512] page_aligned;

static uint64_t empty_pte(void)
{
    return image_to_paddr(no_descriptors) | PTE_P | PTE_A | PTE_NX;
}

void pv_init_gdt(struct vcpu *v)
{
    for (unsigned int i = 0; i < GDT_PAGES; i++)
        v->arch.gdt_ldt_ptes[i] = empty_pte();
}

static void put_frame(uint64_t *pte, uint64_t empty)
{
    if (!(*pte & PTE_P) || *pte == empty_pte())
        return;
    struct page_info *pg = mfn_to_page(paddr_to_mfn(*pte & PTE_ADDR));
    *pte = empty;
    page_type_put(pg, false);
    page_put(pg);
}

void pv_drop_gdt(struct vcpu *v)
{
    for (unsigned int i = 0; i < GDT_PAGES; i++)
        put_frame(&v->arch.gdt_ldt_ptes[i], empty_pte());
    v->arch.gdt_entries = 0;
}

int pv_set_gdt(struct vcpu *v, const uint64_t *frames, unsigned int entries)
{
    unsigned int n = (entries + 511) / 512;

    if (entries > GDT_MAX)
        return -EINVAL;
    for (unsigned int i = 0; i < n; i++) {
        int rc = page_get_table(v->domain, MFN(frames[i]), PGT_SEG, false);
        if (rc) {
            while (i-- > 0) {
                page_type_put(mfn_to_page(MFN(frames[i])), false);
                page_put(mfn_to_page(MFN(frames[i])));
            }
            return rc;
        }
    }
    pv_drop_gdt(v);
    for (unsigned int i = 0; i < n; i++) {
        v->arch.gdt_frame[i] = MFN(frames[i]);
        v->arch.gdt_ldt_ptes[i] = mfn_to_paddr(MFN(frames[i])) | WINDOW_FLAGS;
    }
    v->arch.gdt_entries = entries;
    tlb_flush_all();
    return 0;
}

void pv_ldt_unmap(struct vcpu *v)
{
    for (unsigned int i = 0; i < 16; i++)
        if (v->arch.ldt_mapped >> i & 1)
            put_frame(&v->arch.gdt_ldt_ptes[16 + i], 0);
    v->arch.ldt_mapped = 0;
    tlb_flush_all();
}

int pv_set_ldt(struct vcpu *v, uint64_t base, unsigned int entries)
{
    if (entries > LDT_MAX || (base & (PAGE_SIZE - 1)) || !guest_range_ok(base, entries * 8ul))
        return -EINVAL;
    if (v->arch.ldt_base == base && v->arch.ldt_entries == entries)
        return 0;
    if (v->arch.ldt_mapped)
        pv_ldt_unmap(v);
    v->arch.ldt_base = base;
    v->arch.ldt_entries = entries;
    desc_load(v);
    return 0;
}

bool pv_ldt_fault(struct vcpu *v, uint64_t va)
{
    unsigned int page = (unsigned int)((va - PERDOMAIN_LDT(v->id)) >> PAGE_SHIFT);
    struct page_info *pt;

    if (page * 512 >= v->arch.ldt_entries || (v->arch.ldt_mapped >> page & 1))
        return false;
    const uint64_t *slot = pv_walk_l1(v, v->arch.ldt_base + page * PAGE_SIZE, &pt);
    uint64_t entry = slot ? READ_ONCE(*slot) : 0;
    if (!(entry & PTE_P))
        return false;
    mfn_t mfn = paddr_to_mfn(entry & PTE_ADDR);
    if (page_get_table(v->domain, mfn, PGT_SEG, false))
        return false;
    v->arch.gdt_ldt_ptes[16 + page] = mfn_to_paddr(mfn) | WINDOW_FLAGS;
    v->arch.ldt_mapped |= 1u << page;
    return true;
}

int64_t hc_set_gdt(HC_ARGS)
{
    uint64_t frames[GDT_PAGES];
    unsigned int entries = (uint32_t)a2;
    (void)a3, (void)a4, (void)a5;

    if (entries > GDT_MAX)
        return -EINVAL;
    if (guest_read(frames, a1, (entries + 511) / 512 * sizeof(frames[0])))
        return -EFAULT;
    return pv_set_gdt(current, frames, entries);
}

int64_t hc_update_descriptor(HC_ARGS)
{
    uint64_t desc = a2;
    struct page_info *pg;
    (void)a3, (void)a4, (void)a5;

    if ((a1 & 7) || !pv_descriptor_fix(&desc))
        return -EINVAL;
    mfn_t mfn = paddr_to_mfn(a1);
    if (!mfn_valid(mfn) || !page_get(pg = mfn_to_page(mfn), current->domain))
        return -EINVAL;
    /* A descriptor page in use, or memory that is to become one. */
    uint64_t type =
        (pg->type & PGT_TYPE) == PGT_SEG && (pg->type & PGT_COUNT) ? PGT_SEG : PGT_WRITABLE;
    int rc = page_type_get(pg, type, false);
    if (!rc) {
        WRITE_ONCE(*(uint64_t *)((char *)page_to_virt(pg) + (a1 & (PAGE_SIZE - 1))), desc);
        page_type_put(pg, false);
    }
    page_put(pg);
    return rc;
}
