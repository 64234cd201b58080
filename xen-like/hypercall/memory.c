/* SPDX-License-Identifier: MIT */
/* memory_op: giving, taking and exchanging frames, and what the machine's memory looks like
 * (<xen/memory.h>). */
#include "compiler.h"

#include <xen/memory.h>

#include "arch/numa.h"
#include "arch/pv_mm.h"
#include "boot.h"
#include "console.h"
#include "domain.h"
#include "grant.h"
#include "guest.h"
#include "hypercall.h"
#include "lib/string.h"
#include "vnuma.h"

#define MEMOP_START_SHIFT                                                                          \
    6 /* the index already done is carried in the command's upper bits, as the ABI has it */
#define MEMOP_MASK        ((1u << MEMOP_START_SHIFT) - 1)
#define DOMU_ORDER_MAX    10
#define CONTROL_ORDER_MAX 12
#define E820_MAX          128

static struct domain *memory_subject(domid_t id, int *err)
{
    struct domain *d = domain_find(id);
    if (!d)
        *err = -ESRCH;
    else if (d != current->domain && !current->domain->is_control && current->domain->target != d) {
        *err = -EPERM;
        d = NULL;
    }
    return d;
}

static unsigned int order_max(void)
{
    return current->domain->is_control ? CONTROL_ORDER_MAX : DOMU_ORDER_MAX;
}

static int64_t restart(uint64_t cmd, uint64_t start, uint64_t arg)
{
    return hypercall_restart(__HYPERVISOR_memory_op, cmd | start << MEMOP_START_SHIFT, arg, 0, 0,
                             0);
}

/* Frames of the node named in `mem_flags`, else of those the domain prefers; fresh ones must not
 * tell their last owner's secrets. */
static struct page_info *alloc_near(const struct domain *d, unsigned int order, uint32_t mem_flags)
{
    unsigned int node = XENMEMF_get_node(mem_flags);
    bool is_named = node < numa_node_count();

    return heap_alloc_pages_node(
        order, XENMEMF_get_address_bits(mem_flags), is_named ? 1ul << node : d->nodes,
        HEAP_ZERO | (is_named && (mem_flags & XENMEMF_exact_node_request) ? HEAP_EXACT_NODE : 0));
}

static struct page_info *alloc_for(struct domain *d, unsigned int order, uint32_t mem_flags)
{
    struct page_info *pg = alloc_near(d, order, mem_flags);

    if (!pg)
        return NULL;
    if (page_assign(d, pg, order)) {
        heap_free_pages(pg, order);
        return NULL;
    }
    return pg;
}

static void m2p_fill(uint64_t mfn, unsigned int order, uint64_t gpfn, uint64_t step)
{
    for (uint64_t k = 0; k < 1ul << order; k++)
        m2p_table[mfn + k] = gpfn + k * step;
}

/* Gives `d` the block as its frames from `gpfn` on, or frees it. The M2P is written first: a vCPU
 * of `d` may give frames back as soon as it has them. */
static int assign_at(struct domain *d, struct page_info *pg, unsigned int order, xen_pfn_t gpfn)
{
    uint64_t mfn = page_to_mfn(pg).n;

    m2p_fill(mfn, order, gpfn, 1);
    int rc = page_assign(d, pg, order);
    if (rc) {
        m2p_fill(mfn, order, M2P_INVALID, 0);
        heap_free_pages(pg, order);
    }
    return rc;
}

static int populate_one(struct domain *d, const struct xen_memory_reservation *r, uint64_t i)
{
    xen_pfn_t gpfn;
    if (copy_from_guest_at(&gpfn, r->extent_start, i, 1))
        return -EFAULT;
    struct page_info *pg = alloc_near(d, r->extent_order, r->mem_flags);
    if (!pg || assign_at(d, pg, r->extent_order, gpfn))
        return -ENOMEM;
    uint64_t mfn = page_to_mfn(pg).n;
    return copy_to_guest_at(r->extent_start, i, &mfn, 1);
}

