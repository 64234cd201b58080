/* SPDX-License-Identifier: MIT */
/*
 * Exceptions: every trap vector arrives through set_trap_table with the right error code, from
 * the kernel and from user mode, and returns by HYPERVISOR_iret to where it came from.
 */
#include "lib/report.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"
#include "runtime/trap.h"

/* Code whose first instruction, at the symbol itself, faults; `next_X` follows it. */
#define CODE(name, text)                                                                           \
    asm(".pushsection .text\n.globl " #name "\n" #name ":\n" text "\nnext_" #name                  \
        ":\n ret\n .popsection");                                                                  \
    extern char name[], next_##name[];

CODE(code_divide, "divl %ecx")
CODE(code_breakpoint, "int3")
CODE(code_int3_long, ".byte 0xcd, 3")
CODE(code_overflow, ".byte 0xcd, 4")
CODE(code_undefined, "ud2")
CODE(code_general, "mov %eax, %ds")
CODE(code_not_present, "mov %eax, %gs")
CODE(code_int_80, "int $0x80")
CODE(code_int_21, "int $0x21")
CODE(code_read, "mov (%rdi), %rax")
CODE(code_write, "mov %rax, (%rdi)")
CODE(code_jump, "jmp *%rdi")
CODE(code_hlt, "hlt")
CODE(code_fninit_nop, "nop")

/* Runs code in the kernel, or in user mode, up to its trap; answers the vector. */
static uint64_t run(char *code, void *data, bool user, struct trap_record *record)
{
    if (user)
        trap_run_user((void (*)(void *))code, data, 0, record);
    else
        trap_probe((void (*)(void *))code, data, record);
    return record->trapped ? record->frame.vector : ~0UL;
}

/* For both modes: vector, error code and where the frame points. */
static void expect_trap(char *code, char *rip, void *data, uint64_t vector, uint64_t error)
{
    for (int user = 0; user < 2; user++) {
        struct trap_record record;

        EXPECT(run(code, data, user, &record), vector);
        EXPECT(record.frame.error, error);
        EXPECT(record.frame.rip, rip);
        EXPECT((uint16_t)record.frame.cs, user ? FLAT_USER_CS : FLAT_KERNEL_CS & ~3);
        EXPECT((uint16_t)record.frame.ss, FLAT_USER_SS);
    }
}

BEHAVIOUR(divide, "#DE arrives without an error code, at the dividing instruction")
{
    asm volatile("" : : "c"(0));
    for (int user = 0; user < 2; user++) {
        struct trap_frame start = {.rip = (uint64_t)code_divide,
                                   .cs = user ? FLAT_USER_CS : FLAT_KERNEL_CS & ~3,
                                   .ss = FLAT_USER_SS,
                                   .rflags = 0x202,
                                   .rsp = (uint64_t)page_alloc() + PAGE_SIZE};
        struct trap_record record;

        trap_run_frame(&start, 0, &record);
        EXPECT(record.frame.vector, VECTOR_DE);
        EXPECT(record.frame.rip, code_divide);
    }
}

BEHAVIOUR(breakpoint, "int3 is a trap: the frame points after it")
{
    expect_trap(code_breakpoint, next_code_breakpoint, 0, VECTOR_BP, 0);
    expect_trap(code_int3_long, next_code_int3_long, 0, VECTOR_BP, 0);
}

BEHAVIOUR(overflow, "int 4, whose gate is open to all, is a trap")
{
    expect_trap(code_overflow, next_code_overflow, 0, VECTOR_OF, 0);
}

BEHAVIOUR(undefined, "ud2 gives #UD at itself")
{
    expect_trap(code_undefined, code_undefined, 0, VECTOR_UD, 0);
}

BEHAVIOUR(software_interrupt, "int $n through a gate of DPL 3 arrives after the instruction")
{
    expect_trap(code_int_80, next_code_int_80, 0, 0x80, 0);
}

BEHAVIOUR(software_interrupt_dpl, "int $n through a gate of DPL 0 gives #GP at the instruction")
{
    struct trap_record record;

    /* QEMU 7.2 pushes another error code here (reference/emulation.md), so it is not compared. */
    EXPECT(run(code_int_21, 0, false, &record), VECTOR_GP);
    EXPECT(record.frame.rip, code_int_21);
    EXPECT(run(code_int_21, 0, true, &record), VECTOR_GP);
    EXPECT(record.frame.rip, code_int_21);
}

BEHAVIOUR(page_fault, "#PF tells by error code and cr2 what was tried, in both modes")
{
    char *nowhere = (char *)0x123456789000, *page = page_alloc();
    static const struct {
        char *code;
        uint64_t error;
    } tries[] = {{code_read, 0}, {code_write, 2}};
    struct trap_record record;

    for (int user = 0; user < 2; user++) {
        for (int i = 0; i < 2; i++) {
            EXPECT(run(tries[i].code, nowhere, user, &record), VECTOR_PF);
            EXPECT(record.frame.error, tries[i].error | (user ? 4 : 0));
            EXPECT(record.cr2, nowhere);
            EXPECT(record.frame.rip, tries[i].code);
        }
        REQUIRE(page_protect(page, PROT_RO), 0);
        EXPECT(run(code_write, page + 8, user, &record), VECTOR_PF);
        EXPECT(record.frame.error, 3 | (user ? 4 : 0));
        EXPECT(record.cr2, page + 8);
        REQUIRE(page_protect(page, PROT_RW | PTE_NX), 0);
        EXPECT(run(code_jump, page, user, &record), VECTOR_PF);
        EXPECT(record.frame.error, 0x11 | (user ? 4 : 0));
        EXPECT(record.cr2, page);
        EXPECT(record.frame.rip, page);
    }
    REQUIRE(page_protect(page, PROT_RW), 0);
    page_free(page);
}

