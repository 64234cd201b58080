/* SPDX-License-Identifier: MIT */
/*
 * First instructions: multiboot 1 and 2 headers, 32-bit protected mode to long mode.
 *
 * On entry (both protocols): 32-bit protected mode, paging off, eax = the loader's magic, ebx = its information.
 * Boot page tables: 4 GiB identity-mapped (needed until the jump to high addresses), the same 4 GiB at the direct
 * map, the image at its link address. paging_init() replaces the executable mappings.
 */
#include "offsets.h"

#define VIRT_BASE 0xffff82d080000000
#define PHYS(s) ((s) - VIRT_BASE)

    .section .multiboot, "a"
    .balign 8
mb1_header:
    .long 0x1BADB002, 0x00000003, -(0x1BADB002 + 0x00000003)
    .balign 8
mb2_header:
    .long 0xE85250D6, 0, mb2_end - mb2_header, -(0xE85250D6 + (mb2_end - mb2_header))
    .balign 8
    .short 1, 0            /* information request: command line, modules, memory map, framebuffer, ACPI */
    .long 32
    .long 1, 3, 6, 8, 14, 15
    .balign 8
    .short 6, 0            /* modules page-aligned */
    .long 8
    .balign 8
    .short 4, 1            /* console: a text mode will do */
    .long 12
    .long 2
    .balign 8
    .short 5, 1            /* framebuffer of any size, if there is no text mode */
    .long 20
    .long 0, 0, 0
    .balign 8
    .short 0, 0
    .long 8
mb2_end:

    .section .head.text, "ax"
    .code32
    .globl _start
_start:
    cli
    cld
    mov %eax, %ebp                 /* magic */
    mov %ebx, %esi                 /* information */
    mov $PHYS(boot_stack_end), %esp

    mov $0x80000000, %eax
    cpuid
    cmp $0x80000001, %eax
    jb no_long_mode
    mov $0x80000001, %eax
    cpuid
    bt $29, %edx
    jnc no_long_mode
    bt $20, %edx                   /* NX */
    jnc no_long_mode

    /* Clear the boot page tables, then fill four L2s with 4 GiB of 2 MiB pages. */
    mov $PHYS(boot_l2), %edi
    mov $0x00000083, %eax
    xor %edx, %edx
    mov $2048, %ecx
1:  mov %eax, (%edi)
    movl $0, 4(%edi)
    add $8, %edi
    add $0x200000, %eax
    dec %ecx
    jnz 1b
    /* L3 of the identity and direct maps. */
    mov $PHYS(boot_l3_low), %edi
    mov $PHYS(boot_l2) + 3, %eax
    mov $4, %ecx
2:  mov %eax, (%edi)
    add $8, %edi
    add $4096, %eax
    dec %ecx
    jnz 2b
    /* The image: first GiB at VIRT_BASE, L3 slot 322 of L4 slot 261. */
    movl $PHYS(boot_l2) + 3, PHYS(hv_l3) + 322 * 8
    movl $PHYS(boot_l3_low) + 3, PHYS(hv_l4)
    movl $PHYS(hv_l3) + 3, PHYS(hv_l4) + 261 * 8
    movl $PHYS(boot_l3_low) + 3, PHYS(hv_l4) + 262 * 8

    mov %cr4, %eax
    or $0xa0, %eax                 /* PAE, PGE */
    mov %eax, %cr4
    mov $PHYS(hv_l4), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx          /* EFER: SCE, LME, NXE */
    rdmsr
    or $0x901, %eax
    wrmsr
    mov $0x80010033, %eax          /* PG WP NE ET MP PE */
    mov %eax, %cr0
    lgdt PHYS(boot_gdt_ptr)
    ljmp $8, $PHYS(start64_low)

no_long_mode:
    mov $PHYS(no_lm_text), %esi
3:  lodsb
    test %al, %al
    jz 4f
    mov %al, %bl
5:  mov $0x3fd, %dx
    in %dx, %al
    test $0x20, %al
    jz 5b
    mov $0x3f8, %dx
    mov %bl, %al
    out %al, %dx
    jmp 3b
4:  hlt
    jmp 4b
no_lm_text:
    .asciz "Corbel: this CPU has no 64-bit mode with NX; it cannot run here.\r\n"

    .code64
start64_low:
    movabs $start64, %rax
    jmp *%rax
start64:
    xor %eax, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov %eax, %fs
    mov %eax, %gs
    lea cpu0_stack + CPU_STACK_SIZE - CPU_TAIL - R_SIZE(%rip), %rsp
    mov %ebp, %edi
    mov %esi, %esi                 /* second argument: information, zero-extended */
    xor %ebp, %ebp
    push $0
    call main
6:  hlt
    jmp 6b

    .balign 8
boot_gdt:
    .quad 0, 0x00af9a000000ffff
boot_gdt_ptr:
    .short 15
    .long PHYS(boot_gdt)

    .section .bss.page_aligned, "aw", @nobits
    .balign 32768
    .globl cpu0_stack
cpu0_stack:
    .skip CPU_STACK_SIZE
    .balign 4096
    .globl hv_l4, hv_l3
hv_l4:
    .skip 4096
hv_l3:
    .skip 4096
boot_l3_low:
    .skip 4096
    .globl boot_l2
boot_l2:
    .skip 4 * 4096
    .skip 256
boot_stack_end:
    .section .note.GNU-stack, "", @progbits
