/* SPDX-License-Identifier: MIT */
/* Console output and input: console_io for dom0, the shared ring for a domU. */
#include "runtime/console.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"

void console_write(const char *text, size_t length)
{
    hypercall3(__HYPERVISOR_console_io, CONSOLEIO_write, length, arg(text));
}

size_t console_read(char *buffer, size_t size)
{
    long got = hypercall3(__HYPERVISOR_console_io, CONSOLEIO_read, size, arg(buffer));

    return got > 0 ? (size_t)got : 0;
}

void print_args(const char *format, va_list args)
{
    char line[512];

    console_write(line, format_text(line, sizeof(line), format, args));
}

void print(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_args(format, args);
    va_end(args);
}
