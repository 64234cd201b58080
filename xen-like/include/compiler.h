/* SPDX-License-Identifier: MIT */
/* Compiler shorthands used everywhere; no dependencies. */
#ifndef CORBEL_COMPILER_H
#define CORBEL_COMPILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define likely(x)         __builtin_expect(!!(x), 1)
#define unlikely(x)       __builtin_expect(!!(x), 0)
#define noreturn          __attribute__((noreturn))
#define printf_like(f, a) __attribute__((format(printf, f, a)))
#define must_check        __attribute__((warn_unused_result))
#define page_aligned      __attribute__((aligned(4096)))
#define init_data         __attribute__((section(".init.data")))
#define read_mostly       __attribute__((section(".data.read_mostly")))

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define barrier()                       __asm__ volatile("" ::: "memory")
/* One access, exactly once: for memory another party may change under us. */
#define READ_ONCE(x)     (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#define MIN(a, b)        ((a) < (b) ? (a) : (b))
#define MAX(a, b)        ((a) > (b) ? (a) : (b))
#define ROUND_UP(x, a)   (((x) + (a)-1) & ~((__typeof__(x))(a)-1))
#define ROUND_DOWN(x, a) ((x) & ~((__typeof__(x))(a)-1))

#endif
