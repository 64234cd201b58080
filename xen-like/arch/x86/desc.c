/* SPDX-License-Identifier: MIT */
/* This CPU's GDT page, TSS, IDT and the MSRs of the syscall instruction. */
#include "arch/cpu.h"
#include "arch/current.h"
#include "arch/msr.h"
#include "arch/paging.h"
#include "arch/pv_desc.h"
#include "console.h"

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

static uint64_t gdt_page[512] page_aligned;
static struct tss tss page_aligned;
static struct idt_gate idt[256] page_aligned;

/* Index into the reserved page of a selector 0xe000.. */
#define SLOT(sel) (((sel)-0xe000) >> 3)

static void set_system_desc(unsigned int sel, uint64_t base, uint32_t limit, unsigned int type)
{
    gdt_page[SLOT(sel)] = (limit & 0xffff) | (base & 0xffffff) << 16 |
                          (uint64_t)(0x80 | type) << 40 | (uint64_t)(limit >> 16 & 0xf) << 48 |
                          (base >> 24 & 0xff) << 56;
    gdt_page[SLOT(sel) + 1] = base >> 32;
}

uint64_t desc_reserved_pte(void)
{
    return image_to_paddr(gdt_page) | PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX;
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
        load_gdt((uint64_t)gdt_page - 0xe000);
        __asm__ volatile("lldt %w0" ::"r"(0));
        return;
    }
    load_gdt(PERDOMAIN_GDT(v->id));
    if (v->arch.ldt_entries) {
        set_system_desc(HV_LDT, PERDOMAIN_LDT(v->id), v->arch.ldt_entries * 8 - 1, 2);
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

void desc_init(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) idtr = {sizeof(idt) - 1, (uint64_t)idt};

    gdt_page[SLOT(HV_CS)] = 0x00af9b000000ffff;
    gdt_page[SLOT(HV_DS)] = 0x00cf93000000ffff;
    gdt_page[SLOT(GUEST_CS32)] = 0x00cffb000000ffff;
    gdt_page[SLOT(GUEST_DS)] = 0x00cff3000000ffff;
    gdt_page[SLOT(GUEST_CS64)] = 0x00affb000000ffff;
    tss.rsp[0] = (uint64_t) & ((struct cpu_info *)(cpu0_stack + CPU_STACK_SIZE) - 1)->current_vcpu;
    /* NMI, double fault, machine check, debug: the first pages of the stack; the next is not
     * mapped. */
    for (unsigned int i = 0; i < 4; i++)
        tss.ist[i] = (uint64_t)cpu0_stack + (i + 1) * PAGE_SIZE;
    tss.iomap_base = sizeof(tss); /* no port is open to ring 3 */
    set_system_desc(HV_TSS, (uint64_t)&tss, sizeof(tss) - 1, 9);
    for (unsigned int i = 0; i < 256; i++)
        set_gate(i, i == 3 || i == 4 || i == 0x80 ? 3 : 0, ist_of(i));
    desc_load(NULL);
    __asm__ volatile("lidt %0; ltr %w1" ::"m"(idtr), "r"(HV_TSS));
    __asm__ volatile(
        "pushq %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1: mov %1, %%ss" ::"i"(HV_CS),
        "r"(HV_DS)
        : "rax", "memory");
    cpu_wrmsr(MSR_STAR, (uint64_t)GUEST_CS32 << 48 | (uint64_t)HV_CS << 32);
    cpu_wrmsr(MSR_LSTAR, (uint64_t)syscall_entry);
    cpu_wrmsr(MSR_CSTAR, (uint64_t)syscall32_entry);
    /* IF, DF, TF, NT, AC, RF, IOPL are cleared on entry. */
    cpu_wrmsr(MSR_SYSCALL_MASK, 0x57700);
}
