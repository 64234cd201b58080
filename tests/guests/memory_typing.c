/* SPDX-License-Identifier: MIT */
/*
 * Memory typing: a page is a page table of one level, or writable, never both at once. What a
 * guest asks by mmu_update, update_va_mapping and mmuext_op is validated, so that no guest ever
 * writes an entry of a live table by itself or maps a frame that is not its own.
 */
#include "lib/report.h"
#include "lib/tables.h"
#include "runtime/console.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"
#include "runtime/trap.h"

#include <xen/grant_table.h>

static const unsigned int pin_commands[] = {0, MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE,
                                            MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE};

static void store(void *data)
{
    *(volatile uint64_t *)data = 0;
}

/* Tries to map the root table writable. */
static void store_root(void *data)
{
    *(volatile uint64_t *)data = pte_make(page_mfn(paging_root()), PROT_RW);
}

BEHAVIOUR(pin_each_level, "read-only pages with valid entries are pinned as L1, L2, L3 and L4")
{
    struct tree tree = tree_make();

    REQUIRE(tree_protect(&tree, 4), 0);
    for (int level = 1; level <= 4; level++) {
        uint64_t mfn = page_mfn(tree.table[level]);

        EXPECT(mmuext(pin_commands[level], mfn), 0);
        EXPECT(mmuext(pin_commands[level], mfn), -XEN_EINVAL);
        EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn), 0);
        EXPECT(mmuext(MMUEXT_UNPIN_TABLE, mfn), -XEN_EINVAL);
    }
    EXPECT(tree_free(&tree), 0);
}

BEHAVIOUR(pin_writable, "a page that is mapped writable cannot become a table")
{
    struct tree tree = tree_make();

    for (int level = 1; level <= 4; level++)
        EXPECT(mmuext(pin_commands[level], page_mfn(tree.table[level])), -XEN_EINVAL);
    REQUIRE(tree_protect(&tree, 1), 0);
    EXPECT(mmuext(MMUEXT_PIN_L2_TABLE, page_mfn(tree.table[2])), -XEN_EINVAL);
    EXPECT(tree_free(&tree), 0);
}

BEHAVIOUR(table_below_writable, "a tree is refused when a table deep in it is mapped writable")
{
    struct tree tree = tree_make();

    REQUIRE(tree_protect(&tree, 4), 0);
    REQUIRE(page_protect(tree.table[1], PROT_RW), 0);
    EXPECT(mmuext(MMUEXT_PIN_L4_TABLE, page_mfn(tree.table[4])), -XEN_EINVAL);
    EXPECT(tree_free(&tree), 0);
}

BEHAVIOUR(map_table_writable,
          "a live table cannot be mapped writable, but read-only as often as liked")
{
    struct tree tree = tree_make();
    void *window = page_alloc();
    struct trap_record record;

    REQUIRE(tree_protect(&tree, 4), 0);
    REQUIRE(mmuext(MMUEXT_PIN_L4_TABLE, page_mfn(tree.table[4])), 0);
    for (int level = 1; level <= 4; level++) {
        uint64_t mfn = page_mfn(tree.table[level]);

        EXPECT(page_protect(tree.table[level], PROT_RW), -XEN_EBUSY);
        EXPECT(pte_set(window, pte_make(mfn, PROT_RW)), -XEN_EBUSY);
        EXPECT(pte_set(window, pte_make(mfn, PROT_RO)), 0);
        if (level == 1) /* see writable_assist */
            continue;
        EXPECT_TRUE(trap_probe(store, window, &record));
        EXPECT(record.frame.vector, VECTOR_PF);
        EXPECT(record.frame.error, 3);
        EXPECT(record.cr2, window);
    }
    EXPECT(page_protect(window, PROT_RW), 0);
    page_free(window);
    EXPECT(mmuext(MMUEXT_UNPIN_TABLE, page_mfn(tree.table[4])), 0);
    EXPECT(tree_free(&tree), 0);
}

