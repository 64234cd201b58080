/* SPDX-License-Identifier: MIT */
/*
 * Segments: a guest's GDT and LDT hold only descriptors that cannot take it out of ring 3, their
 * pages are typed like page tables, and the bases of fs and gs are its own.
 */
#include "lib/report.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"
#include "runtime/trap.h"

#define FLAT_DATA 0x00cff2000000ffffUL /* DPL 3, read-write, 4 GiB */
#define FLAT_CODE 0x00affa000000ffffUL /* DPL 3, 64-bit code */

#define LDT_SYSTEM 0x0000e20000000000UL

/* Selectors 0xe000 and above are the hypervisor's part of the table. */
#define ENTRIES 512

static long update_descriptor(const uint64_t *entry, uint64_t value)
{
    uint64_t machine = page_mfn(entry) << PAGE_SHIFT | ((uint64_t)entry & (PAGE_SIZE - 1));

    return hypercall2(__HYPERVISOR_update_descriptor, machine, value);
}

static long set_gdt(void *page, unsigned int entries)
{
    unsigned long frame = page ? page_mfn(page) : 0;

    return hypercall2(__HYPERVISOR_set_gdt, arg(&frame), entries);
}

static void load_fs(void *data)
{
    asm volatile("mov %0, %%fs" : : "r"((uint32_t)(uint64_t)data));
}

/* Loads fs in the kernel; answers the trap's vector or -1. */
static long try_fs(unsigned int selector)
{
    struct trap_record record;

    return trap_probe(load_fs, (void *)(uint64_t)selector, &record) ? (long)record.frame.vector
                                                                    : -1;
}

BEHAVIOUR(own_gdt, "a read-only page of good descriptors becomes the GDT, and its entries work")
{
    uint64_t *gdt = page_alloc();

    gdt[1] = FLAT_DATA;
    gdt[2] = FLAT_CODE;
    REQUIRE(page_protect(gdt, PROT_RO), 0);
    EXPECT(set_gdt(gdt, ENTRIES), 0);
    EXPECT(try_fs(1 << 3 | 3), -1);
    EXPECT(try_fs(3 << 3 | 3), VECTOR_GP);
    EXPECT(page_protect(gdt, PROT_RW), -XEN_EBUSY);
    EXPECT(mmuext(MMUEXT_PIN_L1_TABLE, page_mfn(gdt)), -XEN_EINVAL);
    EXPECT(update_descriptor(&gdt[3], FLAT_DATA), 0);
    EXPECT(gdt[3], FLAT_DATA);
    EXPECT(try_fs(3 << 3 | 3), -1);
    EXPECT(try_fs(0), -1);
    EXPECT(set_gdt(0, 0), 0);
    EXPECT(page_protect(gdt, PROT_RW), 0);
    EXPECT(try_fs(1 << 3 | 3), VECTOR_GP);
    page_free(gdt);
}

BEHAVIOUR(writable_gdt, "a page that is mapped writable is refused as GDT")
{
    uint64_t *gdt = page_alloc();

    EXPECT(set_gdt(gdt, ENTRIES), -XEN_EINVAL);
    page_free(gdt);
}

BEHAVIOUR(gdt_size, "a GDT of more entries than a guest may have is refused")
{
    EXPECT(set_gdt(page_alloc(), 8192), -XEN_EINVAL);
    EXPECT(hypercall2(__HYPERVISOR_set_gdt, 0x1000, 512), -XEN_EFAULT);
}

