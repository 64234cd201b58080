/* SPDX-License-Identifier: MIT */
/*
 * platform_op (<xen/platform.h>): the control domain's view of CPUs, firmware, clock and power.
 * What Corbel does not do (microcode, changing MTRRs, frequencies, EFI's runtime services) is
 * refused with the errno Xen 4.17 gives where that feature is absent.
 */
#include "arch/acpi.h"
#include "arch/cpu.h"
#include "arch/power.h"
#include "arch/smp.h"
#include "arch/vcpu_areas.h"
#include "control/control.h"
#include "debug.h"
#include "domain.h"
#include "efi.h"
#include "guest.h"
#include "hypercall.h"
#include "lib/string.h"

#include "platform.h"

#define BIOS_KEYBOARD_FLAGS 0x417 /* BIOS data area: what int 16h function 2 returns */

#define RESOURCE_ENTRIES_MAX 3
#define MSR_TSC              0x10

#define CPUID1_EDX_MTRR  (1u << 12)
#define MSR_MTRR_CAP     0xfe
#define MTRR_CAP_COUNT   0xff
#define MSR_MTRR_BASE(n) (0x200 + 2 * (n)) /* its mask follows */
#define MTRR_MASK_VALID  (1u << 11)

#define APIC_IDS_MAX 1024 /* Xen's limits */
#define PXM_MAX      256

static int op_settime(uint64_t seconds, uint32_t nanoseconds, uint64_t system_time)
{
    struct domain *d;

    time_set_wallclock(seconds, nanoseconds, (s_time_t)system_time);
    for_each_domain (d)
        update_domain_wallclock(d);
    return 0;
}

static int op_settime32(xen_platform_op_t *op)
{
    const xenpf_settime32_t *t = &op->u.settime32;

    return op_settime(t->secs, t->nsecs, t->system_time);
}

static int op_settime64(xen_platform_op_t *op)
{
    const xenpf_settime64_t *t = &op->u.settime64;

    return t->mbz ? -EINVAL : op_settime(t->secs, t->nsecs, t->system_time);
}

static int op_quirk(xen_platform_op_t *op)
{
    switch (op->u.platform_quirk.quirk_id) {
    case QUIRK_NOIRQBALANCING:    /* interrupts are never moved */
    case QUIRK_IOAPIC_BAD_REGSEL: /* the register is selected anew for each access */
    case QUIRK_IOAPIC_GOOD_REGSEL:
        return 0;
    default:
        return -EINVAL;
    }
}

/* The caller's buffer has room for bufsz bytes; what does not fit is cut, the end is a zero. */
static int write_vendor(union xenpf_efi_info *info)
{
    uint32_t n = MIN(info->vendor.bufsz / 2, (uint32_t)EFI_VENDOR_MAX);

    info->vendor.revision = efi_info.vendor_revision;
    return n && guest_write(guest_handle_addr(info->vendor.name), efi_info.vendor, n * 2) ? -EFAULT
                                                                                          : 0;
}

static int op_efi_info(uint32_t index, union xenpf_efi_info *info)
{
    const struct efi_region *region;

    switch (index) {
    case XEN_FW_EFI_VERSION:
        info->version = efi_info.revision;
        return 0;
    case XEN_FW_EFI_CONFIG_TABLE:
        info->cfg.addr = efi_info.tables;
        info->cfg.nent = efi_info.n_tables;
        return 0;
    case XEN_FW_EFI_VENDOR:
        return write_vendor(info);
    case XEN_FW_EFI_MEM_INFO:
        region = efi_find_region(info->mem.addr);
        if (!region)
            return -ESRCH;
        info->mem.size = region->start + (region->n_pages << PAGE_SHIFT) - info->mem.addr;
        info->mem.attr = region->attributes;
        info->mem.type = region->type;
        return 0;
    case XEN_FW_EFI_RT_VERSION: /* runtime services are not called */
        return -EOPNOTSUPP;
    default: /* option ROMs and Apple's properties are read before boot services end */
        return -EINVAL;
    }
}

