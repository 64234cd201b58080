/* SPDX-License-Identifier: MIT */
/* Control operations on what is particular to x86 PV domains. */
#include "arch/context.h"
#include "arch/pv_mm.h"
#include "arch/time.h"
#include "control.h"
#include "guest.h"

int domctl_hypercall_init(struct domain *d, struct xen_domctl *op)
{
    gfn_t gfn = GFN(op->u.hypercall_init.gmfn);
    struct page_info *page;

    if (page_get_from_gfn(d, gfn, true, &page)) {
        if (page_get_from_gfn(d, gfn, false, &page))
            return -EINVAL;
        page_put(page);
        return -EPERM;
    }
    arch_fill_hypercall_page(page_to_virt(page));
    page_put_writable(page);
    return 0;
}

/* 32-bit PV is not offered, as under Xen with pv=no-32. */
int domctl_set_address_size(struct domain *d, struct xen_domctl *op)
{
    (void)d;
    if (op->u.address_size.size == 64)
        return 0;
    return op->u.address_size.size == 32 ? -EOPNOTSUPP : -EINVAL;
}

int domctl_get_address_size(struct domain *d, struct xen_domctl *op)
{
    (void)d;
    op->u.address_size.size = 64;
    return 0;
}

/* Values of tsc_mode (xl.cfg(5)). */
enum { TSC_MODE_DEFAULT = 0, TSC_MODE_NEVER_EMULATE = 2 };

/* Guests read the machine's own time stamp counter; emulating it is refused. */
int domctl_settscinfo(struct domain *d, struct xen_domctl *op)
{
    if (d == current->domain)
        return -EINVAL;
    if (op->u.tsc_info.tsc_mode > TSC_MODE_NEVER_EMULATE)
        return -EINVAL;
    if (op->u.tsc_info.tsc_mode != TSC_MODE_DEFAULT &&
        op->u.tsc_info.tsc_mode != TSC_MODE_NEVER_EMULATE)
        return -EOPNOTSUPP;
    d->tsc_mode = op->u.tsc_info.tsc_mode;
    return 0;
}

int domctl_gettscinfo(struct domain *d, struct xen_domctl *op)
{
    if (d == current->domain)
        return -EINVAL;
    op->u.tsc_info = (struct xen_domctl_tsc_info){
        .tsc_mode = d->tsc_mode, .gtsc_khz = tsc_khz, .elapsed_nsec = (uint64_t)time_now()};
    return 0;
}

/* What a saver must know of a frame: page table of which level, pinned, or not there at all. */
static xen_pfn_t frame_type(struct domain *d, gfn_t gfn)
{
    static const uint32_t tables[] = {XEN_DOMCTL_PFINFO_NOTAB, XEN_DOMCTL_PFINFO_L1TAB,
                                      XEN_DOMCTL_PFINFO_L2TAB, XEN_DOMCTL_PFINFO_L3TAB,
                                      XEN_DOMCTL_PFINFO_L4TAB};
    struct page_info *page;
    uint32_t type;

    if (page_get_from_gfn(d, gfn, false, &page))
        return XEN_DOMCTL_PFINFO_XTAB;
    if (page->count & PGC_HEAP) {
        type = XEN_DOMCTL_PFINFO_XTAB;
    } else {
        /* A frame remembers its last type; it is one only while it is used. */
        unsigned int level = page->type & PGT_COUNT ? pgt_level(page->type) : 0;
        type = level < ARRAY_SIZE(tables) ? tables[level] : 0;
        if (page->type & PGT_PINNED)
            type |= XEN_DOMCTL_PFINFO_LPINTAB;
    }
    page_put(page);
    return type;
}

int domctl_getpageframeinfo3(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_getpageframeinfo3 *info = &op->u.getpageframeinfo3;
    xen_pfn_t pfn;

    if (info->num > 1024)
        return -E2BIG;
    for (unsigned int i = 0; i < info->num; i++) {
        if (copy_from_guest_at(&pfn, info->array, i, 1))
            return -EFAULT;
        pfn = frame_type(d, GFN(pfn));
        if (copy_to_guest_at(info->array, i, &pfn, 1))
            return -EFAULT;
    }
    return 0;
}

/*
 * No shadow paging and no log-dirty mode: to ask which pages were written finds a bitmap of no
 * pages, as under Xen while that mode is off.
 */
int domctl_shadow_op(struct domain *d, struct xen_domctl *op)
{
    if (d == current->domain)
        return -EINVAL;
    switch (op->u.shadow_op.op) {
    case XEN_DOMCTL_SHADOW_OP_CLEAN:
    case XEN_DOMCTL_SHADOW_OP_PEEK:
        op->u.shadow_op.pages = 0;
        op->u.shadow_op.stats = (struct xen_domctl_shadow_op_stats){0};
        return 0;
    case XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY:
        return -EOPNOTSUPP;
    default:
        return -EINVAL;
    }
}
