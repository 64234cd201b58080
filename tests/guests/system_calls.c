/* SPDX-License-Identifier: MIT */
/*
 * System calls: `syscall` in user mode lands at the registered callback of the kernel, and
 * HYPERVISOR_iret goes back, by the fast way (VGCF_in_syscall) or with every register restored.
 */
#include "lib/report.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"
#include "runtime/trap.h"

#include <xen/callback.h>

/* Makes two system calls, then stops at ud2 with what it saw in rbx, rbp and r12. */
asm(".pushsection .text\n"
    "two_calls:\n"
    "    mov $0x1111, %eax\n"
    "    syscall\n"
    "after_first:\n"
    "    mov %rax, %rbx\n"
    "    mov %rcx, %rbp\n"
    "    mov %r11, %r12\n"
    "    mov $0x2222, %eax\n"
    "    syscall\n"
    "after_second:\n"
    "    ud2\n"
    "flags_call:\n"
    "    std\n"
    "    stc\n"
    "    syscall\n"
    "    ud2\n"
    "sysenter_call:\n"
    "    sysenter\n"
    "    ud2\n"
    ".popsection");
extern char two_calls[], after_first[], after_second[], flags_call[], sysenter_call[];

static struct trap_frame first;
static unsigned int calls;
static uint64_t mask_in_kernel, return_flags;

/* Answers the first call in place, so that the program goes on. */
static bool answer_first(struct trap_frame *frame)
{
    if (frame->vector != VECTOR_SYSCALL || calls++)
        return false;
    first = *frame;
    mask_in_kernel = guest_vcpu()->evtchn_upcall_mask;
    frame->rax = 0xaaaa;
    frame->rcx = 0xcccc;
    frame->r11 = 0xbbbb;
    return true;
}

static void run_user(char *code, uint64_t flags, struct trap_record *record)
{
    calls = 0;
    trap_set_hook(answer_first);
    trap_run_user((void (*)(void *))code, 0, flags, record);
    trap_set_hook(0);
}

BEHAVIOUR(arrives, "syscall enters the callback with the next instruction and flags in rcx and r11")
{
    struct trap_record record;

    run_user(two_calls, 0, &record);
    EXPECT(calls, 2);
    EXPECT(first.rax, 0x1111);
    EXPECT(first.rip, after_first);
    EXPECT(first.rcx, after_first);
    EXPECT(first.r11 & 0x200, 0x200);
    EXPECT(first.rflags & 0x200, 0x200);
    EXPECT((uint16_t)first.cs, FLAT_USER_CS);
    EXPECT((uint16_t)first.ss, FLAT_USER_SS);
    EXPECT(record.frame.vector, VECTOR_SYSCALL);
    EXPECT(record.frame.rax, 0x2222);
    EXPECT(record.frame.rip, after_second);
}

BEHAVIOUR(full_return, "iret without VGCF_in_syscall restores rcx and r11 as the frame has them")
{
    struct trap_record record;

    run_user(two_calls, 0, &record);
    EXPECT(record.frame.rbx, 0xaaaa);
    EXPECT(record.frame.rbp, 0xcccc);
    EXPECT(record.frame.r12, 0xbbbb);
}

BEHAVIOUR(fast_start,
          "iret with VGCF_in_syscall enters user mode with rip and flags in rcx and r11")
{
    struct trap_frame start = {.rip = (uint64_t)after_first,
                               .cs = FLAT_USER_CS,
                               .ss = FLAT_USER_SS,
                               .rflags = 0x202,
                               .rsp = (uint64_t)page_alloc() + PAGE_SIZE};
    struct trap_record record;

    trap_run_frame(&start, VGCF_in_syscall, &record);
    EXPECT(record.frame.vector, VECTOR_SYSCALL);
    EXPECT(record.frame.rbp, after_first);
    return_flags = record.frame.r12;
    EXPECT(return_flags, 0x202);
}

BEHAVIOUR(masks_events,
          "CALLBACKF_mask_events masks events in the kernel, and the return opens them")
{
    struct trap_record record;
    struct callback_register callback = {.type = CALLBACKTYPE_syscall};
    extern char trap_syscall[];

    run_user(two_calls, 0, &record);
    EXPECT(mask_in_kernel, 1);
    EXPECT(first.cs >> 32 & 0xff, 0);
    callback.address = (uint64_t)trap_syscall;
    REQUIRE(hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, arg(&callback)), 0);
    run_user(two_calls, 0, &record);
    EXPECT(mask_in_kernel, 0);
    trap_init();
}

BEHAVIOUR(flags, "the direction flag is clear in the kernel, and the frame has the user's flags")
{
    struct trap_record record;

    run_user(flags_call, 0, &record);
    EXPECT(first.rflags & 0x401, 0x401);
    EXPECT(record.frame.vector, VECTOR_UD);
    EXPECT(record.frame.rflags & 0x401, 0x401);
}

