/* SPDX-License-Identifier: MIT */
/* Scheduling parameters and CPU time by domctl; runstates by vcpu_op. */
#define __XEN_TOOLS__ 1
#include "lib/control_op.h"
#include "lib/measure.h"
#include "lib/report.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"
#include "xen-like/abi/extensions.h"

#include <xen/domctl.h>
#include <xen/vcpu.h>

static struct xen_domctl op;

static long scheduler_op(domid_t id, uint32_t command, uint16_t weight, uint16_t cap)
{
    memset(&op, 0, sizeof(op));
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT2;
    op.u.scheduler_op.cmd = command;
    op.u.scheduler_op.u.credit2.weight = weight;
    op.u.scheduler_op.u.credit2.cap = cap;
    return domctl(&op, XEN_DOMCTL_scheduler_op, id);
}

bool child_set_parameters(const struct child *child, const struct parameters *p)
{
    long answer = scheduler_op(child->id, XEN_DOMCTL_SCHEDOP_putinfo, p->weight, p->cap);

    if (!answer && p->reservation)
        answer = scheduler_op(child->id, CORBEL_SCHEDOP_put_reservation, 0, p->reservation);
    if (answer)
        report_error("weight %u, cap %u, reservation %u of domain %u: %ld", p->weight, p->cap,
                     p->reservation, child->id, answer);
    return answer == 0;
}

uint64_t child_cpu_time(const struct child *child)
{
    if (domctl(&op, XEN_DOMCTL_getdomaininfo, child->id) || op.domain != child->id)
        guest_panic("domain %u is gone", child->id);
    return op.u.getdomaininfo.cpu_time;
}

uint64_t own_cpu_time(unsigned int id)
{
    struct vcpu_runstate_info info;

    if (hypercall3(__HYPERVISOR_vcpu_op, VCPUOP_get_runstate_info, id, arg(&info)))
        return 0;
    return info.time[RUNSTATE_running];
}