BEHAVIOUR(wrong_level, "a table of one level is not accepted as another")
{
    struct tree tree = tree_make();

    REQUIRE(tree_protect(&tree, 4), 0);
    REQUIRE(mmuext(MMUEXT_PIN_L2_TABLE, page_mfn(tree.table[2])), 0);
    for (int level = 1; level <= 4; level++)
        if (level != 2)
            EXPECT(mmuext(pin_commands[level], page_mfn(tree.table[2])), -XEN_EINVAL);
    EXPECT(mmuext(MMUEXT_PIN_L3_TABLE, page_mfn(tree.table[1])), -XEN_EINVAL);
    EXPECT(mmuext(MMUEXT_UNPIN_TABLE, page_mfn(tree.table[2])), 0);
    EXPECT(tree_free(&tree), 0);
}

BEHAVIOUR(linked_stays_typed, "a table stays a table while an entry points to it, pinned or not")
{
    struct tree tree = tree_make();

    REQUIRE(tree_protect(&tree, 4), 0);
    REQUIRE(mmuext(MMUEXT_PIN_L1_TABLE, page_mfn(tree.table[1])), 0);
    REQUIRE(mmuext(MMUEXT_PIN_L2_TABLE, page_mfn(tree.table[2])), 0);
    EXPECT(mmuext(MMUEXT_UNPIN_TABLE, page_mfn(tree.table[1])), 0);
    EXPECT(page_protect(tree.table[1], PROT_RW), -XEN_EBUSY);
    EXPECT(pte_update(&tree.table[2][0], 0, MMU_NORMAL_PT_UPDATE), 0);
    EXPECT(page_protect(tree.table[1], PROT_RW), 0);
    EXPECT(mmuext(MMUEXT_UNPIN_TABLE, page_mfn(tree.table[2])), 0);
    EXPECT(tree_free(&tree), 0);
}

