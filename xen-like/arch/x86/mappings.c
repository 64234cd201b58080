/* SPDX-License-Identifier: MIT */
/* Walking the hypervisor's own page tables: what is mapped with which rights. */
#include "arch/paging.h"
#include "arch/protect.h"
#include "console.h"
#include "mm.h"

/* What was found, in pages of 4 KiB. */
struct mapping_count {
    uint64_t executable, writable, read_only, both, open;
};

/* Rights only shrink on the way down: `rights` holds W, U and not-NX of the levels above. */
static void walk(const uint64_t *table, unsigned int level, uint64_t va, uint64_t rights,
                 struct mapping_count *count)
{
    for (unsigned int i = 0; i < PT_ENTRIES; i++) {
        uint64_t e = table[i], at = va | (uint64_t)i << (12 + 9 * (level - 1));
        uint64_t now = rights & (e ^ PTE_NX), pages = 1ul << 9 * (level - 1);

        if (!(e & PTE_P))
            continue;
        if (level > 1 && !(e & PTE_PS)) {
            walk(paddr_to_virt(e & PTE_ADDR), level - 1, at, now, count);
            continue;
        }
        bool w = now & PTE_W, x = now & PTE_NX; /* the bit of NX stands for: may execute */
        count->executable += x ? pages : 0;
        count->writable += w ? pages : 0;
        count->read_only += !w && !x ? pages : 0;
        if (w && x) {
            count->both += pages;
            printk(LOG_ERR, "Mappings: %#lx may be written and executed\n", at);
        }
        /* The M2P is the one thing guests may read. */
        if ((now & PTE_U) && (w || x || pt_index(at, 4) != HV_SLOT_FIRST)) {
            count->open += pages;
            printk(LOG_ERR, "Mappings: %#lx is open to guests\n", at);
        }
    }
}

bool protect_check_mappings(void)
{
    struct mapping_count count = {0};

    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        if (hv_l4[i] & PTE_P)
            walk(paddr_to_virt(hv_l4[i] & PTE_ADDR), 3,
                 (i >= PT_ENTRIES / 2 ? 0xffffull << 48 : 0) | (uint64_t)i << 39,
                 (hv_l4[i] ^ PTE_NX) & (PTE_W | PTE_U | PTE_NX), &count);
    printk(LOG_ERR,
           "Mappings: %lu pages executable, %lu writable, %lu read-only, %lu both writable and "
           "executable, %lu open to guests\n",
           count.executable, count.writable, count.read_only, count.both, count.open);
    return count.both == 0 && count.open == 0;
}
