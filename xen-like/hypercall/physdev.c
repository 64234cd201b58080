/* SPDX-License-Identifier: MIT */
/*
 * physdev_op (<xen/physdev.h>): interrupts and PCI functions, for the control domain but for what
 * is marked "any". Each operation's structure is copied in once, checked, acted on, and copied out
 * where it has results.
 */
#include "arch/acpi.h"
#include "arch/apic.h"
#include "event.h"
#include "guest.h"
#include "hypercall.h"
#include "irq.h"
#include "lib/string.h"

#include <xen/physdev.h>

union physdev_arg {
    physdev_eoi_t eoi;
    physdev_pirq_eoi_gmfn_t eoi_gmfn;
    physdev_irq_status_query_t status;
    physdev_set_iopl_t iopl;
    physdev_set_iobitmap_t iobitmap;
    physdev_apic_t apic;
    physdev_irq_t irq;
    physdev_map_pirq_t map;
    physdev_unmap_pirq_t unmap;
    physdev_manage_pci_t manage;
    physdev_manage_pci_ext_t manage_ext;
    physdev_restore_msi_t restore;
    physdev_setup_gsi_t gsi;
    physdev_get_free_pirq_t free_pirq;
    physdev_pci_mmcfg_reserved_t mmcfg;
    physdev_pci_device_add_t add;
    physdev_pci_device_t device;
    physdev_dbgp_op_t dbgp;
};

static uint16_t bdf_of(uint8_t bus, uint8_t devfn)
{
    return (uint16_t)(bus << 8 | devfn);
}

static int op_eoi(union physdev_arg *arg)
{
    struct domain *d = current->domain;
    uint32_t pirq = arg->eoi.irq;

    if (pirq >= d->arch.n_pirq)
        return -EINVAL;
    evtchn_port_t port = d->arch.pirq_auto_unmask ? pirq_port(d, pirq) : 0;

    if (port)
        evtchn_unmask(d, port);
    return pirq_eoi(d, pirq);
}

static int op_eoi_gmfn_v1(union physdev_arg *arg)
{
    return pirq_register_eoi_map(current->domain, GFN(arg->eoi_gmfn.gmfn), true);
}

static int op_eoi_gmfn_v2(union physdev_arg *arg)
{
    return pirq_register_eoi_map(current->domain, GFN(arg->eoi_gmfn.gmfn), false);
}

static int op_status_query(union physdev_arg *arg)
{
    struct domain *d = current->domain;

    if (arg->status.irq >= d->arch.n_pirq)
        return -EINVAL;
    /* A guest without the page of PHYSDEVOP_pirq_eoi_gmfn always says it is done, as Xen asks. */
    arg->status.flags = XENIRQSTAT_needs_eoi;
    if (pirq_is_shared(d, arg->status.irq))
        arg->status.flags |= XENIRQSTAT_shared;
    return 0;
}

static int op_set_iopl(union physdev_arg *arg)
{
    if (arg->iopl.iopl > 3)
        return -EINVAL;
    current->arch.iopl = arg->iopl.iopl;
    return 0;
}

static int op_set_iobitmap(union physdev_arg *arg)
{
    uint64_t bitmap = guest_handle_addr(arg->iobitmap.bitmap);
    uint32_t n = arg->iobitmap.nr_ports;

    if (n > 65536 || !guest_range_ok(bitmap, (n + 7) / 8))
        return -EINVAL;
    current->arch.iobmp = bitmap;
    current->arch.iobmp_ports = n;
    return 0;
}

static int op_apic_read(union physdev_arg *arg)
{
    return pirq_read_ioapic(arg->apic.apic_physbase, arg->apic.reg, &arg->apic.value);
}

/*
 * Writing a redirection entry says trigger and polarity of a line nobody uses yet; vector,
 * destination and mask are the hypervisor's and what is written there is not looked at.
 */
static int op_apic_write(union physdev_arg *arg)
{
    int gsi = ioapic_register_gsi(arg->apic.apic_physbase, arg->apic.reg);

    if (gsi < 0)
        return gsi;
    if (arg->apic.reg & 1)
        return 0;
    return pirq_setup_gsi((unsigned int)gsi, arg->apic.value & 1u << 15,
                          arg->apic.value & 1u << 13);
}

/* A vector of the guest's imagination: real ones are chosen when a source is first bound. */
static int op_alloc_irq_vector(union physdev_arg *arg)
{
    arg->irq.vector = arg->irq.irq;
    return 0;
}