static int increase_one(struct domain *d, const struct xen_memory_reservation *r, uint64_t i)
{
    struct page_info *pg = alloc_for(d, r->extent_order, r->mem_flags);
    if (!pg)
        return -ENOMEM;
    uint64_t mfn = page_to_mfn(pg).n;
    return guest_handle_addr(r->extent_start) ? copy_to_guest_at(r->extent_start, i, &mfn, 1) : 0;
}

static int remove_frame(struct domain *d, uint64_t mfn)
{
    if (!mfn_valid(MFN(mfn)) || !page_get(mfn_to_page(MFN(mfn)), d))
        return -EINVAL;
    struct page_info *pg = mfn_to_page(MFN(mfn));
    page_release_allocation(pg);
    page_put(pg);
    return 0;
}

static int decrease_one(struct domain *d, const struct xen_memory_reservation *r, uint64_t i)
{
    xen_pfn_t mfn;
    if (copy_from_guest_at(&mfn, r->extent_start, i, 1))
        return -EFAULT;
    for (uint64_t k = 0; k < 1ul << r->extent_order; k++) {
        int rc = remove_frame(d, mfn + k);
        if (rc)
            return rc;
    }
    return 0;
}

/* Returns the number of extents done: that is the ABI's answer, short on any error. */
static int64_t reservation(uint64_t cmd, uint64_t start, uint64_t arg)
{
    struct xen_memory_reservation r;
    int rc = 0;

    if (guest_read(&r, arg, sizeof(r)))
        return -EFAULT;
    if (r.nr_extents > (UINT32_MAX >> MEMOP_START_SHIFT) || r.extent_order > order_max() ||
        start > r.nr_extents)
        return (int64_t)start;
    struct domain *d = memory_subject(r.domid, &rc);
    if (!d)
        return rc;
    for (uint64_t i = start; i < r.nr_extents; i++) {
        if (i != start && hypercall_preempt_check())
            return restart(cmd, i, arg);
        rc = cmd == XENMEM_populate_physmap       ? populate_one(d, &r, i)
             : cmd == XENMEM_increase_reservation ? increase_one(d, &r, i)
                                                  : decrease_one(d, &r, i);
        if (rc)
            return (int64_t)i;
    }
    return (int64_t)r.nr_extents;
}

/* --- exchange: frames in, other frames (often contiguous, low) out; used for DMA memory --- */

/* Takes the input extent's frames away from the domain into `taken`; all or none. */
static int exchange_steal(struct domain *d, uint64_t first, uint64_t count)
{
    for (uint64_t k = 0; k < count; k++) {
        struct page_info *pg = mfn_to_page(MFN(first + k));
        /* Only the allocation's reference and no type use: nobody has it mapped. */
        if (!mfn_valid(MFN(first + k)) || page_owner(pg) != d || pg->count != (PGC_ALLOCATED | 1) ||
            (pg->type & PGT_COUNT))
            return -EINVAL;
    }
    return 0;
}