BEHAVIOUR(bad_descriptors,
          "descriptors of other rings, gates and system segments are refused or tamed")
{
    static const struct {
        const char *name;
        uint64_t value;
    } kinds[] = {
        {"flat_data", FLAT_DATA},
        {"flat_code", FLAT_CODE},
        {"base_16", 0x00cff2000010ffff},
        {"not_present", FLAT_DATA & ~(1UL << 47)},
        {"zero", 0},
        {"ring0_data", FLAT_DATA & ~(3UL << 45)},
        {"ring1_code", (FLAT_CODE & ~(3UL << 45)) | 1UL << 45},
        {"ring2_data", (FLAT_DATA & ~(3UL << 45)) | 2UL << 45},
        {"conforming", FLAT_CODE | 1UL << 42},
        {"code_32", 0x00cffa000000ffff},
        {"long_and_default", FLAT_CODE | 1UL << 54},
        {"ldt", LDT_SYSTEM},
        {"tss", 0x0000e90000000067},
        {"call_gate", 0x0000ec00e0330000},
        {"call_gate_kernel", 0x0000ec00e0080000},
        {"interrupt_gate", 0x0000ee00e0330000},
        {"task_gate", 0x0000e500e0080000},
    };
    uint64_t *gdt = page_alloc();

    REQUIRE(page_protect(gdt, PROT_RO), 0);
    REQUIRE(set_gdt(gdt, ENTRIES), 0);
    for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        EXPECT(update_descriptor(&gdt[5], 0), 0);
        report_answer(kinds[i].name, update_descriptor(&gdt[5], kinds[i].value));
        report_answer("stored", gdt[5]);
    }
    EXPECT(set_gdt(0, 0), 0);
    EXPECT(page_protect(gdt, PROT_RW), 0);
    for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        gdt[5] = kinds[i].value;
        REQUIRE(page_protect(gdt, PROT_RO), 0);
        report_answer(kinds[i].name, set_gdt(gdt, ENTRIES));
        EXPECT(set_gdt(0, 0), 0);
        EXPECT(page_protect(gdt, PROT_RW), 0);
    }
    page_free(gdt);
}

BEHAVIOUR(descriptor_elsewhere, "update_descriptor writes ordinary pages too, but no page table")
{
    uint64_t *page = page_alloc();

    EXPECT(update_descriptor(&page[1], FLAT_DATA), 0);
    EXPECT(page[1], FLAT_DATA);
    EXPECT(update_descriptor(paging_root(), FLAT_DATA), -XEN_EINVAL);
    EXPECT(hypercall2(__HYPERVISOR_update_descriptor, 0xfffffffff000, FLAT_DATA), -XEN_EINVAL);
    report_answer("unaligned", hypercall2(__HYPERVISOR_update_descriptor,
                                          (page_mfn(page) << PAGE_SHIFT) + 4, FLAT_DATA));
    page_free(page);
}

static long set_ldt(void *page, unsigned int entries)
{
    struct mmuext_op op = {
        .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (uint64_t)page, .arg2.nr_ents = entries};

    return hypercall4(__HYPERVISOR_mmuext_op, arg(&op), 1, 0, DOMID_SELF);
}

BEHAVIOUR(ldt, "an LDT is typed when it is first used, and its selectors work until it is dropped")
{
    uint64_t *table = page_alloc();

    table[0] = FLAT_DATA;
    table[7] = FLAT_DATA;
    REQUIRE(page_protect(table, PROT_RO), 0);
    EXPECT(set_ldt(table, 8), 0);
    EXPECT(try_fs(0 << 3 | 7), -1);
    EXPECT(try_fs(7 << 3 | 7), -1);
    EXPECT(page_protect(table, PROT_RW), -XEN_EBUSY);
    EXPECT(try_fs(1 << 3 | 7), VECTOR_GP);
    EXPECT(try_fs(600 << 3 | 7), VECTOR_GP);
    EXPECT(update_descriptor(&table[1], FLAT_DATA), 0);
    EXPECT(try_fs(1 << 3 | 7), -1);
    EXPECT(try_fs(0), -1);
    EXPECT(set_ldt(0, 0), 0);
    EXPECT(page_protect(table, PROT_RW), 0);
    EXPECT(try_fs(0 << 3 | 7), VECTOR_GP);
    page_free(table);
}