BEHAVIOUR(hypervisor_fault, "touching hypervisor memory is a page fault of the guest")
{
    struct trap_record record;

    for (int user = 0; user < 2; user++) {
        EXPECT(run(code_read, (void *)0xffff82d040200000, user, &record), VECTOR_PF);
        EXPECT(record.cr2, 0xffff82d040200000);
        report_answer(user ? "error_user" : "error_kernel", record.frame.error);
    }
}

BEHAVIOUR(non_canonical, "a non-canonical address gives #GP with error code 0")
{
    expect_trap(code_read, code_read, (void *)0x8000000000000000, VECTOR_GP, 0);
}

BEHAVIOUR(bad_selector, "loading a selector that is not there gives #GP with the selector as error")
{
    struct trap_frame start = {.cs = FLAT_KERNEL_CS & ~3, .ss = FLAT_USER_SS, .rflags = 0x202};
    struct trap_record record;

    start.rip = (uint64_t)code_general;
    start.rax = 0x7008;
    start.rsp = (uint64_t)page_alloc() + PAGE_SIZE;
    trap_run_frame(&start, 0, &record);
    EXPECT(record.frame.vector, VECTOR_GP);
    EXPECT(record.frame.error, 0x7008);
    start.cs = FLAT_USER_CS;
    trap_run_frame(&start, 0, &record);
    EXPECT(record.frame.vector, VECTOR_GP);
    EXPECT(record.frame.error, 0x7008);
}

BEHAVIOUR(single_step, "the trap flag gives #DB after one instruction, with BS in dr6")
{
    struct trap_frame start = {.rip = (uint64_t)code_fninit_nop,
                               .cs = FLAT_USER_CS,
                               .ss = FLAT_USER_SS,
                               .rflags = 0x302,
                               .rsp = (uint64_t)page_alloc() + PAGE_SIZE};
    struct trap_record record;

    for (int user = 0; user < 2; user++) {
        start.cs = user ? FLAT_USER_CS : FLAT_KERNEL_CS & ~3;
        trap_run_frame(&start, 0, &record);
        EXPECT(record.frame.vector, VECTOR_DB);
        EXPECT(record.frame.rip, next_code_fninit_nop);
        EXPECT(hypercall1(__HYPERVISOR_get_debugreg, 6) & 0x400f, 0x4000);
        EXPECT(hypercall2(__HYPERVISOR_set_debugreg, 6, 0xffff0ff0), 0);
    }
}

BEHAVIOUR(alignment_check,
          "#AC arrives in user mode when AC is set, if the machine checks alignment")
{
    struct trap_frame start = {.rip = (uint64_t)code_read,
                               .cs = FLAT_USER_CS,
                               .ss = FLAT_USER_SS,
                               .rflags = 0x40202,
                               .rsp = (uint64_t)page_alloc() + PAGE_SIZE - 8};
    struct trap_record record;

    start.rdi = start.rsp - 15;
    *(uint64_t *)start.rsp = 0x123456789000;
    trap_run_frame(&start, 0, &record);
    if (record.frame.vector == VECTOR_PF)
        report_skip("the emulator does not check alignment");
    else
        EXPECT(record.frame.vector, VECTOR_AC);
}

static struct trap_frame seen;

static bool skip_one_byte(struct trap_frame *frame)
{
    seen = *frame;
    frame->rip++;
    return frame->vector == VECTOR_BP || frame->vector == VECTOR_GP;
}

BEHAVIOUR(registers_kept, "all registers survive a trap and its return, in the kernel")
{
    trap_set_hook(skip_one_byte);

    register uint64_t r8 asm("r8") = 0x1111;
    register uint64_t r10 asm("r10") = 0x2222;
    register uint64_t r12 asm("r12") = 0x3333;
    register uint64_t r15 asm("r15") = 0x4444;
    uint64_t rcx = 0xcccc, r11, flags;

    asm volatile("mov $0x1234, %%r11\n std\n int3\n nop\n pushfq\n cld\n pop %[flags]\n"
                 "mov %%r11, %%rax"
                 : "+r"(r8), "+r"(r10), "+r"(r12), "+r"(r15), "+c"(rcx), [flags] "=&r"(flags),
                   "=&a"(r11)
                 :
                 : "r11", "memory");
    bool kept = r8 == 0x1111 && r10 == 0x2222 && r12 == 0x3333 && r15 == 0x4444;

    trap_set_hook(0);
    EXPECT_TRUE(kept);
    EXPECT(r11, 0x1234);
    EXPECT(rcx, 0xcccc);
    EXPECT(seen.r11, 0x1234);
    EXPECT(seen.rcx, 0xcccc);
    EXPECT_TRUE(flags & 0x400);
}