BEHAVIOUR(entries_updated,
          "mmu_update writes entries of every level, and the tree they make is used")
{
    struct tree tree = tree_make();
    /* A slot of the level-4 table that nobody uses: 300, at the address below. */
    uint64_t *address = (uint64_t *)(0xffff000000000000 | 300UL << 39);
    uint64_t *slot = paging_root() + 300;

    tree.table[0][0] = 0x1234;
    REQUIRE(tree_protect(&tree, 3), 0);
    EXPECT(pte_update(slot, pte_make(page_mfn(tree.table[3]), PROT_TABLE), MMU_NORMAL_PT_UPDATE),
           0);
    EXPECT(*address, 0x1234);
    *address = 0x5678;
    EXPECT(tree.table[0][0], 0x5678);
    EXPECT(pte_update(&tree.table[1][1], pte_make(page_mfn(tree.table[0]), PROT_RO),
                      MMU_NORMAL_PT_UPDATE),
           0);
    EXPECT(address[512], 0x5678);
    EXPECT(pte_set(address + 512, 0), 0);
    EXPECT(tree.table[1][1], 0);
    EXPECT(pte_update(slot, 0, MMU_NORMAL_PT_UPDATE), 0);
    EXPECT(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
    EXPECT(tree_free(&tree), 0);
}

BEHAVIOUR(new_baseptr, "a copy of the live level-4 table can be loaded and left again")
{
    uint64_t *root = page_alloc(), *old = paging_root();

    for (int i = 0; i < 512; i++)
        root[i] = old[i];
    REQUIRE(page_protect(root, PROT_RO), 0);
    EXPECT(mmuext(MMUEXT_NEW_BASEPTR, page_mfn(root)), 0);
    EXPECT(page_protect(root, PROT_RW), -XEN_EBUSY);
    EXPECT(mmuext(MMUEXT_NEW_BASEPTR, page_mfn(old)), 0);
    EXPECT(page_protect(root, PROT_RW), 0);
    EXPECT(mmuext(MMUEXT_NEW_BASEPTR, page_mfn(root)), -XEN_EINVAL);
    page_free(root);
}

BEHAVIOUR(user_baseptr, "the user tables can be another tree, or none")
{
    uint64_t *root = page_alloc();

    REQUIRE(page_protect(root, PROT_RO), 0);
    EXPECT(mmuext(MMUEXT_NEW_USER_BASEPTR, page_mfn(root)), 0);
    EXPECT(page_protect(root, PROT_RW), -XEN_EBUSY);
    EXPECT(mmuext(MMUEXT_NEW_USER_BASEPTR, 0), 0);
    EXPECT(page_protect(root, PROT_RW), 0);
    EXPECT(mmuext(MMUEXT_NEW_USER_BASEPTR, page_mfn(root)), -XEN_EINVAL);
    page_free(root);
}

BEHAVIOUR(recursive_root, "a level-4 entry may point to its own table read-only, never writable")
{
    uint64_t *root = paging_root();
    uint64_t mfn = page_mfn(root), *through = (uint64_t *)(0xffff000000000000 | 300UL << 39);

    EXPECT(pte_update(root + 300, pte_make(mfn, PROT_TABLE), MMU_NORMAL_PT_UPDATE), -XEN_EINVAL);
    if (pte_update(root + 300, pte_make(mfn, PROT_RO), MMU_NORMAL_PT_UPDATE) == -XEN_EINVAL) {
        report_skip("this hypervisor refuses tables that map themselves");
        return;
    }
    through = (uint64_t *)((uint64_t)through | 300UL << 30 | 300UL << 21 | 300UL << 12);
    EXPECT(through[300], root[300]);
    EXPECT(through[511], root[511]);
    EXPECT(pte_update(root + 300, 0, MMU_NORMAL_PT_UPDATE), 0);
    EXPECT(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
}

BEHAVIOUR(entry_bits, "entries with bits a guest may not set are refused, level by level")
{
    static const struct {
        const char *name;
        uint64_t flags;
    } kinds[] = {
        {"user", PTE_PRESENT | PTE_USER}, {"kernel", PTE_PRESENT},
        {"pwt", PROT_RO | PTE_PWT},       {"pcd", PROT_RO | PTE_PCD},
        {"large", PROT_RO | PTE_LARGE},   {"global", PROT_RO | PTE_GLOBAL},
        {"avail", PROT_RO | PTE_AVAIL},   {"nx", PROT_RO | PTE_NX},
        {"bit52", PROT_RO | 1UL << 52},   {"bit58", PROT_RO | 1UL << 58},
        {"bit62", PROT_RO | 1UL << 62},   {"absent", ~PTE_PRESENT},
    };
    static char name[32] = "l1_";
    struct tree tree = tree_make();

    REQUIRE(tree_protect(&tree, 4), 0);
    REQUIRE(mmuext(MMUEXT_PIN_L4_TABLE, page_mfn(tree.table[4])), 0);
    for (int level = 1; level <= 4; level++) {
        name[1] = '0' + level;
        for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
            uint64_t entry = pte_make(page_mfn(tree.table[level - 1]), kinds[i].flags);
            char *to = name + 3;

            for (const char *from = kinds[i].name; (*to++ = *from++);)
                ;
            report_answer(name, pte_update(&tree.table[level][1], entry, MMU_NORMAL_PT_UPDATE));
            EXPECT(pte_update(&tree.table[level][1], 0, MMU_NORMAL_PT_UPDATE), 0);
        }
    }
    EXPECT(mmuext(MMUEXT_UNPIN_TABLE, page_mfn(tree.table[4])), 0);
    EXPECT(tree_free(&tree), 0);
}

BEHAVIOUR(user_bit_forced,
          "the hypervisor makes every present entry a user one, as its own ring needs")
{
    struct tree tree = tree_make();

    REQUIRE(tree_protect(&tree, 1), 0);
    tree.table[0][0] = 7;
    REQUIRE(mmuext(MMUEXT_PIN_L1_TABLE, page_mfn(tree.table[1])), 0);
    EXPECT(pte_update(&tree.table[1][5], pte_make(page_mfn(tree.table[0]), PTE_PRESENT),
                      MMU_NORMAL_PT_UPDATE),
           0);
    EXPECT_TRUE(tree.table[1][5] & PTE_USER);
    EXPECT(pte_update(&tree.table[1][6], 0x1230, MMU_NORMAL_PT_UPDATE), 0);
    EXPECT(tree.table[1][6], 0x1230);
    EXPECT(mmuext(MMUEXT_UNPIN_TABLE, page_mfn(tree.table[1])), 0);
    EXPECT(tree_free(&tree), 0);
}

BEHAVIOUR(kernel_mark,
          "a kernel's entry written back as it was read stays a kernel's: never global")
{
    void *page = page_alloc();
    uint64_t *entry = pte_find(page, 1), before = *entry, stored;

    EXPECT(pte_set(page, before & ~(PTE_USER | 0x100UL)), 0);
    stored = *entry;
    EXPECT(pte_set(page, stored), 0);
    EXPECT(*entry, stored);
    EXPECT(*entry & 0x100, 0);
    EXPECT(pte_set(page, before), 0);
    page_free(page);
}

BEHAVIOUR(preserve_ad,
          "MMU_PT_UPDATE_PRESERVE_AD keeps accessed and dirty bits; a normal update does not")
{
    uint64_t *page = page_alloc(), *entry = pte_find(page, 1);
    uint64_t bare = pte_make(page_mfn(page), PTE_PRESENT | PTE_WRITE | PTE_USER);

    EXPECT(pte_update(entry, bare | PTE_ACCESSED | PTE_DIRTY, MMU_NORMAL_PT_UPDATE), 0);
    EXPECT(pte_update(entry, bare, MMU_PT_UPDATE_PRESERVE_AD), 0);
    EXPECT(*entry & (PTE_ACCESSED | PTE_DIRTY), PTE_ACCESSED | PTE_DIRTY);
    EXPECT(pte_update(entry, bare, MMU_NORMAL_PT_UPDATE), 0);
    EXPECT(*entry & (PTE_ACCESSED | PTE_DIRTY), 0);
    page_free(page);
}

BEHAVIOUR(update_batch,
          "a batch of updates stops at the first bad one and tells how many were done")
{
    uint64_t *page = page_alloc(), *entry = pte_find(page, 1);
    uint64_t mfn = page_mfn(page), where = page_mfn(entry) << PAGE_SHIFT | ((uint64_t)entry & 4095);
    struct mmu_update updates[3] = {
        {.ptr = where, .val = pte_make(mfn, PROT_RO)},
        {.ptr = where, .val = pte_make(page_mfn(paging_root()), PROT_RW)},
        {.ptr = where, .val = pte_make(mfn, PROT_RW)},
    };
    unsigned int done = 77;

    EXPECT(hypercall4(__HYPERVISOR_mmu_update, arg(updates), 3, arg(&done), DOMID_SELF),
           -XEN_EBUSY);
    EXPECT(done, 1);
    EXPECT(*entry & PTE_WRITE, 0);
    EXPECT(page_protect(page, PROT_RW), 0);
    done = 77;
    EXPECT(hypercall4(__HYPERVISOR_mmu_update, arg(updates), 0, arg(&done), DOMID_SELF), 0);
    EXPECT(done, 0);
    page_free(page);
}

BEHAVIOUR(plain_page_update, "mmu_update of an ordinary page is a plain store")
{
    uint64_t *page = page_alloc();

    EXPECT(pte_update(page + 3, 0x1122334455667788, MMU_NORMAL_PT_UPDATE), 0);
    EXPECT(page[3], 0x1122334455667788);
    page_free(page);
}

BEHAVIOUR(update_arguments, "mmu_update refuses unknown commands, frames and domains")
{
    uint64_t *page = page_alloc();
    struct mmu_update update = {0};

    for (unsigned int command = 4; command < 8; command++) {
        update.ptr = page_mfn(page) << PAGE_SHIFT | command;
        EXPECT(hypercall4(__HYPERVISOR_mmu_update, arg(&update), 1, 0, DOMID_SELF), -XEN_ENOSYS);
    }
    update.ptr = 0xfffffffff000;
    report_answer("no_frame", hypercall4(__HYPERVISOR_mmu_update, arg(&update), 1, 0, DOMID_SELF));
    update.ptr = page_mfn(page) << PAGE_SHIFT;
    report_answer("domain_nobody", hypercall4(__HYPERVISOR_mmu_update, arg(&update), 1, 0, 0x7000));
    report_answer("domain_io", hypercall4(__HYPERVISOR_mmu_update, arg(&update), 1, 0, DOMID_IO));
    report_answer("domain_invalid",
                  hypercall4(__HYPERVISOR_mmu_update, arg(&update), 1, 0, DOMID_INVALID));
    report_answer("pt_domain_nobody", hypercall4(__HYPERVISOR_mmu_update, arg(&update), 1, 0,
                                                 DOMID_SELF | 0x7001UL << 16));
    report_answer("bad_pointer", hypercall4(__HYPERVISOR_mmu_update, 0x1000, 1, 0, DOMID_SELF));
    report_answer("hypervisor_pointer",
                  hypercall4(__HYPERVISOR_mmu_update, 0xffff82d000000000, 1, 0, DOMID_SELF));
    EXPECT(page[0], 0);
    page_free(page);
}

BEHAVIOUR(machphys_update, "the guest writes the M2P entries of its own frames, and of no others")
{
    void *page = page_alloc();
    uint64_t mfn = page_mfn(page), pfn = page_pfn(page);
    struct mmu_update update = {.ptr = mfn << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, .val = 0x4321};

    EXPECT(paging_m2p()[mfn], pfn);
    EXPECT(hypercall4(__HYPERVISOR_mmu_update, arg(&update), 1, 0, DOMID_SELF), 0);
    EXPECT(paging_m2p()[mfn], 0x4321);
    update.val = pfn;
    EXPECT(hypercall4(__HYPERVISOR_mmu_update, arg(&update), 1, 0, DOMID_SELF), 0);
    EXPECT(paging_m2p()[mfn], pfn);
    update.ptr = 0xfffffff000 | MMU_MACHPHYS_UPDATE;
    report_answer("no_frame", hypercall4(__HYPERVISOR_mmu_update, arg(&update), 1, 0, DOMID_SELF));
    page_free(page);
}

BEHAVIOUR(odd_addresses,
          "update_va_mapping refuses the hypervisor's addresses and what only looks like them")
{
    static const uint64_t odd[] = {0xffff830000000000, 0xffff820000000000, 0xffff800000000000,
                                   0x0000830000000000, 0x0000820000000000, 0x0000800000000000,
                                   0x00ff830000200000, 0xfffe820000000000};

    for (unsigned int i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        EXPECT_TRUE(pte_set((const void *)odd[i], 0) < 0);
}

BEHAVIOUR(m2p_read_only, "the M2P is readable, agrees with the P2M and cannot be written")
{
    const uint64_t *p2m = (const uint64_t *)start_info->mfn_list;
    struct trap_record record;
    unsigned int wrong = 0;

    for (uint64_t pfn = 0; pfn < start_info->nr_pages; pfn++)
        wrong += paging_m2p()[p2m[pfn]] != pfn;
    EXPECT(wrong, 0);
    EXPECT_TRUE(trap_probe(store, (void *)paging_m2p(), &record));
    EXPECT(record.frame.vector, VECTOR_PF);
}

/* The hypervisor's frames it shares with us on purpose: shared info and the grant table. */
static bool is_shared_frame(uint64_t mfn)
{
    static xen_pfn_t frames[1];
    static struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};

    if (!frames[0]) {
        set_xen_guest_handle(setup.frame_list, frames);
        hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, arg(&setup), 1);
    }
    return mfn == frames[0] || mfn == start_info->shared_info >> PAGE_SHIFT;
}