static int op_map_pirq(union physdev_arg *arg)
{
    struct domain *d = domain_find(arg->map.domid);

    return d && d->pirqs ? pirq_map(d, &arg->map) : -ESRCH;
}

static int op_unmap_pirq(union physdev_arg *arg)
{
    struct domain *d = domain_find(arg->unmap.domid);

    return d && d->pirqs ? pirq_unmap(d, arg->unmap.pirq) : -ESRCH;
}

static int op_setup_gsi(union physdev_arg *arg)
{
    if (arg->gsi.gsi < 0)
        return -EINVAL;
    return pirq_setup_gsi((unsigned int)arg->gsi.gsi, arg->gsi.triggering, arg->gsi.polarity);
}

static int op_get_free_pirq(union physdev_arg *arg)
{
    int number = pirq_reserve(current->domain, arg->free_pirq.type == MAP_PIRQ_TYPE_GSI);

    if (number < 0)
        return number;
    arg->free_pirq.pirq = (uint32_t)number;
    return 0;
}

static int op_manage_add(union physdev_arg *arg)
{
    return pirq_add_device(bdf_of(arg->manage.bus, arg->manage.devfn), false);
}

static int op_manage_add_ext(union physdev_arg *arg)
{
    if (arg->manage_ext.is_extfn > 1 || arg->manage_ext.is_virtfn > 1)
        return -EINVAL;
    return pirq_add_device(bdf_of(arg->manage_ext.bus, arg->manage_ext.devfn),
                           arg->manage_ext.is_virtfn);
}

static int op_manage_remove(union physdev_arg *arg)
{
    return pirq_remove_device(bdf_of(arg->manage.bus, arg->manage.devfn));
}

static int op_device_add(union physdev_arg *arg)
{
    if (arg->add.seg != 0)
        return -EOPNOTSUPP; /* other segments' configuration space is not reached by ports */
    return pirq_add_device(bdf_of(arg->add.bus, arg->add.devfn),
                           arg->add.flags & XEN_PCI_DEV_VIRTFN);
}

/* Operations on one function named by segment, bus and devfn. */
static int on_device(const union physdev_arg *arg, int (*act)(uint16_t bdf))
{
    return arg->device.seg == 0 ? act(bdf_of(arg->device.bus, arg->device.devfn)) : -ENODEV;
}

static int op_device_remove(union physdev_arg *arg)
{
    return on_device(arg, pirq_remove_device);
}

static int op_restore_msi_ext(union physdev_arg *arg)
{
    return on_device(arg, pirq_restore_device);
}

static int op_prepare_msix(union physdev_arg *arg)
{
    return on_device(arg, pirq_prepare_msix);
}

static int op_release_msix(union physdev_arg *arg)
{
    return on_device(arg, pirq_release_msix);
}

static int op_restore_msi(union physdev_arg *arg)
{
    return pirq_restore_device(bdf_of(arg->restore.bus, arg->restore.devfn));
}

/* The hypervisor does not use MMCONFIG; it says whether firmware's table has the area. */
static int op_mmcfg_reserved(union physdev_arg *arg)
{
    const physdev_pci_mmcfg_reserved_t *r = &arg->mmcfg;

    if (r->flags & ~XEN_PCI_MMCFG_RESERVED)
        return -EINVAL;
    for (unsigned int i = 0; i < acpi.n_mcfg; i++)
        if (acpi.mcfg[i].base == r->address && acpi.mcfg[i].segment == r->segment &&
            acpi.mcfg[i].bus_start == r->start_bus && acpi.mcfg[i].bus_end == r->end_bus)
            return 0;
    return -ENODEV;
}

/* The control domain resets a USB controller: the hypervisor has no debug port on one to save. */
static int op_dbgp(union physdev_arg *arg)
{
    if (arg->dbgp.bus != PHYSDEVOP_DBGP_BUS_UNKNOWN && arg->dbgp.bus != PHYSDEVOP_DBGP_BUS_PCI)
        return -EINVAL;
    if (arg->dbgp.op != PHYSDEVOP_DBGP_RESET_PREPARE && arg->dbgp.op != PHYSDEVOP_DBGP_RESET_DONE)
        return -EINVAL;
    return 0;
}

