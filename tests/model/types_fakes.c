/* SPDX-License-Identifier: MIT */
/* The neighbours of pv/types.c and pv/update.c: memory of a few frames, references, a preemption
 * that comes at random.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "types_fakes.h"
#include "arch/protect.h"
#include "arch/smp.h"
#include "arch/tlb.h"
#include "console.h"
#include "grant.h"
#include "hypercall.h"

unsigned char fake_memory[FAKE_FRAMES * 4096ul] __attribute__((aligned(4096)));
static struct page_info pages[FAKE_FRAMES];
struct page_info *const frame_table = pages;
uint64_t max_page = FAKE_FRAMES;
struct cpu_info fake_cpu_info;
struct vcpu *fake_current;
uint64_t hv_l4[512];
uint64_t tlb_clock;
struct cpumask cpu_online_map;
unsigned int fake_preempt_in;
unsigned int fake_flushes;
bool fake_waits;

bool hypercall_preempt_check(void)
{
    return fake_preempt_in && --fake_preempt_in == 0;
}

/* --- references, as mm/page.c counts them --- */
bool page_get(struct page_info *pg, const struct domain *d)
{
    if ((pg->count & PGC_COUNT) == 0 || pg->owner_frame != virt_to_mfn(d).n)
        return false;
    pg->count++;
    return true;
}

void page_put(struct page_info *pg)
{
    assert((pg->count & PGC_COUNT) > 1); /* the owner's own stays: no frame is freed here */
    pg->count--;
}

void page_put_last(struct page_info *pg)
{
    (void)pg;
    assert(false);
}

/* --- the machine --- */
void tlb_flush_since(const struct cpumask *cpus, uint32_t stamp)
{
    (void)cpus, (void)stamp;
    fake_flushes++;
    tlb_clock++;
}

void tlb_load_cr3(paddr_t cr3)
{
    (void)cr3;
}

void cpu_serve_requests(void)
{
    assert(fake_waits); /* one CPU: nobody is waited for but where a test says so */
}

void xpti_forget(void)
{
}

void xpti_l4_changed(struct domain *d)
{
    (void)d;
}

bool domain_may_access(struct domain *d, const struct rangeset *what, uint64_t first, uint64_t last)
{
    (void)d, (void)what;
    return first == FAKE_DEVICE_FRAME && last == FAKE_DEVICE_FRAME;
}

/* Descriptor pages: pv/desc.c's work; here a page whose first byte is odd is a bad one. */
bool pv_descriptors_valid(uint64_t *table)
{
    return !(*table & 1);
}

/* No grants here. */
void grant_note_lost(struct domain *d, mfn_t mfn, bool writable)
{
    (void)d, (void)mfn, (void)writable;
    assert(false);
}

void panic(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    abort();
}
