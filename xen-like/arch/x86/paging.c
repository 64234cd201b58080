/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's part of every address space (L4 slots 256-271):
 *
 *   0xffff800000000000  M2P table, readable by guests            (slot 256)
 *   0xffff820000000000  per-domain: GDT and LDT of each vCPU     (slot 260)
 *   0xffff82a000000000  M2P table, writable alias                (slot 261)
 *   0xffff82c000000000  ioremap area, 1 GiB: devices, uncached or write-combining
 *   0xffff82d080000000  the image: text R-X, constants R--, data RW-
 *   0xffff82d0a0000000  each CPU's stack and syscall stubs, 64 KiB a CPU
 *   0xffff82e000000000  frame table
 *   0xffff830000000000  direct map of all RAM, RW-, never executable (slots 262-271)
 *
 * Slots 256 and 261-271 are filled once at boot; a guest's L4 copies them. Only slot 260 differs by
 * domain.
 */
#include "arch/paging.h"
#include "arch/cpu.h"
#include "arch/msr.h"
#include "arch/tlb.h"
#include "boot.h"
#include "console.h"
#include "domain.h"
#include "mm.h"
#include "lib/string.h"

extern char __image_start[], __text_start[], __text_end[], __rodata_start[], __rodata_end[],
    __image_end[];
extern char cpu0_stack[];
extern uint64_t boot_l2[4 * PT_ENTRIES];

struct page_info *const frame_table = (struct page_info *)FRAMETABLE_BASE;
uint64_t *const m2p_table = (uint64_t *)M2P_RW_BASE;
uint64_t max_page;

#define HV_RW              (PTE_P | PTE_W | PTE_A | PTE_D | PTE_G | PTE_NX)
#define STACK_GUARD_PAGE   4 /* between the interrupt stacks and the main one */
#define SZ_2M              (1ul << 21)
#define BOOT_MAPPED_FRAMES (1ul << 20)

/* --- boot allocator: top down from one free stretch below 4 GiB --- */
static paddr_t boot_low, boot_top,
    boot_high; /* [boot_low, boot_top) is free, [boot_top, boot_high) used */

static bool overlaps(paddr_t a, paddr_t b, paddr_t c, paddr_t d)
{
    return a < d && c < b;
}

/* Parts of RAM that must survive until dom0 is built. Returns the end of the one that overlaps, or
 * 0. */
static paddr_t boot_busy(paddr_t start, paddr_t end)
{
    paddr_t img = image_to_paddr(__image_start), img_end = image_to_paddr(__image_end);
    if (overlaps(start, end, img, img_end))
        return img_end;
    for (unsigned int i = 0; i < boot_info.n_modules; i++) {
        const struct boot_module *m = &boot_info.module[i];
        paddr_t mend = ROUND_UP(m->addr + m->len, PAGE_SIZE);
        if (m->len && overlaps(start, end, ROUND_DOWN(m->addr, PAGE_SIZE), mend))
            return mend;
    }
    return 0;
}

/* The largest stretch of RAM in [1 MiB, 4 GiB) clear of the image and modules. */
static void boot_alloc_init(void)
{
    for (unsigned int i = 0; i < boot_info.n_regions; i++) {
        const struct boot_region *r = &boot_info.region[i];
        if (r->type != E820_RAM)
            continue;
        paddr_t pos = MAX(ROUND_UP(r->addr, PAGE_SIZE), 0x100000ul);
        paddr_t end =
            MIN(ROUND_DOWN(r->addr + r->len, PAGE_SIZE), BOOT_MAPPED_FRAMES << PAGE_SHIFT);
        while (pos < end) {
            paddr_t stop = end, busy_end;
            /* Walk to the next busy frame; regions are few and this runs once. */
            for (stop = pos; stop < end && !boot_busy(stop, stop + PAGE_SIZE); stop += PAGE_SIZE)
                ;
            if (stop - pos > boot_top - boot_low) {
                boot_low = pos;
                boot_top = boot_high = stop;
            }
            busy_end = stop < end ? boot_busy(stop, stop + PAGE_SIZE) : end;
            pos = busy_end;
        }
    }
}

void *boot_alloc(size_t size, size_t align)
{
    paddr_t p = ROUND_DOWN(boot_top - size, align);
    if (size > boot_top - boot_low || p < boot_low)
        panic("not enough memory below 4 GiB to start (%zu KiB more needed)\n", size >> 10);
    boot_top = p;
    memset(paddr_to_virt(p), 0, size);
    return paddr_to_virt(p);
}

static uint64_t *table_of(uint64_t *entry, uint64_t flags)
{
    if (!(*entry & PTE_P))
        *entry = virt_to_paddr(boot_alloc(PAGE_SIZE, PAGE_SIZE)) | flags;
    return paddr_to_virt(*entry & PTE_ADDR);
}

