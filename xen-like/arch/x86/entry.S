/* SPDX-License-Identifier: MIT */
/*
 * Entries from guests and exits to them.
 *
 * Each CPU has one stack; its top is struct cpu_info: the guest's struct regs, then CPU_TAIL bytes of CPU data whose first
 * word is the current vCPU. TSS.rsp0 is the end of struct regs, so whatever enters from ring 3 leaves its frame there:
 *
 *     end of stack  ┌──────────────────┐
 *                   │ CPU_TAIL bytes   │ current_vcpu first
 *     TSS.rsp0 ───► ├──────────────────┤
 *                   │ ss rsp rflags    │ pushed by the CPU (exceptions) or by syscall_entry
 *                   │ cs rip           │
 *                   │ vector:error     │ one word
 *                   │ rdi .. r15       │ SAVE_ALL
 *     guest_regs ─► └──────────────────┘
 *
 * Interrupts are off throughout. While a guest's kernel runs, GS_BASE is the kernel's and KERNEL_GS_BASE the user's;
 * changing the mode swaps them and loads the other CR3.
 */
#include "arch/entry_macros.inc"

    .section .text.entry, "ax"
    .globl data_selector
data_selector:
    .word 0xe010
/* --- exceptions and interrupts: 256 stubs of 16 bytes --- */
    .balign 16
    .globl trap_stubs
trap_stubs:
vector = 0
.rept 256
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    push $0
    .endif
    movl $vector, 4(%rsp)
    .if vector == 14
    jmp page_fault_entry
    .else
    jmp trap_common
    .endif
    vector = vector + 1
.endr

    .balign 16
    .globl trap_common
trap_common:
    CLAC
    cld
    SAVE_ALL
    mov %rsp, %rdi
    testb $3, R_cs(%rsp)
    jz 2f
    mov %esp, %eax
    and $(CPU_STACK_SIZE - 1), %eax
    cmp $(CPU_STACK_SIZE - CPU_TAIL - R_SIZE), %eax
    jne 3f
1:  GUEST_LEFT
    xor %ebp, %ebp
    call trap_from_guest
    jmp exit_to_guest
2:  SKIP_UNLESS ALT_XPTI, 4f       /* it may have met an entry or exit on the guest's tables */
    mov %cr3, %r12
    GUEST_REGS %rax
    mov CI_XEN_CR3(%rax), %rax
    test %rax, %rax
    jz 4f
    mov %rax, %cr3
4:  call trap_from_hypervisor
    SKIP_UNLESS ALT_XPTI, 5f
    mov %r12, %cr3
5:  RESTORE_ALL
    add $8, %rsp
    iretq
3:  mov %rsp, %rsi                 /* on an interrupt stack: the guest's registers move to their place */
    GUEST_REGS %rdi
    mov $R_SIZE / 8, %ecx
    rep movsq
    GUEST_REGS %rsp
    mov %rsp, %rdi
    jmp 1b

/* --- exit: rsp = guest_regs --- */
    .balign 16
    .globl exit_to_guest
exit_to_guest:
    cmpl $0, CI_SOFTIRQ(%rsp)
    jne 3f
    mov CI_CURRENT(%rsp), %rbx
    cmpw $1, V_NMI(%rbx)           /* one waits and none is being handled */
    je 7f
    mov V_INFO(%rbx), %rax
    cmpb $0, (%rax)
    je 1f
    cmpb $0, 1(%rax)
    je 4f
1:  SKIP_UNLESS ALT_IBRS, 5f
    WRITE_SPEC_CTRL spec_ctrl_outside
5:  SKIP_UNLESS ALT_XPTI, 6f
    call xpti_exit_cr3
    test %rax, %rax
    jz 6f
    mov %rax, %cr3
6:  cmpl $VECTOR_SYSCALL, R_vector(%rsp)
    jne 2f
    /* sysret faults in ring 0 on a non-canonical address: those go by iret. */
    mov R_rip(%rsp), %rax
    sar $47, %rax
    inc %eax
    cmp $1, %eax
    ja 2f
    RESTORE_ALL
    CLEAR_BUFFERS
    mov 8(%rsp), %rcx              /* rip */
    mov 24(%rsp), %r11             /* rflags */
    mov 32(%rsp), %rsp
    sysretq
2:  RESTORE_ALL
    add $8, %rsp
    .globl guest_iret
guest_iret:
    CLEAR_BUFFERS
i1: iretq
    FAULT_TO i1, guest_iret_fault
3:  call softirq_run
    jmp exit_to_guest
4:  mov %rsp, %rdi
    call pv_deliver_event
    jmp exit_to_guest
7:  mov %rsp, %rdi
    call pv_deliver_nmi
    jmp exit_to_guest

