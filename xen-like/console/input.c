/* SPDX-License-Identifier: MIT */
/* Input of the serial line: a ring for dom0; three times Ctrl-A moves it to the debug keys and
 * back. */
#include "console.h"
#include "console_input.h"
#include "debug.h"
#include "domain.h"
#include "event.h"

#define SWITCH_CHAR  1 /* Ctrl-A */
#define SWITCH_COUNT 3
#define INPUT_SIZE   256

static char input[INPUT_SIZE], keys[16];
static unsigned int in_head, in_tail, n_keys, n_switch;
static bool to_hypervisor;

void console_input_char(char c)
{
    if (c == SWITCH_CHAR) {
        if (++n_switch == SWITCH_COUNT) {
            n_switch = 0;
            to_hypervisor = !to_hypervisor;
            printk(LOG_ERR, "*** Serial input to %s (type 'CTRL-a' three times to switch input)\n",
                   to_hypervisor ? "Corbel" : "DOM0");
            return;
        }
    } else
        n_switch = 0;
    if (to_hypervisor) {
        if (n_keys < sizeof(keys))
            keys[n_keys++] = c;
    } else if (in_head - in_tail < INPUT_SIZE)
        input[in_head++ % INPUT_SIZE] = c;
    softirq_raise(SOFTIRQ_CONSOLE);
}

void console_input_softirq(void)
{
    for (unsigned int i = 0; i < n_keys; i++)
        console_key_press(keys[i]);
    n_keys = 0;
    if (in_head != in_tail && dom0)
        send_guest_global_virq(dom0, VIRQ_CONSOLE);
}

size_t console_input_read(char *buf, size_t n)
{
    size_t done = 0;
    while (done < n && in_tail != in_head)
        buf[done++] = input[in_tail++ % INPUT_SIZE];
    return done;
}
