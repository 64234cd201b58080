/* SPDX-License-Identifier: MIT */
/*
 * dom0's first address space, as the PV ABI lays it out (<xen/xen.h>, "start-of-day memory
 * layout"):
 *
 *   virt_base + pfn * 4 KiB, from pfn 0:  kernel image | ramdisk, unless it may stay unmapped | p2m
 * list, unless it has its own place | start info | page tables (read-only) | boot stack, up to a
 * multiple of 4 MiB unmapped pfns behind:     ramdisk; p2m list with the page tables that map it at
 * the address the kernel asks for
 */
#include "arch/context.h"
#include "arch/pv_desc.h"
#include "arch/pv_mm.h"
#include "arch/smp.h"
#include "boot.h"
#include "console.h"
#include "dom0_build.h"
#include "lib/elf.h"
#include "lib/kernel_image.h"
#include "lib/string.h"
#include "lib/xen_notes.h"

#define RESERVE_FRAMES                                                                             \
    (128ul << 8) /* 128 MiB at most stay with the hypervisor: DMA memory, itself */
#define SLACK_BYTES     (512ul << 10)
#define PTE_GUEST_TABLE (PTE_P | PTE_W | PTE_U | PTE_A | PTE_D)
#define MAX_UNPACKED    (512ul << 20)

struct layout {
    uint64_t n_pages;
    uint64_t virt_base;
    uint64_t start_info_pfn, pt_pfn, n_pt, stack_pfn, end_pfn; /* mapped, ascending */
    uint64_t initrd_pfn, n_initrd, p2m_pfn, n_p2m, p2m_pt_pfn, n_p2m_pt;
    uint64_t p2m_va;
};

static uint64_t *p2m; /* being built, in the hypervisor's memory; index pfn */

static void *pfn_to_virt(uint64_t pfn)
{
    return mfn_to_virt(MFN(p2m[pfn]));
}