BEHAVIOUR(no_hypercalls,
          "a hypercall instruction in user mode is the guest's system call, not a hypercall")
{
    struct trap_record record;
    extern char hypercall_page[];

    /* The stub of hypercall 17, xen_version, ends in a `syscall`, whatever code made it. */
    trap_run_user((void (*)(void *))(hypercall_page + 17 * 32), 0, 0, &record);
    EXPECT(record.frame.vector, VECTOR_SYSCALL);
    EXPECT(record.frame.rax, 17);
}

BEHAVIOUR(sysenter_absent, "sysenter without a callback traps instead of ending the guest")
{
    struct trap_record record;

    run_user(sysenter_call, 0, &record);
    report_answer("vector", record.frame.vector);
}

BEHAVIOUR(user_flags_filtered,
          "a return frame cannot raise the I/O privilege level or close events in user mode")
{
    struct trap_frame start = {.rip = (uint64_t)two_calls,
                               .cs = FLAT_USER_CS,
                               .ss = FLAT_USER_SS,
                               .rflags = 0x23202,
                               .rsp = (uint64_t)page_alloc() + PAGE_SIZE};
    struct trap_record record;

    trap_run_frame(&start, 0, &record);
    EXPECT(record.frame.vector, VECTOR_SYSCALL);
    EXPECT(record.frame.rflags & 0x23000, 0);
    start.rflags = 2;
    trap_run_frame(&start, 0, &record);
    EXPECT(record.frame.vector, VECTOR_SYSCALL);
    EXPECT(record.frame.rflags & 0x200, 0);
    EXPECT(record.frame.cs >> 32 & 0xff, 1);
}

BEHAVIOUR(another_root,
          "user mode runs on its own level-4 table, which has none of the kernel's data")
{
    uint64_t *root = page_alloc(), *page = page_alloc(), *old = paging_root();
    uint64_t *tables[4];
    struct trap_record record;
    struct trap_frame start = {.cs = FLAT_USER_CS, .ss = FLAT_USER_SS, .rflags = 0x202};

    /* One page at 4 GiB, holding `syscall; ud2`. */
    page[0] = 0x0b0f050f;
    tables[0] = page;
    for (int level = 1; level < 4; level++) {
        tables[level] = page_alloc();
        unsigned int slot = level == 3 ? 4 : 0;

        tables[level][slot] = pte_make(page_mfn(tables[level - 1]), PROT_TABLE);
        REQUIRE(page_protect(tables[level], PROT_RO), 0);
    }
    root[0] = pte_make(page_mfn(tables[3]), PROT_TABLE);
    REQUIRE(page_protect(root, PROT_RO), 0);
    REQUIRE(mmuext(MMUEXT_NEW_USER_BASEPTR, page_mfn(root)), 0);
    start.rip = 0x100000000;
    start.rsp = 0x100001000;
    trap_run_frame(&start, 0, &record);
    EXPECT(record.frame.vector, VECTOR_SYSCALL);
    EXPECT(record.frame.rip, 0x100000002);
    /* The kernel's own text is not there. */
    start.rip = (uint64_t)two_calls;
    trap_run_frame(&start, 0, &record);
    EXPECT(record.frame.vector, VECTOR_PF);
    EXPECT(record.cr2, two_calls);
    EXPECT(record.frame.error, 0x14);
    EXPECT(mmuext(MMUEXT_NEW_USER_BASEPTR, page_mfn(old)), 0);
    EXPECT(page_protect(root, PROT_RW), 0);
}

BEHAVIOUR(callback_arguments,
          "callback_op refuses unknown types and addresses that are not a guest's")
{
    struct callback_register callback = {.type = 99, .address = (uint64_t)two_calls};
    struct callback_unregister gone = {.type = CALLBACKTYPE_nmi};

    EXPECT(hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, arg(&callback)), -XEN_ENOSYS);
    callback = (struct callback_register){.type = CALLBACKTYPE_event, .address = 1UL << 63};
    EXPECT(hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, arg(&callback)), -XEN_EINVAL);
    EXPECT(hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, 0x1000), -XEN_EFAULT);
    EXPECT(hypercall2(__HYPERVISOR_callback_op, 99, arg(&callback)), -XEN_ENOSYS);
    report_answer("unregister_nmi",
                  hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_unregister, arg(&gone)));
    gone.type = CALLBACKTYPE_event;
    report_answer("unregister_event",
                  hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_unregister, arg(&gone)));
    gone.type = 99;
    report_answer("unregister_99",
                  hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_unregister, arg(&gone)));
    for (unsigned int type = 0; type < 9; type++) {
        static char name[] = "register_0";

        name[9] = '0' + type;
        if (type == CALLBACKTYPE_event || type == CALLBACKTYPE_failsafe ||
            type == CALLBACKTYPE_syscall)
            continue;
        callback = (struct callback_register){.type = type, .address = (uint64_t)two_calls};
        report_answer(name,
                      hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, arg(&callback)));
    }
}
