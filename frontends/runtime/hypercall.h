/* SPDX-License-Identifier: MIT */
/* Hypercalls of a 64-bit PV guest, through the hypercall page Xen fills (<xen/xen.h>). */
#ifndef RUNTIME_HYPERCALL_H
#define RUNTIME_HYPERCALL_H

#include <stdint.h>

#include <xen/xen.h>

/*
 * Any hypercall by number. Arguments go in rdi, rsi, rdx, r10, r8; the answer, or a negative
 * Xen errno, comes back in rax. The hypervisor may spoil the argument registers, rcx and r11.
 * Numbers are bounded by the page: 0..127.
 */
static inline long hypercall5(unsigned int number, uint64_t a1, uint64_t a2, uint64_t a3,
                              uint64_t a4, uint64_t a5)
{
    extern char hypercall_page[];
    char *stub = hypercall_page + (number & 127) * 32;
    register uint64_t r10 asm("r10") = a4;
    register uint64_t r8 asm("r8") = a5;
    long answer;

    asm volatile("call *%[stub]"
                 : "=a"(answer), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8)
                 : [stub] "r"(stub)
                 : "memory", "rcx", "r11");
    return answer;
}

#define hypercall4(n, a, b, c, d) hypercall5(n, a, b, c, d, 0)
#define hypercall3(n, a, b, c)    hypercall5(n, a, b, c, 0, 0)
#define hypercall2(n, a, b)       hypercall5(n, a, b, 0, 0, 0)
#define hypercall1(n, a)          hypercall5(n, a, 0, 0, 0, 0)

/* A pointer as a hypercall argument. */
static inline uint64_t arg(const void *pointer)
{
    return (uint64_t)pointer;
}

#endif
