/* SPDX-License-Identifier: MIT */
/* Each CPU's GDT page, TSS, syscall stub and stacks; the IDT they share; the MSRs of the syscall
 * instruction. */
#include "counters.h"
#include "arch/cpu.h"
#include "arch/current.h"
#include "arch/msr.h"
#include "arch/paging.h"
#include "arch/pv_desc.h"
#include "console.h"
#include "lib/string.h"

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3];
    uint64_t reserved1;
    uint64_t ist[7];
    uint64_t reserved2;
    uint16_t reserved3, iomap_base;
} __attribute__((packed));

struct idt_gate {
    uint16_t offset_low, selector;
    uint8_t ist, attr;
    uint16_t offset_mid;
    uint32_t offset_high, zero;
};

extern char cpu0_stack[], trap_stubs[], syscall_entry[], syscall32_entry[];

/* What a CPU's descriptors need; the GDT page is also mapped in the window of the vCPU it runs. */
struct cpu_tables {
    uint64_t gdt_page[512];
    struct tss tss;
};

static struct cpu_tables *cpu_tables[CPU_MAX];
static struct idt_gate idt[256] page_aligned;

/* A CPU's part of the address space beside the image: its stack, then its syscall stubs. */
#define PERCPU_STRIDE 0x10000ul
#define PERCPU_STUBS  CPU_STACK_SIZE
#define PERCPU_TSS    (CPU_STACK_SIZE + PAGE_SIZE)
#define STUB32        64 /* offset of the 32-bit stub */
#define STACK_GUARD   4  /* page between the interrupt stacks and the main one */

/* Index into the reserved page of a selector 0xe000.. */
#define SLOT(sel) (((sel)-0xe000) >> 3)

static void set_system_desc(uint64_t *gdt_page, unsigned int sel, uint64_t base, uint32_t limit,
                            unsigned int type)
{
    gdt_page[SLOT(sel)] = (limit & 0xffff) | (base & 0xffffff) << 16 |
                          (uint64_t)(0x80 | type) << 40 | (uint64_t)(limit >> 16 & 0xf) << 48 |
                          (base >> 24 & 0xff) << 56;
    gdt_page[SLOT(sel) + 1] = base >> 32;
}

uint64_t desc_reserved_pte(void)
{
    return virt_to_paddr(cpu_tables[cpu_number()]->gdt_page) | PTE_P | PTE_W | PTE_A | PTE_D |
           PTE_NX;
}

static void load_gdt(uint64_t base)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) ptr = {0xefff, base};
    __asm__ volatile("lgdt %0" ::"m"(ptr));
}

void desc_load(const struct vcpu *v)
{
    if (!v) {
        /* Only the reserved page is ever looked at through this one. */
        load_gdt((uint64_t)cpu_tables[cpu_number()]->gdt_page - 0xe000);
        __asm__ volatile("lldt %w0" ::"r"(0));
        return;
    }
    load_gdt(PERDOMAIN_GDT(v->id));
    if (v->arch.ldt_entries) {
        set_system_desc(cpu_tables[cpu_number()]->gdt_page, HV_LDT, PERDOMAIN_LDT(v->id),
                        v->arch.ldt_entries * 8 - 1, 2);
        __asm__ volatile("lldt %w0" ::"r"(HV_LDT));
    } else
        __asm__ volatile("lldt %w0" ::"r"(0));
}

static void set_gate(unsigned int vector, unsigned int dpl, unsigned int ist)
{
    uint64_t entry = (uint64_t)trap_stubs + vector * 16;
    idt[vector] = (struct idt_gate){
        .offset_low = (uint16_t)entry,
        .selector = HV_CS,
        .ist = (uint8_t)ist,
        .attr = (uint8_t)(0x8e | dpl << 5),
        .offset_mid = (uint16_t)(entry >> 16),
        .offset_high = (uint32_t)(entry >> 32),
    };
}

/* A debug trap can be held back over a syscall instruction: it must not meet the guest's stack
 * pointer. */
static unsigned int ist_of(unsigned int vector)
{
    switch (vector) {
    case 2: /* NMI */
        return 1;
    case 8: /* double fault */
        return 2;
    case 18: /* machine check */
        return 3;
    case 1: /* debug */
        return 4;
    default:
        return 0;
    }
}

static uint64_t percpu_base(unsigned int cpu)
{
    return PERCPU_BASE + cpu * PERCPU_STRIDE;
}

/*
 * syscall leaves the guest's stack pointer in place and gives no register to find ours by, so each
 * CPU enters by code of its own:  mov %rsp, scratch(%rip); lea end_of_guest_regs(%rip), %rsp; jmp
 * target
 */
static void write_stub(uint8_t *to, uint64_t at, const struct cpu_info *info, uint64_t target)
{
    static const uint8_t mov[] = {0x48, 0x89, 0x25}, lea[] = {0x48, 0x8d, 0x25};
    int32_t scratch = (int32_t)((uint64_t)&info->scratch - (at + 7));
    int32_t stack = (int32_t)((uint64_t)&info->current_vcpu - (at + 14));
    int32_t jump = (int32_t)(target - (at + 19));

    memcpy(to, mov, sizeof(mov));
    memcpy(to + 3, &scratch, 4);
    memcpy(to + 7, lea, sizeof(lea));
    memcpy(to + 10, &stack, 4);
    to[14] = 0xe9;
    memcpy(to + 15, &jump, 4);
}

