/* SPDX-License-Identifier: MIT */
/*
 * Privileged instructions of a kernel that runs in ring 3: those a PV guest may use are emulated,
 * the others give #GP, and user mode gets nothing.
 */
#include "lib/report.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"
#include "runtime/trap.h"

#include <xen/physdev.h>

/* Values that go in and come out of one instruction. */
struct registers {
    uint64_t ax, bx, cx, dx;
};

#define INSTRUCTION(name, text)                                                                    \
    static void name(void *data)                                                                   \
    {                                                                                              \
        struct registers *r = data;                                                                \
        asm volatile(text : "+a"(r->ax), "+b"(r->bx), "+c"(r->cx), "+d"(r->dx) : : "memory");      \
    }

INSTRUCTION(do_cpuid, "cpuid")
INSTRUCTION(do_forced_cpuid, ".byte 0x0f, 0x0b, 0x78, 0x65, 0x6e\n cpuid")
INSTRUCTION(do_rdmsr, "rdmsr")
INSTRUCTION(do_wrmsr, "wrmsr")
INSTRUCTION(do_rdtsc, "rdtsc")
INSTRUCTION(do_in, "in %%dx, %%al")
INSTRUCTION(do_out, "out %%al, %%dx")
INSTRUCTION(do_in32, "in %%dx, %%eax")
INSTRUCTION(do_read_cr0, "mov %%cr0, %%rax")
INSTRUCTION(do_write_cr0, "mov %%rax, %%cr0")
INSTRUCTION(do_read_cr2, "mov %%cr2, %%rax")
INSTRUCTION(do_read_cr3, "mov %%cr3, %%rax")
INSTRUCTION(do_write_cr3, "mov %%rax, %%cr3")
INSTRUCTION(do_read_cr4, "mov %%cr4, %%rax")
INSTRUCTION(do_write_cr4, "mov %%rax, %%cr4")
INSTRUCTION(do_read_cr8, "mov %%cr8, %%rax")
INSTRUCTION(do_clts, "clts")
INSTRUCTION(do_cli, "cli")
INSTRUCTION(do_sti, "sti")
INSTRUCTION(do_read_dr7, "mov %%dr7, %%rax")
INSTRUCTION(do_write_dr7, "mov %%rax, %%dr7")
INSTRUCTION(do_read_dr0, "mov %%dr0, %%rax")
INSTRUCTION(do_write_dr0, "mov %%rax, %%dr0")
INSTRUCTION(do_invlpg, "invlpg (%%rax)")
INSTRUCTION(do_wbinvd, "wbinvd")
INSTRUCTION(do_invd, "invd")
INSTRUCTION(do_lgdt, "lgdt (%%rax)")
INSTRUCTION(do_lidt, "lidt (%%rax)")
INSTRUCTION(do_lldt, "lldt %%ax")
INSTRUCTION(do_ltr, "ltr %%ax")
INSTRUCTION(do_swapgs, "swapgs")
INSTRUCTION(do_sysret, "sysretq")
INSTRUCTION(do_rdpmc, "rdpmc")
INSTRUCTION(do_fnop, "fnop")
INSTRUCTION(do_xgetbv, "xgetbv")
INSTRUCTION(do_xsetbv, "xsetbv")

static void do_outs(void *data)
{
    asm volatile("outsb" : "+S"(data) : "d"(0x80) : "memory");
}

/* Runs one instruction in the kernel; answers its trap's vector, or -1 when it worked. */
static long run(void (*instruction)(void *), struct registers *r)
{
    struct trap_record record;

    return trap_probe(instruction, r, &record) ? (long)record.frame.vector : -1;
}

/* Same in user mode, where the only other end is the ud2 after the function's return. */
static long run_user(void (*instruction)(void *), struct registers *r)
{
    struct trap_record record;

    trap_run_user(instruction, r, 0, &record);
    /* Returning pops a zero from the user stack and jumps there. */
    return record.frame.vector == VECTOR_PF && !record.frame.rip ? -1 : (long)record.frame.vector;
}

static bool has_avx_state(void)
{
    struct registers r = {.ax = 1};

    do_cpuid(&r);
    return r.cx & 1u << 27;
}