BEHAVIOUR(others_frames, "no frame of RAM that is not the guest's own can be mapped, nor pinned")
{
    const uint64_t *p2m = (const uint64_t *)start_info->mfn_list;
    void *window = page_alloc();
    unsigned int mapped = 0, pinned = 0, tried = 0;

    /* The machine of run.py has 256 MiB, whose last 128 KiB hold firmware tables. */
    for (uint64_t mfn = 0x101; mfn < 0xff00; mfn += 59) {
        uint64_t pfn = paging_m2p()[mfn];

        if (is_shared_frame(mfn) || (pfn < start_info->nr_pages && p2m[pfn] == mfn))
            continue;
        tried++;
        if (!pte_set(window, pte_make(mfn, PROT_RW))) {
            print("frame %lx of %lx can be mapped\n", mfn, pfn);
            mapped++;
        }
        pinned += mmuext(MMUEXT_PIN_L1_TABLE, mfn) == 0;
    }
    EXPECT_TRUE(tried > 500);
    EXPECT(mapped, 0);
    EXPECT(pinned, 0);
    EXPECT(page_protect(window, PROT_RW), 0);
    page_free(window);
}

BEHAVIOUR(hypervisor_slots, "level-4 slots of the hypervisor cannot be written")
{
    struct tree tree = tree_make();
    uint64_t entry = pte_make(page_mfn(tree.table[3]), PROT_TABLE);

    REQUIRE(tree_protect(&tree, 3), 0);
    for (unsigned int slot = 256; slot < 272; slot++)
        EXPECT(pte_update(paging_root() + slot, entry, MMU_NORMAL_PT_UPDATE), -XEN_EINVAL);
    EXPECT(tree_free(&tree), 0);
}

