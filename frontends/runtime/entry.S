/* SPDX-License-Identifier: MIT */
/* Where a PV guest begins: ELF notes read by the domain builder, first instruction, first stack. */
#define __ASSEMBLY__
#include <xen/elfnote.h>

#define VIRT_BASE 0xffffffff80000000

.macro elf_note type, value:vararg
    .pushsection .note.xen, "a", @note
    .balign 4
    .long 4, 2f - 1f, \type
    .asciz "Xen"
1:  \value
2:  .balign 4
    .popsection
.endm

elf_note XEN_ELFNOTE_GUEST_OS,       .asciz "Corbel runtime"
elf_note XEN_ELFNOTE_GUEST_VERSION,  .asciz "1"
elf_note XEN_ELFNOTE_XEN_VERSION,    .asciz "xen-3.0"
elf_note XEN_ELFNOTE_LOADER,         .asciz "generic"
elf_note XEN_ELFNOTE_VIRT_BASE,      .quad VIRT_BASE
elf_note XEN_ELFNOTE_PADDR_OFFSET,   .quad 0
elf_note XEN_ELFNOTE_ENTRY,          .quad _start
elf_note XEN_ELFNOTE_HYPERCALL_PAGE, .quad hypercall_page
elf_note XEN_ELFNOTE_PAE_MODE,       .asciz "yes"
/* Bit 11: may be dom0. The list of features a PV kernel copes with is a bitmap (<xen/features.h>). */
elf_note XEN_ELFNOTE_SUPPORTED_FEATURES, .long (1 << 11)

    .section .text.start, "ax"
/*
 * The builder enters here with events masked, flat segments, %rsi = struct start_info and a stack
 * of its own at the end of the boot tables, which we leave at once.
 */
    .globl _start
_start:
    cld
    lea boot_stack_end(%rip), %rsp
    xor %ebp, %ebp
    mov %rsi, %rdi
    call runtime_start
    ud2

    .section .text.hypercall, "ax"
    .balign 4096
    .globl hypercall_page
hypercall_page:
    .skip 4096, 0xcc

    .section .bss.stack, "aw", @nobits
    .balign 4096
    .globl boot_stack, boot_stack_end
boot_stack:
    .skip 65536
boot_stack_end:

    .section .note.GNU-stack, "", @progbits