static int op_firmware_info(xen_platform_op_t *op)
{
    xenpf_firmware_info_t *info = &op->u.firmware_info;

    switch (info->type) {
    case XEN_FW_DISK_INFO: /* real-mode BIOS calls are not made */
    case XEN_FW_DISK_MBR_SIGNATURE:
    case XEN_FW_VBEDDC_INFO:
        return -ESRCH;
    case XEN_FW_EFI_INFO:
        return efi_info.is_present ? op_efi_info(info->index, &info->u.efi_info) : -ENOSYS;
    case XEN_FW_KBD_SHIFT_FLAGS:
        if (info->index != 0)
            return -ESRCH;
        info->u.kbd_shift_flags = *(const volatile uint8_t *)paddr_to_virt(BIOS_KEYBOARD_FLAGS);
        return 0;
    default:
        return -EINVAL;
    }
}

static int op_enter_sleep(xen_platform_op_t *op)
{
    const xenpf_enter_acpi_sleep_t *sleep = &op->u.enter_acpi_sleep;

    if (sleep->flags & XENPF_ACPI_SLEEP_EXTENDED)
        return -EPERM; /* no hardware-reduced ACPI */
    if (sleep->flags || sleep->sleep_state == 0 || sleep->sleep_state > 5)
        return -EINVAL;
    if (sleep->sleep_state != 5)
        return -EOPNOTSUPP; /* suspend is not there yet */
    int rc = power_set_soft_off(sleep->val_a, sleep->val_b);

    if (rc == 0) {
        machine_power_off();
        rc = -EIO; /* it returned */
    }
    return rc;
}

static int op_get_cpuinfo(xen_platform_op_t *op)
{
    xenpf_pcpuinfo_t *info = &op->u.pcpu_info;
    uint32_t cpu = info->xen_cpuid;

    info->max_present = smp_cpu_count() - 1;
    if (cpu >= smp_cpu_count()) {
        info->flags = XEN_PCPU_FLAGS_INVALID;
        return 0;
    }
    info->apic_id = smp_apic_id(cpu);
    info->acpi_id = acpi_id_of(info->apic_id);
    info->flags = cpumask_test(&cpu_online_map, cpu) ? XEN_PCPU_FLAGS_ONLINE : 0;
    return 0;
}

static int op_get_cpu_version(xen_platform_op_t *op)
{
    xenpf_pcpu_version_t *version = &op->u.pcpu_version;
    struct cpuid_regs vendor = cpu_cpuid(0, 0);
    uint32_t eax = cpu_cpuid(1, 0).a;

    version->max_present = smp_cpu_count() - 1;
    memset(version->vendor_id, 0, sizeof(version->vendor_id));
    version->family = version->model = version->stepping = 0;
    if (!cpumask_test(&cpu_online_map, version->xen_cpuid))
        return 0; /* not running: nothing is known of it */
    memcpy(version->vendor_id, &vendor.b, 4);
    memcpy(version->vendor_id + 4, &vendor.d, 4);
    memcpy(version->vendor_id + 8, &vendor.c, 4);
    version->family = eax >> 8 & 0xf;
    version->model = eax >> 4 & 0xf;
    version->stepping = eax & 0xf;
    if (version->family == 6 || version->family == 15)
        version->model |= eax >> 12 & 0xf0;
    if (version->family == 15)
        version->family += eax >> 20 & 0xff;
    return 0;
}

static int op_cpu_online(xen_platform_op_t *op)
{
    uint32_t cpu = op->u.cpu_ol.cpuid;

    if (cpu >= smp_cpu_count())
        return -EINVAL;
    return cpumask_test(&cpu_online_map, cpu) ? 0 : cpu_online(cpu);
}

