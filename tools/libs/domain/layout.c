/* SPDX-License-Identifier: MIT */
/* Plans a PV guest's start-of-day memory and fills its first page tables. */
#include "domain/layout.h"

#include <stdlib.h>

#define MAPPED_SLACK (512ull << 10)
#define MAPPED_ALIGN (4ull << 20)
#define TABLES_MAX   16384 /* enough for 32 GiB mapped; stops a wild layout */

#define PTE_PRESENT  0x001ull
#define PTE_WRITE    0x002ull
#define PTE_USER     0x004ull
#define PTE_ACCESSED 0x020ull
#define PTE_DIRTY    0x040ull

static uint64_t pages_of(uint64_t bytes)
{
    return (bytes + GUEST_PAGE_SIZE - 1) >> GUEST_PAGE_SHIFT;
}

/* Bytes that one table of a level maps. Level 1: 2 MiB. */
static uint64_t table_span(unsigned int level)
{
    return 1ull << (GUEST_PAGE_SHIFT + 9 * level);
}

/* The first address of the level's table that maps va. A root has base 0. */
static uint64_t table_base(unsigned int level, uint64_t va)
{
    return level == 4 ? 0 : va & ~(table_span(level) - 1);
}

static long plan_find(const struct layout *layout, unsigned int level, uint64_t base)
{
    for (size_t i = 0; i < layout->n_plan; i++)
        if (layout->plan[i].level == level && layout->plan[i].base == base)
            return (long)i;
    return -1;
}

/* Adds the tables of all levels that [start, end) needs and the plan has not. */
static const char *plan_add(struct layout *layout, uint64_t start, uint64_t end)
{
    if (end - 1 < start)
        return "a mapping would reach beyond the end of the address space";
    for (unsigned int level = 4; level >= 1; level--) {
        uint64_t base = table_base(level, start);
        uint64_t last = table_base(level, end - 1);

        for (;; base += table_span(level)) {
            struct layout_table *larger;

            if (plan_find(layout, level, base) < 0) {
                larger = reallocarray(layout->plan, layout->n_plan + 1, sizeof(*larger));
                if (!larger || layout->n_plan >= TABLES_MAX)
                    return "no memory for the plan of its page tables";
                layout->plan = larger;
                larger[layout->n_plan++] = (struct layout_table){.level = level, .base = base};
            }
            if (base == last)
                break;
        }
    }
    return NULL;
}

/* Hands out the next n frames. */
static struct layout_range take(uint64_t *next, uint64_t n)
{
    struct layout_range range = {.pfn = *next, .n = n};

    *next += n;
    return range;
}

/*
 * The page tables map themselves, so their number and the end of the mapped region depend on each
 * other: grow until they fit. first is the frame where they start.
 */
static const char *plan_mapped(struct layout *layout, uint64_t first)
{
    uint64_t n_tables = 1;

    for (;;) {
        uint64_t stack = first + n_tables;
        uint64_t end = ((stack + 1) << GUEST_PAGE_SHIFT) + MAPPED_SLACK;
        const char *error;

        end = (end + MAPPED_ALIGN - 1) & ~(MAPPED_ALIGN - 1);
        layout->n_plan = 0;
        error = plan_add(layout, layout->virt_base, layout->virt_base + end);
        if (error)
            return error;
        if (layout->n_plan <= n_tables) {
            layout->tables = (struct layout_range){.pfn = first, .n = n_tables};
            layout->stack = stack;
            layout->mapped_pfn_end = end >> GUEST_PAGE_SHIFT;
            return NULL;
        }
        n_tables = layout->n_plan;
    }
}

static const char *check_input(const struct layout_input *input)
{
    if (input->n_pages > 1ull << 40 || input->ramdisk_size > 1ull << 40)
        return "it is larger than any guest can be";
    if (input->kernel_start >= input->kernel_end || input->kernel_end > input->n_pages
                                                                            << GUEST_PAGE_SHIFT)
        return "its memory is too small for the kernel";
    if (input->virt_base & (GUEST_PAGE_SIZE - 1) || input->init_p2m & (GUEST_PAGE_SIZE - 1))
        return "the kernel's notes name an address that is not page aligned";
    return NULL;
}

