/* SPDX-License-Identifier: MIT */
/* From the first C line to guest_main() and on to the guest's end. */
#include "runtime/start.h"
#include "runtime/console.h"
#include "runtime/event.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/trap.h"

struct start_info *start_info;

void runtime_start(struct start_info *info);

void runtime_start(struct start_info *info)
{
    start_info = info;
    paging_init();
    event_init();
    trap_init();
    guest_main();
    guest_end(SHUTDOWN_poweroff);
}

bool guest_has_word(const char *word)
{
    const char *at = (const char *)start_info->cmd_line;
    size_t length = strlen(word);

    while (*at) {
        if (!strncmp(at, word, length) && (at[length] == ' ' || !at[length]))
            return true;
        while (*at && *at != ' ')
            at++;
        while (*at == ' ')
            at++;
    }
    return false;
}

void guest_end(unsigned int reason)
{
    struct sched_shutdown shutdown = {.reason = guest_is_dom0() ? SHUTDOWN_reboot : reason};

    console_flush();
    for (;;)
        hypercall2(__HYPERVISOR_sched_op, SCHEDOP_shutdown, arg(&shutdown));
}

void guest_panic(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print("PANIC: ");
    print_args(format, args);
    print("\n");
    va_end(args);
    guest_end(SHUTDOWN_crash);
}