static int op_cpu_offline(xen_platform_op_t *op)
{
    uint32_t cpu = op->u.cpu_ol.cpuid;

    if (cpu == 0) /* it stays */
        return -EOPNOTSUPP;
    if (cpu >= smp_cpu_count())
        return -EINVAL;
    return cpumask_test(&cpu_online_map, cpu) ? cpu_offline(cpu) : 0;
}

/* CPUs that firmware did not list at boot are not added; those it did are there. */
static int op_cpu_hotadd(xen_platform_op_t *op)
{
    const struct xenpf_cpu_hotadd *add = &op->u.cpu_add;

    if (add->apic_id >= APIC_IDS_MAX || add->acpi_id >= APIC_IDS_MAX || add->pxm >= PXM_MAX)
        return -EINVAL;
    for (unsigned int cpu = 0; cpu < smp_cpu_count(); cpu++)
        if (smp_apic_id(cpu) == add->apic_id)
            return -EEXIST;
    return -EOPNOTSUPP;
}

/* A variable memory type register as firmware left it (Intel SDM 3, "MTRRs"). */
static int op_read_memtype(xen_platform_op_t *op)
{
    struct xenpf_read_memtype *t = &op->u.read_memtype;
    uint64_t cap, base, mask, bits = ((1ul << (cpu_cpuid(0x80000008, 0).a & 0xff)) - 1);

    if (!(cpu_cpuid(1, 0).d & CPUID1_EDX_MTRR) || cpu_rdmsr_safe(MSR_MTRR_CAP, &cap) ||
        t->reg >= (cap & MTRR_CAP_COUNT) || cpu_rdmsr_safe(MSR_MTRR_BASE(t->reg), &base) ||
        cpu_rdmsr_safe(MSR_MTRR_BASE(t->reg) + 1, &mask))
        return -EINVAL;
    t->mfn = t->nr_mfns = t->type = 0;
    if (!(mask & MTRR_MASK_VALID))
        return 0;
    t->mfn = (base & bits) >> PAGE_SHIFT;
    t->nr_mfns = ((~mask & bits) >> PAGE_SHIFT) + 1;
    t->type = base & 0xff;
    return 0;
}

/* The hypervisor's own symbols, one after the other, for dom0's profilers. */
static int op_get_symbol(xen_platform_op_t *op)
{
    xenpf_symdata_t *s = &op->u.symdata;
    const char *name;
    uint32_t n;

    if (s->symnum > symbol_count())
        return -ERANGE;
    s->type = '?';
    s->address = 0;
    if (s->symnum == symbol_count()) {
        s->namelen = 0;
        return 0; /* the number stays: that was the last */
    }
    name = symbol_get(s->symnum++, &s->address);
    s->type = 'T'; /* only code is listed */
    n = (uint32_t)strlen(name) + 1;
    if (copy_to_guest(s->name, name, MIN(n, s->namelen)))
        return -EFAULT;
    s->namelen = n;
    return 0;
}

static int op_mem_hotadd(xen_platform_op_t *op)
{
    return op->u.mem_add.spfn >= op->u.mem_add.epfn ? -EINVAL : -EOPNOTSUPP;
}

static int op_core_parking(xen_platform_op_t *op)
{
    xenpf_core_parking_t *parking = &op->u.core_parking;

    if (parking->type == XEN_CORE_PARKING_GET) {
        parking->idle_nums = 0;
        return 0;
    }
    if (parking->type != XEN_CORE_PARKING_SET)
        return -EINVAL;
    return parking->idle_nums == 0 ? 0 : -EOPNOTSUPP;
}

/* One register access: only the time of day by the TSC, which is what CPU monitoring tools stamp
 * samples with. */
static int resource_access(xenpf_resource_entry_t *e)
{
    if (e->rsvd)
        return -EINVAL;
    if (e->u.cmd != XEN_RESOURCE_OP_MSR_READ && e->u.cmd != XEN_RESOURCE_OP_MSR_WRITE)
        return -EOPNOTSUPP;
    if (e->idx >> 32)
        return -EINVAL;
    if (e->idx != MSR_TSC || e->u.cmd != XEN_RESOURCE_OP_MSR_READ)
        return -EACCES;
    e->val = (uint64_t)time_now();
    return 0;
}

