/* SPDX-License-Identifier: MIT */
/*
 * Hardware: what physdev_op and platform_op answer the control domain about interrupt lines, PCI
 * functions, CPUs and firmware; and to wrong questions.
 */
#include "lib/report.h"
#include "runtime/console.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/paging.h"
#include "runtime/start.h"

#include <xen/physdev.h>
#include <xen/platform.h>

#define ABSENT_DEVFN 0xf7 /* 00:1e.7 is on no machine of QEMU's */

static long physdev(unsigned int command, const void *argument)
{
    return hypercall2(__HYPERVISOR_physdev_op, command, arg(argument));
}

static long platform(uint32_t command, struct xen_platform_op *op)
{
    op->cmd = command;
    op->interface_version = XENPF_INTERFACE_VERSION;
    return hypercall1(__HYPERVISOR_platform_op, arg(op));
}

static long map_gsi(int gsi, int pirq)
{
    struct physdev_map_pirq map = {
        .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = gsi, .pirq = pirq};

    return physdev(PHYSDEVOP_map_pirq, &map);
}

BEHAVIOUR(map_gsi, "a GSI maps as the pirq of its number, twice is once, and unmaps once")
{
    struct physdev_unmap_pirq unmap = {.domid = DOMID_SELF, .pirq = 19};

    EXPECT(map_gsi(19, 19), 0);
    EXPECT(map_gsi(19, 19), 0);
    EXPECT(map_gsi(-1, 19), -XEN_EINVAL);
    EXPECT(map_gsi(1 << 20, 19), -XEN_EINVAL);
    EXPECT(physdev(PHYSDEVOP_unmap_pirq, &unmap), 0);
    EXPECT(physdev(PHYSDEVOP_unmap_pirq, &unmap), -XEN_EINVAL);
    unmap.pirq = -1;
    EXPECT(physdev(PHYSDEVOP_unmap_pirq, &unmap), -XEN_EINVAL);
    unmap.domid = 1234;
    EXPECT(physdev(PHYSDEVOP_unmap_pirq, &unmap), -XEN_ESRCH);
}

BEHAVIOUR(map_message, "no message maps for a function that is not there, or for a strange request")
{
    struct physdev_map_pirq map = {.domid = DOMID_SELF,
                                   .type = MAP_PIRQ_TYPE_MSI_SEG,
                                   .index = -1,
                                   .pirq = -1,
                                   .devfn = ABSENT_DEVFN};

    EXPECT(physdev(PHYSDEVOP_map_pirq, &map), -XEN_ENODEV);
    map.type = MAP_PIRQ_TYPE_MULTI_MSI;
    EXPECT(physdev(PHYSDEVOP_map_pirq, &map), -XEN_EDOM);
    map.entry_nr = 4;
    EXPECT(physdev(PHYSDEVOP_map_pirq, &map), -XEN_EOPNOTSUPP);
    map.type = 77;
    EXPECT(physdev(PHYSDEVOP_map_pirq, &map), -XEN_EINVAL);
    map.domid = 1234;
    EXPECT(physdev(PHYSDEVOP_map_pirq, &map), -XEN_ESRCH);
}

BEHAVIOUR(setup_gsi,
          "trigger and polarity of a line nobody uses are taken; no such line is an error")
{
    struct physdev_setup_gsi gsi = {.gsi = 18, .triggering = 1, .polarity = 1};

    EXPECT(physdev(PHYSDEVOP_setup_gsi, &gsi), 0);
    gsi.gsi = 1 << 20;
    EXPECT(physdev(PHYSDEVOP_setup_gsi, &gsi), -XEN_EINVAL);
}

BEHAVIOUR(eoi, "a mapped line asks for its EOI and takes it; a number out of range is an error")
{
    struct physdev_irq_status_query status = {.irq = 18};
    struct physdev_eoi eoi = {.irq = 18};

    EXPECT(map_gsi(18, 18), 0);
    EXPECT(physdev(PHYSDEVOP_irq_status_query, &status), 0);
    EXPECT_TRUE(status.flags & XENIRQSTAT_needs_eoi);
    EXPECT(physdev(PHYSDEVOP_eoi, &eoi), 0);
    eoi.irq = 1 << 20;
    EXPECT(physdev(PHYSDEVOP_eoi, &eoi), -XEN_EINVAL);
    status.irq = 1 << 20;
    EXPECT(physdev(PHYSDEVOP_irq_status_query, &status), -XEN_EINVAL);
}

BEHAVIOUR(ioapic, "an I/O APIC's version is read, of one that is not there nothing is")
{
    struct physdev_apic apic = {.apic_physbase = 0xfec00000, .reg = 1};

    EXPECT(physdev(PHYSDEVOP_apic_read, &apic), 0);
    EXPECT((long)(apic.value >> 16 & 0xff), 23);
    apic.apic_physbase = 0x12345000;
    EXPECT(physdev(PHYSDEVOP_apic_read, &apic), -XEN_EINVAL);
}