BEHAVIOUR(cpuid_forced,
          "the forced-emulation prefix gives the guest's CPUID and the hypervisor's leaves")
{
    struct registers r = {.ax = 0x40000000};

    EXPECT(run(do_forced_cpuid, &r), -1);
    EXPECT(r.bx, 0x566e6558);
    EXPECT(r.cx, 0x65584d4d);
    EXPECT(r.dx, 0x4d4d566e);
    EXPECT_TRUE(r.ax >= 0x40000002 && r.ax < 0x40000100);
    r = (struct registers){.ax = 0x40000001};
    EXPECT(run(do_forced_cpuid, &r), -1);
    EXPECT(r.ax, 4 << 16 | 17);
    r = (struct registers){.ax = 0x40000002};
    EXPECT(run(do_forced_cpuid, &r), -1);
    report_answer("leaf2_pages", r.ax);
    report_answer("leaf2_msr", r.bx);
    report_answer("leaf2_features", r.cx);
    r = (struct registers){.ax = 0x40000001};
    EXPECT(run_user(do_forced_cpuid, &r), -1);
    EXPECT(r.ax, 4 << 16 | 17);
}

BEHAVIOUR(cpuid_policy, "CPUID shows what a PV guest can use, and nothing it cannot")
{
    struct registers r = {.ax = 1};

    EXPECT(run(do_forced_cpuid, &r), -1);
    report_answer("1c_without_osxsave", r.cx & ~(1u << 27));
    report_answer("1d", r.dx);
    EXPECT(r.cx & 1u << 5, 0);  /* VMX */
    EXPECT(r.cx & 1u << 17, 0); /* PCID */
    EXPECT(r.cx & 1u << 21, 0); /* x2APIC differs per domain; dom0 of one CPU has none here */
    EXPECT(r.dx & 1u << 3, 0);  /* PSE */
    r = (struct registers){.ax = 0x80000001};
    EXPECT(run(do_forced_cpuid, &r), -1);
    report_answer("80000001c", r.cx);
    report_answer("80000001d", r.dx);
    EXPECT(r.cx & 1u << 2, 0);         /* SVM */
    EXPECT(r.dx & 1u << 29, 1u << 29); /* long mode */
    EXPECT(r.dx & 1u << 26, 0);        /* 1 GiB pages */
    r = (struct registers){.ax = 7};
    EXPECT(run(do_forced_cpuid, &r), -1);
    report_answer("7b", r.bx);
    report_answer("7c", r.cx);
    report_answer("7d", r.dx);
    r = (struct registers){.ax = 0xd};
    EXPECT(run(do_forced_cpuid, &r), -1);
    report_answer("d_a", r.ax);
    r = (struct registers){.ax = 0xd, .cx = 1};
    EXPECT(run(do_forced_cpuid, &r), -1);
    report_answer("d1_a", r.ax);
    r = (struct registers){.ax = 0x80000008};
    EXPECT(run(do_forced_cpuid, &r), -1);
    report_answer("80000008_a", r.ax);
}

asm(".pushsection .text\nforced_nop:\n .byte 0x0f, 0x0b, 0x78, 0x65, 0x6e\n nop\n ret\n"
    ".popsection");
extern char forced_nop[];

BEHAVIOUR(forced_prefix_only_cpuid,
          "the forced-emulation prefix before another instruction is just ud2")
{
    struct trap_record record;

    EXPECT_TRUE(trap_probe((void (*)(void *))forced_nop, 0, &record));
    EXPECT(record.frame.vector, VECTOR_UD);
    EXPECT(record.frame.rip, forced_nop);
}

