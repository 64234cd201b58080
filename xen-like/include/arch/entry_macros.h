/* SPDX-License-Identifier: MIT */
/* What the assembly of entries and exits shares: constants, saving registers, patched instructions, fixups. */
#ifndef ARCH_ENTRY_MACROS_H
#define ARCH_ENTRY_MACROS_H
#include "offsets.h"
#include "arch/alternative.h"

#define GUEST_CS 0xe033
#define GUEST_SS 0xe02b
#define VECTOR_SYSCALL 0x100
#define HYPERCALL_IRET 23
#define HYPERCALL_COUNT 64
#define VGCF_IN_SYSCALL 0x100
#define RFLAGS_IF 0x200
#define MSR_SPEC_CTRL 0x48

.macro SAVE_ALL
    push %rdi
    push %rsi
    push %rdx
    push %rcx
    push %rax
    push %r8
    push %r9
    push %r10
    push %r11
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
.endm
.macro RESTORE_ALL
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rax
    pop %rcx
    pop %rdx
    pop %rsi
    pop %rdi
.endm
/* \reg = this CPU's guest_regs: interrupt stacks lie in the same CPU_STACK_SIZE block, below. */
.macro GUEST_REGS reg
    mov %rsp, \reg
    or $(CPU_STACK_SIZE - 1), \reg
    sub $(CPU_TAIL + R_SIZE - 1), \reg
.endm
.macro FAULT_TO insn, fixup
    .pushsection .extable, "a"
    .quad \insn, \fixup
    .popsection
.endm

/* What stands here becomes \bytes when the feature is on: struct altinsn. */
.macro REPLACE at, feature, bytes:vararg
    .pushsection .altinsn, "a"
    .quad \at
    .byte \feature, .Lend\@ - .Lbytes\@
.Lbytes\@:
    .byte \bytes
.Lend\@:
    .balign 16
    .popsection
.endm
/* Skips to \end; nothing, when the feature is on. */
.macro SKIP_UNLESS feature, end
.Lskip\@:
    .byte 0xeb, \end - . - 1
    REPLACE .Lskip\@, \feature, 0x66, 0x90
.endm
.macro STAC
.Lstac\@:
    .byte 0x0f, 0x1f, 0x00
    REPLACE .Lstac\@, ALT_SMAP, 0x0f, 0x01, 0xcb
.endm
.macro CLAC
.Lclac\@:
    .byte 0x0f, 0x1f, 0x00
    REPLACE .Lclac\@, ALT_SMAP, 0x0f, 0x01, 0xca
.endm
/* Buffers that leak what passed through them are overwritten; spoils flags. The selector must be in entry text. */
.macro CLEAR_BUFFERS
    SKIP_UNLESS ALT_VERW, .Lverw_end\@
    verw data_selector(%rip)
.Lverw_end\@:
.endm
.macro WRITE_SPEC_CTRL value
    mov $MSR_SPEC_CTRL, %ecx
    mov \value(%rip), %eax
    xor %edx, %edx
    wrmsr
.endm
/* After an entry from a guest, rsp = guest_regs, all registers saved: the hypervisor's tables; spoils rax, rcx, rdx. */
.macro GUEST_LEFT
    SKIP_UNLESS ALT_XPTI, .Lxpti_end\@
    mov CI_XEN_CR3(%rsp), %rax
    test %rax, %rax
    jz .Lxpti_end\@
    mov %rax, %cr3
    movq $0, CI_XEN_CR3(%rsp)
.Lxpti_end\@:
    SKIP_UNLESS ALT_IBRS, .Librs_end\@
    WRITE_SPEC_CTRL spec_ctrl_inside
.Librs_end\@:
.endm

#endif
