/* SPDX-License-Identifier: MIT */
/*
 * Return frames made of nonsense: selectors of the hypervisor, non-canonical addresses, every flag,
 * frames at the borders of memory. The guest may be told by its failsafe callback or end; nobody
 * else notices.
 */
#include "lib/child.h"
#include "lib/random.h"
#include "lib/report.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"
#include "runtime/trap.h"

#include <xen/callback.h>
#include <xen/sched.h>

static const uint64_t addresses[] = {0,
                                     0x7fffffffffff,
                                     0x800000000000,
                                     0xffff7fffffffffff,
                                     0xffff800000000000,
                                     0xffff82d080201000,
                                     0xffff830000000000,
                                     0xffff87ffffffffff,
                                     0xffff880000000000,
                                     0xfffffffffffffff8,
                                     ~0UL};

static uint64_t some_address(uint64_t *state)
{
    uint64_t n = random_from(state);

    return n % 16 < 11 ? addresses[n % 16] : n * n;
}

static uint64_t some_selector(uint64_t *state)
{
    static const uint16_t selectors[] = {0,      3,      8,      0x10,   0x23,   0x2b,   0x33,
                                         0xe008, 0xe010, 0xe019, 0xe023, 0xe02b, 0xe030, 0xe033,
                                         0xe040, 0xe050, 0xe058, 0xefff, 0xf000, 0xffff, 7};

    return random_from(state) % 4 ? selectors[random_from(state) % 21] : random_from(state);
}

/* Random frames by trap_run_frame; traps bring the guest back. */
ROLE(frames)
{
    uint64_t state = argument + 1;
    struct trap_record record;

    for (unsigned int i = 0; i < 3000; i++) {
        struct trap_frame frame = {
            .rip = some_address(&state),
            .cs = some_selector(&state),
            .rflags = random_from(&state) % 4 ? random_from(&state) & ~0x200UL : ~0UL,
            .rsp = some_address(&state),
            .ss = some_selector(&state),
        };

        /* Back into the kernel with a wild stack a trap has nowhere to go: user frames only, most
         * times. */
        if ((frame.cs & 3) != 3 && random_from(&state) % 64)
            frame.cs |= 3;
        mailbox[0] = i;
        trap_run_frame(&frame, random_from(&state) & 0x1ff, &record);
    }
}

/* iret with the stack pointer itself at odd places. */
static void iret_at(void *stack)
{
    asm volatile("mov %0, %%rsp\n mov $23, %%eax\n syscall" : : "r"(stack) : "memory");
    __builtin_unreachable();
}

ROLE(stacks)
{
    iret_at((void *)addresses[argument]);
}

/* Callbacks and stacks at odd places, then a trap into them. */
ROLE(callbacks)
{
    for (unsigned int type = 0; type < 9; type++)
        for (unsigned int i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
            struct callback_register op = {.type = type, .address = addresses[i]};

            hypercall2(__HYPERVISOR_callback_op, CALLBACKOP_register, arg(&op));
            hypercall2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, addresses[i]);
            hypercall2(__HYPERVISOR_set_segment_base, i % 4, addresses[(i + argument) % 11]);
        }
    asm volatile("ud2");
}

static void syscall_now(void *data)
{
    (void)data;
    asm volatile("syscall" : : "a"(1));
}

/* A system call of user space when the kernel stack is at an odd place. */
ROLE(kernel_stack)
{
    struct trap_record record;

    hypercall2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, addresses[argument]);
    trap_run_user(syscall_now, 0, 0, &record);
}

BEHAVIOUR(frames, "three thousand wild return frames are the guest's own affair")
{
    for (unsigned int seed = 0; seed < 8; seed++)
        EXPECT_TRUE(child_run("frames", seed, 1, 10000) != CHILD_RUNS);
}

BEHAVIOUR(addresses, "stacks and callbacks at every border end the guest at most")
{
    uint64_t before = machine_free_pages();

    for (unsigned int i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
        EXPECT(child_run("stacks", i, 1, 5000), SHUTDOWN_crash);
        EXPECT_TRUE(child_run("callbacks", i, 1, 5000) != CHILD_RUNS);
        EXPECT_TRUE(child_run("kernel_stack", i, 1, 5000) != CHILD_RUNS);
    }
    EXPECT_TRUE(machine_free_pages() + 64 >= before);
}
