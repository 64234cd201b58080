/* SPDX-License-Identifier: MIT */
/* The page pool, frame numbers and page-table entries. */
#include "runtime/paging.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"

#define POOL_PAGES 1024

/* Only whole pages live in .bss.page: the rest of the shared info page must stay nobody's. */
static unsigned char pool[POOL_PAGES][PAGE_SIZE]
    __attribute__((aligned(4096), section(".bss.page")));
struct shared_info shared_info __attribute__((aligned(4096), section(".bss.page")));

/* Free pages are a stack of numbers, so a page just freed is the next one used. */
static uint16_t pool_free[POOL_PAGES];
static unsigned int pool_free_count;

void paging_init(void)
{
    for (unsigned int i = 0; i < POOL_PAGES; i++)
        pool_free[i] = POOL_PAGES - 1 - i;
    pool_free_count = POOL_PAGES;

    /* User mode sees what the kernel sees: a test needs no second address space. */
    if (mmuext(MMUEXT_NEW_USER_BASEPTR, page_mfn(paging_root())))
        guest_panic("cannot use the root table in user mode");
    if (pte_set(&shared_info, start_info->shared_info | PROT_RW))
        guest_panic("cannot map the shared info page at machine address %lx",
                    start_info->shared_info);
}

void *page_alloc(void)
{
    if (!pool_free_count)
        guest_panic("page pool spent: raise POOL_PAGES in paging.c");
    return memset(pool[pool_free[--pool_free_count]], 0, PAGE_SIZE);
}

void page_free(void *page)
{
    pool_free[pool_free_count++] = ((uint64_t)page - (uint64_t)pool) / PAGE_SIZE;
}

uint64_t page_pfn(const void *address)
{
    return ((uint64_t)address - VIRT_BASE) >> PAGE_SHIFT;
}

uint64_t page_mfn(const void *address)
{
    return ((const uint64_t *)start_info->mfn_list)[page_pfn(address)];
}

void *page_from_mfn(uint64_t mfn)
{
    return (void *)(VIRT_BASE + (paging_m2p()[mfn] << PAGE_SHIFT));
}

uint64_t *paging_root(void)
{
    return (uint64_t *)start_info->pt_base;
}

uint64_t *pte_find(const void *address, int level)
{
    uint64_t *table = paging_root();

    for (int at = 4;; at--) {
        uint64_t *entry = &table[(uint64_t)address >> (3 + 9 * at) & 511];

        if (at == level)
            return entry;
        if (!(*entry & PTE_PRESENT) || (at < 4 && *entry & PTE_LARGE))
            return 0;
        table = page_from_mfn((*entry & PTE_MFN_MASK) >> PAGE_SHIFT);
    }
}

long pte_set(const void *address, uint64_t pte)
{
    return hypercall3(__HYPERVISOR_update_va_mapping, arg(address), pte, UVMF_INVLPG);
}

void *page_map_frame(uint64_t mfn)
{
    void *window = page_alloc();
    long answer = pte_set(window, pte_make(mfn, PROT_RW));

    if (answer)
        guest_panic("cannot map frame %lx: %ld", mfn, answer);
    return window;
}

long pte_update(const uint64_t *entry, uint64_t value, unsigned int command)
{
    uint64_t machine = page_mfn(entry) << PAGE_SHIFT | ((uint64_t)entry & (PAGE_SIZE - 1));
    struct mmu_update update = {.ptr = machine | command, .val = value};

    return hypercall4(__HYPERVISOR_mmu_update, arg(&update), 1, 0, DOMID_SELF);
}

long page_protect(void *page, uint64_t flags)
{
    return pte_set(page, pte_make(page_mfn(page), flags));
}

long mmuext(unsigned int command, uint64_t mfn)
{
    struct mmuext_op op = {.cmd = command, .arg1.mfn = mfn};

    return hypercall4(__HYPERVISOR_mmuext_op, arg(&op), 1, 0, DOMID_SELF);
}
