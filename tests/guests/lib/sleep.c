/* SPDX-License-Identifier: MIT */
/* sleep: by the one-shot timer and its VIRQ. */
#include "sleep.h"

#include "runtime/clock.h"
#include "runtime/event.h"
#include "runtime/hypercall.h"

#include <xen/vcpu.h>

static long port;

static void woken(uint32_t which, void *data)
{
    (void)which;
    (void)data;
}

bool sleep_prepare(void)
{
    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_stop_periodic_timer, 0, 0);
    port = event_bind_virq(VIRQ_TIMER, 0);
    if (port <= 0)
        return false;
    event_disable();
    event_set_handler((uint32_t)port, woken, 0);
    return true;
}

long sleep_end(void)
{
    event_set_handler((uint32_t)port, 0, 0);
    return event_close((uint32_t)port);
}

void sleep_for(uint64_t ns)
{
    struct vcpu_set_singleshot_timer timer = {.timeout_abs_ns = clock_now() + ns};

    hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_set_singleshot_timer, 0, (uint64_t)(uintptr_t)&timer);
    event_wait();
}
