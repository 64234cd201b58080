/* SPDX-License-Identifier: MIT */
/*
 * Pages and page tables of a direct-paging guest.
 *
 * The domain builder maps the whole image, this pool included, with 4 KiB pages: pseudo-physical
 * frame n at VIRT_BASE + n * 4096. Tables hold machine frames (mfn) and are only writable through
 * the hypervisor; everything else here is our own memory.
 */
#ifndef RUNTIME_PAGING_H
#define RUNTIME_PAGING_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>

#define VIRT_BASE  0xffffffff80000000UL
#define PAGE_SHIFT 12
#define PAGE_SIZE  4096UL

#define PTE_PRESENT  0x001UL
#define PTE_WRITE    0x002UL
#define PTE_USER     0x004UL
#define PTE_PWT      0x008UL
#define PTE_PCD      0x010UL
#define PTE_ACCESSED 0x020UL
#define PTE_DIRTY    0x040UL
#define PTE_LARGE    0x080UL
#define PTE_GLOBAL   0x100UL
#define PTE_AVAIL    0xe00UL
#define PTE_NX       (1UL << 63)
#define PTE_MFN_MASK 0x000ffffffffff000UL
/* Usual protections of a page, and of an entry that points to a table. */
#define PROT_RW    (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY)
#define PROT_RO    (PTE_PRESENT | PTE_USER | PTE_ACCESSED)
#define PROT_TABLE (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY)

/* Prepares the pool and maps the shared info page; called once, before guest_main(). */
void paging_init(void);

/* A zeroed page of the pool, mapped read-write; panics when the pool is spent. */
void *page_alloc(void);
/* Takes back a page that is mapped read-write at its own address. */
void page_free(void *page);

/* Frame numbers of an address inside the image, and the address of a frame inside it. */
uint64_t page_pfn(const void *address);
uint64_t page_mfn(const void *address);
void *page_from_mfn(uint64_t mfn);

/* The hypervisor's machine-to-physical table, readable by every PV guest. */
static inline const uint64_t *paging_m2p(void)
{
    return (const uint64_t *)0xffff800000000000UL;
}

/* An entry's value: a frame with protection bits. */
static inline uint64_t pte_make(uint64_t mfn, uint64_t flags)
{
    return mfn << PAGE_SHIFT | flags;
}

/* The level-4 table in use, as mapped (read-only) by the builder. */
uint64_t *paging_root(void);

/*
 * The entry of `level` (1..4) that translates an address, through the current tables, or NULL when
 * a table above it is missing. The pointer may be read, never written.
 */
uint64_t *pte_find(const void *address, int level);

/* Replaces the last-level entry of an address and flushes it; 0 or a negative Xen errno. */
long pte_set(const void *address, uint64_t pte);

/* Writes any entry by mmu_update with the given MMU_* command; 0 or a negative Xen errno. */
long pte_update(const uint64_t *entry, uint64_t value, unsigned int command);

/*
 * Maps a frame the guest may map, read-write, at a pool page's address whose own frame is given up
 * for that; panics when it is refused. Answers where.
 */
void *page_map_frame(uint64_t mfn);

/* Makes a pool page read-only or read-write at its own address. */
long page_protect(void *page, uint64_t flags);

/* One mmuext operation on a machine frame (arg1.mfn); 0 or a negative Xen errno. */
long mmuext(unsigned int command, uint64_t mfn);

#endif