BEHAVIOUR(read_msrs, "MSRs a kernel reads at boot are readable; unknown ones answer as on Xen")
{
    static const struct {
        const char *name;
        uint32_t number;
        bool same_everywhere; /* its value is compared with Xen's too */
    } msrs[] = {
        {"apic_base", 0x1b, false},
        {"efer", 0xc0000080, true},
        {"star", 0xc0000081, false},
        {"lstar", 0xc0000082, false},
        {"fs_base", 0xc0000100, true},
        {"gs_base", 0xc0000101, true},
        {"pat", 0x277, true},
        {"mtrr_cap", 0xfe, false},
        {"mtrr_type", 0x2ff, false},
        {"misc_enable", 0x1a0, false},
        {"feature_control", 0x3a, false},
        {"platform_info", 0xce, false},
        {"spec_ctrl", 0x48, false},
        {"sysenter_cs", 0x174, false},
        {"mcg_cap", 0x179, false},
        {"hwcr", 0xc0010015, false},
        {"syscfg", 0xc0010010, false},
        {"patch_level", 0x8b, false},
        {"x2apic_id", 0x802, false},
        {"unknown", 0x12345, false},
        {"xen", 0x40000000, false},
        {"kernel_gs", 0xc0000102, true},
    };

    for (unsigned int i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
        struct registers r = {.cx = msrs[i].number};
        long vector = run(do_rdmsr, &r);

        report_answer(msrs[i].name, vector);
        if (msrs[i].same_everywhere && vector < 0)
            report_answer("its_value", r.ax | r.dx << 32);
        EXPECT(run_user(do_rdmsr, &r), VECTOR_GP);
    }
}

BEHAVIOUR(write_msrs,
          "base MSRs can be written as by set_segment_base; the hypervisor's own cannot")
{
    static const struct {
        const char *same, *changed;
        uint32_t number;
    } msrs[] = {
        {"efer", "efer_changed", 0xc0000080}, {"lstar", "lstar_changed", 0xc0000082},
        {"star", "star_changed", 0xc0000081}, {"pat", "pat_changed", 0x277},
        {"apic", "apic_changed", 0x1b},       {"unknown", "unknown_changed", 0x12345},
        {"mcg_status", "mcg_changed", 0x17a},
    };
    struct registers r = {.ax = 0x1000, .cx = 0xc0000100};

    EXPECT(run(do_wrmsr, &r), -1);
    r = (struct registers){.cx = 0xc0000100};
    EXPECT(run(do_rdmsr, &r), -1);
    EXPECT(r.ax, 0x1000);
    r = (struct registers){.dx = 0x80000000, .cx = 0xc0000100};
    EXPECT(run(do_wrmsr, &r), VECTOR_GP);
    r = (struct registers){.cx = 0xc0000100};
    EXPECT(run(do_wrmsr, &r), -1);
    for (unsigned int i = 0; i < sizeof(msrs) / sizeof(msrs[0]); i++) {
        r = (struct registers){.cx = msrs[i].number};
        run(do_rdmsr, &r);
        report_answer(msrs[i].same, run(do_wrmsr, &r));
        r.ax ^= 0x12340;
        r.cx = msrs[i].number;
        report_answer(msrs[i].changed, run(do_wrmsr, &r));
    }
}

BEHAVIOUR(port_rights, "a kernel without I/O privilege gets #GP from in and out")
{
    struct registers r = {.dx = 0x80};
    struct physdev_set_iopl iopl = {.iopl = 0};

    EXPECT(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, arg(&iopl)), 0);
    EXPECT(run(do_in, &r), VECTOR_GP);
    EXPECT(run(do_out, &r), VECTOR_GP);
    iopl.iopl = 4;
    EXPECT(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, arg(&iopl)), -XEN_EINVAL);
}

BEHAVIOUR(ports_of_dom0, "dom0 with I/O privilege uses ports; user mode only at level 3")
{
    struct registers r = {.dx = 0x71};
    struct physdev_set_iopl iopl = {.iopl = 1};

    if (!guest_is_dom0()) {
        report_skip("only dom0 owns ports");
        return;
    }
    EXPECT(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, arg(&iopl)), 0);
    r = (struct registers){.ax = 0x0f, .dx = 0x70};
    EXPECT(run(do_out, &r), -1);
    r = (struct registers){.ax = 0xff55, .dx = 0x71};
    EXPECT(run(do_in, &r), -1);
    EXPECT(r.ax & ~0xffUL, 0xff00);
    EXPECT(run_user(do_in, &r), VECTOR_GP);
    /* The interrupt controllers are the hypervisor's: dom0 reads all ones or traps. */
    static const uint16_t ports[] = {0x20, 0x21, 0x40, 0x43, 0x61, 0xa0, 0xa1, 0xcf8, 0xcfc, 0x3f8};
    static char name[] = "in_0000";

    for (unsigned int i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        for (int digit = 0; digit < 4; digit++)
            name[3 + digit] = "0123456789abcdef"[ports[i] >> (12 - 4 * digit) & 15];
        r = (struct registers){.dx = ports[i]};
        report_answer(name, run(do_in, &r));
    }
    r = (struct registers){.dx = 0xcf8};
    EXPECT(run(do_in32, &r), -1);
    iopl.iopl = 3;
    EXPECT(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, arg(&iopl)), 0);
    r = (struct registers){.dx = 0x71};
    EXPECT(run_user(do_in, &r), -1);
    iopl.iopl = 0;
    EXPECT(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, arg(&iopl)), 0);
}