static int exchange_round(struct domain *d, const struct xen_memory_exchange *x, uint64_t round)
{
    unsigned int in_order = x->in.extent_order, out_order = x->out.extent_order;
    uint64_t n_in = in_order < out_order ? 1ul << (out_order - in_order) : 1;
    uint64_t n_out = in_order < out_order ? 1 : 1ul << (in_order - out_order);
    struct page_info *fresh = NULL; /* the one output block, taken before anything changes */
    xen_pfn_t in, gpfn;

    /* First look at everything, so that nothing fails after the first change but memory for the
     * domain. */
    for (uint64_t i = 0; i < n_in; i++) {
        if (copy_from_guest_at(&in, x->in.extent_start, round * n_in + i, 1))
            return -EFAULT;
        int rc = exchange_steal(d, in, 1ul << in_order);
        if (rc)
            return rc;
    }
    if (n_out == 1) {
        fresh = alloc_near(d, out_order, x->out.mem_flags);
        if (!fresh)
            return -ENOMEM;
    }
    for (uint64_t i = 0; i < n_in; i++) {
        if (copy_from_guest_at(&in, x->in.extent_start, round * n_in + i, 1)) {
            if (n_out == 1)
                heap_free_pages(fresh, out_order);
            return -EFAULT;
        }
        for (uint64_t k = 0; k < 1ul << in_order; k++)
            if (exchange_steal(d, in + k, 1) == 0)
                remove_frame(d, in + k);
    }
    for (uint64_t i = 0; i < n_out; i++) {
        struct page_info *pg = fresh;
        if (n_out > 1) {
            pg = alloc_near(d, out_order, x->out.mem_flags);
            if (!pg)
                return -ENOMEM;
            memset(page_to_virt(pg), 0, PAGE_SIZE << out_order);
        }
        if (copy_from_guest_at(&gpfn, x->out.extent_start, round * n_out + i, 1)) {
            heap_free_pages(pg, out_order);
            return -EFAULT;
        }
        if (assign_at(d, pg, out_order, gpfn))
            return -ENOMEM;
        uint64_t mfn = page_to_mfn(pg).n;
        if (copy_to_guest_at(x->out.extent_start, round * n_out + i, &mfn, 1))
            return -EFAULT;
    }
    return 0;
}

static int64_t exchange(uint64_t arg)
{
    struct xen_memory_exchange x;
    int rc = 0;

    if (guest_read(&x, arg, sizeof(x)))
        return -EFAULT;
    unsigned int in = x.in.extent_order, out = x.out.extent_order;
    if (in > order_max() || out > order_max() || x.in.domid != x.out.domid)
        return in > order_max() || out > order_max() ? -EPERM : -EINVAL;
    if (x.in.nr_extents > (1ul << 40) || x.out.nr_extents > (1ul << 40) ||
        x.in.nr_extents << in != x.out.nr_extents << out || x.nr_exchanged > x.in.nr_extents)
        return -EINVAL;
    struct domain *d = memory_subject(x.in.domid, &rc);
    if (!d)
        return rc;
    uint64_t per_round = in < out ? 1ul << (out - in) : 1;
    if (x.in.nr_extents % per_round || x.nr_exchanged % per_round)
        return -EINVAL;
    for (uint64_t round = x.nr_exchanged / per_round; round < x.in.nr_extents / per_round;
         round++) {
        if (hypercall_preempt_check() && round != x.nr_exchanged / per_round) {
            x.nr_exchanged = round * per_round;
            if (guest_write(arg, &x, sizeof(x)))
                return -EFAULT;
            return restart(XENMEM_exchange, 0, arg);
        }
        rc = exchange_round(d, &x, round);
        if (rc) {
            uint64_t done = round * per_round;
            return guest_write(arg + offsetof(struct xen_memory_exchange, nr_exchanged), &done,
                               sizeof(done))
                       ? -EFAULT
                       : rc;
        }
    }
    x.nr_exchanged = x.in.nr_extents;
    return guest_write(arg + offsetof(struct xen_memory_exchange, nr_exchanged), &x.nr_exchanged,
                       sizeof(x.nr_exchanged));
}

/* --- maps and numbers --- */

struct e820_list {
    uint32_t n;
    struct {
        uint64_t addr, size;
        uint32_t type;
    } __attribute__((packed)) entry[];
};

static int64_t machine_memory_map(uint64_t arg)
{
    struct xen_memory_map map;

    if (!current->domain->is_control)
        return -EPERM;
    if (guest_read(&map, arg, sizeof(map)))
        return -EFAULT;
    /* As Xen, room is asked for one more region than there is. */
    if (map.nr_entries <= boot_info.n_regions)
        return -EINVAL;
    uint64_t dst = guest_handle_addr(map.buffer);
    uint32_t i;
    for (i = 0; i < boot_info.n_regions; i++) {
        struct {
            uint64_t addr, size;
            uint32_t type;
        } __attribute__((packed))
        e = {boot_info.region[i].addr, boot_info.region[i].len, boot_info.region[i].type};
        if (guest_write(dst + i * sizeof(e), &e, sizeof(e)))
            return -EFAULT;
    }
    map.nr_entries = i;
    return guest_write(arg, &map, sizeof(map));
}

