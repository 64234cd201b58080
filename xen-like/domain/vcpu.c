/* SPDX-License-Identifier: MIT */
/* vCPUs: creation, pause flags, vCPU info. */
#include "domain.h"
#include "console.h"
#include "event.h"
#include "rooms.h"
#include "arch/smp.h"
#include "lib/string.h"

static void singleshot_expired(void *data)
{
    send_guest_vcpu_virq(data, VIRQ_TIMER);
}

static void periodic_expired(void *data)
{
    struct vcpu *v = data;
    send_guest_vcpu_virq(v, VIRQ_TIMER);
    if (v->periodic_period)
        timer_set(&v->periodic, time_now() + v->periodic_period);
}

static void poll_expired(void *data)
{
    vcpu_clear_flag(data, VPF_POLLING);
}

struct vcpu *vcpu_create(struct domain *d, unsigned int id)
{
    struct vcpu *v = mm_alloc(sizeof(*v));

    if (!v)
        return NULL;
    v->domain = d;
    v->id = id;
    v->pause_flags = VPF_DOWN | (d->pause_count ? VPF_PAUSED : 0);
    v->vcpu_info = id < XEN_LEGACY_MAX_VCPUS ? &d->shared_info->vcpu_info[id] : &v->private_info;
    v->runstate.state = RUNSTATE_offline;
    v->runstate.state_entry_time = (uint64_t)time_now();
    timer_init(&v->singleshot, singleshot_expired, v);
    timer_init(&v->periodic, periodic_expired, v);
    timer_init(&v->poll_timer, poll_expired, v);
    for (unsigned int i = 0; i < n_domain_rooms; i++)
        if (domain_rooms[i]->vcpu_create && domain_rooms[i]->vcpu_create(v)) {
            mm_free(v->arch.traps);
            mm_free(v->arch.fpu);
            mm_free(v);
            return NULL;
        }
    sched_vcpu_init(v);
    d->vcpu[id] = v;
    return v;
}

void vcpu_set_flag(struct vcpu *v, unsigned int flag)
{
    if (__atomic_fetch_or(&v->pause_flags, flag, __ATOMIC_SEQ_CST) == 0)
        sched_sleep(v);
}

void vcpu_clear_flag(struct vcpu *v, unsigned int flag)
{
    unsigned int before = __atomic_fetch_and(&v->pause_flags, ~flag, __ATOMIC_SEQ_CST);

    if (before && !(before & ~flag))
        sched_wake(v);
}

void vcpu_wake(struct vcpu *v)
{
    vcpu_clear_flag(v, VPF_BLOCKED | VPF_POLLING);
}

void vcpu_kick(struct vcpu *v)
{
    if (READ_ONCE(v->pause_flags) & (VPF_BLOCKED | VPF_POLLING))
        vcpu_clear_flag(v, VPF_BLOCKED | VPF_POLLING);
    else if (v != current && READ_ONCE(v->is_running) && READ_ONCE(v->cpu) != cpu_number())
        smp_notify(v->cpu); /* in its guest it would not see the event */
}

void vcpu_pause(struct vcpu *v)
{
    spin_lock(&v->domain->pause_lock);
    v->pause_count++;
    vcpu_set_flag(v, VPF_PAUSED);
    spin_unlock(&v->domain->pause_lock);
    sched_wait_saved(v);
}

void vcpu_unpause(struct vcpu *v)
{
    spin_lock(&v->domain->pause_lock);
    if (v->pause_count && --v->pause_count == 0 && v->domain->pause_count == 0)
        vcpu_clear_flag(v, VPF_PAUSED);
    spin_unlock(&v->domain->pause_lock);
}

/* Caller holds the domain's lock. */
static int register_info(struct vcpu *v, uint64_t mfn, uint32_t offset)
{
    struct page_info *pg;

    /* Another's may only be moved while it is down. */
    if (v != current && !(READ_ONCE(v->pause_flags) & VPF_DOWN))
        return -EINVAL;
    if (v->vcpu_info_page || offset > PAGE_SIZE - sizeof(vcpu_info_t) || (offset & 7))
        return -EINVAL;
    int rc = page_get_from_gfn(v->domain, GFN(mfn), true, &pg);
    if (rc)
        return rc;
    vcpu_info_t *info = (vcpu_info_t *)((char *)page_to_virt(pg) + offset);
    if (v->vcpu_info == &v->private_info) {
        memset(info, 0, sizeof(*info));
        info->evtchn_upcall_mask = 1;
    } else
        memcpy(info, v->vcpu_info, sizeof(*info));
    v->vcpu_info_page = pg;
    v->vcpu_info = info;
    /* Whatever came in between shows as a pending event on every selector. */
    info->evtchn_upcall_pending = 1;
    info->evtchn_pending_sel = ~0ul;
    return 0;
}

int vcpu_register_info(struct vcpu *v, uint64_t mfn, uint32_t offset)
{
    spin_lock(&v->domain->lock); /* two vCPUs may do it for the same third */
    int rc = register_info(v, mfn, offset);
    spin_unlock(&v->domain->lock);
    return rc;
}
