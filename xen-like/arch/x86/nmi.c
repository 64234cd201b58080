/* SPDX-License-Identifier: MIT */
/*
 * Non-maskable interrupts. They come in the middle of anything, so the handler only notes what was
 * said; the softirq prints it. Port 0x61 is the PC's: bit 7 SERR#, bit 6 IOCHK#, each cleared by
 * holding its enable bit (2, 3) for a moment.
 */
#include "arch/cpu.h"
#include "arch/nmi.h"
#include "arch/power.h"
#include "arch/smp.h"
#include "arch/trap.h"
#include "console.h"
#include "domain.h"
#include "sched.h"

#include <xen/nmi.h>

#define REASON_PORT  0x61
#define REASON_SERR  (1u << 7)
#define REASON_IOCHK (1u << 6)
#define CLEAR_SERR   (1u << 2)
#define CLEAR_IOCHK  (1u << 3)
#define ALL_SHOWN    10u /* after so many only every hundredth is printed */

static unsigned int n_nmis, n_said;
static uint8_t reasons;

static void clear_reason(uint8_t reason)
{
    uint8_t hold = (uint8_t)((reason & REASON_SERR ? CLEAR_SERR : 0) |
                             (reason & REASON_IOCHK ? CLEAR_IOCHK : 0));
    uint8_t base = reason & 0x0f;

    if (!hold)
        return;
    cpu_outb(REASON_PORT, base | hold);
    cpu_outb(REASON_PORT, base & (uint8_t)~hold);
}

void nmi_handle(struct regs *regs)
{
    if (smp_is_stopping())
        machine_halt();
    watchdog_nmi(regs);
    uint8_t reason = cpu_inb(REASON_PORT);

    clear_reason(reason);
    __atomic_fetch_or(&reasons, reason & (REASON_SERR | REASON_IOCHK), __ATOMIC_RELAXED);
    __atomic_add_fetch(&n_nmis, 1, __ATOMIC_RELAXED);
    softirq_raise(SOFTIRQ_MACHINE);
}

/* The hardware domain's first vCPU hears of it, when it has said where. */
static void tell_dom0(uint8_t reason)
{
    struct vcpu *v = dom0 && dom0->vcpu ? dom0->vcpu[0] : NULL;

    if (!v)
        return;
    __atomic_fetch_or(&dom0->shared_info->arch.nmi_reason,
                      (reason & REASON_SERR ? XEN_NMIREASON_pci_serr : 0) |
                          (reason & REASON_IOCHK ? XEN_NMIREASON_io_error : 0) |
                          (reason ? 0 : XEN_NMIREASON_unknown),
                      __ATOMIC_SEQ_CST);
    if (v->arch.traps[TRAP_NMI].address)
        pv_raise_nmi(v);
}

static void report(void)
{
    unsigned int n = __atomic_load_n(&n_nmis, __ATOMIC_RELAXED);
    uint8_t reason = __atomic_exchange_n(&reasons, 0, __ATOMIC_RELAXED);

    if (n == __atomic_exchange_n(&n_said, n, __ATOMIC_RELAXED))
        return;
    tell_dom0(reason);
    if (n > ALL_SHOWN && n % 100)
        return;
    printk(LOG_WARN, "NMI on CPU %u: %s%s%s (%u so far)\n", cpu_number(),
           reason & REASON_SERR ? "system error (SERR#)" : "",
           reason & REASON_IOCHK ? " I/O check (IOCHK#)" : "", reason ? "" : "of no known source",
           n);
}

void machine_softirq(void)
{
    report();
    mce_report();
    cpu_leave_if_asked();
    watchdog_start();
}
