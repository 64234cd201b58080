/* SPDX-License-Identifier: MIT */
/* The hypervisor's own address space: see the table at the head of arch/x86/paging.c. */
#ifndef CORBEL_ARCH_PAGING_H
#define CORBEL_ARCH_PAGING_H

#include "types.h"

#define PTE_P    (1ul << 0)
#define PTE_W    (1ul << 1)
#define PTE_U    (1ul << 2)
#define PTE_PWT  (1ul << 3)
#define PTE_PCD  (1ul << 4)
#define PTE_A    (1ul << 5)
#define PTE_D    (1ul << 6)
#define PTE_PS   (1ul << 7)
#define PTE_PAT  (1ul << 7)
#define PTE_G    (1ul << 8)
#define PTE_NX   (1ul << 63)
#define PTE_ADDR 0x000ffffffffff000ul

#define PT_ENTRIES        512
#define HV_SLOT_FIRST     256 /* L4 slots of the hypervisor in every address space */
#define HV_SLOT_LAST      271
#define HV_SLOT_PERDOMAIN 260

#define VIRT_BASE       0xffff82d080000000ul
#define PERCPU_BASE     0xffff82d0a0000000ul /* within 2 GiB of the image: stubs reach both */
#define FRAMETABLE_BASE 0xffff82e000000000ul
#define M2P_RW_BASE     0xffff82a000000000ul
#define IOREMAP_BASE    0xffff82c000000000ul
#define IOREMAP_SIZE    (1ul << 30)
#define PERDOMAIN_BASE  0xffff820000000000ul
/* Per vCPU in the per-domain slot: 16 pages of GDT, 16 of LDT. */
#define PERDOMAIN_VCPU_PAGES 32
#define PERDOMAIN_GDT(vcpu)  (PERDOMAIN_BASE + (uint64_t)(vcpu)*PERDOMAIN_VCPU_PAGES * PAGE_SIZE)
#define PERDOMAIN_LDT(vcpu)  (PERDOMAIN_GDT(vcpu) + 16 * PAGE_SIZE)

extern uint64_t hv_l4[PT_ENTRIES], hv_l3[PT_ENTRIES];

static inline unsigned int pt_index(uint64_t va, unsigned int level) /* level 1..4 */
{
    return (va >> (12 + 9 * (level - 1))) & (PT_ENTRIES - 1);
}
static inline paddr_t image_to_paddr(const void *p)
{
    return (paddr_t)p - VIRT_BASE;
}

/* Boot-time memory: zeroed, physical, never freed. `align` a power of two. Panics when there is
 * none. */
void *boot_alloc(size_t size, size_t align);
/* Builds the final mappings, frame table and M2P; then the heap gets what is left. */
void paging_init(void);
/* Maps a page beside the image (its GiB), where nothing was mapped. False: no memory for a table.
 */
bool hv_map_page(uint64_t va, paddr_t pa, uint64_t flags);
/* Gives RAM to the heap, all but what `keep` regions hold (modules); see heap.c. */
void boot_memory_to_heap(void);
/* After dom0 is built: modules' memory joins the heap. */
void boot_modules_to_heap(void);

#endif
