/* SPDX-License-Identifier: MIT */
/*
 * The first instructions of a CPU that smp.c starts: copied to a page below 1 MiB, entered in real mode with cs =
 * page >> 4 and ip = 0. Goes to long mode in one step, on the tables of ap_cr3 (which map that page to itself and the
 * hypervisor where it belongs), then to ap_entry on the stack ap_stack. Values are filled in by smp.c.
 */
    .section .rodata
    .balign 16
    .globl ap_trampoline, ap_trampoline_end, ap_cr3, ap_gdt_base, ap_far, ap_long_mode, ap_stack, ap_entry, ap_gdt
    .code16
ap_trampoline:
    cli
    cld
    mov %cs, %ax
    mov %ax, %ds
    mov $0xa0, %eax                /* PAE, PGE */
    mov %eax, %cr4
    mov ap_cr3 - ap_trampoline, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx          /* EFER: SCE, LME, NXE */
    rdmsr
    or $0x901, %eax
    wrmsr
    lgdtl ap_gdt_ptr - ap_trampoline
    mov $0x80010033, %eax          /* PG WP NE ET MP PE */
    mov %eax, %cr0
    ljmpl *(ap_far - ap_trampoline)
    .code64
ap_long_mode:
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov %eax, %fs
    mov %eax, %gs
    xor %ebp, %ebp
    mov ap_stack(%rip), %rsp
    push $0
    jmp *ap_entry(%rip)
    .balign 8
ap_gdt:
    .quad 0, 0x00af9a000000ffff
ap_cr3:
    .long 0
ap_gdt_ptr:
    .short 15
ap_gdt_base:
    .long 0
ap_far:
    .long 0
    .short 8
    .balign 8
ap_stack:
    .quad 0
ap_entry:
    .quad 0
ap_trampoline_end:
    .section .note.GNU-stack, "", @progbits