/* The stack of the CPU that booted is in the image; another's is mapped here, but for the guard
 * page. */
static void *make_stack(unsigned int cpu)
{
    uint64_t base = percpu_base(cpu);
    char *memory;

    if (cpu == 0)
        return cpu0_stack;
    memory = mm_alloc_pages(3);
    if (!memory)
        return NULL;
    for (unsigned int i = 0; i < CPU_STACK_SIZE / PAGE_SIZE; i++)
        if (i != STACK_GUARD &&
            !hv_map_page(base + i * PAGE_SIZE, virt_to_paddr(memory) + i * PAGE_SIZE,
                         PTE_P | PTE_W | PTE_A | PTE_D | PTE_G | PTE_NX))
            return NULL;
    return (void *)base;
}

/* `tss` is where the CPU sees t->tss. */
static void fill_tables(struct cpu_tables *t, uint64_t tss, const char *stack,
                        const struct cpu_info *info)
{
    t->gdt_page[SLOT(HV_CS)] = 0x00af9b000000ffff;
    t->gdt_page[SLOT(HV_DS)] = 0x00cf93000000ffff;
    t->gdt_page[SLOT(GUEST_CS32)] = 0x00cffb000000ffff;
    t->gdt_page[SLOT(GUEST_DS)] = 0x00cff3000000ffff;
    t->gdt_page[SLOT(GUEST_CS64)] = 0x00affb000000ffff;
    t->tss.rsp[0] = (uint64_t)&info->current_vcpu;
    /* NMI, double fault, machine check, debug: the first pages of the stack; the next is not
     * mapped. */
    for (unsigned int i = 0; i < 4; i++)
        t->tss.ist[i] = (uint64_t)stack + (i + 1) * PAGE_SIZE;
    t->tss.iomap_base = sizeof(t->tss); /* no port is open to ring 3 */
    set_system_desc(t->gdt_page, HV_TSS, tss, sizeof(t->tss) - 1, 9);
}

int desc_prepare(unsigned int cpu)
{
    struct cpu_tables *t = mm_alloc_pages(1);
    uint8_t *stubs = mm_alloc_pages(0);
    char *stack = make_stack(cpu);
    uint64_t at = percpu_base(cpu) + PERCPU_STUBS, tss = percpu_base(cpu) + PERCPU_TSS;

    /* Kept by halves when memory runs out: a CPU that could not be started is not tried again. */
    if (!t || !stubs || !stack || !hv_map_page(at, virt_to_paddr(stubs), PTE_P | PTE_A | PTE_G) ||
        !hv_map_page(tss, virt_to_paddr(&t->tss), PTE_P | PTE_W | PTE_A | PTE_D | PTE_G | PTE_NX))
        return -ENOMEM;
    struct cpu_info *info = (struct cpu_info *)(stack + CPU_STACK_SIZE) - 1;

    info->cpu = cpu;
    info->counters = mm_alloc(sizeof(struct counters));
    if (!info->counters)
        return -ENOMEM;
    cpu_infos[cpu] = info;
    write_stub(stubs, at, info, (uint64_t)syscall_entry);
    write_stub(stubs + STUB32, at + STUB32, info, (uint64_t)syscall32_entry);
    fill_tables(t, tss, stack, info);
    cpu_tables[cpu] = t;
    return 0;
}

void desc_entry_ranges(unsigned int cpu, struct desc_ranges *out)
{
    uint64_t base = percpu_base(cpu), stack = cpu ? base : (uint64_t)cpu0_stack;

    *out = (struct desc_ranges){{
        {stack, stack + CPU_STACK_SIZE},
        {base + PERCPU_STUBS, base + PERCPU_STUBS + PAGE_SIZE},
        {base + PERCPU_TSS, base + PERCPU_TSS + PAGE_SIZE},
        {(uint64_t)idt, (uint64_t)idt + sizeof(idt)},
    }};
}

void desc_init_idt(void)
{
    for (unsigned int i = 0; i < 256; i++)
        set_gate(i, i == 3 || i == 4 || i == 0x80 ? 3 : 0, ist_of(i));
}

void desc_init(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) idtr = {sizeof(idt) - 1, (uint64_t)idt};
    uint64_t stubs = percpu_base(cpu_number()) + PERCPU_STUBS;
    uint64_t *tss_desc = &cpu_tables[cpu_number()]->gdt_page[SLOT(HV_TSS)];

    *tss_desc &= ~(2ull << 40); /* not busy: a CPU may be started a second time */
    desc_load(NULL);
    __asm__ volatile("lidt %0; ltr %w1" ::"m"(idtr), "r"(HV_TSS));
    __asm__ volatile(
        "pushq %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1: mov %1, %%ss" ::"i"(HV_CS),
        "r"(HV_DS)
        : "rax", "memory");
    cpu_wrmsr(MSR_STAR, (uint64_t)GUEST_CS32 << 48 | (uint64_t)HV_CS << 32);
    cpu_wrmsr(MSR_LSTAR, stubs);
    cpu_wrmsr(MSR_CSTAR, stubs + STUB32);
    /* IF, DF, TF, NT, AC, RF, IOPL are cleared on entry. */
    cpu_wrmsr(MSR_SYSCALL_MASK, 0x57700);
    cpu_wrmsr(MSR_SYSENTER_CS, 0); /* SYSENTER faults, whatever the firmware left there */
}
