/* SPDX-License-Identifier: MIT */
/* sched_op, vcpu_op and set_timer_op (<xen/sched.h>, <xen/vcpu.h>). */
#include "arch/context.h"
#include "arch/trap.h"
#include "arch/vcpu_areas.h"
#include "console.h"
#include "domain.h"
#include "event.h"
#include "guest.h"
#include "hypercall.h"
#include "arch/cpu.h"

#define POLL_PORTS_MAX 128

/* Whether there is something for `v` to do, with its events unmasked. */
static bool wakes(const struct vcpu *v)
{
    return READ_ONCE(v->vcpu_info->evtchn_upcall_pending) || pv_nmi_is_due(v);
}

static int64_t block(struct vcpu *v)
{
    v->vcpu_info->evtchn_upcall_mask = 0;
    if (wakes(v))
        return 0;
    /* Asleep first: whoever makes an event pending after our look then sees that it must wake us.
     */
    vcpu_set_flag(v, VPF_BLOCKED);
    if (wakes(v))
        vcpu_clear_flag(v, VPF_BLOCKED);
    return 0;
}

static int64_t poll(struct vcpu *v, uint64_t arg)
{
    struct sched_poll p;

    if (guest_read(&p, arg, sizeof(p)))
        return -EFAULT;
    if (p.nr_ports > POLL_PORTS_MAX)
        return -EINVAL;
    v->poll_port = 0;
    vcpu_set_flag(v, VPF_POLLING);
    for (unsigned int i = 0; i < p.nr_ports; i++) {
        evtchn_port_t port;
        int rc = copy_from_guest_at(&port, p.ports, i, 1);
        if (!rc)
            rc = evtchn_port_is_pending(v->domain, port);
        if (rc) { /* pending, or an error */
            vcpu_clear_flag(v, VPF_POLLING);
            return rc > 0 ? 0 : rc;
        }
        if (p.nr_ports == 1)
            v->poll_port = port;
    }
    /* It came before the flag that lets its sender wake us. */
    if (pv_nmi_is_due(v) || (!READ_ONCE(v->vcpu_info->evtchn_upcall_mask) &&
                             READ_ONCE(v->vcpu_info->evtchn_upcall_pending)))
        vcpu_clear_flag(v, VPF_POLLING);
    else if (p.timeout)
        timer_set(&v->poll_timer, (s_time_t)p.timeout);
    return 0;
}

static int64_t remote_shutdown(uint64_t arg)
{
    struct sched_remote_shutdown s;

    if (guest_read(&s, arg, sizeof(s)))
        return -EFAULT;
    if (!current->domain->is_control)
        return -EPERM;
    struct domain *d = domain_find(s.domain_id);
    if (!d)
        return -ESRCH;
    domain_shutdown(d, (uint8_t)s.reason);
    return 0;
}

static int watchdog(struct domain *d, uint64_t arg)
{
    struct sched_watchdog w;

    return guest_read(&w, arg, sizeof(w)) ? -EFAULT : domain_watchdog(d, w.id, w.timeout);
}

int64_t hc_sched_op(HC_ARGS)
{
    struct vcpu *v = current;
    struct sched_shutdown s;
    (void)a3, (void)a4, (void)a5;

    switch (a1) {
    case SCHEDOP_yield:
        sched_yield_current();
        return 0;
    case SCHEDOP_block:
        return block(v);
    case SCHEDOP_poll:
        return poll(v, a2);
    case SCHEDOP_shutdown:
    case SCHEDOP_shutdown_code:
        if (guest_read(&s, a2, sizeof(s)))
            return -EFAULT;
        if (a1 == SCHEDOP_shutdown) {
            if (s.reason == SHUTDOWN_crash && v->domain != dom0)
                domain_crash(v->domain, "asked for by the guest\n");
            domain_shutdown(v->domain, (uint8_t)s.reason);
        } else
            v->domain->shutdown_code = (uint8_t)s.reason;
        return 0;
    case SCHEDOP_remote_shutdown:
        return remote_shutdown(a2);
    case SCHEDOP_watchdog:
        return watchdog(v->domain, a2);
    case SCHEDOP_pin_override:
        return current->domain->is_control ? -ENOSYS : -EPERM;
    default:
        return -ENOSYS;
    }
}

int64_t hc_set_timer_op(HC_ARGS)
{
    struct vcpu *v = current;
    (void)a2, (void)a3, (void)a4, (void)a5;

    if (a1 == 0)
        timer_stop(&v->singleshot);
    else
        timer_set(&v->singleshot, (s_time_t)MIN(a1, (uint64_t)STIME_MAX));
    return 0;
}

/* --- vcpu_op --- */

