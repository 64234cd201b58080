/* SPDX-License-Identifier: MIT */
/* Multicall, and how long calls are continued inside and outside of it. */
#include "counters.h"
#include "domain.h"
#include "guest.h"
#include "hypercall.h"

typedef int64_t hypercall_fn(HC_ARGS);
extern hypercall_fn *const hypercall_table[64];

/* State of the multicall this CPU is in: a call made from it that wants to be continued leaves its
 * arguments here. */
static bool in_multicall, restart_wanted;
static struct multicall_entry restart_entry;

int64_t hypercall_restart(unsigned int nr, HC_ARGS)
{
    COUNT(hypercalls_continued);
    if (in_multicall) {
        restart_wanted = true;
        restart_entry = (struct multicall_entry){.op = nr, .args = {a1, a2, a3, a4, a5}};
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

int64_t hc_multicall(HC_ARGS)
{
    uint32_t n = (uint32_t)a2;
    (void)a3, (void)a4, (void)a5;

    if (in_multicall)
        return -EINVAL;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t at = a1 + i * sizeof(struct multicall_entry);
        struct multicall_entry e;
        if (i && (i & 7) == 0 && hypercall_preempt_check())
            return hypercall_restart(__HYPERVISOR_multicall, at, n - i, 0, 0, 0);
        if (unlikely(guest_read(&e, at, sizeof(e))))
            return -EFAULT;
        int64_t rc = -ENOSYS;
        in_multicall = true;
        if (likely(e.op < ARRAY_SIZE(hypercall_table) && e.op != __HYPERVISOR_iret))
            rc = hypercall_table[e.op](e.args[0], e.args[1], e.args[2], e.args[3], e.args[4]);
        in_multicall = false;
        if (unlikely(restart_wanted)) {
            restart_wanted = false;
            if (guest_write(at, &restart_entry, sizeof(restart_entry)))
                return -EFAULT;
            return hypercall_restart(__HYPERVISOR_multicall, at, n - i, 0, 0, 0);
        }
        if (unlikely(guest_write(at + offsetof(struct multicall_entry, result), &rc, sizeof(rc))))
            return -EFAULT;
    }
    return 0;
}