BEHAVIOUR(stack_aligned, "frames are pushed on a stack aligned to 16 bytes, whatever rsp was")
{
    for (unsigned int offset = 0; offset < 16; offset++) {
        struct trap_frame start = {.rip = (uint64_t)code_breakpoint,
                                   .cs = FLAT_KERNEL_CS & ~3,
                                   .ss = FLAT_KERNEL_SS,
                                   .rflags = 0x202};
        struct trap_record record;
        unsigned char *page = page_alloc();

        start.rsp = (uint64_t)page + PAGE_SIZE - offset;
        trap_run_frame(&start, 0, &record);
        EXPECT(record.frame.vector, VECTOR_BP);
        EXPECT(record.frame.rsp, start.rsp);
        page_free(page);
    }
}

BEHAVIOUR(event_mask,
          "a gate with the mask flag masks events, and the frame remembers how they were")
{
    static struct trap_info masking[2] = {{.vector = VECTOR_BP, .flags = 3 | 4}};
    static struct trap_info plain[2] = {{.vector = VECTOR_BP, .flags = 3}};
    extern char trap_stubs[];

    masking[0].cs = plain[0].cs = FLAT_KERNEL_CS;
    masking[0].address = plain[0].address = (uint64_t)trap_stubs + 16 * VECTOR_BP;
    trap_set_hook(skip_one_byte);
    guest_vcpu()->evtchn_upcall_mask = 0;
    asm volatile("int3\n nop" : : : "memory", "rcx", "r11");
    EXPECT(seen.cs >> 32, 0);
    EXPECT_TRUE(seen.rflags & 0x200);
    guest_vcpu()->evtchn_upcall_mask = 1;
    asm volatile("int3\n nop" : : : "memory", "rcx", "r11");
    EXPECT(seen.cs >> 32 & 0xff, 1);
    EXPECT(seen.rflags & 0x200, 0);
    EXPECT(guest_vcpu()->evtchn_upcall_mask, 1);
    EXPECT(hypercall1(__HYPERVISOR_set_trap_table, arg(masking)), 0);
    guest_vcpu()->evtchn_upcall_mask = 0;
    asm volatile("int3\n nop" : : : "memory", "rcx", "r11");
    EXPECT_TRUE(seen.rflags & 0x200);
    EXPECT(guest_vcpu()->evtchn_upcall_mask, 0);
    EXPECT(hypercall1(__HYPERVISOR_set_trap_table, arg(plain)), 0);
    trap_set_hook(0);
}

BEHAVIOUR(trap_table_arguments,
          "set_trap_table refuses addresses and selectors that are not a guest's")
{
    static struct trap_info table[2] = {{.vector = 0x90, .flags = 3, .cs = FLAT_KERNEL_CS}};
    struct trap_record record;

    table[0].address = 0x8000000000000000;
    report_answer("non_canonical", hypercall1(__HYPERVISOR_set_trap_table, arg(table)));
    table[0].address = (uint64_t)code_undefined;
    table[0].cs = 0x7008;
    report_answer("bad_selector", hypercall1(__HYPERVISOR_set_trap_table, arg(table)));
    EXPECT(hypercall1(__HYPERVISOR_set_trap_table, 0x1000), -XEN_EFAULT);
    EXPECT(hypercall1(__HYPERVISOR_set_trap_table, 0xffff82d040200000), -XEN_EFAULT);
    /* A null table clears every gate. */
    EXPECT(hypercall1(__HYPERVISOR_set_trap_table, 0), 0);
    trap_init();
    EXPECT(run(code_undefined, 0, false, &record), VECTOR_UD);
}

/* Failsafe: a return frame the CPU refuses comes back through the failsafe callback. */
static void expect_failsafe(const char *what, uint64_t rip, uint64_t cs, uint64_t ss)
{
    struct trap_frame start = {
        .rip = rip, .cs = cs, .ss = ss, .rflags = 0x202, .rsp = (uint64_t)page_alloc() + PAGE_SIZE};
    struct trap_record record;

    trap_run_frame(&start, 0, &record);
    report_answer(what, record.frame.vector << 16 | record.frame.error);
}

BEHAVIOUR(bad_return,
          "frames the CPU cannot return to end in a trap or the failsafe callback, not in a crash")
{
    expect_failsafe("bad_ss", (uint64_t)code_breakpoint, FLAT_USER_CS, 0x7008);
    expect_failsafe("bad_cs", (uint64_t)code_breakpoint, 0x700b, FLAT_USER_SS);
    expect_failsafe("non_canonical_rip", 0x8000000000000000, FLAT_USER_CS, FLAT_USER_SS);
    expect_failsafe("null_ss", (uint64_t)code_breakpoint, FLAT_USER_CS, 0);
    expect_failsafe("data_cs", (uint64_t)code_breakpoint, FLAT_USER_SS, FLAT_USER_SS);
}
