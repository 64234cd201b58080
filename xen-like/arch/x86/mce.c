/* SPDX-License-Identifier: MIT */
/*
 * Machine checks (Intel SDM 3, "Machine-Check Architecture"; AMD APM 2, chapter 9). A bank's error
 * is the machine's end only when the CPU cannot go on (no RIPV), its context is spoilt (PCC), or it
 * was not corrected and met the hypervisor or dom0. Corrected ones are found by looking from time
 * to time.
 */
#include "arch/cpu.h"
#include "arch/msr.h"
#include "arch/nmi.h"
#include "arch/smp.h"
#include "arch/trap.h"
#include "console.h"
#include "sched.h"
#include "timer.h"

#define CPUID1_EDX_MCE (1u << 7)
#define CPUID1_EDX_MCA (1u << 14)
#define CR4_MCE        (1ul << 6)

#define MCG_CAP_BANKS   0xffu
#define MCG_CAP_CTL     (1u << 8)
#define MCG_STATUS_RIPV 1u

#define BANK(msr, n) ((msr) + 4 * (n))
#define STATUS_VALID (1ull << 63)
#define STATUS_UC    (1ull << 61)
#define STATUS_MISCV (1ull << 59)
#define STATUS_ADDRV (1ull << 58)
#define STATUS_PCC   (1ull << 57)

#define BANKS_MAX   64u
#define POLL_PERIOD (10 * NSEC_PER_SEC)

/* Errors noted and not yet printed, of all CPUs; a full table counts what it had no room for. */
static struct note {
    uint64_t status, address, misc;
    unsigned int cpu, bank;
    bool is_full; /* written last, cleared last */
} notes[32];
static unsigned int next_note, n_lost;
static struct timer poll_timer;
static unsigned int n_banks;

static void note_print(const struct note *n)
{
    printk(n->status & STATUS_UC ? LOG_ERR : LOG_WARN,
           "Machine check on CPU %u, bank %u: status %016lx address %016lx misc %016lx: %s\n",
           n->cpu, n->bank, n->status, n->address, n->misc,
           n->status & STATUS_PCC  ? "the CPU's context is lost"
           : n->status & STATUS_UC ? "not corrected"
                                   : "corrected");
}

static void note_take(const struct note *n)
{
    unsigned int at = __atomic_fetch_add(&next_note, 1, __ATOMIC_RELAXED) % ARRAY_SIZE(notes);

    if (__atomic_load_n(&notes[at].is_full, __ATOMIC_ACQUIRE)) {
        __atomic_add_fetch(&n_lost, 1, __ATOMIC_RELAXED);
        return;
    }
    notes[at] = *n;
    __atomic_store_n(&notes[at].is_full, true, __ATOMIC_RELEASE);
    softirq_raise(SOFTIRQ_MACHINE);
}

/* Reads and clears this CPU's banks; answers all their status bits, and prints at once or notes. */
static uint64_t banks_collect(bool print)
{
    uint64_t all = 0;

    for (unsigned int i = 0; i < n_banks; i++) {
        struct note n = {.cpu = cpu_number(), .bank = i};

        n.status = cpu_rdmsr(BANK(MSR_MC0_STATUS, i));
        if (!(n.status & STATUS_VALID))
            continue;
        if (n.status & STATUS_ADDRV)
            n.address = cpu_rdmsr(BANK(MSR_MC0_ADDR, i));
        if (n.status & STATUS_MISCV)
            n.misc = cpu_rdmsr(BANK(MSR_MC0_MISC, i));
        all |= n.status;
        if (print)
            note_print(&n);
        else
            note_take(&n);
        cpu_wrmsr(BANK(MSR_MC0_STATUS, i), 0);
    }
    return all;
}

void mce_handle(struct regs *regs, bool from_guest)
{
    uint64_t status = cpu_rdmsr(MSR_MCG_STATUS), all;
    bool can_go_on = status & MCG_STATUS_RIPV;

    if (!can_go_on) {
        console_force();
        all = banks_collect(true);
    } else
        all = banks_collect(false);
    if (!can_go_on || (all & STATUS_PCC) ||
        ((all & STATUS_UC) && (!from_guest || current->domain->is_control))) {
        console_force();
        mce_report();
        regs_dump(regs, current);
        panic("machine check that cannot be survived, MCG_STATUS %#lx\n", status);
    }
    if (all & STATUS_UC)
        domain_crash(current->domain, "machine check, not corrected\n");
    cpu_wrmsr(MSR_MCG_STATUS, 0); /* a second one while this is set stops the CPU */
}

void mce_report(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(notes); i++)
        if (__atomic_load_n(&notes[i].is_full, __ATOMIC_ACQUIRE)) {
            struct note n = notes[i];

            __atomic_store_n(&notes[i].is_full, false, __ATOMIC_RELEASE);
            note_print(&n);
        }
    unsigned int lost = __atomic_exchange_n(&n_lost, 0, __ATOMIC_RELAXED);
    if (lost)
        printk(LOG_WARN, "Machine checks: %u more were not kept\n", lost);
}

static void look(void *data)
{
    (void)data;
    banks_collect(false);
}

static void poll(void *data)
{
    smp_call(&cpu_online_map, look, data);
    timer_set(&poll_timer, time_now() + POLL_PERIOD);
}

static bool is_there(void)
{
    uint32_t d = cpu_cpuid(1, 0).d;

    return (d & CPUID1_EDX_MCE) && (d & CPUID1_EDX_MCA);
}

void mce_init_cpu(void)
{
    if (!is_there())
        return;
    uint64_t cap = cpu_rdmsr(MSR_MCG_CAP);

    n_banks = MIN((unsigned int)cap & MCG_CAP_BANKS, BANKS_MAX);
    if (cap & MCG_CAP_CTL)
        cpu_wrmsr(MSR_MCG_CTL, ~0ul);
    for (unsigned int i = 0; i < n_banks; i++) {
        cpu_wrmsr(BANK(MSR_MC0_CTL, i), ~0ul);
        cpu_wrmsr(BANK(MSR_MC0_STATUS, i), 0);
    }
    cpu_write_cr4(cpu_read_cr4() | CR4_MCE);
}

void mce_start_polling(void)
{
    if (!is_there())
        return;
    timer_init(&poll_timer, poll, NULL);
    timer_set(&poll_timer, time_now() + POLL_PERIOD);
    printk(LOG_INFO, "Machine checks: %u banks a CPU\n", n_banks);
}
