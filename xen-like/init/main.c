/* SPDX-License-Identifier: MIT */
/* From the loader to dom0: one visible order. */
#include "counters.h"
#include "arch/acpi.h"
#include "arch/cpu.h"
#include "arch/fpu.h"
#include "arch/idle.h"
#include "arch/nmi.h"
#include "arch/numa.h"
#include "arch/paging.h"
#include "arch/protect.h"
#include "arch/power.h"
#include "arch/pv_desc.h"
#include "arch/pv_mm.h"
#include "arch/smp.h"
#include "arch/time.h"
#include "boot.h"
#include "console.h"
#include "dom0_build.h"
#include "domain.h"
#include "efi.h"
#include "irq.h"
#include "sched.h"

void main(uint32_t magic, paddr_t info) noreturn;

static void banner(void)
{
    static const char *const types[] = {"",          "usable",   "reserved",
                                        "ACPI data", "ACPI NVS", "unusable"};

    printk(LOG_ERR, "Corbel %s (Xen 4.17 ABI), %s\n", CORBEL_VERSION, "gcc " __VERSION__);
    printk(LOG_INFO, "Bootloader: %s\n", boot_info.loader);
    printk(LOG_INFO, "Command line: %s\n", boot_info.cmdline);
    cmdline_report();
    if (efi_info.is_present)
        printk(LOG_INFO, "EFI: version %u.%u, %u tables, %u memory regions\n",
               efi_info.revision >> 16, (efi_info.revision & 0xffff) / 10, efi_info.n_tables,
               efi_info.n_regions);
    printk(LOG_INFO, "Memory map:\n");
    for (unsigned int i = 0; i < boot_info.n_regions; i++) {
        const struct boot_region *r = &boot_info.region[i];
        printk(LOG_INFO, " %016lx - %016lx (%s)\n", r->addr, r->addr + r->len,
               r->type < ARRAY_SIZE(types) ? types[r->type] : "other");
    }
}

static void init_cpu(void)
{
    struct cpuid_regs max = cpu_cpuid(0x80000000, 0), name[3];
    unsigned int bits = max.a >= 0x80000008 ? cpu_cpuid(0x80000008, 0).a & 0xff : 36;

    paddr_mask_invalid = 0x000ffffffffff000ul & ~((1ul << bits) - 1);
    desc_init_idt();
    if (desc_prepare(0))
        panic("no memory for the first CPU's tables\n");
    protect_init();
    cpu_init_features();
    desc_init();
    cpumask_set(&cpu_online_map, 0);
    fpu_init();
    for (unsigned int i = 0; i < 3; i++)
        name[i] = cpu_cpuid(0x80000002 + i, 0);
    printk(LOG_INFO, "CPU 0: %.48s, %u physical address bits\n", (const char *)name, bits);
}

static void init_memory(void)
{
    paging_init();
    boot_memory_to_heap();
    printk(LOG_INFO, "Memory: %lu MiB of RAM, %lu MiB free\n", heap_total_count() >> 8,
           heap_free_count() >> 8);
}

static void init_acpi(void)
{
    acpi_init(boot_info.rsdp);
    printk(LOG_INFO, "ACPI: %u CPUs, %u I/O APICs\n", acpi.n_cpus, acpi.n_ioapics);
}

static void init_dom0(void)
{
    domain_create_system();
    m2p_share();
    dom0_build();
    boot_modules_to_heap();
}

static const struct {
    const char *name;
    void (*fn)(void);
} init_steps[] = {
    {"command line", cmdline_init},
    {"serial console", console_init_early},
    {"banner", banner},
    {"memory", init_memory},
    {"screen", console_init_screen},
    {"scheduler", sched_init},
    {"CPU", init_cpu},
    {"ACPI tables", init_acpi},
    {"memory nodes", numa_init},
    {"interrupts", irq_init},
    {"clocks", time_init},
    {"idle states", idle_init},
    {"other CPUs", smp_init},
    {"console input", console_init_irq},
    {"machine checks", mce_start_polling},
    {"watchdog", watchdog_init},
    {"dom0", init_dom0},
};

static struct counters boot_cpu_counters;

void main(uint32_t magic, paddr_t info)
{
    cpu_info()->counters = &boot_cpu_counters;
    multiboot_parse(magic, info);
    for (unsigned int i = 0; i < ARRAY_SIZE(init_steps); i++)
        init_steps[i].fn();
    printk(LOG_INFO, "*** Serial input to DOM0 (type 'CTRL-a' three times to switch input)\n");
    console_leave_screen();
    domain_unpause_by_controller(dom0);
    softirq_raise(SOFTIRQ_SCHEDULE);
    for (;;)
        softirq_run();
}

void dom0_shutdown(uint8_t reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff:
        printk(LOG_ERR, "dom0 has halted: the machine powers off.\n");
        machine_power_off();
        machine_halt();
    case SHUTDOWN_crash:
        printk(LOG_ERR, "dom0 has crashed%s\n",
               boot_options.noreboot ? ": the machine stays halted." : ": the machine reboots.");
        if (boot_options.noreboot)
            machine_halt();
        machine_restart();
    case SHUTDOWN_watchdog:
        printk(LOG_ERR, "dom0's watchdog was not poked: the machine reboots.\n");
        machine_restart();
    default:
        printk(LOG_ERR, "dom0 asks for a reboot.\n");
        machine_restart();
    }
}