static int64_t memory_map(uint64_t arg)
{
    struct xen_memory_map map;
    const struct e820_list *list = current->domain->arch.memory_map;

    if (!list)
        return -ENOSYS;
    if (guest_read(&map, arg, sizeof(map)))
        return -EFAULT;
    if (map.nr_entries < list->n)
        return -EINVAL;
    if (guest_write(guest_handle_addr(map.buffer), list->entry, list->n * sizeof(list->entry[0])))
        return -EFAULT;
    map.nr_entries = list->n;
    return guest_write(arg, &map, sizeof(map));
}

static int64_t set_memory_map(uint64_t arg)
{
    struct xen_foreign_memory_map f;
    int rc = 0;

    if (guest_read(&f, arg, sizeof(f)))
        return -EFAULT;
    if (f.map.nr_entries > E820_MAX)
        return -EINVAL;
    if (!current->domain->is_control)
        return -EPERM;
    struct domain *d = memory_subject(f.domid, &rc);
    if (!d)
        return rc;
    struct e820_list *list = mm_alloc(sizeof(*list) + f.map.nr_entries * sizeof(list->entry[0]));
    if (!list)
        return -ENOMEM;
    list->n = f.map.nr_entries;
    if (guest_read(list->entry, guest_handle_addr(f.map.buffer),
                   list->n * sizeof(list->entry[0]))) {
        mm_free(list);
        return -EFAULT;
    }
    mm_free(d->arch.memory_map);
    d->arch.memory_map = list;
    return 0;
}

static int64_t count_pages(uint64_t cmd, uint64_t arg)
{
    domid_t id;
    int rc = 0;

    if (guest_read(&id, arg, sizeof(id)))
        return -EFAULT;
    struct domain *d = memory_subject(id, &rc);
    if (!d)
        return rc;
    return cmd == XENMEM_current_reservation   ? (int64_t)d->n_pages
           : cmd == XENMEM_maximum_reservation ? (int64_t)d->max_pages
                                               : (int64_t)d->n_pages;
}

static int64_t machphys_mapping(uint64_t arg)
{
    struct xen_machphys_mapping m = {
        .v_start = M2P_GUEST_BASE, .v_end = M2P_GUEST_BASE + (1ul << 39), .max_mfn = max_page - 1};
    return guest_write(arg, &m, sizeof(m));
}

static int64_t machphys_mfn_list(uint64_t arg)
{
    struct xen_machphys_mfn_list l;
    uint32_t n = 0;

    if (guest_read(&l, arg, sizeof(l)))
        return -EFAULT;
    for (; (uint64_t)n * M2P_CHUNK_ENTRIES < max_page && n < l.max_extents; n++) {
        xen_pfn_t mfn = m2p_chunk(n).n;
        if (copy_to_guest_at(l.extent_start, n, &mfn, 1))
            return -EFAULT;
    }
    l.nr_extents = n;
    return guest_write(arg, &l, sizeof(l));
}

/* Grant-table frames of a domain under construction, for its toolstack. */
static int64_t acquire_resource(uint64_t arg)
{
    struct xen_mem_acquire_resource r;
    int rc = 0;

    if (guest_read(&r, arg, sizeof(r)))
        return -EFAULT;
    if (r.pad)
        return -EINVAL;
    if (!current->domain->is_control)
        return -EPERM;
    struct domain *d = r.domid == DOMID_SELF ? NULL : memory_subject(r.domid, &rc);
    if (!d)
        return rc ? rc : -ESRCH; /* others' only */
    if (r.type > XENMEM_resource_vmtrace_buf)
        return -EOPNOTSUPP;
    if (r.type != XENMEM_resource_grant_table || r.id != XENMEM_resource_grant_table_id_shared)
        return -EINVAL; /* what HVM guests have */
    if (!guest_handle_addr(r.frame_list)) {
        if (r.nr_frames)
            return -EINVAL;
        r.nr_frames = grant_table_max_frames(d);
        return guest_write(arg, &r, sizeof(r));
    }
    for (uint32_t i = 0; i < r.nr_frames; i++) {
        mfn_t mfn;
        if (r.frame + i < r.frame ||
            (rc = grant_table_get_frame(d, (unsigned int)(r.frame + i), &mfn)))
            return rc ? rc : -EINVAL;
        xen_pfn_t pfn = mfn.n;
        if (copy_to_guest_at(r.frame_list, i, &pfn, 1))
            return -EFAULT;
    }
    return 0;
}

