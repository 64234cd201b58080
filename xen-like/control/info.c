/* SPDX-License-Identifier: MIT */
/* What tools see of a domain; bitmaps in tools' memory. */
#include "arch/cpu.h"
#include "arch/numa.h"
#include "control.h"
#include "guest.h"
#include "lib/string.h"

/* One control operation at a time: lists of domains, sets of vCPUs and machine settings stay still
 * in it. */
static struct spinlock control_lock = SPINLOCK_INIT(RANK_DOMCTL);

bool control_begin(void)
{
    return spin_trylock(&control_lock);
}

void control_end(void)
{
    spin_unlock(&control_lock);
}

/* Bits of a guest physical address: CPUID 0x80000008, guest's if told apart, else the machine's. */
static uint8_t guest_address_bits(void)
{
    uint32_t sizes = cpu_cpuid(0x80000008, 0).a;

    return (uint8_t)(sizes >> 16 & 0xff ? sizes >> 16 & 0xff : sizes & 0xff);
}

/* Adds up vCPUs; returns the flags they make: blocked when all online ones are. */
static uint32_t describe_vcpus(const struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    uint32_t flags = XEN_DOMINF_blocked;
    struct vcpu *v;

    info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
    for_each_vcpu (d, v) {
        info->cpu_time += sched_vcpu_runtime(v);
        info->max_vcpu_id = v->id;
        if (v->pause_flags & VPF_DOWN)
            continue;
        if (!(v->pause_flags & (VPF_BLOCKED | VPF_POLLING)))
            flags &= ~XEN_DOMINF_blocked;
        if (v->is_running)
            flags |= XEN_DOMINF_running;
        info->nr_online_vcpus++;
    }
    return info->nr_online_vcpus ? flags : 0;
}

void control_domain_info(const struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    /* Looked at once: it may shut down meanwhile. Xen keeps all ones as "no code yet". */
    bool is_shut_down = __atomic_load_n(&d->is_shut_down, __ATOMIC_ACQUIRE);
    uint32_t code = is_shut_down ? d->shutdown_code : ~0u;

    memset(info, 0, sizeof(*info));
    info->domain = d->id;
    info->flags = describe_vcpus(d, info) | code << XEN_DOMINF_shutdownshift;
    if (d->is_dying)
        info->flags |= XEN_DOMINF_dying;
    if (is_shut_down)
        info->flags |= XEN_DOMINF_shutdown;
    if (d->controller_pauses)
        info->flags |= XEN_DOMINF_paused;
    if (d->createflags & XEN_DOMCTL_CDF_xs_domain)
        info->flags |= XEN_DOMINF_xs_domain;
    info->tot_pages = d->n_pages;
    info->max_pages = d->max_pages;
    info->outstanding_pages = d->n_outstanding;
    info->shr_pages = d->n_shared_pages;
    info->shared_info_frame = d->shared_info ? virt_to_mfn(d->shared_info).n : INVALID_MFN.n;
    info->ssidref = d->ssidref;
    memcpy(info->handle, d->handle, sizeof(info->handle));
    info->cpupool = d->pool;
    info->gpaddr_bits = guest_address_bits();
}

int control_read_bitmap(const struct xenctl_bitmap *map, uint64_t *bits)
{
    uint32_t n_bits = MIN(map->nr_bits, 64u);

    *bits = 0;
    if (guest_read(bits, guest_handle_addr(map->bitmap), (n_bits + 7) / 8))
        return -EFAULT;
    if (n_bits < 64)
        *bits &= (1ul << n_bits) - 1;
    return 0;
}

int control_write_bitmap(const struct xenctl_bitmap *map, uint64_t bits)
{
    uint64_t n_bytes = ((uint64_t)map->nr_bits + 7) / 8, n_low = MIN(n_bytes, sizeof(bits));
    uint64_t addr = guest_handle_addr(map->bitmap);

    if (map->nr_bits < 64)
        bits &= (1ul << map->nr_bits) - 1;
    if (guest_write(addr, &bits, n_low) || guest_clear(addr + n_low, n_bytes - n_low))
        return -EFAULT;
    return 0;
}

int control_read_cpumask(const struct xenctl_bitmap *map, struct cpumask *cpus)
{
    uint32_t n_bits = MIN(map->nr_bits, (uint32_t)CPU_MAX);

    *cpus = (struct cpumask){{0}};
    if (guest_read(cpus->word, guest_handle_addr(map->bitmap), (n_bits + 7) / 8))
        return -EFAULT;
    for (uint32_t cpu = n_bits; cpu < ROUND_UP(n_bits, 8); cpu++)
        cpumask_clear(cpus, cpu);
    return 0;
}

int control_write_cpumask(const struct xenctl_bitmap *map, const struct cpumask *cpus)
{
    uint64_t n_bytes = ((uint64_t)map->nr_bits + 7) / 8, n_low = MIN(n_bytes, sizeof(cpus->word));
    uint64_t addr = guest_handle_addr(map->bitmap);
    struct cpumask out = *cpus;

    for (uint32_t cpu = map->nr_bits; cpu < CPU_MAX; cpu++)
        cpumask_clear(&out, cpu);
    if (guest_write(addr, out.word, n_low) || guest_clear(addr + n_low, n_bytes - n_low))
        return -EFAULT;
    return 0;
}

uint64_t control_all_nodes(void)
{
    unsigned int n = numa_node_count();

    return n < 64 ? (1ul << n) - 1 : ~0ul;
}
