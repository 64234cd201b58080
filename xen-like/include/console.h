/* SPDX-License-Identifier: MIT */
/*
 * Console: the log ring (read by `xl dmesg`), the serial line and who owns its input.
 * Messages carry a level; loglvl=/guest_loglvl= choose what is printed. Everything is kept in the
 * ring.
 */
#ifndef CORBEL_CONSOLE_H
#define CORBEL_CONSOLE_H

#include <stdarg.h>

#include "types.h"

struct domain;

enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Prints one formatted message of the hypervisor's own; a newline is expected at its end. Any
 * context. */
void printk(enum log_level level, const char *fmt, ...) printf_like(2, 3);
/*
 * A message caused by a guest: prefixed "dN: ", rate-limited to 10 lines a second for each domain
 * (the number suppressed is told afterwards), under guest_loglvl=. `d` may be NULL.
 */
void guest_printk(const struct domain *d, enum log_level level, const char *fmt, ...)
    printf_like(3, 4);
/* Guest text (console_io): to the serial line and the ring as it is, without prefix. */
void console_write_guest(const char *text, size_t len);
/*
 * Copies log text from byte number *index on (numbers only grow; older text may be gone: *index
 * moves up) and advances *index. `clear`: later readers that start at 0 see only what comes after.
 * Returns the bytes copied.
 */
size_t console_ring_read(uint64_t *index, char *buf, size_t n, bool clear);
void console_init_early(void);
/* Shows all on the screen too, once device memory can be mapped; until dom0 starts (vga=keep:
 * beyond). */
void console_init_screen(void);
void console_leave_screen(void);
/* Takes the serial interrupt once IRQs work. */
void console_init_irq(void);
/* Makes every message visible at once on the serial line, also without levels (panic). */
void console_force(void);

/* Prints the message with a backtrace and stops or reboots the machine (noreboot). Never returns.
 */
void panic(const char *fmt, ...) printf_like(1, 2) noreturn;
#define BUG_ON(cond)                                                                               \
    do {                                                                                           \
        if (unlikely(cond))                                                                        \
            panic("BUG: %s at %s:%d\n", #cond, __FILE__, __LINE__);                                \
    } while (0)
#ifndef NDEBUG
#define ASSERT(cond) BUG_ON(!(cond))
#else
#define ASSERT(cond) ((void)sizeof(cond))
#endif

#endif
