/* SPDX-License-Identifier: MIT */
/*
 * Where everything lies in a PV guest at its first instruction. Pure arithmetic, no hypervisor.
 *
 * The order is the ABI's (public/xen.h, "start of day"): from virt_base upwards the guest's frame n
 * is mapped at virt_base + n * 4096: kernel, ramdisk and p2m list if they must be mapped,
 * start_info, the rings of store and console, page tables, stack, then at least 512 KiB more, up to
 * a multiple of 4 MiB. A kernel with the MOD_START_PFN note takes its ramdisk behind that,
 * unmapped; one with the INIT_P2M note has the p2m list mapped at an address of its own, and the
 * frames of the list are followed by those of the tables that map it.
 */
#ifndef DOMAIN_LAYOUT_H
#define DOMAIN_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_PAGE_SHIFT 12
#define GUEST_PAGE_SIZE  4096ull

/* What the layout depends on. */
struct layout_input {
    uint64_t virt_base;
    uint64_t kernel_start; /* pseudo-physical bytes */
    uint64_t kernel_end;
    bool has_init_p2m;
    uint64_t init_p2m; /* virtual address */
    bool can_leave_ramdisk_unmapped;
    uint64_t ramdisk_size; /* bytes, 0: none */
    uint64_t n_pages;      /* of the guest */
};

struct layout_range {
    uint64_t pfn;
    uint64_t n;
};

/* One page table: its level (4 is the root) and the first address it maps. */
struct layout_table {
    unsigned int level;
    uint64_t base;
};

struct layout {
    uint64_t virt_base;
    uint64_t mapped_pfn_end; /* frames [0, this) are mapped at virt_base */
    uint64_t n_pages;
    struct layout_range ramdisk;
    bool is_ramdisk_mapped;
    struct layout_range p2m; /* the list itself */
    uint64_t p2m_virt;
    bool is_p2m_apart; /* mapped at p2m_virt by tables of its own */
    struct layout_range p2m_tables;
    uint64_t start_info;
    uint64_t store;
    uint64_t console;
    struct layout_range tables;
    uint64_t stack;
    struct layout_table
        *plan; /* every table, the root first: those of `tables`, then of `p2m_tables` */
    size_t n_plan;
};

/*
 * Plans a guest. Returns NULL, or why it cannot be (a static text). Either way ended by
 * layout_free.
 */
const char *layout_plan(struct layout *layout, const struct layout_input *input);
void layout_free(struct layout *layout);

/* The guest's frame that holds table i of the plan. */
uint64_t layout_table_pfn(const struct layout *layout, size_t i);

/*
 * The 512 entries of table i. p2m gives the machine frame of each of the guest's n_pages frames.
 * Frames that are page tables are mapped read only, as the hypervisor demands.
 */
void layout_fill_table(const struct layout *layout, size_t i, const uint64_t *p2m,
                       uint64_t entries[512]);

/* The virtual address at which a mapped frame lies. */
static inline uint64_t layout_virt(const struct layout *layout, uint64_t pfn)
{
    return layout->virt_base + (pfn << GUEST_PAGE_SHIFT);
}

#endif