/* Maps one 2 MiB page at `va` in the boot address space. */
static void map_2m(uint64_t va, paddr_t pa, uint64_t flags)
{
    uint64_t table_flags = PTE_P | PTE_W | PTE_A | (flags & PTE_U);
    uint64_t *l3 = table_of(&hv_l4[pt_index(va, 4)], table_flags);
    uint64_t *l2 = table_of(&l3[pt_index(va, 3)], table_flags);
    l2[pt_index(va, 2)] = pa | flags | PTE_PS;
}

static void map_direct(void)
{
    uint64_t *l3 = paddr_to_virt(hv_l4[262] & PTE_ADDR);
    for (unsigned int i = 0; i < 4 * PT_ENTRIES; i++)
        boot_l2[i] = ((uint64_t)i << 21) | HV_RW | PTE_PS;
    for (unsigned int i = 0; i < 4; i++)
        l3[i] |= PTE_A;
    for (paddr_t p = BOOT_MAPPED_FRAMES << PAGE_SHIFT; p < max_page << PAGE_SHIFT; p += SZ_2M)
        map_2m(DIRECTMAP_BASE + p, p, HV_RW);
}

static bool range_has_ram(paddr_t start, paddr_t end)
{
    for (unsigned int i = 0; i < boot_info.n_regions; i++) {
        const struct boot_region *r = &boot_info.region[i];
        if (r->type == E820_RAM && overlaps(start, end, r->addr, r->addr + r->len))
            return true;
    }
    return false;
}

/*
 * A table of `entry_size` bytes for each frame below max_page, at `va`, in 2 MiB pages filled with
 * `fill`. Stretches without RAM share one read-only page, so that any index below max_page may be
 * read. With `guest_va`, guests can read the table there.
 */
static void map_frame_array(uint64_t va, size_t entry_size, int fill, uint64_t guest_va)
{
    uint64_t per_chunk = SZ_2M / entry_size;
    void *hole = NULL;
    for (uint64_t c = 0; c * per_chunk < max_page; c++) {
        bool ram =
            range_has_ram((c * per_chunk) << PAGE_SHIFT, ((c + 1) * per_chunk) << PAGE_SHIFT);
        void *chunk = ram || !hole ? boot_alloc(SZ_2M, SZ_2M) : hole;
        if (chunk != hole)
            memset(chunk, fill, SZ_2M);
        if (!ram)
            hole = chunk;
        map_2m(va + c * SZ_2M, virt_to_paddr(chunk), ram ? HV_RW : HV_RW & ~PTE_W);
        if (guest_va)
            map_2m(guest_va + c * SZ_2M, virt_to_paddr(chunk),
                   PTE_P | PTE_U | PTE_A | PTE_G | PTE_NX);
    }
}

mfn_t m2p_chunk(uint64_t n)
{
    uint64_t va = M2P_GUEST_BASE + n * SZ_2M;
    const uint64_t *l3 = paddr_to_virt(hv_l4[HV_SLOT_FIRST] & PTE_ADDR);
    const uint64_t *l2 = paddr_to_virt(l3[pt_index(va, 3)] & PTE_ADDR);

    return paddr_to_mfn(l2[pt_index(va, 2)] & PTE_ADDR);
}

void m2p_share(void)
{
    for (uint64_t n = 0; n * M2P_CHUNK_ENTRIES < max_page; n++)
        for (uint64_t i = 0; i < SZ_2M / PAGE_SIZE; i++)
            page_share(mfn_to_page(MFN(m2p_chunk(n).n + i)), dom_xen, false);
}

static uint64_t image_flags(uint64_t va)
{
    if (va == (uint64_t)cpu0_stack + STACK_GUARD_PAGE * PAGE_SIZE)
        return 0; /* an overflow of the stack faults */
    if (va >= (uint64_t)__text_start && va < (uint64_t)__text_end)
        return PTE_P | PTE_A | PTE_G;
    if (va >= (uint64_t)__rodata_start && va < (uint64_t)__rodata_end)
        return PTE_P | PTE_A | PTE_G | PTE_NX;
    if (va < (uint64_t)__text_start) /* headers and boot code: done with */
        return PTE_P | PTE_A | PTE_G | PTE_NX;
    return HV_RW;
}

static void map_image(void)
{
    uint64_t *l2 = boot_alloc(PAGE_SIZE, PAGE_SIZE);
    for (uint64_t va = (uint64_t)__image_start; va < (uint64_t)__image_end; va += PAGE_SIZE) {
        uint64_t *l1 = table_of(&l2[pt_index(va, 2)], PTE_P | PTE_W | PTE_A);
        l1[pt_index(va, 1)] = (va - VIRT_BASE) | image_flags(va);
    }
    hv_l3[pt_index(VIRT_BASE, 3)] = virt_to_paddr(l2) | PTE_P | PTE_W | PTE_A;
}

