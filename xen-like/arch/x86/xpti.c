/* SPDX-License-Identifier: MIT */
/*
 * Page-table isolation. Each CPU has two level-4 tables of its own, for the kernel and the user
 * space of the guest it runs: copies of the guest's, but for the hypervisor's slots. A copy is
 * taken on the way out to the guest when the one there is of another table or older than a change
 * (the flags `is_stale`).
 *
 * While a guest runs on a copy, cpu_info.xen_cr3 holds the table of the guest itself, which has all
 * of the hypervisor: entries load it first (entry.S). It is 0 while the hypervisor runs.
 */
#include "arch/cpu.h"
#include "arch/current.h"
#include "arch/paging.h"
#include "arch/protect.h"
#include "arch/pv_desc.h"
#include "arch/tlb.h"
#include "domain.h"
#include "lib/string.h"

#define IMAGE_SLOT 261 /* of level 4: image, stacks and stubs */

extern char __entry_text_start[], __entry_text_end[];

struct xpti_cpu {
    uint64_t *root[2]; /* by guest mode: kernel, user */
    uint64_t *image_l3;
    bool is_stale[2];
};
static struct xpti_cpu *xpti_cpus[CPU_MAX];

/* The hypervisor's entry for a page of the image's slot, without G; 0 when nothing is mapped there.
 */
static uint64_t own_entry(uint64_t va)
{
    uint64_t e = virt_to_paddr(paddr_to_virt(image_to_paddr(hv_l3))) | PTE_P;

    for (unsigned int level = 3; level >= 1; level--) {
        e = ((const uint64_t *)paddr_to_virt(e & PTE_ADDR))[pt_index(va, level)];
        if (!(e & PTE_P))
            return 0;
    }
    return e & ~PTE_G;
}

static uint64_t *next_table(uint64_t *entry)
{
    if (!*entry) {
        void *table = mm_alloc_pages(0);
        if (!table)
            return NULL;
        *entry = virt_to_paddr(table) | PTE_P | PTE_W | PTE_A;
    }
    return paddr_to_virt(*entry & PTE_ADDR);
}

static int share_range(struct xpti_cpu *x, uint64_t va, uint64_t end)
{
    for (va = ROUND_DOWN(va, PAGE_SIZE); va < end; va += PAGE_SIZE) {
        uint64_t *l2 = next_table(&x->image_l3[pt_index(va, 3)]), *l1;

        if (!l2 || !(l1 = next_table(&l2[pt_index(va, 2)])))
            return -ENOMEM;
        l1[pt_index(va, 1)] = own_entry(va);
    }
    return 0;
}

int xpti_prepare(unsigned int cpu)
{
    struct xpti_cpu *x = mm_alloc(sizeof(*x));
    struct desc_ranges ranges;
    int rc = 0;

    if (!x || !(x->root[0] = mm_alloc_pages(0)) || !(x->root[1] = mm_alloc_pages(0)) ||
        !(x->image_l3 = mm_alloc_pages(0)))
        return -ENOMEM;
    desc_entry_ranges(cpu, &ranges);
    rc = share_range(x, (uint64_t)__entry_text_start, (uint64_t)__entry_text_end);
    for (unsigned int i = 0; i < ARRAY_SIZE(ranges.range) && rc == 0; i++)
        rc = share_range(x, ranges.range[i].start, ranges.range[i].end);
    x->is_stale[0] = x->is_stale[1] = true;
    xpti_cpus[cpu] = x;
    return rc;
}

/* The guest's slots, the M2P it may read and its descriptor windows are its own table's. */
static void copy_root(struct xpti_cpu *x, unsigned int user, paddr_t l4)
{
    uint64_t *root = x->root[user];

    memcpy(root, paddr_to_virt(l4), PAGE_SIZE);
    for (unsigned int i = HV_SLOT_FIRST + 1; i <= HV_SLOT_LAST; i++)
        if (i != HV_SLOT_PERDOMAIN)
            root[i] = 0;
    root[IMAGE_SLOT] = virt_to_paddr(x->image_l3) | PTE_P | PTE_W | PTE_A;
}

uint64_t xpti_exit_cr3(void)
{
    struct xpti_cpu *x = xpti_cpus[cpu_number()];
    const struct vcpu *v = current;

    if (!xpti_wanted(v->domain))
        return 0;
    unsigned int user = !(v->arch.flags & VCPU_KERNEL_MODE);
    paddr_t l4 = user ? v->arch.cr3_user : v->arch.cr3_kernel;

    if (x->is_stale[user]) {
        x->is_stale[user] = false;
        copy_root(x, user, l4);
    }
    cpu_info()->xen_cr3 = l4;
    return virt_to_paddr(x->root[user]);
}

void xpti_forget(void)
{
    struct xpti_cpu *x = xpti_cpus[cpu_number()];

    if (x)
        x->is_stale[0] = x->is_stale[1] = true;
}

void xpti_l4_changed(struct domain *d)
{
    unsigned int cpu;

    if (!xpti_wanted(d))
        return;
    for_each_cpu(cpu, &d->dirty_cpus) xpti_cpus[cpu]->is_stale[0] = xpti_cpus[cpu]->is_stale[1] =
        true;
    /* Others leave their guests for this, and come back by xpti_exit_cr3. */
    tlb_flush_cpus(&d->dirty_cpus);
}