static int op_resource(xen_platform_op_t *op)
{
    const xenpf_resource_op_t *r = &op->u.resource_op;
    xenpf_resource_entry_t entries[RESOURCE_ENTRIES_MAX];
    uint32_t done = 0;

    if (r->nr_entries == 0)
        return 0;
    if (r->nr_entries > RESOURCE_ENTRIES_MAX)
        return -EINVAL;
    if (copy_from_guest(entries, r->entries, r->nr_entries))
        return -EFAULT;
    if (!cpumask_test(&cpu_online_map, r->cpu))
        return -ENODEV;
    for (; done < r->nr_entries; done++) {
        int rc = resource_access(&entries[done]);

        entries[done].u.ret = rc;
        if (rc)
            break;
    }
    if (copy_to_guest(r->entries, entries, MIN(done + 1, r->nr_entries)))
        return -EFAULT;
    return (int)done;
}

static int op_enosys(xen_platform_op_t *op __attribute__((unused)))
{
    return -ENOSYS;
}

static int op_einval(xen_platform_op_t *op __attribute__((unused)))
{
    return -EINVAL;
}

/* fn returns a value >= 0 on success; has_results: the structure is then copied out. */
static const struct platform_call {
    int (*fn)(xen_platform_op_t *op);
    bool has_results;
} calls[] = {
    [XENPF_settime32] = {op_settime32, false},
    [XENPF_settime64] = {op_settime64, false},
    [XENPF_add_memtype] = {op_einval, false},
    [XENPF_del_memtype] = {op_einval, false},
    [XENPF_read_memtype] = {op_read_memtype, true},
    [XENPF_microcode_update] = {op_einval, false},
    [XENPF_platform_quirk] = {op_quirk, false},
    [XENPF_efi_runtime_call] = {op_enosys, false},
    [XENPF_firmware_info] = {op_firmware_info, true},
    [XENPF_enter_acpi_sleep] = {op_enter_sleep, false},
    [XENPF_change_freq] = {op_enosys, false},
    [XENPF_getidletime] = {op_enosys, false}, /* only where the control domain drives frequencies */
    [XENPF_set_processor_pminfo] = {platform_set_pminfo, false},
    [XENPF_get_cpuinfo] = {op_get_cpuinfo, true},
    [XENPF_get_cpu_version] = {op_get_cpu_version, true},
    [XENPF_cpu_online] = {op_cpu_online, false},
    [XENPF_cpu_offline] = {op_cpu_offline, false},
    [XENPF_cpu_hotadd] = {op_cpu_hotadd, false},
    [XENPF_mem_hotadd] = {op_mem_hotadd, false},
    [XENPF_core_parking] = {op_core_parking, true},
    [XENPF_resource_op] = {op_resource, false},
    [XENPF_get_symbol] = {op_get_symbol, true},
};

/* a1 = address of struct xen_platform_op. */
int64_t hc_platform_op(HC_ARGS)
{
    xen_platform_op_t op;

    if (guest_read(&op, a1, sizeof(op)))
        return -EFAULT;
    if (op.interface_version != XENPF_INTERFACE_VERSION)
        return -EACCES;
    if (!current->domain->is_control)
        return -EPERM;
    if (op.cmd >= ARRAY_SIZE(calls) || !calls[op.cmd].fn)
        return -ENOSYS;
    if (!control_begin())
        return hypercall_wait(__HYPERVISOR_platform_op, a1, a2, a3, a4, a5);
    int rc = calls[op.cmd].fn(&op);

    control_end();
    if (rc == -ERESTART_HYPERCALL)
        return hypercall_restart(__HYPERVISOR_platform_op, a1, a2, a3, a4, a5);
    if (rc >= 0 && calls[op.cmd].has_results && guest_write(a1, &op, sizeof(op)))
        rc = -EFAULT;
    return rc;
}
