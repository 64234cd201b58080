/* SPDX-License-Identifier: MIT */
/* A guest's registers as the entry code saves them; offsets are generated for assembly
 * (arch/x86/offsets.c). */
#ifndef CORBEL_ARCH_REGS_H
#define CORBEL_ARCH_REGS_H

#include "types.h"

struct regs {
    uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
    uint32_t error_code;
    uint32_t vector; /* exception or interrupt number, or REGS_VECTOR_* */
    uint64_t rip, cs, rflags, rsp, ss;
};
#define REGS_VECTOR_SYSCALL 0x100

#endif
