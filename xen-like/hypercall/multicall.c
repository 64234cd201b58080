/* SPDX-License-Identifier: MIT */
/* Multicall, and how long calls are continued inside and outside of it. */
#include "counters.h"
#include "domain.h"
#include "guest.h"
#include "arch/cpu.h"
#include "arch/smp.h"
#include "hypercall.h"

typedef int64_t hypercall_fn(HC_ARGS);
extern hypercall_fn *const hypercall_table[64];

/* State of the multicall a CPU is in: a call made from it that wants to be continued leaves its
 * arguments here. */
static struct multicall_state {
    bool is_active, wants_restart;
    struct multicall_entry entry;
} __attribute__((aligned(64))) states[CPU_MAX];

int64_t hypercall_restart(unsigned int nr, HC_ARGS)
{
    struct multicall_state *mc = &states[cpu_number()];

    COUNT(hypercalls_continued);
    if (mc->is_active) {
        mc->wants_restart = true;
        mc->entry = (struct multicall_entry){.op = nr, .args = {a1, a2, a3, a4, a5}};
        return 0;
    }
    struct regs *r = guest_regs();
    r->rip -= 2; /* the syscall instruction */
    r->rdi = a1;
    r->rsi = a2;
    r->rdx = a3;
    r->r10 = a4;
    r->r8 = a5;
    return nr; /* goes to rax */
}

int64_t hypercall_wait(unsigned int nr, HC_ARGS)
{
    cpu_serve_requests();
    cpu_relax();
    return hypercall_restart(nr, a1, a2, a3, a4, a5);
}

int64_t hc_multicall(HC_ARGS)
{
    struct multicall_state *mc = &states[cpu_number()];
    uint32_t n = (uint32_t)a2;
    (void)a3, (void)a4, (void)a5;

    if (mc->is_active)
        return -EINVAL;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t at = a1 + i * sizeof(struct multicall_entry);
        struct multicall_entry e;
        if (i && (i & 7) == 0 && hypercall_preempt_check())
            return hypercall_restart(__HYPERVISOR_multicall, at, n - i, 0, 0, 0);
        if (unlikely(guest_read(&e, at, sizeof(e))))
            return -EFAULT;
        int64_t rc = -ENOSYS;
        mc->is_active = true;
        if (likely(e.op < ARRAY_SIZE(hypercall_table) && e.op != __HYPERVISOR_iret))
            rc = hypercall_table[e.op](e.args[0], e.args[1], e.args[2], e.args[3], e.args[4]);
        mc->is_active = false;
        if (unlikely(mc->wants_restart)) {
            mc->wants_restart = false;
            if (guest_write(at, &mc->entry, sizeof(mc->entry)))
                return -EFAULT;
            return hypercall_restart(__HYPERVISOR_multicall, at, n - i, 0, 0, 0);
        }
        if (unlikely(guest_write(at + offsetof(struct multicall_entry, result), &rc, sizeof(rc))))
            return -EFAULT;
    }
    return 0;
}
