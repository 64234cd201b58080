/* SPDX-License-Identifier: MIT */
/*
 * What the hypervisor's services cost a PV kernel, without Linux between: each line
 * `BENCH name count` is the mean of many rounds by the time stamp counter, the loop's own cost
 * taken off, in the best of several passes: in others dom0 may have had the CPU for a while. Under
 * QEMU's `-icount shift=0,sleep=off` one instruction is one nanosecond, so the counter's ticks are
 * scaled by the frequency the hypervisor tells: the figures are instructions.
 */
#include "runtime/clock.h"
#include "runtime/console.h"
#include "runtime/event.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"
#include "runtime/trap.h"
#include "runtime/xenbus.h"

#include <xen/grant_table.h>
#include <xen/version.h>

#define PASSES 8
#define ROUNDS 250
#define BATCH  8

static uint64_t empty_loop;
static void *page;
static long port;
static struct gnttab_map_grant_ref grant_map;
static void *grant_window;

/* Nanoseconds of a difference of the counter, by the vCPU's time information. */
static uint64_t ticks_to_ns(uint64_t ticks)
{
    const struct vcpu_time_info *info = &guest_vcpu()->time;

    ticks = info->tsc_shift < 0 ? ticks >> -info->tsc_shift : ticks << info->tsc_shift;
    return (uint64_t)((unsigned __int128)ticks * info->tsc_to_system_mul >> 32);
}

static uint64_t time_rounds(void (*round)(void))
{
    uint64_t least = UINT64_MAX;

    for (unsigned int i = 0; i < ROUNDS; i++)
        round();
    for (unsigned int pass = 0; pass < PASSES; pass++) {
        uint64_t start = clock_tsc(), ticks;

        for (unsigned int i = 0; i < ROUNDS; i++)
            round();
        ticks = clock_tsc() - start;
        least = ticks < least ? ticks : least;
    }
    return ticks_to_ns(least) / ROUNDS;
}

static void measure(const char *name, void (*round)(void))
{
    uint64_t cost = time_rounds(round);

    print("BENCH %s %lu\n", name, cost > empty_loop ? cost - empty_loop : 0);
}

static void nothing(void)
{
    asm volatile("" : : : "memory");
}

static void null_hypercall(void)
{
    hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0);
}

static void event_to_self(void)
{
    event_send(port);
}

static void count_event(uint32_t which, void *data)
{
    (void)which;
    (void)data;
}

static void va_mapping(void)
{
    pte_set(page, pte_make(page_mfn(page), PROT_RW));
}

static void one_mmu_update(void)
{
    pte_update(pte_find(page, 1), pte_make(page_mfn(page), PROT_RW), MMU_NORMAL_PT_UPDATE);
}

static void va_mapping_batch(void)
{
    static struct multicall_entry calls[BATCH];

    for (unsigned int i = 0; i < BATCH; i++) {
        calls[i].op = __HYPERVISOR_update_va_mapping;
        calls[i].args[0] = arg(page);
        calls[i].args[1] = pte_make(page_mfn(page), PROT_RW);
        calls[i].args[2] = 0;
    }
    hypercall2(__HYPERVISOR_multicall, arg(calls), BATCH);
}

static void grant_map_unmap(void)
{
    struct gnttab_unmap_grant_ref unmap = {.host_addr = arg(grant_window)};

    grant_map.host_addr = arg(grant_window);
    hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, arg(&grant_map), 1);
    unmap.handle = grant_map.handle;
    hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, arg(&unmap), 1);
}

/* A breakpoint's way in and out: one exception bounce and one HYPERVISOR_iret. */
static void breakpoint(void)
{
    asm volatile("int3" : : : "memory");
}

static bool return_from_trap(struct trap_frame *frame)
{
    return frame->vector == VECTOR_BP;
}