BEHAVIOUR(hypervisor_addresses,
          "update_va_mapping touches no address of the hypervisor or without a table")
{
    void *page = page_alloc();
    uint64_t entry = pte_make(page_mfn(page), PROT_RW);

    report_answer("hypervisor", pte_set((void *)0xffff82d040000000, entry));
    report_answer("m2p", pte_set((void *)0xffff800000000000, entry));
    report_answer("no_table", pte_set((void *)0x123456789000, entry));
    report_answer("not_canonical", pte_set((void *)0x1234567890000000, entry));
    page_free(page);
}

BEHAVIOUR(hypervisor_reads, "the guest can read nothing of the hypervisor but the M2P")
{
    struct trap_record record;

    for (uint64_t address = 0xffff808000000000; address < 0xffff880000000000; address += 1UL << 38)
        EXPECT_TRUE(trap_probe(store, (void *)address, &record) &&
                    record.frame.vector == VECTOR_PF);
}

BEHAVIOUR(writable_assist,
          "with writable_pagetables assisted, a store into a live L1 is checked and made")
{
    uint64_t *page = page_alloc(), *entry = pte_find(page, 1);
    uint64_t value = *entry & ~PTE_WRITE;
    struct trap_record record;

    report_answer("assisted_at_start", !trap_probe(store, pte_find(page_alloc(), 1), &record));
    REQUIRE(hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_enable, VMASST_TYPE_writable_pagetables),
            0);
    *(volatile uint64_t *)entry = value;
    EXPECT(*entry & ~PTE_GLOBAL, value & ~PTE_GLOBAL);
    EXPECT_TRUE(trap_probe(store_root, entry, &record));
    EXPECT(record.frame.vector, VECTOR_PF);
    EXPECT(*entry & ~PTE_GLOBAL, value & ~PTE_GLOBAL);
    EXPECT_TRUE(trap_probe(store, pte_find(page, 2), &record));
    EXPECT(record.frame.vector, VECTOR_PF);
    REQUIRE(hypercall2(__HYPERVISOR_vm_assist, VMASST_CMD_disable, VMASST_TYPE_writable_pagetables),
            0);
    report_answer("assisted_after_disable", !trap_probe(store, entry, &record));
    EXPECT(page_protect(page, PROT_RW), 0);
    page_free(page);
}
