/* SPDX-License-Identifier: MIT */
/*
 * TLB flushes, here and on other CPUs, and when they may be left out.
 *
 * tlb_clock counts full flushes of all CPUs; each CPU remembers the count of its last one. Whoever
 * takes a frame out of use as something keeps the clock as a stamp: a CPU whose last flush is
 * younger than the stamp can hold no translation made while that use lasted. Stamps have 32 bits:
 * one that is older than 2^32 flushes looks younger, and costs a flush too many, never one too few.
 */
#ifndef CORBEL_ARCH_TLB_H
#define CORBEL_ARCH_TLB_H

#include "cpumask.h"
#include "types.h"

extern uint64_t tlb_clock;

static inline uint32_t tlb_stamp(void)
{
    return (uint32_t)__atomic_load_n(&tlb_clock, __ATOMIC_SEQ_CST);
}

/* This CPU: all translations, global ones too. */
void tlb_flush_all(void);
/* Loads CR3 and flushes all. */
void tlb_load_cr3(paddr_t cr3);
static inline void tlb_flush_one(uint64_t va)
{
    __asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}
/* Flushes all translations of the online CPUs in `cpus`, this one included if it is there; waits.
 */
void tlb_flush_cpus(const struct cpumask *cpus);
/* The same for those that may still hold translations from before `stamp`. */
void tlb_flush_since(const struct cpumask *cpus, uint32_t stamp);
/* The part of cpu_serve_requests. */
void tlb_serve(void);

#endif
