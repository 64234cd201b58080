# SPDX-License-Identifier: MIT
# The ELF32 container: QEMU's multiboot loader takes no ELF64, so the linked image is carried as bytes.
    .text
    # The multiboot 2 header must lie at a multiple of 8 in the file, which follows this alignment.
    .balign 16
image:
    .incbin "corbel.bin"
    # Room for what follows the bytes in memory (bss).
    .fill (BSS_END - 0x80200000) - (. - image), 1, 0
    .section .note.GNU-stack, "", @progbits
