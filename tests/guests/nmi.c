/* SPDX-License-Identifier: MIT */
/*
 * NMIs to guests: whoever sends them, each is one flag of a vCPU, delivered to gate 2 of its trap
 * table, the next one held back until the handler's iret.
 */
#include "lib/control_op.h"
#include "lib/report.h"
#include "lib/vcpus.h"
#include "runtime/clock.h"
#include "runtime/event.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"
#include "runtime/trap.h"

#include <xen/callback.h>
#include <xen/nmi.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

#define GATE_MASKS        4
#define ROUNDS            100
#define STORM             3000
#define ENOUGH_TIME       2000000000UL
#define REST              3000000UL
#define SECOND_STACK_SIZE 8192 /* at least, of lib/vcpus.c */

extern char trap_stubs[];
static char *const nmi_entry = trap_stubs + VECTOR_NMI * 16;

/* What the handler saw; [1] is of the second vCPU. */
static struct {
    unsigned int count, depth, deepest;
    unsigned int again; /* how many it sends itself from the handler */
    unsigned int mask;  /* evtchn_upcall_mask in the handler */
    struct trap_frame frame;
    void (*inside)(void); /* called once */
} seen[2];

static long send_nmi(unsigned int vcpu)
{
    return hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, vcpu, 0);
}

static unsigned int count(unsigned int vcpu)
{
    return __atomic_load_n(&seen[vcpu].count, __ATOMIC_ACQUIRE);
}

/* The second vCPU stays in its kernel, on a stack that ends here. */
static uint64_t second_stack;

static unsigned int which_vcpu(const struct trap_frame *frame)
{
    return second_stack - (uint64_t)frame < SECOND_STACK_SIZE ? 1 : 0;
}

static bool take_nmi(struct trap_frame *frame)
{
    unsigned int id = which_vcpu(frame);

    if (frame->vector != VECTOR_NMI)
        return false;
    if (++seen[id].depth > seen[id].deepest)
        seen[id].deepest = seen[id].depth;
    seen[id].frame = *frame;
    seen[id].mask = shared_info.vcpu_info[id].evtchn_upcall_mask;
    for (; seen[id].again; seen[id].again--)
        send_nmi(id);
    if (seen[id].inside) {
        void (*inside)(void) = seen[id].inside;

        seen[id].inside = 0;
        inside();
    }
    seen[id].depth--;
    __atomic_add_fetch(&seen[id].count, 1, __ATOMIC_RELEASE);
    return true;
}

static long register_nmi(uint64_t address)
{
    struct callback_register callback = {.type = CALLBACKTYPE_nmi, .address = address};

    return hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, arg(&callback));
}

static long unregister_nmi(void)
{
    struct callback_unregister callback = {.type = CALLBACKTYPE_nmi};

    return hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_unregister, arg(&callback));
}

/* The current vCPU's handler of NMIs is ours, and nothing was seen yet. */
static void begin(void)
{
    trap_set_hook(take_nmi);
    memset(seen, 0, sizeof(seen));
    EXPECT(register_nmi(arg(nmi_entry)), 0);
    memset(seen, 0, sizeof(seen)); /* one for a reason left behind, if the machine made one */
}

BEHAVIOUR(to_itself, "an NMI a vCPU sends itself is there before the call returns, once")
{
    begin();
    EXPECT(send_nmi(0), 0);
    EXPECT(count(0), 1);
    for (unsigned int i = 0; i < ROUNDS; i++)
        send_nmi(0);
    EXPECT(count(0), ROUNDS + 1);
    EXPECT(seen[0].deepest, 1);
}

BEHAVIOUR(event_mask, "the callback runs with events masked, and gives the mask back as it was")
{
    begin();
    event_disable();
    send_nmi(0);
    EXPECT(seen[0].mask, 1);
    EXPECT(seen[0].frame.cs >> 32, 1);
    EXPECT(seen[0].frame.rflags & 0x200, 0);
    EXPECT(guest_vcpu()->evtchn_upcall_mask, 1);
    event_enable();
    send_nmi(0);
    EXPECT(seen[0].mask, 1);
    EXPECT(seen[0].frame.cs >> 32, 0);
    EXPECT(seen[0].frame.rflags & 0x200, 0x200);
    EXPECT(guest_vcpu()->evtchn_upcall_mask, 0);
    event_disable();
    EXPECT(count(0), 2);
}

BEHAVIOUR(trap_gate, "gate 2 of the trap table is the callback, and its flag is what masks events")
{
    static struct trap_info table[2] = {{.vector = VECTOR_NMI, .cs = FLAT_KERNEL_CS}};

    begin();
    EXPECT(unregister_nmi(), 0);
    table[0].address = arg(nmi_entry);
    for (unsigned int flags = 0; flags <= GATE_MASKS; flags += GATE_MASKS) {
        table[0].flags = flags;
        EXPECT(hypercall1(__HYPERVISOR_set_trap_table, arg(table)), 0);
        event_enable();
        send_nmi(0);
        event_disable();
        EXPECT(seen[0].mask, flags == GATE_MASKS);
    }
    EXPECT(count(0), 2);
}