static int64_t initialise(struct vcpu *v, uint64_t arg)
{
    /* Too large for the stack; freed before we return. */
    vcpu_guest_context_t *ctx;
    int rc;

    if (v->domain->vcpu[0] == NULL || v == current)
        return -EINVAL;
    ctx = mm_alloc(sizeof(*ctx));
    if (!ctx)
        return -ENOMEM;
    if (!spin_trylock(&v->domain->lock)) {
        /* Two vCPUs may bring up the same third; its tables take the other as long as they are
         * large. */
        rc = -ERESTART_HYPERCALL;
        cpu_relax();
    } else {
        if (v->is_initialised)
            rc = -EEXIST;
        else
            rc = guest_read(ctx, arg, sizeof(*ctx)) ? -EFAULT : arch_vcpu_set_context(v, ctx);
        spin_unlock(&v->domain->lock);
    }
    mm_free(ctx);
    if (rc == -ERESTART_HYPERCALL)
        return hypercall_restart(__HYPERVISOR_vcpu_op, VCPUOP_initialise, v->id, arg, 0, 0);
    return rc;
}

static int64_t set_singleshot(struct vcpu *v, uint64_t arg)
{
    struct vcpu_set_singleshot_timer t;

    if (v != current)
        return -EINVAL;
    if (guest_read(&t, arg, sizeof(t)))
        return -EFAULT;
    /* VCPU_SSHOTTMR_future may be ignored (<xen/vcpu.h>), and is: a past time fires at once. */
    timer_set(&v->singleshot, (s_time_t)MIN(t.timeout_abs_ns, (uint64_t)STIME_MAX));
    return 0;
}

static int64_t set_periodic(struct vcpu *v, uint64_t arg)
{
    struct vcpu_set_periodic_timer t;

    if (guest_read(&t, arg, sizeof(t)))
        return -EFAULT;
    if (t.period_ns < (uint64_t)MILLISECS(1) || t.period_ns > (uint64_t)STIME_MAX / 2)
        return -EINVAL;
    v->periodic_period = (s_time_t)t.period_ns;
    timer_set(&v->periodic, time_now() + v->periodic_period);
    return 0;
}

static int64_t register_info(struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_vcpu_info r;

    if (guest_read(&r, arg, sizeof(r)))
        return -EFAULT;
    int rc = vcpu_register_info(v, r.mfn, r.offset);
    if (!rc)
        vcpu_time_publish(v);
    return rc;
}

static int64_t register_runstate(struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_runstate_memory_area a;

    if (guest_read(&a, arg, sizeof(a)))
        return -EFAULT;
    if (!guest_range_ok(a.addr.p, sizeof(v->runstate)))
        return -EINVAL;
    v->runstate_guest = a.addr.p;
    if (v == current && guest_write(a.addr.p, &v->runstate, sizeof(v->runstate)))
        return 0; /* as Xen: the area is registered whether it is mapped now or not */
    return 0;
}

static int64_t get_runstate(struct vcpu *v, uint64_t arg)
{
    vcpu_runstate_info_t info;

    sched_get_runstate(v, &info);
    return guest_write(arg, &info, sizeof(info));
}

static int64_t register_time(struct vcpu *v, uint64_t arg)
{
    struct vcpu_register_time_memory_area a;

    if (guest_read(&a, arg, sizeof(a)))
        return -EFAULT;
    if (!guest_range_ok(a.addr.p, sizeof(struct vcpu_time_info)))
        return -EINVAL;
    v->time_guest = a.addr.p;
    if (v == current)
        vcpu_resume_guest_areas(v);
    return 0;
}

static bool any_vcpu_up(const struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        if (!(v->pause_flags & VPF_DOWN))
            return true;
    }
    return false;
}

int64_t hc_vcpu_op(HC_ARGS)
{
    struct domain *d = current->domain;
    (void)a4, (void)a5;

    if (a2 >= d->max_vcpus || !d->vcpu[a2])
        return -ENOENT;
    struct vcpu *v = d->vcpu[a2];
    switch (a1) {
    case VCPUOP_initialise:
        return initialise(v, a3);
    case VCPUOP_up:
        if (!v->is_initialised)
            return -EINVAL;
        vcpu_clear_flag(v, VPF_DOWN);
        return 0;
    case VCPUOP_down:
        vcpu_set_flag(v, VPF_DOWN);
        if (!any_vcpu_up(d))
            domain_shutdown(d, SHUTDOWN_poweroff); /* nobody is left to bring one up */
        return 0;
    case VCPUOP_is_up:
        return !(v->pause_flags & VPF_DOWN);
    case VCPUOP_get_runstate_info:
        return get_runstate(v, a3);
    case VCPUOP_register_runstate_memory_area:
        return register_runstate(v, a3);
    case VCPUOP_set_periodic_timer:
        return set_periodic(v, a3);
    case VCPUOP_stop_periodic_timer:
        v->periodic_period = 0;
        timer_stop(&v->periodic);
        return 0;
    case VCPUOP_set_singleshot_timer:
        return set_singleshot(v, a3);
    case VCPUOP_stop_singleshot_timer:
        if (v != current)
            return -EINVAL;
        timer_stop(&v->singleshot);
        return 0;
    case VCPUOP_register_vcpu_info:
        return register_info(v, a3);
    case VCPUOP_register_vcpu_time_memory_area:
        return register_time(v, a3);
    case VCPUOP_send_nmi:
        if (a3)
            return -EINVAL;
        pv_raise_nmi(v);
        return 0;
    case VCPUOP_get_physid:
        return -EINVAL;
    default:
        return -ENOSYS;
    }
}
