/* SPDX-License-Identifier: MIT */
/* Starting CPUs other than the first, at boot and later (Intel SDM 3, "Multiple-Processor
 * Initialization"). */
#include "arch/apic.h"
#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/fpu.h"
#include "arch/msr.h"
#include "arch/nmi.h"
#include "arch/paging.h"
#include "arch/protect.h"
#include "arch/pv_desc.h"
#include "arch/smp.h"
#include "arch/time.h"
#include "arch/tlb.h"
#include "boot.h"
#include "console.h"
#include "domain.h"
#include "sched.h"
#include "lib/string.h"

#define LOW_MEMORY_END 0xa0000ul
#define START_TIMEOUT  MILLISECS(3000)
#define TSC_TEST_TICKS MILLISECS(2)

extern char ap_trampoline[], ap_trampoline_end[], ap_cr3[], ap_gdt_base[], ap_far[], ap_long_mode[],
    ap_stack[], ap_entry[], ap_gdt[];

static bool ap_started;
static uint64_t tsc_warp; /* by how much one CPU's TSC was behind another's */

/* What CPUs start from, kept for those that come back. */
static paddr_t low_page;      /* below 640 KiB: the trampoline; 0 = there is none */
static uint64_t *boot_tables; /* three pages below 4 GiB */

/* Tables and stack of a CPU are made once, when it is first started. */
static enum { NOT_PREPARED, PREPARED, NO_MEMORY } prepared[CPU_MAX];

bool smp_tscs_agree(void)
{
    return tsc_warp == 0;
}

paddr_t smp_low_page(void)
{
    return low_page;
}

void cpu_init_features(void)
{
    cpu_write_cr4((cpu_read_cr4() & ~(1ul << 2)) | (1ul << 9) |
                  (1ul << 10)); /* OSFXSR, OSXMMEXCPT; TSD off */
    protect_init_cpu();
    cpu_wrmsr(MSR_PAT, PAT_VALUE);
    mce_init_cpu();
}

static void wait_ns(s_time_t ns)
{
    for (s_time_t end = time_now() + ns; time_now() < end; cpu_relax())
        cpu_serve_requests();
}

/* --- do two CPUs' TSCs agree? Each in turn must read no less than the other read before. --- */
static struct spinlock tsc_lock = SPINLOCK_INIT(RANK_CALL);
static uint64_t tsc_last;
static unsigned int tsc_arrived;

static void tsc_compare(void)
{
    __atomic_add_fetch(&tsc_arrived, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&tsc_arrived, __ATOMIC_ACQUIRE) < 2)
        cpu_relax();
    for (uint64_t start = cpu_rdtsc(); cpu_rdtsc() - start < TSC_TEST_TICKS;) {
        spin_lock(&tsc_lock);
        uint64_t now = cpu_rdtsc();

        if (now < tsc_last)
            tsc_warp = MAX(tsc_warp, tsc_last - now);
        tsc_last = now;
        spin_unlock(&tsc_lock);
    }
}

void cpu_ap_main(void)
{
    tlb_load_cr3(image_to_paddr(hv_l4));
    cpu_init_features();
    desc_init();
    fpu_init_cpu();
    apic_init_cpu();
    time_init_cpu();
    __atomic_store_n(&ap_started, true, __ATOMIC_RELEASE);
    tsc_compare();
    cpumask_set(&cpu_online_map, cpu_number());
    context_idle();
}

/* A page of RAM below 640 KiB that the firmware does not claim. */
static paddr_t find_low_page(void)
{
    for (unsigned int i = boot_info.n_regions; i-- > 0;) {
        const struct boot_region *r = &boot_info.region[i];
        paddr_t end = MIN(ROUND_DOWN(r->addr + r->len, PAGE_SIZE), LOW_MEMORY_END);

        if (r->type == E820_RAM && end > r->addr && end - r->addr >= 2 * PAGE_SIZE)
            return end - PAGE_SIZE;
    }
    return 0;
}

/* Tables that map the first 2 MiB to themselves, executable, and all that hv_l4 does. Three pages
 * below 4 GiB. */
static void fill_boot_tables(uint64_t *tables)
{
    uint64_t *l4 = tables, *l3 = l4 + PT_ENTRIES, *l2 = l3 + PT_ENTRIES;

    memcpy(l4, hv_l4, PAGE_SIZE);
    l4[0] = virt_to_paddr(l3) | PTE_P | PTE_W;
    l3[0] = virt_to_paddr(l2) | PTE_P | PTE_W;
    l2[0] = PTE_P | PTE_W | PTE_PS;
}

