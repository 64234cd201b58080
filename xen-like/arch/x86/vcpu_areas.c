/* SPDX-License-Identifier: MIT */
/* pvclock, wall clock and runstate areas of guests. */
#include "arch/pv_mm.h"
#include "arch/smp.h"
#include "arch/time.h"
#include "arch/vcpu_areas.h"
#include "domain.h"
#include "lib/string.h"

static void fill_time(struct vcpu_time_info *t)
{
    /* The version is odd while the rest changes: readers try again. */
    WRITE_ONCE(t->version, (t->version | 1));
    barrier();
    t->tsc_timestamp = time_scale.tsc_base;
    t->system_time = 0;
    t->tsc_to_system_mul = time_scale.mul_frac;
    t->tsc_shift = (int8_t)time_scale.shift;
    t->flags = smp_tscs_agree() ? XEN_PVCLOCK_TSC_STABLE_BIT : 0;
    barrier();
    WRITE_ONCE(t->version, t->version + 1);
}

void vcpu_time_publish(struct vcpu *v)
{
    fill_time(&v->vcpu_info->time);
}

void update_domain_wallclock(struct domain *d)
{
    shared_info_t *s = d->shared_info;
    uint64_t sec;
    uint32_t nsec;

    if (!s)
        return;
    time_get_wallclock(&sec, &nsec);
    sec += (uint64_t)(int64_t)d->time_offset_seconds;
    WRITE_ONCE(s->wc_version, s->wc_version | 1);
    barrier();
    s->wc_sec = (uint32_t)sec;
    s->wc_nsec = nsec;
    s->wc_sec_hi = (uint32_t)(sec >> 32);
    barrier();
    WRITE_ONCE(s->wc_version, s->wc_version + 1);
}

/*
 * Writes at an address of the guest's kernel whichever address space is loaded: the vCPU may be
 * about to run user space. What the guest does not have mapped writable there is not written; that
 * is its loss.
 */
static void write_kernel_memory(const struct vcpu *v, uint64_t va, const void *src, size_t len)
{
    while (len) {
        size_t n = MIN(len, PAGE_SIZE - (va & (PAGE_SIZE - 1)));
        struct page_info *pt;
        const uint64_t *slot = pv_walk_l1(v, va, &pt);
        uint64_t entry = slot ? READ_ONCE(*slot) : 0;
        mfn_t mfn = paddr_to_mfn(entry & PTE_ADDR);

        if ((entry & (PTE_P | PTE_W)) != (PTE_P | PTE_W) || !mfn_valid(mfn) ||
            !page_get_writable(mfn_to_page(mfn), v->domain))
            return;
        memcpy((char *)mfn_to_virt(mfn) + (va & (PAGE_SIZE - 1)), src, n);
        page_put_writable(mfn_to_page(mfn));
        va += n;
        src = (const char *)src + n;
        len -= n;
    }
}

void vcpu_resume_guest_areas(struct vcpu *v)
{
    /* Domain builders clear the shared page after we filled it. */
    if (unlikely(v->vcpu_info->time.tsc_to_system_mul != time_scale.mul_frac))
        vcpu_time_publish(v);
    if (unlikely(v->domain->shared_info->wc_sec == 0))
        update_domain_wallclock(v->domain);
    if (v->runstate_guest)
        write_kernel_memory(v, v->runstate_guest, &v->runstate, sizeof(v->runstate));
    if (v->time_guest)
        write_kernel_memory(v, v->time_guest, &v->vcpu_info->time, sizeof(v->vcpu_info->time));
}