BEHAVIOUR(held_back, "NMIs sent in the handler are one NMI after its iret")
{
    begin();
    seen[0].again = 1;
    send_nmi(0);
    EXPECT(count(0), 2);
    seen[0].again = 5;
    send_nmi(0);
    EXPECT(count(0), 4);
    EXPECT(seen[0].deepest, 1);
}

/* Any iret ends the handling, as the CPU's own does: that of an exception in the handler too. */
static void invalid(void *data)
{
    (void)data;
    asm volatile("ud2");
}

static void trap_inside(void)
{
    struct trap_record record;

    send_nmi(0);
    EXPECT(count(0), 0);
    trap_probe(invalid, 0, &record);
    EXPECT(record.trapped, true);
    EXPECT(count(0), 1);
}

BEHAVIOUR(iret_of_another, "the iret of an exception inside the handler lets the next NMI in")
{
    begin();
    seen[0].inside = trap_inside;
    send_nmi(0);
    EXPECT(count(0), 2);
    EXPECT(seen[0].deepest, 2);
}

/* In user mode: a system call, at which the probe ends. */
static void call_kernel(void *data)
{
    asm volatile("syscall" ::"a"(data) : "rcx", "r11", "memory");
    for (;;)
        ;
}

static void user_inside(void)
{
    struct trap_record record;

    send_nmi(0);
    trap_run_user(call_kernel, 0, 0, &record);
    EXPECT(record.frame.vector, VECTOR_SYSCALL);
}

BEHAVIOUR(in_user_mode, "an NMI finds its way from user mode to the kernel's stack and back")
{
    begin();
    seen[0].inside = user_inside;
    send_nmi(0);
    EXPECT(count(0), 2);
    EXPECT(seen[0].frame.rip, call_kernel);
    EXPECT(seen[0].frame.cs & 0xffffffff, FLAT_USER_CS);
    EXPECT(seen[0].mask, 1);
}

BEHAVIOUR(nobody_listens, "an NMI without a handler is lost, unless the machine's reason remains")
{
    begin();
    EXPECT(unregister_nmi(), 0);
    EXPECT(send_nmi(0), 0);
    EXPECT(register_nmi(arg(nmi_entry)), 0);
    EXPECT(count(0), 0);
    shared_info.arch.nmi_reason = XEN_NMIREASON_unknown;
    EXPECT(register_nmi(arg(nmi_entry)), 0);
    EXPECT(count(0), 1);
    shared_info.arch.nmi_reason = 0;
    EXPECT(register_nmi(arg(nmi_entry)), 0);
    EXPECT(count(0), 1);
}

BEHAVIOUR(arguments, "what does not name a vCPU, a handler or an operation is refused")
{
    struct xennmi_callback callback = {.handler_address = arg(nmi_entry)};
    struct callback_unregister gone = {0};

    begin();
    EXPECT(send_nmi(1000), -XEN_ENOENT);
    EXPECT(hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_send_nmi, 0, arg(&callback)), -XEN_EINVAL);
    EXPECT(count(0), 0);
    EXPECT(register_nmi(1UL << 63), -XEN_EINVAL);
    EXPECT(unregister_nmi(), 0);
    EXPECT(hypercall2(__HYPERVISOR_nmi_op, XENNMI_register_callback, 0x1000), -XEN_EFAULT);
    EXPECT(hypercall2(__HYPERVISOR_nmi_op, XENNMI_register_callback, arg(&callback)), 0);
    send_nmi(0);
    EXPECT(count(0), 1);
    EXPECT(hypercall2(__HYPERVISOR_nmi_op, XENNMI_unregister_callback, 0), 0);
    send_nmi(0);
    EXPECT(count(0), 1);
    callback.handler_address = 1UL << 63;
    EXPECT(hypercall2(__HYPERVISOR_nmi_op, XENNMI_register_callback, arg(&callback)), -XEN_EINVAL);
    EXPECT(hypercall2(__HYPERVISOR_nmi_op, 2, 0), -XEN_ENOSYS);
    for (unsigned int type = 0; type < 10; type++) {
        bool is_known = type != CALLBACKTYPE_sysenter_deprecated && type != 6 && type < 8;

        gone.type = type;
        EXPECT(hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_unregister, arg(&gone)),
               type == CALLBACKTYPE_nmi ? 0
               : is_known               ? -XEN_EINVAL
                                        : -XEN_ENOSYS);
    }
}