BEHAVIOUR(port_bitmap, "a bitmap given by set_iobitmap opens single ports to user mode")
{
    struct registers r = {.dx = 0x71};
    unsigned char *bitmap = page_alloc();
    struct physdev_set_iobitmap op = {.nr_ports = 1024};

    for (unsigned int i = 0; i < PAGE_SIZE; i++)
        bitmap[i] = 0xff;
    bitmap[0x70 / 8] = (unsigned char)~(1 << 1);
    set_xen_guest_handle(op.bitmap, bitmap);
    EXPECT(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, arg(&op)), 0);
    /* A domU gets all ones from a port that is not its own, but no trap. */
    EXPECT(run_user(do_in, &r), -1);
    r = (struct registers){.dx = 0x80};
    EXPECT(run_user(do_in, &r), VECTOR_GP);
    op.nr_ports = 65537;
    EXPECT(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, arg(&op)), -XEN_EINVAL);
    op.nr_ports = 0;
    EXPECT(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, arg(&op)), 0);
}

BEHAVIOUR(port_bitmap_hidden, "the bitmap holds for user space whose tables do not have it")
{
    uint64_t *root = page_alloc(), *page = page_alloc(), *table[4] = {page};
    struct trap_frame start = {.cs = FLAT_USER_CS, .ss = FLAT_USER_SS, .rflags = 0x202};
    struct physdev_set_iobitmap op = {.nr_ports = 1024};
    struct trap_record record;

    set_xen_guest_handle(op.bitmap, (unsigned char *)page_alloc()); /* zeros: all are open */
    EXPECT(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, arg(&op)), 0);
    /* One page at 4 GiB, holding `in $0x71, %al; syscall; ud2`. */
    page[0] = 0x0b0f050f71e4;
    for (int level = 1; level < 4; level++) {
        table[level] = page_alloc();
        table[level][level == 3 ? 4 : 0] = pte_make(page_mfn(table[level - 1]), PROT_TABLE);
        REQUIRE(page_protect(table[level], PROT_RO), 0);
    }
    root[0] = pte_make(page_mfn(table[3]), PROT_TABLE);
    REQUIRE(page_protect(root, PROT_RO), 0);
    REQUIRE(mmuext(MMUEXT_NEW_USER_BASEPTR, page_mfn(root)), 0);
    start.rip = 0x100000000;
    start.rsp = 0x100001000;
    trap_run_frame(&start, 0, &record);
    EXPECT(record.frame.vector, VECTOR_SYSCALL);
    EXPECT(record.frame.rip, 0x100000004);
    op.nr_ports = 0;
    EXPECT(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iobitmap, arg(&op)), 0);
    EXPECT(mmuext(MMUEXT_NEW_USER_BASEPTR, page_mfn(paging_root())), 0);
    EXPECT(page_protect(root, PROT_RW), 0);
}

BEHAVIOUR(port_strings, "a string that cannot be read gives a page fault, or #GP where none can be")
{
    struct physdev_set_iopl iopl = {.iopl = 1};
    struct trap_record record;

    EXPECT(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, arg(&iopl)), 0);
    trap_probe(do_outs, (void *)0x123456000, &record);
    EXPECT(record.frame.vector, VECTOR_PF);
    EXPECT(record.cr2, 0x123456000);
    trap_probe(do_outs, (void *)0xffff830000001000, &record);
    EXPECT(record.frame.vector, VECTOR_GP);
    trap_probe(do_outs, (void *)0x8000000000000000, &record);
    EXPECT(record.frame.vector, VECTOR_GP);
    iopl.iopl = 0;
    EXPECT(hypercall2(__HYPERVISOR_physdev_op, PHYSDEVOP_set_iopl, arg(&iopl)), 0);
}

