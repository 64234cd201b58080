/* SPDX-License-Identifier: MIT */
/* Trap registration, dispatch, and probes that survive the traps they provoke. */
#include "runtime/trap.h"
#include "runtime/console.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"

#include <xen/callback.h>

extern char trap_stubs[], trap_syscall[], trap_event[], trap_failsafe[], trap_leave[];
extern char boot_stack_end[];
uint64_t trap_enter(const struct trap_frame *frame, uint64_t flags, uint64_t *saved_rsp);
uint64_t trap_call(void (*code)(void *), void *data, uint64_t *saved_rsp);
void trap_dispatch(struct trap_frame *frame);

#define STUB_SIZE 16

uint64_t trap_failsafe_selectors[4];

/* Where kernel entries from user mode land; entries from the kernel stay on its own stack. */
static unsigned char entry_stack[16384] __attribute__((aligned(16)));
static unsigned char user_stack[16384] __attribute__((aligned(16)));

static trap_hook hook;
static void (*event_handler)(struct trap_frame *frame);
static struct trap_record *probe;
static uint64_t probe_rsp, probe_rflags;

static void register_callback(unsigned int type, const char *entry, unsigned int flags)
{
    struct callback_register callback = {.type = type, .flags = flags, .address = arg(entry)};
    long answer = hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, arg(&callback));

    if (answer)
        guest_panic("callback %u refused: %ld", type, answer);
}

void trap_init(void)
{
    static struct trap_info table[257];

    for (unsigned int i = 0; i < 256; i++) {
        table[i].vector = i;
        table[i].flags = i == VECTOR_BP || i == VECTOR_OF || i >= 0x80 ? 3 : 0;
        table[i].cs = FLAT_KERNEL_CS;
        table[i].address = arg(trap_stubs + i * STUB_SIZE);
    }
    long answer = hypercall1(__HYPERVISOR_set_trap_table, arg(table));

    if (answer)
        guest_panic("set_trap_table refused: %ld", answer);
    register_callback(CALLBACKTYPE_event, trap_event, 0);
    register_callback(CALLBACKTYPE_failsafe, trap_failsafe, 0);
    register_callback(CALLBACKTYPE_syscall, trap_syscall, CALLBACKF_mask_events);
    hypercall2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, arg(entry_stack + sizeof(entry_stack)));
}

void trap_set_hook(trap_hook new_hook)
{
    hook = new_hook;
}

void trap_set_event_handler(void (*handler)(struct trap_frame *frame))
{
    event_handler = handler;
}

static void record_and_leave(struct trap_frame *frame)
{
    probe->trapped = true;
    probe->cr2 = guest_vcpu()->arch.cr2;
    probe->frame = *frame;
    probe = 0;
    /* Back to the kernel (an RPL other than 3 says so), in the function that started the probe. */
    frame->rip = arg(trap_leave);
    frame->rsp = probe_rsp;
    frame->cs = FLAT_KERNEL_CS & ~3;
    frame->ss = FLAT_KERNEL_SS;
    frame->rflags = probe_rflags;
}

static void print_frame(const struct trap_frame *f)
{
    print("trap %lu error %lx cr2 %lx\n", f->vector, f->error, guest_vcpu()->arch.cr2);
    print("rip %lx cs %lx rflags %lx rsp %lx ss %lx\n", f->rip, f->cs, f->rflags, f->rsp, f->ss);
    print("rax %lx rbx %lx rcx %lx rdx %lx\n", f->rax, f->rbx, f->rcx, f->rdx);
    print("rsi %lx rdi %lx rbp %lx r8 %lx\n", f->rsi, f->rdi, f->rbp, f->r8);
}

void trap_dispatch(struct trap_frame *frame)
{
    if (frame->vector == VECTOR_EVENT) {
        guest_vcpu()->evtchn_upcall_pending = 0;
        if (event_handler)
            event_handler(frame);
        return;
    }
    if (hook && hook(frame))
        return;
    if (probe) {
        record_and_leave(frame);
        return;
    }
    print_frame(frame);
    guest_panic("trap %lu that nobody expected", frame->vector);
}

/* The events' mask at the start of a probe is in force again after it. */
static void probe_begin(struct trap_record *record)
{
    memset(record, 0, sizeof(*record));
    probe = record;
    probe_rflags = guest_vcpu()->evtchn_upcall_mask ? 0x2 : 0x202;
}

bool trap_probe(void (*code)(void *data), void *data, struct trap_record *record)
{
    probe_begin(record);
    trap_call(code, data, &probe_rsp);
    probe = 0;
    return record->trapped;
}

void trap_run_frame(const struct trap_frame *start, uint64_t user_flags, struct trap_record *record)
{
    probe_begin(record);
    trap_enter(start, user_flags, &probe_rsp);
}

void trap_run_user(void (*code)(void *), void *data, uint64_t user_flags,
                   struct trap_record *record)
{
    struct trap_frame start = {
        .rip = (uint64_t)code,
        .rdi = (uint64_t)data,
        .cs = FLAT_USER_CS,
        .ss = FLAT_USER_SS,
        .rflags = 0x202,
        .rsp = arg(user_stack + sizeof(user_stack)) - 8,
    };

    trap_run_frame(&start, user_flags, record);
}