BEHAVIOUR(iopl, "an IOPL above 3 and an I/O bitmap of more than 65536 ports are refused")
{
    struct physdev_set_iopl iopl = {.iopl = 4};
    struct physdev_set_iobitmap bitmap = {.nr_ports = 65537};

    EXPECT(physdev(PHYSDEVOP_set_iopl, &iopl), -XEN_EINVAL);
    iopl.iopl = 1;
    EXPECT(physdev(PHYSDEVOP_set_iopl, &iopl), 0);
    EXPECT(physdev(PHYSDEVOP_set_iobitmap, &bitmap), -XEN_EINVAL);
    bitmap.nr_ports = 0;
    EXPECT(physdev(PHYSDEVOP_set_iobitmap, &bitmap), 0);
}

BEHAVIOUR(pci_functions, "functions are added and removed; one that is not known has no messages")
{
    struct physdev_pci_device device = {.devfn = ABSENT_DEVFN};
    struct physdev_pci_device_add add = {.devfn = ABSENT_DEVFN};
    struct physdev_manage_pci manage = {.devfn = ABSENT_DEVFN};

    EXPECT(physdev(PHYSDEVOP_restore_msi_ext, &device), -XEN_ENODEV);
    EXPECT(physdev(PHYSDEVOP_prepare_msix, &device), -XEN_ENODEV);
    EXPECT(physdev(PHYSDEVOP_pci_device_remove, &device), -XEN_ENODEV);
    EXPECT(physdev(PHYSDEVOP_pci_device_add, &add), 0);
    EXPECT(physdev(PHYSDEVOP_pci_device_remove, &device), 0);
    EXPECT(physdev(PHYSDEVOP_manage_pci_add, &manage), 0);
    EXPECT(physdev(PHYSDEVOP_manage_pci_remove, &manage), 0);
}

BEHAVIOUR(physdev_wrong, "an unknown operation and an address that is not the guest's are refused")
{
    EXPECT(physdev(99, 0), -XEN_ENOSYS);
    EXPECT(physdev(PHYSDEVOP_irq_status_query, 0), -XEN_EFAULT);
    EXPECT(physdev(PHYSDEVOP_map_pirq, (void *)0xffff800000000000), -XEN_EFAULT);
}

BEHAVIOUR(cpus, "CPU 0 runs; a CPU that is not there is said to be invalid; CPU 0 cannot go")
{
    static struct xen_platform_op op;

    op.u.pcpu_info.xen_cpuid = 0;
    EXPECT(platform(XENPF_get_cpuinfo, &op), 0);
    EXPECT((long)op.u.pcpu_info.flags, XEN_PCPU_FLAGS_ONLINE);
    op.u.pcpu_info.xen_cpuid = 100000;
    EXPECT(platform(XENPF_get_cpuinfo, &op), 0);
    EXPECT((long)op.u.pcpu_info.flags, XEN_PCPU_FLAGS_INVALID);
    op.u.cpu_ol.cpuid = 0;
    EXPECT(platform(XENPF_cpu_offline, &op), -XEN_EOPNOTSUPP);
    op.u.cpu_ol.cpuid = 100000;
    EXPECT(platform(XENPF_cpu_offline, &op), -XEN_EINVAL);
    EXPECT(platform(XENPF_cpu_online, &op), -XEN_EINVAL);
}

BEHAVIOUR(firmware, "firmware without EFI has no EFI tables; an unknown kind is an error")
{
    static struct xen_platform_op op;

    op.u.firmware_info.type = XEN_FW_EFI_INFO;
    EXPECT(platform(XENPF_firmware_info, &op), -XEN_ENOSYS);
    op.u.firmware_info.type = 99;
    EXPECT(platform(XENPF_firmware_info, &op), -XEN_EINVAL);
    op.u.firmware_info.type = XEN_FW_DISK_INFO;
    op.u.firmware_info.index = 1000;
    EXPECT(platform(XENPF_firmware_info, &op), -XEN_ESRCH);
    op.u.firmware_info.type = XEN_FW_KBD_SHIFT_FLAGS;
    EXPECT(platform(XENPF_firmware_info, &op), -XEN_ESRCH);
    op.u.firmware_info.index = 0;
    EXPECT(platform(XENPF_firmware_info, &op), 0);
}

BEHAVIOUR(settime, "the wall clock set is the one shared info shows")
{
    static struct xen_platform_op op;
    const struct shared_info *shared = &shared_info;

    op.u.settime64.secs = 1000000000;
    op.u.settime64.nsecs = 500000000;
    op.u.settime64.mbz = 1;
    EXPECT(platform(XENPF_settime64, &op), -XEN_EINVAL);
    op.u.settime64.mbz = 0;
    EXPECT(platform(XENPF_settime64, &op), 0);
    EXPECT((long)shared->wc_sec, 1000000000);
    EXPECT((long)shared->wc_nsec, 500000000);
}

BEHAVIOUR(platform_wrong, "a wrong interface version and an unknown operation are refused")
{
    static struct xen_platform_op op;

    op.cmd = XENPF_get_cpuinfo;
    EXPECT(hypercall1(__HYPERVISOR_platform_op, arg(&op)), -XEN_EACCES);
    EXPECT(hypercall1(__HYPERVISOR_platform_op, 0), -XEN_EFAULT);
    EXPECT(platform(9999, &op), -XEN_ENOSYS);
    op.u.enter_acpi_sleep.sleep_state = 0;
    EXPECT(platform(XENPF_enter_acpi_sleep, &op), -XEN_EINVAL);
}