/* The guest's frame could not be loaded (selectors, addresses): its failsafe callback hears of it. */
guest_iret_fault:
    push $0
    SAVE_ALL
    GUEST_LEFT
    mov %rsp, %rdi
    call pv_failsafe
    jmp exit_to_guest

/*
 * --- syscall: hypercalls from guest kernels, system calls of guest user space ---
 * Each CPU's own stub (desc.c) has put the guest's stack pointer into cpu_info.scratch; rsp = the end of guest_regs.
 */
    .balign 16
    .globl syscall_entry
syscall_entry:
    push $GUEST_SS
    push CI_SCRATCH + 8(%rsp)
    push %r11
    push $GUEST_CS
    push %rcx
    SKIP_UNLESS ALT_XPTI, 3f
    push %rax
    mov CI_XEN_CR3 - (R_SIZE - 48)(%rsp), %rax
    test %rax, %rax
    jz 1f
    mov %rax, %cr3
    movq $0, CI_XEN_CR3 - (R_SIZE - 48)(%rsp)
1:  pop %rax
    mov 40(%rsp), %rcx             /* with other tables to come back to, all ways are the long one */
    testb $VCPU_KERNEL_MODE, V_FLAGS(%rcx)
    jnz hypercall
    mov (%rsp), %rcx
    push $0
    SAVE_ALL
    mov %rsp, %rdi
    call pv_user_syscall
    jmp exit_to_guest
3:  mov 40(%rsp), %rcx             /* current vCPU */
    testb $VCPU_KERNEL_MODE, V_FLAGS(%rcx)
    jz user_syscall
    cmp $HYPERCALL_IRET, %eax
    je fast_iret
hypercall:
    mov (%rsp), %rcx
    push $0
    movl $VECTOR_SYSCALL, 4(%rsp)
    SAVE_ALL
    SKIP_UNLESS ALT_IBRS, 2f
    mov %rax, %rbx
    mov %rdx, %r11
    WRITE_SPEC_CTRL spec_ctrl_inside
    mov %rbx, %rax
    mov %r11, %rdx
2:  cmp $HYPERCALL_COUNT, %rax
    jae 1f
    mov CI_COUNTERS(%rsp), %rcx
    incl (%rcx,%rax,4)             /* struct counters begins with the hypercalls */
    cmpl $0, trace_wanted(%rip)
    jne 3f
2:  mov %r10, %rcx
    lea hypercall_table(%rip), %rbx
    mov (%rbx,%rax,8), %rax
    call __x86_indirect_thunk_rax
    mov %rax, R_rax(%rsp)
    jmp exit_to_guest
1:  movq $-38, R_rax(%rsp)         /* ENOSYS */
    jmp exit_to_guest
3:  mov %rax, %rdi
    call trace_hypercall
    mov R_rax(%rsp), %rax
    mov R_rdi(%rsp), %rdi
    mov R_rsi(%rsp), %rsi
    mov R_rdx(%rsp), %rdx
    mov R_r10(%rsp), %r10
    mov R_r8(%rsp), %r8
    jmp 2b

/*
 * A system call bounces to the guest kernel's callback, on its stack:
 *   rcx, r11, rip, cs | saved event mask << 32, rflags with IF = events unmasked, rsp, ss
 * kernel_sp was checked to lie outside the hypervisor when it was set.
 * On our stack: rip cs rflags rsp ss; rcx = vCPU.
 */
user_syscall:
    push %rax
    push %rdx
    cmpq $0, V_SYSCALL_CALLBACK(%rcx)
    je user_syscall_fault
    mov V_KERNEL_SP(%rcx), %rdx
    orl $VCPU_KERNEL_MODE, V_FLAGS(%rcx)
    swapgs
    mov V_CR3_KERNEL(%rcx), %rax
    mov %rax, %cr3
    STAC
w1: movq $GUEST_SS, -8(%rdx)
    mov 40(%rsp), %rax
w2: mov %rax, -16(%rdx)
    and $~RFLAGS_IF, %r11d
    mov V_INFO(%rcx), %rax
    movzbl 1(%rax), %eax
    shl $32, %rax
    jnz 1f
    or $RFLAGS_IF, %r11d
1:  or $GUEST_CS, %rax
w3: mov %r11, -24(%rdx)
w4: mov %rax, -32(%rdx)
    mov 16(%rsp), %rax
w5: mov %rax, -40(%rdx)
w6: mov %r11, -48(%rdx)
w7: mov %rax, -56(%rdx)
    testb $VCPU_SYSCALL_MASKS, V_FLAGS(%rcx)
    jz 2f
    mov V_INFO(%rcx), %rax
    movb $1, 1(%rax)