static int64_t claim_pages(uint64_t arg)
{
    struct xen_memory_reservation r;
    int rc = 0;

    if (guest_read(&r, arg, sizeof(r)))
        return -EFAULT;
    if (!current->domain->is_control)
        return -EPERM;
    if (r.extent_order || guest_handle_addr(r.extent_start) || (r.nr_extents > max_page))
        return -EINVAL;
    struct domain *d = memory_subject(r.domid, &rc);
    if (!d)
        return rc;
    return page_claim(d, r.nr_extents > d->n_pages ? r.nr_extents - d->n_pages : 0);
}

/* Firmware reserves none that an IOMMU would have to know of. */
static int64_t reserved_device_memory(uint64_t arg)
{
    struct xen_reserved_device_memory_map map;

    if (guest_read(&map, arg, sizeof(map)))
        return -EFAULT;
    if (map.flags & ~XENMEM_RDM_ALL)
        return -EINVAL;
    map.nr_entries = 0;
    return guest_write(arg, &map, sizeof(map));
}

static int64_t vnuma_info(uint64_t start, uint64_t arg)
{
    struct xen_vnuma_topology_info info;
    int rc = 0;

    if (start)
        return -EINVAL;
    if (guest_read(&info, arg, sizeof(info)))
        return -EFAULT;
    if (info.pad)
        return -EINVAL;
    struct domain *d = memory_subject(info.domid, &rc);
    if (!d)
        return rc;
    rc = vnuma_tell(d, &info);
    if ((rc == 0 || rc == -ENOBUFS) && guest_write(arg, &info, sizeof(info)))
        return -EFAULT;
    return rc;
}

int64_t hc_memory_op(HC_ARGS)
{
    uint64_t cmd = a1 & MEMOP_MASK, start = (uint32_t)a1 >> MEMOP_START_SHIFT;
    (void)a3, (void)a4, (void)a5;

    switch (cmd) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return reservation(cmd, start, a2);
    case XENMEM_exchange:
        return exchange(a2);
    case XENMEM_maximum_ram_page:
        return (int64_t)max_page;
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
        return count_pages(cmd, a2);
    case XENMEM_machphys_mfn_list:
        return machphys_mfn_list(a2);
    case XENMEM_machphys_compat_mfn_list:
        return -EOPNOTSUPP; /* no guests of 32 bits */
    case XENMEM_reserved_device_memory_map:
        return reserved_device_memory(a2);
    case XENMEM_machphys_mapping:
        return machphys_mapping(a2);
    case XENMEM_memory_map:
        return memory_map(a2);
    case XENMEM_machine_memory_map:
        return machine_memory_map(a2);
    case XENMEM_set_memory_map:
        return set_memory_map(a2);
    case XENMEM_claim_pages:
        return claim_pages(a2);
    case XENMEM_acquire_resource:
        return acquire_resource(a2);
    case XENMEM_get_vnumainfo:
        return vnuma_info(start, a2);
    case XENMEM_get_sharing_freed_pages:
    case XENMEM_get_sharing_shared_pages:
        return 0;
    case XENMEM_add_to_physmap:
    case XENMEM_add_to_physmap_batch:
    case XENMEM_remove_from_physmap:
        return -EACCES; /* a PV guest keeps its own map */
    case XENMEM_set_pod_target:
    case XENMEM_get_pod_target:
    case XENMEM_access_op:
        return -EINVAL; /* for HVM guests */
    default:
        return -ENOSYS;
    }
}