void paging_init(void)
{
    for (unsigned int i = 0; i < boot_info.n_regions; i++) {
        const struct boot_region *r = &boot_info.region[i];
        if (r->type == E820_RAM)
            max_page = MAX(max_page, (r->addr + r->len) >> PAGE_SHIFT);
    }
    max_page = MIN(max_page, 5ul << (40 - PAGE_SHIFT));
    boot_alloc_init();
    map_image(); /* first: we run in what map_direct makes not executable */
    map_direct();
    map_frame_array(FRAMETABLE_BASE, sizeof(struct page_info), 0, 0);
    map_frame_array(M2P_RW_BASE, sizeof(uint64_t), 0xff, M2P_GUEST_BASE);
    /* The ioremap area's first tables exist from the start: it is used before there is a heap. */
    uint64_t *l2 = table_of(&hv_l3[pt_index(IOREMAP_BASE, 3)], PTE_P | PTE_W | PTE_A);
    for (unsigned int i = 0; i < 4; i++)
        table_of(&l2[i], PTE_P | PTE_W | PTE_A);
    hv_l4[0] = 0;
    cpu_wrmsr(MSR_PAT, PAT_VALUE); /* before the first mapping that means what it says */
    tlb_load_cr3(image_to_paddr(hv_l4));
}

bool hv_map_page(uint64_t va, paddr_t pa, uint64_t flags)
{
    uint64_t *l2 = paddr_to_virt(hv_l3[pt_index(va, 3)] & PTE_ADDR), *l2e = &l2[pt_index(va, 2)];

    if (!*l2e) {
        void *l1 = mm_alloc_pages(0);

        if (!l1)
            return false;
        *l2e = virt_to_paddr(l1) | PTE_P | PTE_W | PTE_A;
    }
    uint64_t *l1 = paddr_to_virt(*l2e & PTE_ADDR);

    l1[pt_index(va, 1)] = pa | flags;
    return true;
}

static void *map_device(paddr_t addr, size_t len, uint64_t cache_flags)
{
    static uint64_t next = IOREMAP_BASE;
    paddr_t first = ROUND_DOWN(addr, PAGE_SIZE);
    uint64_t room = IOREMAP_BASE + IOREMAP_SIZE - next, va = next;

    if (len == 0 || addr + len - 1 < addr || addr + len - 1 > (PTE_ADDR | (PAGE_SIZE - 1)) ||
        len + (addr - first) > room)
        return NULL;
    for (paddr_t page = first; page < addr + len; page += PAGE_SIZE, next += PAGE_SIZE)
        if (!hv_map_page(next, page, HV_RW | cache_flags))
            return NULL;
    return (void *)(va + (addr - first));
}

void *ioremap(paddr_t addr, size_t len)
{
    return map_device(addr, len, PTE_PCD | PTE_PWT);
}

void *ioremap_wc(paddr_t addr, size_t len)
{
    return map_device(addr, len, PTE_PAT);
}

/* Frees [start, end) in the largest aligned blocks that touch nothing busy. */
static void free_range(paddr_t start, paddr_t end)
{
    while (start < end) {
        unsigned int order = HEAP_MAX_ORDER;
        while (order &&
               ((start & ((PAGE_SIZE << order) - 1)) || start + (PAGE_SIZE << order) > end ||
                boot_busy(start, start + (PAGE_SIZE << order))))
            order--;
        if (order || !boot_busy(start, start + PAGE_SIZE))
            heap_free_pages(mfn_to_page(paddr_to_mfn(start)), order);
        start += PAGE_SIZE << order;
    }
}

void boot_memory_to_heap(void)
{
    for (unsigned int i = 0; i < boot_info.n_regions; i++) {
        const struct boot_region *r = &boot_info.region[i];
        /* The first MiB stays the firmware's and dom0's: real-mode data, BIOS tables. */
        paddr_t start = MAX(ROUND_UP(r->addr, PAGE_SIZE), 0x100000ul);
        paddr_t end = MIN(ROUND_DOWN(r->addr + r->len, PAGE_SIZE), max_page << PAGE_SHIFT);
        if (r->type != E820_RAM || start >= end)
            continue;
        for (paddr_t p = start; p < end; p += PAGE_SIZE)
            mfn_to_page(paddr_to_mfn(p))->flags |= PGF_RAM;
        heap_add_total((end - start) >> PAGE_SHIFT);
        if (overlaps(start, end, boot_top, boot_high)) {
            free_range(start, boot_top);
            start = boot_high;
        }
        free_range(start, end);
    }
}

void boot_modules_to_heap(void)
{
    unsigned int n = boot_info.n_modules;

    boot_info.n_modules = 0; /* no longer busy */
    for (unsigned int i = 0; i < n; i++) {
        const struct boot_module *m = &boot_info.module[i];
        if (m->len)
            free_range(ROUND_UP(m->addr, PAGE_SIZE), ROUND_DOWN(m->addr + m->len, PAGE_SIZE));
    }
}
