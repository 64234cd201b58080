/* SPDX-License-Identifier: MIT */
/* Hypercall mmuext_op: pinning, base pointers, TLB and LDT operations. One small function an
 * operation. */
#include "arch/pv_mm.h"
#include "arch/tlb.h"
#include "arch/cpu.h"
#include "arch/protect.h"
#include "arch/pv_desc.h"
#include "arch/smp.h"
#include "console.h"
#include "guest.h"
#include "hypercall.h"
#include "lib/string.h"

static int pin_table(struct mmuext_op *op, struct domain *d)
{
    mfn_t mfn = MFN(op->arg1.mfn);
    uint64_t type = (uint64_t)(op->cmd - MMUEXT_PIN_L1_TABLE + 1) << 60;
    int rc = page_get_table(d, mfn, type, true);

    if (rc)
        return rc;
    struct page_info *pg = mfn_to_page(mfn);
    if (__atomic_fetch_or(&pg->type, PGT_PINNED, __ATOMIC_SEQ_CST) & PGT_PINNED) {
        page_put_table(current,
                       pg); /* not the last use: the pin has one, unless it goes just now */
        return -EINVAL;
    }
    return 0; /* the pin keeps the use and the reference */
}

static int unpin_table(struct mmuext_op *op, struct domain *d)
{
    mfn_t mfn = MFN(op->arg1.mfn);
    if (!mfn_valid(mfn) || !page_get(mfn_to_page(mfn), d))
        return -EINVAL;
    struct page_info *pg = mfn_to_page(mfn);
    if (!(__atomic_fetch_and(&pg->type, ~PGT_PINNED, __ATOMIC_SEQ_CST) & PGT_PINNED)) {
        page_put(pg);
        return -EINVAL;
    }
    page_put(pg); /* ours; next, the pin's */
    page_put_table(current, pg);
    return 0;
}

int pv_new_baseptr(struct vcpu *v, mfn_t l4)
{
    paddr_t next = mfn_to_paddr(l4), old = v->arch.cr3_kernel;

    if (next == old) {
        tlb_flush_all();
        return 0;
    }
    int rc = page_get_table(v->domain, l4, PGT_L4, true);
    if (rc)
        return rc;
    v->arch.cr3_kernel = next;
    pv_load_cr3(v);
    if (v->arch.ldt_mapped)
        pv_ldt_unmap(v);
    page_put_table(v, mfn_to_page(paddr_to_mfn(old)));
    return 0;
}

static int new_baseptr(struct mmuext_op *op, struct domain *d)
{
    return d == current->domain ? pv_new_baseptr(current, MFN(op->arg1.mfn)) : -EPERM;
}

static int new_user_baseptr(struct mmuext_op *op, struct domain *d)
{
    struct vcpu *v = current;
    paddr_t old = v->arch.cr3_user;

    if (d != v->domain)
        return -EPERM;
    if (op->arg1.mfn) {
        int rc = page_get_table(d, MFN(op->arg1.mfn), PGT_L4, true);
        if (rc)
            return rc;
    }
    v->arch.cr3_user = mfn_to_paddr(MFN(op->arg1.mfn));
    xpti_forget();
    if (old)
        page_put_table(v, mfn_to_page(paddr_to_mfn(old)));
    return 0;
}