/* A store to address 0 faults; the handler steps over it: `movb $1, (%rax)` is 3 bytes long. */
static bool step_over_store(struct trap_frame *frame)
{
    frame->rip += 3;
    return frame->vector == VECTOR_PF;
}

static void page_fault(void)
{
    asm volatile("movb $1, (%0)" : : "a"(0UL) : "memory");
}

/* User code that makes ROUNDS system calls with the given number in rax, then ends with ud2. */
asm(".pushsection .text\n"
    "user_calls:\n"
    "    mov %rdi, %rbx\n"
    "1:  syscall\n"
    "    dec %rbx\n"
    "    jnz 1b\n"
    "    ud2\n"
    "user_faults:\n"
    "    mov %rdi, %rbx\n"
    "    xor %eax, %eax\n"
    "1:  movb $1, (%rax)\n"
    "    dec %rbx\n"
    "    jnz 1b\n"
    "    ud2\n"
    ".popsection");
extern char user_calls[], user_faults[];

static bool answer_syscall(struct trap_frame *frame)
{
    return frame->vector == VECTOR_SYSCALL;
}

/* Rounds that happen in user mode; two lengths are compared, so that entry and end cancel. */
static void measure_user(const char *name, char *code, trap_hook hook)
{
    struct trap_record record;
    uint64_t cost[2];

    trap_set_hook(hook);
    for (uint64_t i = 0; i < 2; i++) {
        uint64_t start = clock_tsc();

        trap_run_user((void (*)(void *))code, (void *)(ROUNDS * (i + 1)), 0, &record);
        cost[i] = clock_tsc() - start;
    }
    trap_set_hook(0);
    print("BENCH %s %lu\n", name, ticks_to_ns(cost[1] - cost[0]) / ROUNDS);
}

/* Sets up one grant of our own page to ourselves; answers whether it maps. */
static bool grant_prepare(void)
{
    static xen_pfn_t frame;
    domid_t self = xenbus_own_domain();
    struct gnttab_setup_table setup = {.dom = DOMID_SELF, .nr_frames = 1};
    grant_entry_v1_t *table = page_alloc();

    grant_window = page_alloc();
    set_xen_guest_handle(setup.frame_list, &frame);
    if (hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_setup_table, arg(&setup), 1) ||
        setup.status || pte_set(table, pte_make(frame, PROT_RW)))
        return false;
    table[9].frame = (uint32_t)page_mfn(page);
    table[9].domid = self;
    table[9].flags = GTF_permit_access;
    grant_map = (struct gnttab_map_grant_ref){
        .host_addr = arg(grant_window), .flags = GNTMAP_host_map, .ref = 9, .dom = self};
    hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_map_grant_ref, arg(&grant_map), 1);
    if (grant_map.status)
        return false;
    struct gnttab_unmap_grant_ref unmap = {.host_addr = arg(grant_window),
                                           .handle = grant_map.handle};
    hypercall3(__HYPERVISOR_grant_table_op, GNTTABOP_unmap_grant_ref, arg(&unmap), 1);
    return unmap.status == 0;
}

void guest_main(void)
{
    page = page_alloc();
    empty_loop = time_rounds(nothing);
    measure("null_hypercall", null_hypercall);
    port = event_bind_ipi(0);
    event_set_handler(port, count_event, 0);
    event_enable();
    measure("event_to_self", event_to_self);
    event_disable();
    trap_set_hook(return_from_trap);
    measure("breakpoint_and_iret", breakpoint);
    trap_set_hook(step_over_store);
    measure("page_fault_kernel", page_fault);
    trap_set_hook(0);
    measure_user("syscall_user", user_calls, answer_syscall);
    measure_user("page_fault_user", user_faults, step_over_store);
    measure("update_va_mapping", va_mapping);
    measure("mmu_update", one_mmu_update);
    measure("multicall_8_va_mapping", va_mapping_batch);
    if (grant_prepare())
        measure("grant_map_unmap", grant_map_unmap);
    print("BENCH done 0\n");
}
