/* SPDX-License-Identifier: MIT */
/* Starting the other CPUs (Intel SDM 3, "Multiple-Processor Initialization"), and asking things of
 * them. */
#include "arch/smp.h"
#include "arch/acpi.h"
#include "arch/apic.h"
#include "arch/context.h"
#include "arch/cpu.h"
#include "arch/fpu.h"
#include "arch/msr.h"
#include "arch/nmi.h"
#include "arch/paging.h"
#include "arch/protect.h"
#include "arch/pv_desc.h"
#include "arch/time.h"
#include "arch/topology.h"
#include "arch/tlb.h"
#include "boot.h"
#include "console.h"
#include "domain.h"
#include "irq.h"
#include "sched.h"
#include "lib/string.h"

#define LOW_MEMORY_END 0xa0000ul
#define START_TIMEOUT  MILLISECS(1000)
#define TSC_TEST_TICKS MILLISECS(2)

extern char ap_trampoline[], ap_trampoline_end[], ap_cr3[], ap_gdt_base[], ap_far[], ap_long_mode[],
    ap_stack[], ap_entry[], ap_gdt[];

struct cpu_info *cpu_infos[CPU_MAX];
struct cpumask cpu_online_map;

static unsigned int n_cpus = 1;
static uint32_t apic_ids[CPU_MAX];
static bool ap_started, is_stopping;
static uint64_t tsc_warp; /* by how much one CPU's TSC was behind another's */

unsigned int smp_cpu_count(void)
{
    return n_cpus;
}

uint32_t smp_apic_id(unsigned int cpu)
{
    return apic_ids[cpu];
}

/* --- requests between CPUs --- */

static struct spinlock call_lock = SPINLOCK_INIT(RANK_CALL); /* guards the one call in progress */
static struct cpumask call_pending;
static void (*call_fn)(void *);
static void *call_data;

void cpu_serve_requests(void)
{
    unsigned int me = cpu_number();

    tlb_serve();
    if (unlikely(cpumask_test(&call_pending, me))) {
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        call_fn(call_data);
        cpumask_clear(&call_pending, me);
    }
}

void smp_notify(unsigned int cpu)
{
    apic_send_ipi(apic_ids[cpu], VECTOR_NOTIFY);
}

void smp_call(const struct cpumask *cpus, void (*fn)(void *), void *data)
{
    unsigned int cpu, me = cpu_number();
    struct cpumask others = cpumask_and(cpus, &cpu_online_map);

    others.word[me / 64] &= ~(1ul << me % 64);
    spin_lock(&call_lock);
    call_fn = fn;
    call_data = data;
    for_each_cpu(cpu, &others)
    {
        cpumask_set(&call_pending, cpu);
        apic_send_ipi(apic_ids[cpu], VECTOR_REQUEST);
    }
    if (cpumask_test(cpus, me))
        fn(data);
    while (!cpumask_empty(&call_pending)) {
        tlb_serve();
        cpu_relax();
    }
    spin_unlock(&call_lock);
}

void smp_stop_others(void)
{
    if (__atomic_exchange_n(&is_stopping, true, __ATOMIC_SEQ_CST) || n_cpus == 1)
        return;
    apic_send_nmi_others();
}

bool smp_tscs_agree(void)
{
    return tsc_warp == 0;
}

bool smp_is_stopping(void)
{
    return __atomic_load_n(&is_stopping, __ATOMIC_RELAXED);
}

/* --- start --- */

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
    for (s_time_t end = time_now() + ns; time_now() < end;)
        cpu_relax();
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
static bool start_cpu(unsigned int cpu, char *code, paddr_t page)
{
    uint64_t top = (uint64_t)(cpu_infos[cpu] + 1);

    set_value(code, ap_stack, top - sizeof(struct cpu_info) - 64, 8);
    __atomic_store_n(&ap_started, false, __ATOMIC_SEQ_CST);
    tsc_arrived = 0;
    apic_send_init(apic_ids[cpu]);
    wait_ns(MILLISECS(10));
    for (unsigned int i = 0; i < 2 && !__atomic_load_n(&ap_started, __ATOMIC_ACQUIRE); i++) {
        apic_send_startup(apic_ids[cpu], page);
        wait_ns(MICROSECS(200));
    }
    for (s_time_t end = time_now() + START_TIMEOUT; time_now() < end; cpu_relax())
        if (__atomic_load_n(&ap_started, __ATOMIC_ACQUIRE))
            break;
    if (!__atomic_load_n(&ap_started, __ATOMIC_ACQUIRE))
        return false;
    tsc_compare();
    while (!cpumask_test(&cpu_online_map, cpu))
        cpu_relax();
    return true;
}

/* The firmware's CPUs that can run, this one first. */
static void list_cpus(void)
{
    apic_ids[0] = apic_id();
    for (unsigned int i = 0; i < acpi.n_cpus && n_cpus < CPU_MAX; i++)
        if (acpi.cpu[i].enabled && acpi.cpu[i].apic_id != apic_ids[0])
            apic_ids[n_cpus++] = acpi.cpu[i].apic_id;
    topology_init();
    for (unsigned int cpu = 0; cpu < n_cpus; cpu++)
        topology_add(cpu, apic_ids[cpu]);
}

void smp_init(void)
{
    size_t size = (size_t)(ap_trampoline_end - ap_trampoline);
    paddr_t page = find_low_page();
    char saved[512], *code = paddr_to_virt(page);
    struct page_info *tables;

    list_cpus();
    if (n_cpus == 1)
        return;
    tables = heap_alloc_pages(2, HEAP_BELOW_4G);
    BUG_ON(size > sizeof(saved));
    if (!page || !tables) {
        printk(LOG_ERR, "CPUs: no memory low enough to start the others from\n");
        n_cpus = 1;
        return;
    }
    fill_boot_tables(memset(page_to_virt(tables), 0, 4 * PAGE_SIZE));
    memcpy(saved, code, size);
    memcpy(code, ap_trampoline, size);
    set_value(code, ap_cr3, virt_to_paddr(page_to_virt(tables)), 4);
    set_value(code, ap_gdt_base, page + (uint64_t)(ap_gdt - ap_trampoline), 4);
    set_value(code, ap_far, page + (uint64_t)(ap_long_mode - ap_trampoline), 4);
    set_value(code, ap_entry, (uint64_t)cpu_ap_main, 8);
    for (unsigned int cpu = 1; cpu < n_cpus; cpu++) {
        int rc = desc_prepare(cpu);

        if (rc == 0)
            rc = xpti_prepare(cpu);
        if (rc || (rc = sched_cpu_init(cpu)) || !start_cpu(cpu, code, page))
            printk(LOG_ERR, "CPU %u (APIC %u) %s\n", cpu, apic_ids[cpu],
                   rc ? "is left: no memory" : "does not start");
    }
    memcpy(code, saved, size);
    heap_free_pages(tables, 2);
    printk(LOG_INFO, "CPUs: %u of %u run%s\n", cpumask_count(&cpu_online_map), n_cpus,
           tsc_warp ? "" : ", their TSCs agree");
    if (tsc_warp)
        printk(LOG_WARN, "CPUs: TSCs differ by up to %lu ticks: guests' time may step back\n",
               tsc_warp);
}