int pv_vcpus_to_cpus(const struct domain *d, uint64_t bitmap, struct cpumask *cpus)
{
    uint64_t vcpus[DOMAIN_MAX_VCPUS / 64];

    *cpus = (struct cpumask){{0}};
    if (guest_read(vcpus, bitmap, (d->max_vcpus + 63) / 64 * sizeof(vcpus[0])))
        return -EFAULT;
    /* A vCPU that comes to a CPU after this look finds nothing old there: a switch flushes all. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        const struct vcpu *v = d->vcpu[i];

        if ((vcpus[i / 64] >> i % 64 & 1) && v && READ_ONCE(v->is_running))
            cpumask_set(cpus, READ_ONCE(v->cpu));
    }
    return 0;
}

void pv_flush_cpus(const struct cpumask *cpus, const uint64_t *page)
{
    struct cpumask others = *cpus;
    unsigned int me = cpu_number();

    if (page && cpumask_test(&others, me)) {
        cpumask_clear(&others, me);
        if (guest_range_ok(*page, 1))
            tlb_flush_one(*page);
    }
    if (!cpumask_empty(&others))
        tlb_flush_cpus(&others);
}

static int flush_tlb_local(struct mmuext_op *op, struct domain *d)
{
    (void)op;
    (void)d;
    tlb_flush_all();
    return 0;
}

static int invlpg_local(struct mmuext_op *op, struct domain *d)
{
    (void)d;
    if (guest_range_ok(op->arg1.linear_addr, 1))
        tlb_flush_one(op->arg1.linear_addr);
    return 0;
}

/* Which CPUs the MULTI and ALL forms of an operation mean. */
static int flush_target(const struct mmuext_op *op, const struct domain *d, struct cpumask *cpus)
{
    *cpus = d->dirty_cpus;
    if (op->cmd != MMUEXT_TLB_FLUSH_MULTI && op->cmd != MMUEXT_INVLPG_MULTI)
        return 0;
    return pv_vcpus_to_cpus(current->domain, guest_handle_addr(op->arg2.vcpumask), cpus) ? -EINVAL
                                                                                         : 0;
}

static int flush_tlb(struct mmuext_op *op, struct domain *d)
{
    struct cpumask cpus;
    int rc = flush_target(op, d, &cpus);

    if (rc)
        return rc;
    if (op->cmd == MMUEXT_TLB_FLUSH_ALL && d != current->domain)
        return -EPERM;
    pv_flush_cpus(&cpus, NULL);
    return 0;
}

static int invlpg(struct mmuext_op *op, struct domain *d)
{
    uint64_t va = op->arg1.linear_addr;
    struct cpumask cpus;
    int rc = flush_target(op, d, &cpus);

    if (rc == 0)
        pv_flush_cpus(&cpus, &va);
    return rc;
}

static void write_back_caches(void *data)
{
    (void)data;
    __asm__ volatile("wbinvd" ::: "memory");
}

static int flush_cache(struct mmuext_op *op, struct domain *d)
{
    if (d != current->domain)
        return -EPERM;
    if (!d->is_control)
        return -EACCES;
    if (op->cmd == MMUEXT_FLUSH_CACHE_GLOBAL)
        smp_call(&cpu_online_map, write_back_caches, NULL);
    else
        write_back_caches(NULL);
    return 0;
}

static int set_ldt(struct mmuext_op *op, struct domain *d)
{
    if (d != current->domain)
        return -EPERM;
    return pv_set_ldt(current, op->arg1.linear_addr, op->arg2.nr_ents);
}

static int clear_or_copy(struct mmuext_op *op, struct domain *d)
{
    struct page_info *dst, *src = NULL;
    int rc = page_get_from_gfn(d, GFN(op->arg1.mfn), true, &dst);
    if (rc)
        return rc;
    if (op->cmd == MMUEXT_COPY_PAGE) {
        rc = page_get_from_gfn(d, GFN(op->arg2.src_mfn), false, &src);
        if (!rc)
            memcpy(page_to_virt(dst), page_to_virt(src), PAGE_SIZE);
    } else
        memset(page_to_virt(dst), 0, PAGE_SIZE);
    if (src)
        page_put(src);
    page_put_writable(dst);
    return rc;
}

static int (*const mmuext_ops[])(struct mmuext_op *, struct domain *) = {
    [MMUEXT_PIN_L1_TABLE] = pin_table,
    [MMUEXT_PIN_L2_TABLE] = pin_table,
    [MMUEXT_PIN_L3_TABLE] = pin_table,
    [MMUEXT_PIN_L4_TABLE] = pin_table,
    [MMUEXT_UNPIN_TABLE] = unpin_table,
    [MMUEXT_NEW_BASEPTR] = new_baseptr,
    [MMUEXT_NEW_USER_BASEPTR] = new_user_baseptr,
    [MMUEXT_TLB_FLUSH_LOCAL] = flush_tlb_local,
    [MMUEXT_TLB_FLUSH_MULTI] = flush_tlb,
    [MMUEXT_TLB_FLUSH_ALL] = flush_tlb,
    [MMUEXT_INVLPG_LOCAL] = invlpg_local,
    [MMUEXT_INVLPG_MULTI] = invlpg,
    [MMUEXT_INVLPG_ALL] = invlpg,
    [MMUEXT_FLUSH_CACHE] = flush_cache,
    [MMUEXT_FLUSH_CACHE_GLOBAL] = flush_cache,
    [MMUEXT_SET_LDT] = set_ldt,
    [MMUEXT_CLEAR_PAGE] = clear_or_copy,
    [MMUEXT_COPY_PAGE] = clear_or_copy,
};

static int one_op(uint64_t addr, struct domain *d)
{
    struct mmuext_op op;
    int rc = deferred_put_run(current);

    if (rc || (rc = guest_read(&op, addr, sizeof(op))))
        return rc;
    if (op.cmd >= ARRAY_SIZE(mmuext_ops) || !mmuext_ops[op.cmd])
        return -ENOSYS;
    return mmuext_ops[op.cmd](&op, d);
}

int64_t hc_mmuext_op(HC_ARGS)
{
    unsigned int count = (uint32_t)a2 & ~MMU_UPDATE_PREEMPTED, i, prior = 0;
    int rc = 0;
    (void)a5;

    if (((uint32_t)a2 & MMU_UPDATE_PREEMPTED) && a3 && guest_read(&prior, a3, sizeof(prior)))
        return -EFAULT;
    struct domain *d = current->domain;
    if ((domid_t)a4 != DOMID_SELF && !(d = pv_page_owner_for((domid_t)a4, &rc)))
        return rc;
    for (i = 0; i < count; i++) {
        rc = i && hypercall_preempt_check() ? -ERESTART_HYPERCALL
                                            : one_op(a1 + i * sizeof(struct mmuext_op), d);
        if (rc)
            break;
    }
    if (a3) {
        unsigned int done = prior + i;
        if (guest_write(a3, &done, sizeof(done)))
            return -EFAULT;
    }
    if (rc == -ERESTART_HYPERCALL)
        return hypercall_restart(__HYPERVISOR_mmuext_op, a1 + i * sizeof(struct mmuext_op),
                                 (count - i) | MMU_UPDATE_PREEMPTED, a3, a4, 0);
    return rc;
}