BEHAVIOUR(control_registers,
          "cr0, cr2, cr3 and cr4 read as a guest's; harmless writes are taken, others trap")
{
    struct registers r = {0};

    EXPECT(run(do_read_cr0, &r), -1);
    EXPECT(r.ax & 0x80000001, 0x80000001);
    report_answer("cr0", r.ax);
    EXPECT(run(do_write_cr0, &r), -1);
    r.ax ^= 0x80000000;
    report_answer("cr0_no_paging", run(do_write_cr0, &r));
    EXPECT(run(do_read_cr2, &r), -1);
    EXPECT(run(do_read_cr3, &r), -1);
    EXPECT(r.ax, page_mfn(paging_root()) << PAGE_SHIFT);
    EXPECT(run(do_write_cr3, &r), -1);
    r.ax = 0xfffffff000;
    EXPECT(run(do_write_cr3, &r), VECTOR_GP);
    EXPECT(run(do_read_cr4, &r), -1);
    report_answer("cr4", r.ax);
    EXPECT(run(do_write_cr4, &r), -1);
    r.ax = 0;
    report_answer("cr4_zero", run(do_write_cr4, &r));
    report_answer("cr8", run(do_read_cr8, &r));
    EXPECT(run_user(do_read_cr0, &r), VECTOR_GP);
    EXPECT(run_user(do_write_cr3, &r), VECTOR_GP);
}

BEHAVIOUR(task_switched, "cr0.TS makes the FPU trap with #NM, and clts or fpu_taskswitch ends that")
{
    struct registers r = {0};

    EXPECT(hypercall1(__HYPERVISOR_fpu_taskswitch, 1), 0);
    EXPECT(run(do_read_cr0, &r), -1);
    EXPECT(r.ax & 8, 8);
    EXPECT(run(do_fnop, &r), VECTOR_NM);
    report_answer("after_trap", run(do_fnop, &r));
    EXPECT(hypercall1(__HYPERVISOR_fpu_taskswitch, 1), 0);
    EXPECT(run(do_clts, &r), -1);
    EXPECT(run(do_fnop, &r), -1);
    EXPECT(hypercall1(__HYPERVISOR_fpu_taskswitch, 1), 0);
    EXPECT(hypercall1(__HYPERVISOR_fpu_taskswitch, 0), 0);
    EXPECT(run(do_fnop, &r), -1);
    EXPECT(run_user(do_clts, &r), VECTOR_GP);
}

BEHAVIOUR(interrupt_flag, "cli and sti are taken without effect on events in the kernel")
{
    struct registers r = {0};

    report_answer("cli", run(do_cli, &r));
    report_answer("sti", run(do_sti, &r));
    EXPECT(run_user(do_cli, &r), VECTOR_GP);
    EXPECT(run_user(do_sti, &r), VECTOR_GP);
}

BEHAVIOUR(others, "instructions that would reach the machine give #GP, or are emulated as on Xen")
{
    static unsigned char operand[16];
    static const struct {
        const char *name;
        void (*code)(void *);
    } tries[] = {
        {"invlpg", do_invlpg}, {"wbinvd", do_wbinvd}, {"invd", do_invd}, {"lgdt", do_lgdt},
        {"lidt", do_lidt},     {"lldt", do_lldt},     {"ltr", do_ltr},   {"swapgs", do_swapgs},
        {"sysret", do_sysret}, {"rdpmc", do_rdpmc},
    };

    for (unsigned int i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        struct registers r = {.ax = (uint64_t)operand};

        report_answer(tries[i].name, run(tries[i].code, &r));
        r = (struct registers){.ax = (uint64_t)operand};
        EXPECT(run_user(tries[i].code, &r), VECTOR_GP);
    }
}

BEHAVIOUR(time_stamp, "rdtsc works in both modes and goes up")
{
    struct registers a = {0}, b = {0};

    EXPECT(run(do_rdtsc, &a), -1);
    EXPECT(run_user(do_rdtsc, &b), -1);
    EXPECT_TRUE((b.dx << 32 | b.ax) > (a.dx << 32 | a.ax));
}