BEHAVIOUR(ldt_writable, "a selector of an LDT whose page is writable faults in the guest")
{
    uint64_t *table = page_alloc();
    struct trap_record record;

    table[0] = FLAT_DATA;
    EXPECT(set_ldt(table, 8), 0);
    report_answer("vector", try_fs(0 << 3 | 7));
    if (trap_probe(load_fs, (void *)7, &record))
        report_answer("page_offset", record.cr2 - (uint64_t)table);
    EXPECT(set_ldt(0, 0), 0);
    page_free(table);
}

BEHAVIOUR(ldt_arguments, "an LDT is page-aligned, in guest addresses and of at most 8192 entries")
{
    char *page = page_alloc();

    EXPECT(set_ldt(page + 8, 8), -XEN_EINVAL);
    EXPECT(set_ldt(page, 8193), -XEN_EINVAL);
    report_answer("hypervisor", set_ldt((void *)0xffff82d040200000, 8));
    EXPECT(set_ldt(0, 0), 0);
    page_free(page);
}

static uint64_t read_fs(void)
{
    uint64_t value;

    asm volatile("mov %%fs:0, %0" : "=r"(value));
    return value;
}

static uint64_t read_gs(void)
{
    uint64_t value;

    asm volatile("mov %%gs:0, %0" : "=r"(value));
    return value;
}

BEHAVIOUR(bases, "set_segment_base moves fs and gs")
{
    static const uint64_t a = 0x1111, b = 0x2222;

    EXPECT(hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_FS, arg(&a)), 0);
    EXPECT(hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, arg(&b)), 0);
    EXPECT(read_fs(), a);
    EXPECT(read_gs(), b);
    EXPECT(hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_FS, 0), 0);
    EXPECT(hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, 0), 0);
}

/* User code: reads gs:0 into rax and stops. */
asm(".pushsection .text\nuser_reads_gs:\n mov %gs:0, %rax\n ud2\n .popsection");
extern char user_reads_gs[];

BEHAVIOUR(user_base, "user mode has its own gs, swapped on the way in and out")
{
    static const uint64_t kernel = 0x3333, user = 0x4444;
    struct trap_record record;

    EXPECT(hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, arg(&kernel)), 0);
    EXPECT(hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER, arg(&user)), 0);
    for (int i = 0; i < 2; i++) {
        trap_run_user((void (*)(void *))user_reads_gs, 0, 0, &record);
        EXPECT(record.frame.vector, VECTOR_UD);
        EXPECT(record.frame.rax, user);
        EXPECT(read_gs(), kernel);
    }
    EXPECT(hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_KERNEL, 0), 0);
    EXPECT(hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER, 0), 0);
}

BEHAVIOUR(base_arguments, "bases must be canonical, and selectors may be loaded by the same call")
{
    EXPECT(hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_FS, 1UL << 63), -XEN_EINVAL);
    EXPECT(hypercall2(__HYPERVISOR_set_segment_base, 99, 0), -XEN_EINVAL);
    report_answer("fs_in_hypervisor",
                  hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_FS, 0xffff82d040200000));
    EXPECT(hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_FS, 0), 0);
    EXPECT(hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 0), 0);
    EXPECT(hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, FLAT_USER_DS32), 0);
    report_answer("bad_selector",
                  hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 0x7008));
    EXPECT(hypercall2(__HYPERVISOR_set_segment_base, SEGBASE_GS_USER_SEL, 0), 0);
}

BEHAVIOUR(flat_selectors,
          "the hypervisor's flat selectors for guests work without a GDT of their own")
{
    EXPECT(try_fs(FLAT_RING3_DS32), -1);
    EXPECT(try_fs(FLAT_RING3_SS32), -1);
    EXPECT(try_fs(0xe008), VECTOR_GP);
    EXPECT(try_fs(0xe010 | 3), VECTOR_GP);
    EXPECT(try_fs(0), -1);
}
