/* SPDX-License-Identifier: MIT */
/*
 * Page faults of ring 3 on their way to the guest kernel's handler, the commonest trap there is:
 *   rcx, r11, error, rip, cs | saved event mask << 32, rflags with IF = events unmasked, rsp, ss
 * on its stack. What may be ours (stores to page tables, the LDT's window, a misread SMAP), other tables to come back
 * to (XPTI) and traced machines take the long way, with nothing changed: arch/x86/trap.c, arch/x86/pv/traps.c.
 */
#include "arch/entry_macros.inc"

#define FRAME 64
#define PF_USER 4
#define ERROR_STORE_MASK 0xb       /* present, write, reserved bit */
#define ERROR_STORE 0x3
#define RFLAGS_CLEARED 0x77300     /* TF IF IOPL NT RF VM AC */
#define GATE_MASKS 4

/* Our stack from rsp. */
#define OUR_R11 0
#define OUR_RAX 8
#define OUR_RDX 16
#define OUR_RCX 24
#define OUR_ERROR 32
#define OUR_RIP 40
#define OUR_CS 48
#define OUR_RFLAGS 56
#define OUR_RSP 64
#define OUR_SS 72
#define OUR_CURRENT 80
#define PUSHED 80

/* Goes to \where when \reg lies in the hypervisor's range; spoils rax. */
.macro JUMP_IF_OURS reg, where
    mov \reg, %rax
    shr $43, %rax
    cmp $0x1ffff0, %eax
    je \where
.endm

    .section .text.entry, "ax"
    .balign 16
    .globl page_fault_entry
page_fault_entry:
    testb $3, OUR_CS - OUR_ERROR(%rsp)
    jz trap_common
    SKIP_UNLESS ALT_XPTI, 1f
    jmp trap_common
1:  push %rcx
    push %rdx
    push %rax
    push %r11
    cmpl $0, trace_wanted(%rip)
    jne long_way
    mov OUR_CURRENT(%rsp), %rcx
    mov V_TRAPS(%rcx), %r11
    add $14 * GATE_SIZE, %r11
    cmpq $0, GATE_ADDRESS(%r11)
    je long_way
    testb $PF_USER, OUR_ERROR(%rsp)
    jz long_way
    mov %cr2, %rdx
    JUMP_IF_OURS %rdx, long_way
    testb $VCPU_KERNEL_MODE, V_FLAGS(%rcx)
    jnz of_kernel
    mov V_INFO(%rcx), %rax
    mov %rdx, VI_CR2(%rax)
    orl $VCPU_KERNEL_MODE, V_FLAGS(%rcx)
    swapgs
    mov V_CR3_KERNEL(%rcx), %rax
    mov %rax, %cr3
    mov V_KERNEL_SP(%rcx), %rdx
    jmp bounce

of_kernel:
    mov OUR_ERROR(%rsp), %eax
    and $ERROR_STORE_MASK, %eax
    cmp $ERROR_STORE, %eax
    je long_way
    mov OUR_RSP(%rsp), %rdx
    and $~15, %rdx
    sub $FRAME, %rdx
    JUMP_IF_OURS %rdx, long_way
    add $FRAME - 1, %rdx
    JUMP_IF_OURS %rdx, long_way
    inc %rdx
    mov %cr2, %r11
    mov V_INFO(%rcx), %rax
    mov %r11, VI_CR2(%rax)
    mov V_TRAPS(%rcx), %r11
    add $14 * GATE_SIZE, %r11
    andl $~PF_USER, OUR_ERROR(%rsp) /* it believes itself in ring 0 */
    andl $0xfffc, OUR_CS(%rsp)

/* rcx = vCPU, now in its kernel's mode; rdx = top of its stack; r11 = gate */
bounce:
    STAC
    movzwl OUR_SS(%rsp), %eax
p1: mov %rax, -8(%rdx)
    mov OUR_RSP(%rsp), %rax
p2: mov %rax, -16(%rdx)
    mov OUR_RIP(%rsp), %rax
p3: mov %rax, -40(%rdx)
    mov OUR_ERROR(%rsp), %eax
p4: mov %rax, -48(%rdx)
    mov OUR_R11(%rsp), %rax
p5: mov %rax, -56(%rdx)
    mov OUR_RCX(%rsp), %rax
p6: mov %rax, -64(%rdx)
    mov GATE_ADDRESS(%r11), %rax
    mov %rax, OUR_RIP(%rsp)
    movzbl GATE_FLAGS(%r11), %r11d
    mov V_INFO(%rcx), %rcx
    movzbl 1(%rcx), %eax
    and $GATE_MASKS, %r11d
    jz 1f
    movb $1, 1(%rcx)
1:  mov OUR_RFLAGS(%rsp), %r11
    and $~RFLAGS_IF, %r11
    and $1, %eax
    shl $32, %rax
    jnz 2f
    or $RFLAGS_IF, %r11
2:
p7: mov %r11, -24(%rdx)
    movzwl OUR_CS(%rsp), %ecx
    or %rcx, %rax
p8: mov %rax, -32(%rdx)
    CLAC
    sub $FRAME, %rdx
    mov %rdx, OUR_RSP(%rsp)
    movq $GUEST_SS, OUR_SS(%rsp)
    movq $GUEST_CS, OUR_CS(%rsp)
    andq $~RFLAGS_CLEARED, OUR_RFLAGS(%rsp)
    orq $RFLAGS_IF, OUR_RFLAGS(%rsp)
    mov CI_COUNTERS - (R_SIZE - PUSHED)(%rsp), %rax
    incl COUNTER_GUEST_PAGE_FAULTS(%rax)
    incl COUNTER_GUEST_EXCEPTIONS(%rax)
    pop %r11
    pop %rax
    pop %rdx
    pop %rcx
    add $8, %rsp
    jmp guest_iret
.irp n, 1, 2, 3, 4, 5, 6, 7, 8
    FAULT_TO p\n, no_stack
.endr

long_way:
    pop %r11
    pop %rax
    pop %rdx
    pop %rcx
    jmp trap_common

no_stack:
    CLAC
    cld                            /* the guest's may be set */
    pop %r11
    pop %rax
    mov %rdx, CI_SCRATCH + 64(%rsp)
    pop %rdx
    pop %rcx
    SAVE_ALL
    mov CI_SCRATCH + R_SIZE(%rsp), %rdi
    call pv_trap_stack_fault
    jmp exit_to_guest

    .section .note.GNU-stack, "", @progbits
