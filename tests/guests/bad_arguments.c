/* SPDX-License-Identifier: MIT */
/*
 * Every hypercall number, every sub-operation, with pointers to nothing: the answers are an errno
 * each, the machine is alive after, and make test-peer compares them all with Xen's.
 *
 * Two shapes cover all calls: (command, pointer, pointer, pointer) and (pointer, 1, 0, DOMID_SELF).
 */
#include "lib/report.h"
#include "runtime/clock.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"
#include "runtime/trap.h"

#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#define NUMBERS  64
#define COMMANDS 64

/* Calls that would do what they are told, and so end or stop the guest. */
static bool is_obeyed(unsigned int number, unsigned int command)
{
    switch (number) {
    case __HYPERVISOR_iret:
    case __HYPERVISOR_sched_op_compat: /* shuts down by plain numbers */
        return true;
    case __HYPERVISOR_sched_op:
        return command == SCHEDOP_block;
    case __HYPERVISOR_vcpu_op:
        return command == VCPUOP_down || command == VCPUOP_send_nmi;
    default:
        return false;
    }
}

/* The run-length text "0-3:-14,4:-38" of the answers of one call. */
static char text[4096];
static size_t text_used;

static void text_add(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text_used += format_text(text + text_used, sizeof(text) - text_used, format, args);
    va_end(args);
}

static void text_run(unsigned int from, unsigned int to, long answer)
{
    const char *comma = text_used ? "," : "";

    if (from == to)
        text_add("%s%u:%ld", comma, from, answer);
    else
        text_add("%s%u-%u:%ld", comma, from, to, answer);
}

/* Tries all commands of one hypercall with one pointer and reports the answers as one word. */
static void try_commands(unsigned int number, const char *kind, uint64_t pointer)
{
    long last = 0, answer;
    unsigned int from = 0;
    char name[32];

    text_used = 0;
    for (unsigned int command = 0; command < COMMANDS; command++) {
        /* The answer of a skipped call is the one before it, so that runs stay short. */
        answer = is_obeyed(number, command)
                     ? last
                     : hypercall5(number, command, pointer, pointer, pointer, pointer);
        if (command && answer != last) {
            text_run(from, command - 1, last);
            from = command;
        }
        last = answer;
    }
    text_run(from, COMMANDS - 1, last);
    size_t used = text_used;
    text_used = 0;
    char copy[1024];
    memcpy(copy, text, used < sizeof(copy) ? used + 1 : sizeof(copy));
    copy[sizeof(copy) - 1] = '\0';
    text_add("%u_%s", number, kind);
    memcpy(name, text, text_used + 1);
    report_answer_text(name, copy);
}

/* Brings back what some calls, rightly, did. */
static void restore(void)
{
    hypercall1(__HYPERVISOR_fpu_taskswitch, 0);
    hypercall1(__HYPERVISOR_set_timer_op, 0);
    hypercall2(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0);
    trap_init();
}

static void try_all(const char *kind, uint64_t pointer)
{
    for (unsigned int number = 0; number < NUMBERS; number++) {
        if (number == __HYPERVISOR_iret || number == __HYPERVISOR_sched_op_compat)
            continue;
        try_commands(number, kind, pointer);
        restore();
    }
    EXPECT(hypercall2(__HYPERVISOR_xen_version, XENVER_version, 0), 4 << 16 | 17);
}

BEHAVIOUR(null, "every command of every hypercall with null pointers")
{
    try_all("null", 0);
}

BEHAVIOUR(unmapped, "every command of every hypercall with pointers to unmapped memory")
{
    try_all("unmapped", 0x123456789000);
}

BEHAVIOUR(hypervisor, "every command of every hypercall with pointers into the hypervisor")
{
    try_all("hypervisor", 0xffff82d040200000);
}

BEHAVIOUR(pointer_first, "every hypercall with a bad pointer as its first argument")
{
    static const uint64_t pointers[] = {0x123456789000, 0xffff82d040200000, 0x8000000000000000};
    static const char *const kinds[] = {"unmapped", "hypervisor", "non_canonical"};

    for (unsigned int kind = 0; kind < 3; kind++) {
        text_used = 0;
        for (unsigned int number = 0; number < NUMBERS; number++) {
            if (is_obeyed(number, 0) || number == __HYPERVISOR_stack_switch)
                continue;
            text_run(number, number, hypercall4(number, pointers[kind], 1, 0, DOMID_SELF));
            restore();
        }
        report_answer_text(kinds[kind], text);
    }
    restore();
}

BEHAVIOUR(beyond, "numbers past the last are not there")
{
    for (unsigned int number = 56; number < NUMBERS; number++)
        EXPECT(hypercall5(number, 0, 0, 0, 0, 0), -XEN_ENOSYS);
}

BEHAVIOUR(alive, "after all that, time passes, memory is ours and pages can be typed")
{
    uint64_t start = clock_now(), *page = page_alloc();

    while (clock_now() < start + 1000000)
        ;
    REQUIRE(page_protect(page, PROT_RO), 0);
    EXPECT(mmuext(MMUEXT_PIN_L1_TABLE, page_mfn(page)), 0);
    EXPECT(mmuext(MMUEXT_UNPIN_TABLE, page_mfn(page)), 0);
    EXPECT(page_protect(page, PROT_RW), 0);
    page_free(page);
}
