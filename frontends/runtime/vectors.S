/* SPDX-License-Identifier: MIT */
/* Entries from the hypervisor into the guest kernel, and the way back. */
#define __ASSEMBLY__
#include <xen/xen.h>

    .section .text
/*
 * What the hypervisor pushed (low to high): rcx, r11, [error code,] rip, cs, rflags, rsp, ss.
 * Made into struct trap_frame: 15 registers, vector, error, then the last five as they are.
 */
    .balign 16
    .globl trap_stubs
trap_stubs:
vector = 0
    .rept 256
    .balign 16
    pop %rcx
    pop %r11
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
    push $0
    .endif
    push $vector
    jmp trap_common
vector = vector + 1
    .endr

    .globl trap_syscall
trap_syscall:
    pop %rcx
    pop %r11
    push $0
    push $256
    jmp trap_common

    .globl trap_event
trap_event:
    pop %rcx
    pop %r11
    push $0
    push $257
    jmp trap_common

/* A failsafe frame has ds, es, fs, gs after r11. */
    .globl trap_failsafe
trap_failsafe:
    pop %rcx
    pop %r11
    popq trap_failsafe_selectors(%rip)
    popq trap_failsafe_selectors + 8(%rip)
    popq trap_failsafe_selectors + 16(%rip)
    popq trap_failsafe_selectors + 24(%rip)
    push $0
    push $258

trap_common:
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
    cld
    mov %rsp, %rdi
    call trap_dispatch
    xor %eax, %eax

/* Loads struct trap_frame at %rsp and goes there by HYPERVISOR_iret with VGCF flags in %rax. */
trap_return:
    mov %rax, 16 * 8(%rsp)
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
    add $8, %rsp
    /* Now at the slot `error`, which carries the flags: the iret stub pushes rcx, r11, rax. */
    jmp hypercall_page + __HYPERVISOR_iret * 32

/*
 * uint64_t trap_enter(const struct trap_frame *frame, uint64_t flags, uint64_t *saved_rsp)
 * Leaves to `frame`, and comes back with 0 through trap_leave; callee-saved registers kept.
 */
    .globl trap_enter
trap_enter:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdx)
    sub $176, %rsp
    mov %rsi, %rax
    mov %rdi, %rsi
    mov %rsp, %rdi
    mov $22, %ecx
    rep movsq
    jmp trap_return

/* uint64_t trap_call(void (*code)(void *), void *data, uint64_t *saved_rsp): 1 when it returned. */
    .globl trap_call
trap_call:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdx)
    mov %rdi, %rax
    mov %rsi, %rdi
    sub $8, %rsp
    call *%rax
    add $8, %rsp
    mov $1, %eax
    jmp 1f

/* Continuation a dispatcher gives a frame whose rsp is the saved one. */
    .globl trap_leave
trap_leave:
    xor %eax, %eax
1:  pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .section .note.GNU-stack, "", @progbits
