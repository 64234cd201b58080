/* SPDX-License-Identifier: MIT */
/* console_io: the emergency console of dom0 (<xen/xen.h>, CONSOLEIO_*). */
#include "console.h"
#include "console_input.h"
#include "domain.h"
#include "guest.h"
#include "hypercall.h"

#define CHUNK 128

static int64_t console_write(uint32_t count, uint64_t src)
{
    char buf[CHUNK];

    while (count) {
        uint32_t n = MIN(count, (uint32_t)CHUNK);
        if (guest_read(buf, src, n))
            return -EFAULT;
        console_write_guest(buf, n);
        count -= n;
        src += n;
        if (count && hypercall_preempt_check())
            return hypercall_restart(__HYPERVISOR_console_io, CONSOLEIO_write, count, src, 0, 0);
    }
    return 0;
}

int64_t hc_console_io(HC_ARGS)
{
    char buf[CHUNK];
    (void)a4, (void)a5;

    if (!current->domain->is_control)
        return -EPERM;
    switch (a1) {
    case CONSOLEIO_write:
        return console_write((uint32_t)a2, a3);
    case CONSOLEIO_read: {
        if ((int32_t)a2 < 0)
            return -E2BIG;
        size_t n = console_input_read(buf, MIN((size_t)(uint32_t)a2, sizeof(buf)));
        return guest_write(a3, buf, n) ? -EFAULT : (int64_t)n;
    }
    default:
        return -ENOSYS;
    }
}