2:  CLAC
    mov V_SYSCALL_CALLBACK(%rcx), %rcx
    sub $56, %rdx
    mov %rdx, 40(%rsp)
    mov $0x202, %r11d
    pop %rdx
    pop %rax
    mov 24(%rsp), %rsp
    CLEAR_BUFFERS
    sysretq
.irp n, 1, 2, 3, 4, 5, 6, 7
    FAULT_TO w\n, user_syscall_fault
.endr
user_syscall_fault:
    CLAC
    pop %rdx
    pop %rax
    mov (%rsp), %rcx
    push $0
    SAVE_ALL
    call pv_syscall_fault
    jmp exit_to_guest

/*
 * Hypercall iret, the way out of every guest trap. The guest's stack holds
 *   rax r11 rcx flags rip cs rflags rsp ss
 * rax, rcx and r11 come from there, so they are free here. What is unusual is left to the C version.
 * On our stack: rip cs rflags rsp ss; rcx = vCPU.
 */
fast_iret:
    cmpw $0, V_NMI(%rcx)
    jne slow_iret
    mov 24(%rsp), %r11
    mov %r11, %rax
    shr $43, %rax
    cmp $0x1ffff0, %eax            /* the hypervisor's range */
    je slow_iret
    STAC
r1: testl $VGCF_IN_SYSCALL, 24(%r11)
    jnz slow_iret
r2: push (%r11)                    /* rax */
r3: push 8(%r11)                   /* r11 */
r4: push 16(%r11)                  /* rcx */
r5: mov 32(%r11), %rax
    mov %rax, 24(%rsp)
r6: mov 56(%r11), %rax
    mov %rax, 48(%rsp)
r7: mov 64(%r11), %eax
    or $3, %eax
    mov %rax, 56(%rsp)
r8: mov 48(%r11), %eax
    and $0x250fd5, %eax            /* CF PF AF ZF SF TF IF DF OF RF AC ID: what a guest may set */
    mov %rax, 40(%rsp)
    orl $0x202, 40(%rsp)
r9: movzwl 40(%r11), %r11d
    CLAC
    mov %r11d, 32(%rsp)
    movl $0, 36(%rsp)
    orl $3, 32(%rsp)
    not %r11d
    test $3, %r11d
    jnz 1f                         /* back into the guest's kernel */
    cmpq $0, V_CR3_USER(%rcx)
    je slow_iret_pop
    andl $~VCPU_KERNEL_MODE, V_FLAGS(%rcx)
    swapgs
    mov V_CR3_USER(%rcx), %r11
    mov %r11, %cr3
1:  mov V_INFO(%rcx), %r11
    shr $9, %eax
    and $1, %eax
    xor $1, %eax
    mov %al, 1(%r11)
    jnz 2f
    cmpb $0, (%r11)
    jne 3f
2:  pop %rcx
    pop %r11
    pop %rax
    jmp guest_iret
3:  pop %rcx                       /* an event waits: the long way out */
    pop %r11
    pop %rax
    push $0
    SAVE_ALL
    jmp exit_to_guest
.irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9
    FAULT_TO r\n, slow_iret
.endr
slow_iret_pop:
    add $24, %rsp
slow_iret:
    CLAC
    /* Faults arrive with zero to three words pushed: the frame is found from the top again. */
    or $(CPU_STACK_SIZE - 1), %rsp
    sub $(CPU_TAIL + 40 - 1), %rsp
    mov CI_SCRATCH + 40(%rsp), %rax
    mov %rax, 24(%rsp)
    mov $HYPERCALL_IRET, %eax
    jmp hypercall

/* 32-bit user space's syscall instruction (AMD): the same way by C. */
    .balign 16
    .globl syscall32_entry
syscall32_entry:
    push $GUEST_SS
    push CI_SCRATCH + 8(%rsp)
    push %r11
    push $0xe023
    push %rcx
    push $0
    SAVE_ALL
    GUEST_LEFT
    mov %rsp, %rdi
    call pv_syscall32
    jmp exit_to_guest

/* void context_resume(void (*fn)(void)): drops the stack down to the guest's registers and goes to fn. */
    .globl context_resume
context_resume:
    GUEST_REGS %rsp
    jmp __x86_indirect_thunk_rdi

    .text
/*
 * Indirect calls and jumps, ours and the compiler's (-mindirect-branch), go through one of these: a plain jump, one
 * after lfence, or a return whose prediction leads into a loop (Intel, "Retpoline: a branch target injection mitigation").
 */
.irp reg, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
    .balign 32
    .globl __x86_indirect_thunk_\reg
__x86_indirect_thunk_\reg:
    jmp *%\reg
    int3
.Lreturn_\reg:
    call 2f
1:  pause
    lfence
    jmp 1b
2:  mov %\reg, (%rsp)
    ret
    int3
