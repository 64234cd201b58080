/* SPDX-License-Identifier: MIT */
/* printk, the log ring, rate limits. */
#include "console.h"
#include "arch/cpu.h"
#include "arch/power.h"
#include "arch/smp.h"
#include "boot.h"
#include "console/screen.h"
#include "debug.h"
#include "domain.h"
#include "serial.h"
#include "spinlock.h"
#include "lib/format.h"
#include "lib/string.h"

#define RING_SIZE  (64u * 1024)
#define LINE_MAX   512
#define RATE_LINES 10

static char ring[RING_SIZE];
static uint64_t ring_head;    /* bytes ever written */
static uint64_t ring_cleared; /* readers that start anew begin here */
static struct spinlock console_lock = SPINLOCK_INIT(RANK_CONSOLE);
static bool serial_on, forced;

static void ring_write(const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ring[ring_head++ % RING_SIZE] = text[i];
}

static void emit(const char *text, size_t n, bool visible)
{
    bool alone = forced; /* the machine ends: whoever holds the lock may be stopped */

    if (!alone)
        spin_lock(&console_lock);
    ring_write(text, n);
    if (visible && serial_on)
        serial_write(text, n);
    if (visible)
        screen_write(text, n);
    if (!alone)
        spin_unlock(&console_lock);
}

static void print_line(enum log_level level, unsigned int threshold, const char *prefix,
                       const char *fmt, va_list args)
{
    char line[LINE_MAX];
    /* A message may be printed in parts: only the first of a line is marked as ours. */
    bool at_start = ring_head == 0 || ring[(ring_head - 1) % RING_SIZE] == '\n';
    size_t n = format_sn(line, sizeof(line), "%s%s", at_start ? "(XEN) " : "", prefix);

    n += format_vsn(line + n, sizeof(line) - n, fmt, args);
    n = MIN(n, sizeof(line) - 1);
    emit(line, n, forced || level <= threshold);
}

void printk(enum log_level level, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    print_line(level, boot_options.loglvl, "", fmt, args);
    va_end(args);
}

/* One window a second for all guests of an id; a flood of one does not hide the others. */
static bool rate_allows(unsigned int id, unsigned int *suppressed)
{
    static struct {
        s_time_t window;
        unsigned int lines, dropped;
    } rate[16];
    unsigned int slot = id % ARRAY_SIZE(rate);
    s_time_t now = time_now();

    *suppressed = 0;
    if (now - rate[slot].window > NSEC_PER_SEC) {
        *suppressed = rate[slot].dropped;
        rate[slot].window = now;
        rate[slot].lines = rate[slot].dropped = 0;
    }
    if (rate[slot].lines++ < RATE_LINES)
        return true;
    rate[slot].dropped++;
    return false;
}

void guest_printk(const struct domain *d, enum log_level level, const char *fmt, ...)
{
    char prefix[48];
    unsigned int suppressed;
    va_list args;

    if (!rate_allows(d ? d->id : 0xffff, &suppressed))
        return;
    format_sn(prefix, sizeof(prefix), d ? "d%u: " : "guest: ", d ? d->id : 0);
    if (suppressed)
        printk(level, "%s%u messages not shown\n", prefix, suppressed);
    va_start(args, fmt);
    print_line(level, boot_options.guest_loglvl, prefix, fmt, args);
    va_end(args);
}

void console_write_guest(const char *text, size_t len)
{
    emit(text, len, true);
}

size_t console_ring_read(uint64_t *index, char *buf, size_t n, bool clear)
{
    spin_lock(&console_lock);
    uint64_t oldest = ring_head > RING_SIZE ? ring_head - RING_SIZE : 0;
    uint64_t pos = MAX(*index, MAX(oldest, *index == 0 ? ring_cleared : 0));
    size_t done = 0;
    while (done < n && pos < ring_head)
        buf[done++] = ring[pos++ % RING_SIZE];
    if (clear)
        ring_cleared = ring_head;
    spin_unlock(&console_lock);
    *index = pos;
    return done;
}

void console_init_early(void)
{
    serial_init(boot_options.com1_baud);
    serial_on = true;
}

void console_init_screen(void)
{
    const struct boot_screen *s = &boot_info.screen;

    if (!screen_init()) {
        boot_info.screen.kind = BOOT_SCREEN_NONE; /* dom0 is told of none either */
        return;
    }
    if (!boot_options.console_vga) {
        screen_release();
        return;
    }
    screen_clear();
    spin_lock(&console_lock);
    for (uint64_t at = 0; at < ring_head; at++) /* what was said before */
        screen_write(&ring[at % RING_SIZE], 1);
    spin_unlock(&console_lock);
    if (s->kind == BOOT_SCREEN_FRAME)
        printk(LOG_INFO, "Screen: framebuffer %ux%ux%u at %#lx\n", s->width, s->height, s->bits,
               s->base);
}

void console_leave_screen(void)
{
    if (!boot_options.vga_keep)
        screen_release();
}

void console_init_irq(void)
{
    serial_irq_init();
}

void console_force(void)
{
    forced = true;
}

void panic(const char *fmt, ...)
{
    char line[LINE_MAX];
    va_list args;

    smp_stop_others();
    console_force();
    va_start(args, fmt);
    format_vsn(line, sizeof(line), fmt, args);
    va_end(args);
    printk(LOG_ERR, "\n");
    printk(LOG_ERR, "****************************************\n");
    printk(LOG_ERR, "Panic: %s", line);
    backtrace_print((uint64_t)__builtin_return_address(0), (uint64_t)__builtin_frame_address(0));
    printk(LOG_ERR, "****************************************\n");
    if (boot_options.noreboot) {
        printk(LOG_ERR, "'noreboot' given: the machine stays halted.\n");
        machine_halt();
    }
    machine_restart();
}