BEHAVIOUR(extended_control, "xcr0 can be set to what CPUID offers, never without x87")
{
    struct registers r = {0}, old;

    if (!has_avx_state()) {
        report_skip("no XSAVE on this CPU");
        return;
    }
    EXPECT(run(do_xgetbv, &r), -1);
    old = r;
    report_answer("xcr0", r.ax);
    r = (struct registers){.ax = 3};
    EXPECT(run(do_xsetbv, &r), VECTOR_UD);
    /* The instruction is there once the guest says so in its cr4. */
    EXPECT(run(do_read_cr4, &r), -1);
    r.ax |= 1u << 18;
    REQUIRE(run(do_write_cr4, &r), -1);
    r = (struct registers){.ax = 3};
    EXPECT(run(do_xsetbv, &r), -1);
    r = (struct registers){0};
    EXPECT(run(do_xgetbv, &r), -1);
    EXPECT(r.ax, 3);
    r = (struct registers){.ax = 2};
    EXPECT(run(do_xsetbv, &r), VECTOR_GP);
    r = (struct registers){.ax = 5};
    EXPECT(run(do_xsetbv, &r), VECTOR_GP);
    r = (struct registers){.ax = 3, .dx = 0x40000000};
    EXPECT(run(do_xsetbv, &r), VECTOR_GP);
    r = (struct registers){.ax = old.ax};
    EXPECT(run(do_xsetbv, &r), -1);
    EXPECT(run_user(do_xsetbv, &r), VECTOR_GP);
}

BEHAVIOUR(debug_registers, "debug registers hold guest addresses only, by hypercall or by mov")
{
    static uint64_t target;
    struct registers r = {.ax = (uint64_t)&target};

    EXPECT(hypercall2(__HYPERVISOR_set_debugreg, 0, arg(&target)), 0);
    EXPECT(hypercall1(__HYPERVISOR_get_debugreg, 0), &target);
    EXPECT(run(do_read_dr0, &r), -1);
    EXPECT(r.ax, &target);
    r.ax = 0xffff82d040200000;
    EXPECT(run(do_write_dr0, &r), VECTOR_GP);
    EXPECT(hypercall2(__HYPERVISOR_set_debugreg, 1, 0xffff82d040200000), -XEN_EPERM);
    EXPECT(hypercall2(__HYPERVISOR_set_debugreg, 4, 0), 0);
    EXPECT(hypercall2(__HYPERVISOR_set_debugreg, 9, 0), -XEN_ENODEV);
    report_answer("get_4", hypercall1(__HYPERVISOR_get_debugreg, 4));
    report_answer("get_9", hypercall1(__HYPERVISOR_get_debugreg, 9));
    report_answer("dr6_high", hypercall2(__HYPERVISOR_set_debugreg, 6, 1UL << 40));
    report_answer("dr7_high", hypercall2(__HYPERVISOR_set_debugreg, 7, 1UL << 40));
    report_answer("dr7_general_detect", hypercall2(__HYPERVISOR_set_debugreg, 7, 0x2000));
    EXPECT(run(do_read_dr7, &r), -1);
    report_answer("dr7", r.ax);
    EXPECT(run(do_write_dr7, &r), -1);
    EXPECT(run_user(do_read_dr0, &r), VECTOR_GP);
}

static void write_target(void *data)
{
    *(volatile uint64_t *)data = 1;
}

BEHAVIOUR(watchpoint, "a write watchpoint gives #DB with its bit in dr6, in both modes")
{
    static uint64_t target;
    struct trap_record record;

    EXPECT(hypercall2(__HYPERVISOR_set_debugreg, 0, arg(&target)), 0);
    EXPECT(hypercall2(__HYPERVISOR_set_debugreg, 7, 0xd0001), 0);
    EXPECT_TRUE(trap_probe(write_target, &target, &record));
    EXPECT(record.frame.vector, VECTOR_DB);
    EXPECT(hypercall1(__HYPERVISOR_get_debugreg, 6) & 15, 1);
    EXPECT(hypercall2(__HYPERVISOR_set_debugreg, 6, 0xffff0ff0), 0);
    trap_run_user(write_target, &target, 0, &record);
    EXPECT(record.frame.vector, VECTOR_DB);
    EXPECT(hypercall2(__HYPERVISOR_set_debugreg, 7, 0), 0);
    EXPECT(trap_probe(write_target, &target, &record), false);
}