static uint64_t frames(uint64_t bytes)
{
    return (bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

/*
 * `borrowed`: frames in use only until dom0 is built. They count as part of what the hypervisor
 * keeps: a sixteenth of the memory, RESERVE_FRAMES at most.
 */
static uint64_t choose_size(uint64_t borrowed)
{
    uint64_t free = heap_free_count(), all = free + borrowed;
    uint64_t n = boot_options.dom0_mem >> PAGE_SHIFT;

    if (!n)
        n = all - MIN(all / 16, RESERVE_FRAMES);
    if (boot_options.dom0_mem_max)
        n = MIN(n, boot_options.dom0_mem_max >> PAGE_SHIFT);
    return MIN(n, free - MIN(free, free / 64 + 1024));
}

/* Gives dom0 its memory in large blocks and fills the p2m and M2P. */
static void populate(struct domain *d, uint64_t n)
{
    uint64_t pfn = 0;
    unsigned int order = 15;

    while (pfn < n) {
        while ((1ul << order) > n - pfn)
            order--;
        struct page_info *pg = page_alloc_for(d, order, 0);
        if (!pg && order == 0)
            panic("dom0: memory ran out after %lu of %lu MiB\n", pfn >> 8, n >> 8);
        if (!pg) {
            order--;
            continue;
        }
        for (uint64_t i = 0; i < 1ul << order; i++, pfn++) {
            p2m[pfn] = page_to_mfn(pg).n + i;
            m2p_table[p2m[pfn]] = pfn;
        }
    }
}

/* Tables needed to map [start, end): exact for one stretch, the L4 not counted. */
static uint64_t tables_for(uint64_t start, uint64_t end)
{
    uint64_t n = 0;
    for (unsigned int shift = 21; shift <= 39; shift += 9)
        n += ((end - 1) >> shift) - (start >> shift) + 1;
    return n;
}

static void plan(struct layout *l, const struct xen_notes *notes, uint64_t initrd_len)
{
    uint64_t pfn;

    l->virt_base = notes->virt_base;
    pfn = frames(notes->phys_end);
    l->n_initrd = frames(initrd_len);
    l->n_p2m = frames(l->n_pages * 8);
    if (!notes->mod_start_pfn) {
        l->initrd_pfn = pfn;
        pfn += l->n_initrd;
    }
    if (!notes->has_init_p2m) {
        l->p2m_pfn = pfn;
        l->p2m_va = l->virt_base + (pfn << PAGE_SHIFT);
        pfn += l->n_p2m;
    }
    l->start_info_pfn = pfn++;
    l->pt_pfn = pfn;
    for (l->n_pt = 4;; l->n_pt++) {
        l->stack_pfn = l->pt_pfn + l->n_pt;
        uint64_t end = l->virt_base + ((l->stack_pfn + 1) << PAGE_SHIFT) + SLACK_BYTES;
        end = ROUND_UP(end, 4ul << 20);
        l->end_pfn = (end - l->virt_base) >> PAGE_SHIFT;
        if (tables_for(l->virt_base, end) + 1 <= l->n_pt)
            break;
    }
    pfn = l->end_pfn;
    if (notes->mod_start_pfn) {
        l->initrd_pfn = pfn;
        pfn += l->n_initrd;
    }
    if (notes->has_init_p2m) {
        l->p2m_pfn = pfn;
        l->p2m_va = notes->init_p2m;
        l->p2m_pt_pfn = pfn + l->n_p2m;
        l->n_p2m_pt = tables_for(l->p2m_va, l->p2m_va + (l->n_p2m << PAGE_SHIFT));
        pfn += l->n_p2m + l->n_p2m_pt;
    }
    if (pfn > l->n_pages)
        panic(
            "dom0: %lu MiB are too little for its kernel and ramdisk (dom0_mem=, or more memory)\n",
            l->n_pages >> 8);
}

/* Where the next table comes from. */
struct table_pool {
    uint64_t next, end;
};

static uint64_t *next_level(uint64_t *entry, struct table_pool *pool)
{
    if (!(*entry & PTE_P)) {
        BUG_ON(pool->next == pool->end);
        memset(pfn_to_virt(pool->next), 0, PAGE_SIZE);
        *entry = (p2m[pool->next++] << PAGE_SHIFT) | PTE_GUEST_TABLE;
    }
    return paddr_to_virt(*entry & PTE_ADDR);
}

static void map_page(uint64_t *l4, uint64_t va, uint64_t pfn, bool writable,
                     struct table_pool *pool)
{
    uint64_t *l3 = next_level(&l4[pt_index(va, 4)], pool);
    uint64_t *l2 = next_level(&l3[pt_index(va, 3)], pool);
    uint64_t *l1 = next_level(&l2[pt_index(va, 2)], pool);
    l1[pt_index(va, 1)] =
        (p2m[pfn] << PAGE_SHIFT) | PTE_P | PTE_U | PTE_A | PTE_D | (writable ? PTE_W : 0);
}

static mfn_t build_tables(const struct layout *l)
{
    struct table_pool pool = {l->pt_pfn + 1, l->pt_pfn + l->n_pt};
    struct table_pool p2m_pool = {l->p2m_pt_pfn, l->p2m_pt_pfn + l->n_p2m_pt};
    uint64_t *l4 = pfn_to_virt(l->pt_pfn);

    memset(l4, 0, PAGE_SIZE);
    for (uint64_t pfn = 0; pfn < l->end_pfn; pfn++)
        map_page(l4, l->virt_base + (pfn << PAGE_SHIFT), pfn,
                 pfn < l->pt_pfn || pfn >= l->pt_pfn + l->n_pt, &pool);
    while (pool.next < pool.end) /* spare tables look like used ones */
        memset(pfn_to_virt(pool.next++), 0, PAGE_SIZE);
    for (uint64_t i = 0; l->n_p2m_pt && i < l->n_p2m; i++)
        map_page(l4, l->p2m_va + (i << PAGE_SHIFT), l->p2m_pfn + i, true, &p2m_pool);
    return MFN(p2m[l->pt_pfn]);
}

/* Copies into consecutive pfns; NULL clears. */
static void put_bytes(uint64_t paddr, const uint8_t *src, uint64_t len)
{
    while (len) {
        uint64_t n = MIN(len, PAGE_SIZE - (paddr & (PAGE_SIZE - 1)));
        uint8_t *dst = (uint8_t *)pfn_to_virt(paddr >> PAGE_SHIFT) + (paddr & (PAGE_SIZE - 1));
        if (src) {
            memcpy(dst, src, n);
            src += n;
        } else
            memset(dst, 0, n);
        paddr += n;
        len -= n;
    }
}

static void load_segments(const struct elf *elf, const struct xen_notes *notes)
{
    for (unsigned int i = 0; i < elf->n_segments; i++) {
        struct elf_segment s;
        elf_segment(elf, i, &s);
        if (s.type != ELF_SEGMENT_LOAD || !s.mem_len)
            continue;
        uint64_t at = s.paddr - notes->paddr_offset;
        put_bytes(at, s.data, s.data_len);
        put_bytes(at + s.data_len, NULL, s.mem_len - s.data_len);
    }
}

static void fill_start_info(struct domain *d, const struct layout *l, const struct xen_notes *notes,
                            uint64_t initrd_len, const char *cmdline)
{
    start_info_t *si = pfn_to_virt(l->start_info_pfn);

    memset(si, 0, PAGE_SIZE);
    string_copy(si->magic, "xen-3.0-x86_64", sizeof(si->magic));
    si->nr_pages = l->n_pages;
    si->shared_info = virt_to_paddr(d->shared_info);
    si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
    si->pt_base = l->virt_base + (l->pt_pfn << PAGE_SHIFT);
    si->nr_pt_frames = l->n_pt;
    si->mfn_list = l->p2m_va;
    if (l->n_p2m_pt) {
        si->first_p2m_pfn = l->p2m_pfn;
        si->nr_p2m_frames = l->n_p2m + l->n_p2m_pt;
    }
    if (initrd_len) {
        si->mod_len = initrd_len;
        si->mod_start = l->initrd_pfn;
        if (notes->mod_start_pfn)
            si->flags |= SIF_MOD_START_PFN;
        else
            si->mod_start = l->virt_base + (l->initrd_pfn << PAGE_SHIFT);
    }
    dom0_console_fill(si);
    string_copy((char *)si->cmd_line, cmdline, sizeof(si->cmd_line));
}

/* Gives back the frames of a block beyond the first `used`. */
static void free_tail(struct page_info *pg, unsigned int order, uint64_t used)
{
    for (uint64_t i = used; i < 1ul << order; i++)
        heap_free_pages(pg + i, 0);
}

/* Unpacks the kernel module; *elf views memory that stays until free_pages is given back. */
static void *open_kernel(struct elf *elf, struct xen_notes *notes, uint64_t *n_unpacked)
{
    const struct boot_module *m = &boot_info.module[0];
    const void *file = paddr_to_virt(m->addr);
    const char *reason = "unknown";
    struct kernel_image image;
    void *unpacked = NULL;
    size_t len;

    if (boot_info.n_modules == 0)
        panic("no dom0 kernel: the boot loader must give it as the first module\n");
    if (kernel_image_inspect(&image, file, m->len, &reason))
        panic("dom0 kernel (module 0): %s\n", reason);
    len = image.payload_len;
    file = image.payload;
    *n_unpacked = 0;
    if (image.packing != KERNEL_PLAIN) {
        void *scratch = mm_alloc(KERNEL_IMAGE_SCRATCH_SIZE);
        if (image.unpacked_len > MAX_UNPACKED)
            panic("dom0 kernel (module 0): claims to unpack to %lu MiB\n",
                  image.unpacked_len >> 20);
        unsigned int order = 0;
        while ((PAGE_SIZE << order) < image.unpacked_len)
            order++;
        *n_unpacked = frames(image.unpacked_len);
        struct page_info *pg = heap_alloc_pages(order, 0);
        if (pg)
            free_tail(pg, order, *n_unpacked);
        if (!pg || !scratch)
            panic("no memory to unpack dom0's kernel (%lu MiB)\n", image.unpacked_len >> 20);
        unpacked = page_to_virt(pg);
        if (kernel_image_unpack(&image, unpacked, *n_unpacked << PAGE_SHIFT, &len, scratch,
                                KERNEL_IMAGE_SCRATCH_SIZE, &reason))
            panic("dom0 kernel (module 0): %s\n", reason);
        mm_free(scratch);
        file = unpacked;
    }
    if (elf_open(elf, file, len, &reason) || xen_notes_parse(notes, elf, &reason))
        panic("dom0 kernel (module 0): %s\n", reason);
    printk(LOG_INFO, "dom0 kernel: %s, %s %s, entry %#lx\n", image.format, notes->guest_os,
           notes->guest_version, notes->entry);
    return unpacked;
}

static void start_vcpu(struct domain *d, const struct layout *l, const struct xen_notes *notes,
                       mfn_t l4)
{
    struct vcpu *v = d->vcpu[0];

    int rc = page_get_table(d, l4, PGT_L4, false);
    if (rc || (rc = page_get_table(d, l4, PGT_L4, false)))
        panic("dom0: its first page tables do not validate (%d)\n", rc);
    mfn_to_page(l4)->type |= PGT_PINNED;
    v->arch.cr3_kernel = mfn_to_paddr(l4);
    v->arch.regs = (struct regs){
        .rip = notes->entry,
        .cs = GUEST_CS64,
        .ss = GUEST_DS,
        .rflags = 0x202,
        .rsp = l->virt_base + ((l->stack_pfn + 1) << PAGE_SHIFT),
        .rsi = l->virt_base + (l->start_info_pfn << PAGE_SHIFT),
    };
    v->arch.kernel_sp = v->arch.regs.rsp;
    v->is_initialised = true;
    vcpu_clear_flag(v, VPF_DOWN);
}

void dom0_build(void)
{
    static const xen_domain_handle_t no_handle;
    struct xen_notes notes;
    struct layout l = {0};
    struct elf elf;
    const struct boot_module *initrd = &boot_info.module[1];
    uint64_t initrd_len = boot_info.n_modules > 1 ? initrd->len : 0;
    unsigned int n_vcpus =
        boot_options.dom0_max_vcpus ? boot_options.dom0_max_vcpus : cpumask_count(&cpu_online_map);

    uint64_t n_unpacked;
    void *unpacked = open_kernel(&elf, &notes, &n_unpacked);
    n_vcpus = MIN(n_vcpus, (unsigned int)DOMAIN_MAX_VCPUS);
    int rc =
        domain_create(0, no_handle, 0, n_vcpus, EVTCHN_FIFO_NR_CHANNELS - 1, 64, 1024, true, &dom0);
    if (rc)
        panic("dom0 cannot be created (%d)\n", rc);
    for (unsigned int i = 0; i < n_vcpus; i++)
        if (!vcpu_create(dom0, i))
            panic("dom0: no memory for vCPU %u\n", i);
    dom0->max_pages =
        boot_options.dom0_mem_max ? boot_options.dom0_mem_max >> PAGE_SHIFT : 0xffffffff;
    dom0_grant_rights(dom0);
    l.n_pages = choose_size(n_unpacked);
    p2m = mm_alloc(l.n_pages * 8);
    if (!p2m)
        panic("no memory for dom0's p2m\n");
    l.n_pages = MIN(l.n_pages, choose_size(n_unpacked));
    populate(dom0, l.n_pages);
    plan(&l, &notes, initrd_len);
    load_segments(&elf, &notes);
    if (initrd_len)
        put_bytes(l.initrd_pfn << PAGE_SHIFT, paddr_to_virt(initrd->addr), initrd_len);
    put_bytes(l.p2m_pfn << PAGE_SHIFT, (const uint8_t *)p2m, l.n_pages * 8);
    if (notes.has_hypercall_page)
        arch_fill_hypercall_page(
            pfn_to_virt((notes.hypercall_page - notes.virt_base) >> PAGE_SHIFT));
    fill_start_info(dom0, &l, &notes, initrd_len, boot_info.module[0].cmdline);
    start_vcpu(dom0, &l, &notes, build_tables(&l));
    printk(LOG_INFO, "dom0: %lu MiB, ramdisk %lu KiB, page tables %lu, p2m at %#lx\n",
           l.n_pages >> 8, initrd_len >> 10, l.n_pt + l.n_p2m_pt, l.p2m_va);
    if (unpacked)
        for (uint64_t i = 0; i < n_unpacked; i++)
            heap_free_pages(virt_to_page(unpacked) + i, 0);
    mm_free(p2m);
    p2m = NULL;
}