BEHAVIOUR(of_the_toolstack, "sendtrigger sends NMIs to any domain's vCPU")
{
    static struct xen_domctl op;

    begin();
    op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_NMI;
    EXPECT(domctl(&op, XEN_DOMCTL_sendtrigger, 0), 0);
    EXPECT(count(0), 1);
    op.u.sendtrigger.vcpu = 1000;
    EXPECT(domctl(&op, XEN_DOMCTL_sendtrigger, 0), -XEN_ESRCH);
    op.u.sendtrigger.vcpu = 0;
    op.u.sendtrigger.trigger = XEN_DOMCTL_SENDTRIGGER_POWER;
    EXPECT(domctl(&op, XEN_DOMCTL_sendtrigger, 0), -XEN_EINVAL);
    EXPECT(count(0), 1);
}

/* The second vCPU: a handler of its own, then what it is told. */
static enum { SLEEP, SEND } order;
static unsigned int n_woken, n_sent;
static bool is_ready;

static void __attribute__((noreturn)) second_vcpu(uint64_t data)
{
    (void)data;
    second_stack = (uint64_t)__builtin_frame_address(0);
    trap_init();
    register_nmi(arg(nmi_entry));
    __atomic_store_n(&is_ready, true, __ATOMIC_RELEASE);
    for (;;) {
        if (__atomic_load_n(&order, __ATOMIC_ACQUIRE) == SEND) {
            send_nmi(n_sent & 1);
            __atomic_add_fetch(&n_sent, 1, __ATOMIC_RELEASE);
            continue;
        }
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
        __atomic_add_fetch(&n_woken, 1, __ATOMIC_RELEASE);
    }
}

/* Time for the other to be asleep. */
static void rest(void)
{
    uint64_t end = clock_now() + REST;

    while (clock_now() < end)
        vcpu_yield();
}

static bool wait_until_above(unsigned int *value, unsigned int limit)
{
    uint64_t end = clock_now() + ENOUGH_TIME;

    while (__atomic_load_n(value, __ATOMIC_ACQUIRE) <= limit) {
        if (clock_now() > end)
            return false;
        vcpu_yield();
    }
    return true;
}

/* Another vCPU that can take NMIs, or the behaviour is skipped. */
static bool start_second(void)
{
    static bool is_started;
    uint64_t end = clock_now() + ENOUGH_TIME;

    if (hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_is_up, 1, 0) < 0) {
        report_skip("this guest has one vCPU");
        return false;
    }
    begin();
    if (!is_started) {
        is_started = true;
        EXPECT(send_nmi(1), 0); /* one that is not there yet: it has no handler either */
        EXPECT(vcpu_start(1, second_vcpu, 0), 0);
    }
    while (!__atomic_load_n(&is_ready, __ATOMIC_ACQUIRE) && clock_now() < end)
        vcpu_yield();
    return EXPECT_TRUE(is_ready);
}

/* Wakes the second vCPU by an NMI, `rounds` times. */
static void wake_second(unsigned int rounds, bool may_rest)
{
    for (unsigned int i = 0; i < rounds && report_is_good(); i++) {
        unsigned int before = n_woken;

        if (may_rest)
            rest();
        EXPECT(send_nmi(1), 0);
        EXPECT_TRUE(wait_until_above(&seen[1].count, i));
        EXPECT_TRUE(wait_until_above(&n_woken, before));
    }
    EXPECT(seen[1].deepest, 1);
    EXPECT(count(0), 0);
}

BEHAVIOUR(to_a_sleeper, "an NMI wakes a vCPU that is blocked")
{
    if (start_second())
        wake_second(20, true);
}

BEHAVIOUR(storm, "two vCPUs that send to each other and to themselves lose no last NMI")
{
    unsigned int before;

    if (!start_second())
        return;
    rest();
    n_sent = 0;
    __atomic_store_n(&order, SEND, __ATOMIC_RELEASE);
    EXPECT(send_nmi(1), 0);
    for (unsigned int i = 0; i < STORM; i++)
        send_nmi(i & 1);
    EXPECT_TRUE(wait_until_above(&n_sent, STORM));
    __atomic_store_n(&order, SLEEP, __ATOMIC_RELEASE);
    rest();
    EXPECT_TRUE(count(0) >= STORM / 2 && count(0) <= (STORM + n_sent + 1) / 2);
    EXPECT_TRUE(count(1) >= n_sent / 2 && count(1) <= (STORM + n_sent + 3) / 2);
    EXPECT(seen[0].deepest, 1);
    EXPECT(seen[1].deepest, 1);
    before = count(1);
    EXPECT(send_nmi(1), 0);
    EXPECT_TRUE(wait_until_above(&seen[1].count, before));
    before = count(0);
    EXPECT(send_nmi(0), 0);
    EXPECT(count(0), before + 1);
}

BEHAVIOUR(falling_asleep, "nor is one lost that comes while a vCPU goes to sleep")
{
    if (start_second())
        wake_second(ROUNDS, false);
}