static void set_value(char *code, const char *symbol, uint64_t value, size_t size)
{
    memcpy(code + (symbol - ap_trampoline), &value, size);
}

/* INIT, then start-up twice, as the SDM and old boards want it. */
static bool start_cpu(unsigned int cpu)
{
    uint64_t top = (uint64_t)(cpu_infos[cpu] + 1);

    set_value(paddr_to_virt(low_page), ap_stack, top - sizeof(struct cpu_info) - 64, 8);
    __atomic_store_n(&ap_started, false, __ATOMIC_SEQ_CST);
    tsc_arrived = 0;
    apic_send_init(smp_apic_id(cpu));
    wait_ns(MILLISECS(10));
    for (unsigned int i = 0; i < 2 && !__atomic_load_n(&ap_started, __ATOMIC_ACQUIRE); i++) {
        apic_send_startup(smp_apic_id(cpu), low_page);
        wait_ns(MICROSECS(200));
    }
    for (s_time_t end = time_now() + START_TIMEOUT; time_now() < end; cpu_relax()) {
        if (__atomic_load_n(&ap_started, __ATOMIC_ACQUIRE))
            break;
        cpu_serve_requests();
    }
    if (!__atomic_load_n(&ap_started, __ATOMIC_ACQUIRE)) {
        apic_send_init(smp_apic_id(cpu)); /* one that comes late must not come at all */
        return false;
    }
    tsc_compare();
    while (!cpumask_test(&cpu_online_map, cpu))
        cpu_relax();
    return true;
}

/* What CPU `cpu` needs of memory, once. A CPU that got only a part of it is not tried again. */
static int prepare(unsigned int cpu)
{
    int rc;

    if (prepared[cpu] != NOT_PREPARED)
        return prepared[cpu] == PREPARED ? 0 : -ENOMEM;
    prepared[cpu] = NO_MEMORY;
    rc = desc_prepare(cpu);
    if (rc == 0)
        rc = xpti_prepare(cpu);
    if (rc == 0)
        rc = sched_cpu_init(cpu);
    if (rc == 0)
        prepared[cpu] = PREPARED;
    return rc;
}

int smp_start_cpu(unsigned int cpu)
{
    uint64_t warp = tsc_warp;
    int rc = low_page ? prepare(cpu) : -ENOMEM;

    if (rc)
        return rc;
    fill_boot_tables(boot_tables);
    cpu_infos[cpu]->softirq_pending = 0;
    if (!start_cpu(cpu))
        return -EIO;
    if (tsc_warp > warp)
        printk(LOG_WARN, "CPU %u: its TSC differs by up to %lu ticks: guests' time may step back\n",
               cpu, tsc_warp);
    return 0;
}

/* The trampoline and the tables it turns paging on with. */
static bool prepare_start(void)
{
    size_t size = (size_t)(ap_trampoline_end - ap_trampoline);
    paddr_t page = find_low_page();
    struct page_info *tables = page ? heap_alloc_pages(2, HEAP_BELOW_4G) : NULL;
    char *code = paddr_to_virt(page);

    BUG_ON(size > PAGE_SIZE);
    if (!tables)
        return false;
    boot_tables = memset(page_to_virt(tables), 0, 4 * PAGE_SIZE);
    memcpy(code, ap_trampoline, size);
    set_value(code, ap_cr3, virt_to_paddr(boot_tables), 4);
    set_value(code, ap_gdt_base, page + (uint64_t)(ap_gdt - ap_trampoline), 4);
    set_value(code, ap_far, page + (uint64_t)(ap_long_mode - ap_trampoline), 4);
    set_value(code, ap_entry, (uint64_t)cpu_ap_main, 8);
    low_page = page;
    return true;
}

void smp_init(void)
{
    smp_list_cpus();
    if (smp_cpu_count() == 1)
        return;
    if (!prepare_start())
        printk(LOG_ERR, "CPUs: no memory low enough to start the others from\n");
    for (unsigned int cpu = 1; cpu < smp_cpu_count(); cpu++) {
        int rc = smp_start_cpu(cpu);

        if (rc)
            printk(LOG_ERR, "CPU %u (APIC %u) %s\n", cpu, smp_apic_id(cpu),
                   rc == -EIO ? "does not start" : "is left: no memory");
    }
    printk(LOG_INFO, "CPUs: %u of %u run%s\n", cpumask_count(&cpu_online_map), smp_cpu_count(),
           tsc_warp ? "" : ", their TSCs agree");
}