struct physdev_call {
    int (*fn)(union physdev_arg *arg);
    uint8_t size;     /* of its structure */
    bool has_results; /* which are copied out on success */
    bool is_for_any;  /* not only the control domain */
};

static const struct physdev_call calls[] = {
    [PHYSDEVOP_irq_status_query] = {op_status_query, sizeof(physdev_irq_status_query_t), true,
                                    true},
    [PHYSDEVOP_set_iopl] = {op_set_iopl, sizeof(physdev_set_iopl_t), false, true},
    [PHYSDEVOP_set_iobitmap] = {op_set_iobitmap, sizeof(physdev_set_iobitmap_t), false, true},
    [PHYSDEVOP_apic_read] = {op_apic_read, sizeof(physdev_apic_t), true, false},
    [PHYSDEVOP_apic_write] = {op_apic_write, sizeof(physdev_apic_t), false, false},
    [PHYSDEVOP_alloc_irq_vector] = {op_alloc_irq_vector, sizeof(physdev_irq_t), true, false},
    [PHYSDEVOP_eoi] = {op_eoi, sizeof(physdev_eoi_t), false, true},
    [PHYSDEVOP_map_pirq] = {op_map_pirq, sizeof(physdev_map_pirq_t), true, false},
    [PHYSDEVOP_unmap_pirq] = {op_unmap_pirq, sizeof(physdev_unmap_pirq_t), false, false},
    [PHYSDEVOP_manage_pci_add] = {op_manage_add, sizeof(physdev_manage_pci_t), false, false},
    [PHYSDEVOP_manage_pci_remove] = {op_manage_remove, sizeof(physdev_manage_pci_t), false, false},
    [PHYSDEVOP_pirq_eoi_gmfn_v1] = {op_eoi_gmfn_v1, sizeof(physdev_pirq_eoi_gmfn_t), false, true},
    [PHYSDEVOP_restore_msi] = {op_restore_msi, sizeof(physdev_restore_msi_t), false, false},
    [PHYSDEVOP_manage_pci_add_ext] = {op_manage_add_ext, sizeof(physdev_manage_pci_ext_t), false,
                                      false},
    [PHYSDEVOP_setup_gsi] = {op_setup_gsi, sizeof(physdev_setup_gsi_t), false, false},
    [PHYSDEVOP_get_free_pirq] = {op_get_free_pirq, sizeof(physdev_get_free_pirq_t), true, true},
    [PHYSDEVOP_pci_mmcfg_reserved] = {op_mmcfg_reserved, sizeof(physdev_pci_mmcfg_reserved_t),
                                      false, false},
    [PHYSDEVOP_pci_device_add] = {op_device_add, sizeof(physdev_pci_device_add_t), false, false},
    [PHYSDEVOP_pci_device_remove] = {op_device_remove, sizeof(physdev_pci_device_t), false, false},
    [PHYSDEVOP_restore_msi_ext] = {op_restore_msi_ext, sizeof(physdev_pci_device_t), false, false},
    [PHYSDEVOP_pirq_eoi_gmfn_v2] = {op_eoi_gmfn_v2, sizeof(physdev_pirq_eoi_gmfn_t), false, true},
    [PHYSDEVOP_dbgp_op] = {op_dbgp, sizeof(physdev_dbgp_op_t), false, false},
    [PHYSDEVOP_prepare_msix] = {op_prepare_msix, sizeof(physdev_pci_device_t), false, false},
    [PHYSDEVOP_release_msix] = {op_release_msix, sizeof(physdev_pci_device_t), false, false},
};

/* a1 = operation, a2 = address of its structure. */
int64_t hc_physdev_op(uint64_t a1, uint64_t a2, uint64_t a3 __attribute__((unused)),
                      uint64_t a4 __attribute__((unused)), uint64_t a5 __attribute__((unused)))
{
    uint32_t op = (uint32_t)a1;
    union physdev_arg arg;

    if (op >= ARRAY_SIZE(calls) || !calls[op].fn)
        return -ENOSYS;
    if (!calls[op].is_for_any && !current->domain->is_control)
        return -EPERM;
    memset(&arg, 0, sizeof(arg));
    if (guest_read(&arg, a2, calls[op].size))
        return -EFAULT;
    int rc = calls[op].fn(&arg);

    if (rc == 0 && calls[op].has_results && guest_write(a2, &arg, calls[op].size))
        rc = -EFAULT;
    return rc;
}
