/* SPDX-License-Identifier: MIT */
/* The debug console's key table, also reached by `xl debug-keys`. */
#include "arch/cpu.h"
#include "arch/power.h"
#include "arch/protect.h"
#include "arch/trap.h"
#include "console.h"
#include "debug.h"
#include "domain.h"
#include "irq.h"
#include "timer.h"

static void help(void);

static void dump_memory(void)
{
    printk(LOG_ERR, "memory: %lu of %lu MiB free\n", heap_free_count() >> 8,
           heap_total_count() >> 8);
}

static void dump_registers(void)
{
    struct domain *d;
    struct vcpu *v;

    for_each_domain (d) {
        for_each_vcpu (d, v)
            regs_dump(v == current ? guest_regs() : &v->arch.regs, v);
    }
}

static void dump_time(void)
{
    printk(LOG_ERR, "system time %ld ns, next timer %ld ns\n", time_now(), timer_next());
}

static void dump_mappings(void)
{
    protect_check_mappings();
}

static void reboot(void)
{
    machine_restart();
}

static void crash(void)
{
    panic("asked for by key 'C'\n");
}

#ifndef NDEBUG
/* For the watchdog's test. */
static void hang(void)
{
    for (;;)
        cpu_relax();
}
#endif

static const struct console_key key_table[] = {
    {'h', help, "this help"},
    {'q', domain_dump_all, "domains and vCPUs"},
    {'i', irq_dump, "interrupts"},
    {'m', dump_memory, "memory"},
    {'d', dump_registers, "registers of all vCPUs"},
    {'t', dump_time, "clock and timers"},
    {'w', dump_mappings, "rights of the hypervisor's mappings"},
    {'R', reboot, "reboot the machine"},
    {'C', crash, "crash the machine"},
#ifndef NDEBUG
    {'H', hang, "hang this CPU"},
#endif
};

static void help(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(key_table); i++)
        printk(LOG_ERR, " key '%c': %s\n", key_table[i].key, key_table[i].help);
}

void console_key_press(char key)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(key_table); i++)
        if (key_table[i].key == key) {
            printk(LOG_ERR, "'%c' pressed: %s\n", key, key_table[i].help);
            key_table[i].fn();
            return;
        }
    printk(LOG_ERR, "no key '%c'; 'h' lists them\n", key);
}