const char *layout_plan(struct layout *layout, const struct layout_input *input)
{
    uint64_t ramdisk_pages = pages_of(input->ramdisk_size);
    uint64_t p2m_pages = pages_of(input->n_pages * sizeof(uint64_t));
    uint64_t next;
    const char *error;

    *layout = (struct layout){
        .virt_base = input->virt_base,
        .n_pages = input->n_pages,
        .is_p2m_apart = input->has_init_p2m,
        .is_ramdisk_mapped = !input->can_leave_ramdisk_unmapped,
    };
    error = check_input(input);
    if (error)
        return error;
    next = pages_of(input->kernel_end);
    if (layout->is_ramdisk_mapped)
        layout->ramdisk = take(&next, ramdisk_pages);
    if (!layout->is_p2m_apart) {
        layout->p2m = take(&next, p2m_pages);
        layout->p2m_virt = layout_virt(layout, layout->p2m.pfn);
    }
    layout->start_info = next++;
    layout->store = next++;
    layout->console = next++;
    error = plan_mapped(layout, next);
    if (error)
        return error;

    next = layout->mapped_pfn_end;
    if (!layout->is_ramdisk_mapped)
        layout->ramdisk = take(&next, ramdisk_pages);
    if (layout->is_p2m_apart) {
        layout->p2m = take(&next, p2m_pages);
        layout->p2m_virt = input->init_p2m;
        error =
            plan_add(layout, input->init_p2m, input->init_p2m + (p2m_pages << GUEST_PAGE_SHIFT));
        if (error)
            return error;
        layout->p2m_tables = take(&next, layout->n_plan - layout->tables.n);
    }
    /* Beyond the stack the mapping may name frames the guest has not; all that holds something must
     * exist. */
    if (next > layout->mapped_pfn_end ? next > input->n_pages : layout->stack >= input->n_pages)
        return "its memory is too small for the kernel, the ramdisk and what they start with";
    return NULL;
}

void layout_free(struct layout *layout)
{
    free(layout->plan);
    layout->plan = NULL;
    layout->n_plan = 0;
}

uint64_t layout_table_pfn(const struct layout *layout, size_t i)
{
    if (i < layout->tables.n)
        return layout->tables.pfn + i;
    return layout->p2m_tables.pfn + (i - layout->tables.n);
}

static bool is_in(const struct layout_range *range, uint64_t pfn)
{
    return pfn >= range->pfn && pfn - range->pfn < range->n;
}

static uint64_t pte(uint64_t mfn, uint64_t flags)
{
    return mfn << GUEST_PAGE_SHIFT | flags;
}

/* The level 1 entry for an address, or 0. */
static uint64_t leaf_entry(const struct layout *layout, uint64_t va, const uint64_t *p2m)
{
    const uint64_t flags = PTE_PRESENT | PTE_USER | PTE_ACCESSED | PTE_DIRTY;
    uint64_t offset = (va - layout->virt_base) >> GUEST_PAGE_SHIFT;

    if (va >= layout->virt_base && offset < layout->mapped_pfn_end) {
        bool is_table = is_in(&layout->tables, offset) || is_in(&layout->p2m_tables, offset);

        return offset < layout->n_pages ? pte(p2m[offset], flags | (is_table ? 0 : PTE_WRITE)) : 0;
    }
    offset = (va - layout->p2m_virt) >> GUEST_PAGE_SHIFT;
    if (layout->is_p2m_apart && va >= layout->p2m_virt && offset < layout->p2m.n)
        return pte(p2m[layout->p2m.pfn + offset], flags | PTE_WRITE);
    return 0;
}

void layout_fill_table(const struct layout *layout, size_t i, const uint64_t *p2m,
                       uint64_t entries[512])
{
    const uint64_t flags = PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED | PTE_DIRTY;
    const struct layout_table *table = &layout->plan[i];
    const uint64_t step = table_span(table->level) >> 9;

    for (uint64_t slot = 0; slot < 512; slot++) {
        uint64_t va = table->base + slot * step;
        long child;

        /* The upper half of the root's addresses is sign extended. */
        if (table->level == 4 && slot >= 256)
            va |= 0xffffull << 48;
        if (table->level == 1) {
            entries[slot] = leaf_entry(layout, va, p2m);
            continue;
        }
        child = plan_find(layout, table->level - 1, va);
        entries[slot] = child < 0 ? 0 : pte(p2m[layout_table_pfn(layout, (size_t)child)], flags);
    }
}