.Lfence_\reg:
    lfence
    jmp *%\reg
    int3
    REPLACE __x86_indirect_thunk_\reg, ALT_RETPOLINE, 0xeb, .Lreturn_\reg - __x86_indirect_thunk_\reg - 2
    REPLACE __x86_indirect_thunk_\reg, ALT_LFENCE, 0xeb, .Lfence_\reg - __x86_indirect_thunk_\reg - 2
.endr

/* void rsb_fill(void): the return stack predicts nothing that another domain's code left there. */
    .globl rsb_fill
rsb_fill:
.rept 32
    call 1f
2:  pause
    lfence
    jmp 2b
1:
.endr
    add $(32 * 8), %rsp
    ret

/* int guest_copy(void *dst, const void *src, size_t len): -EFAULT on a fault in either. Mostly a few words. */
    .balign 16
    .globl guest_copy
guest_copy:
    STAC
    mov %rdx, %rcx
    shr $5, %rcx
    jz 2f
1:
c1: mov (%rsi), %rax
c2: mov 8(%rsi), %r8
c3: mov 16(%rsi), %r9
c4: mov 24(%rsi), %r10
c5: mov %rax, (%rdi)
c6: mov %r8, 8(%rdi)
c7: mov %r9, 16(%rdi)
c8: mov %r10, 24(%rdi)
    add $32, %rsi
    add $32, %rdi
    dec %rcx
    jnz 1b
2:  test $16, %dl
    jz 3f
c9: mov (%rsi), %rax
c10: mov 8(%rsi), %r8
c11: mov %rax, (%rdi)
c12: mov %r8, 8(%rdi)
    test $15, %dl
    jz 6f
    add $16, %rsi
    add $16, %rdi
3:  test $8, %dl
    jz 4f
c13: mov (%rsi), %rax
c14: mov %rax, (%rdi)
    test $7, %dl
    jz 6f
    add $8, %rsi
    add $8, %rdi
4:  and $7, %edx
    jz 6f
5:
c15: movb (%rsi), %al
c16: movb %al, (%rdi)
    inc %rsi
    inc %rdi
    dec %edx
    jnz 5b
6:  CLAC
    xor %eax, %eax
    ret
guest_copy_fault:
    CLAC
    mov $-14, %eax
    ret
.irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
    FAULT_TO c\n, guest_copy_fault
.endr
/* int guest_zero(void *dst, size_t len) */
    .globl guest_zero
guest_zero:
    STAC
    mov %rsi, %rcx
    xor %eax, %eax
z1: rep stosb
    CLAC
    ret
    FAULT_TO z1, guest_copy_fault

/* int cpu_rdmsr_safe(uint32_t msr, uint64_t *v), int cpu_wrmsr_safe(uint32_t msr, uint64_t v) */
    .globl cpu_rdmsr_safe, cpu_wrmsr_safe
cpu_rdmsr_safe:
    mov %edi, %ecx
m1: rdmsr
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, (%rsi)
    xor %eax, %eax
    ret
cpu_wrmsr_safe:
    mov %edi, %ecx
    mov %rsi, %rax
    mov %rsi, %rdx
    shr $32, %rdx
m2: wrmsr
    xor %eax, %eax
    ret
    FAULT_TO m1, guest_copy_fault
    FAULT_TO m2, guest_copy_fault

/* int cpu_mwait_safe(const uint32_t *watched, uint32_t hint) */
    .globl cpu_mwait_safe
cpu_mwait_safe:
    mov %rdi, %rax
    xor %ecx, %ecx
    xor %edx, %edx
m3: monitor
    cmpl $0, (%rdi)                /* what came before the watch began does not end the wait */
    jne 1f
    mov %esi, %eax
    mov $1, %ecx                   /* interrupts end it though they are off */
m4: mwait
1:  xor %eax, %eax
    ret
    FAULT_TO m3, guest_copy_fault
    FAULT_TO m4, guest_copy_fault

/* void segments_load(ds, es, fs, gs): selectors that fault are loaded as null. */
    .globl segments_load
segments_load:
8:  mov %edi, %ds
80: mov %esi, %es
81: mov %edx, %fs
82: mov %ecx, %gs
83: ret
s1: xor %edi, %edi
    jmp 8b
s2: xor %esi, %esi
    jmp 80b
s3: xor %edx, %edx
    jmp 81b
s4: xor %ecx, %ecx
    jmp 82b
    FAULT_TO 8b, s1
    FAULT_TO 80b, s2
    FAULT_TO 81b, s3
    FAULT_TO 82b, s4

/* void segment_load_gs(selector) */
    .globl segment_load_gs
segment_load_gs:
84: mov %edi, %gs
    ret
s5: xor %edi, %edi
    jmp 84b
    FAULT_TO 84b, s5

    .section .note.GNU-stack, "", @progbits
