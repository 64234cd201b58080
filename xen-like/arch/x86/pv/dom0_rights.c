/* SPDX-License-Identifier: MIT */
/* The hardware that belongs to dom0: all but what the hypervisor drives itself. */
#include "arch/acpi.h"
#include "arch/smp.h"
#include "boot.h"
#include "console.h"
#include "dom0_build.h"
#include "domain.h"
#include "serial.h"

#define PHYS_FRAMES_MAX (1ul << 40)

static void deny_ports(struct domain *d, unsigned int first, unsigned int last)
{
    if (rangeset_remove(d->ioports, first, last))
        panic("no memory for dom0's port ranges\n");
}

void dom0_grant_rights(struct domain *d)
{
    int rc = rangeset_add(d->ioports, 0, 0xffff);

    rc |= rangeset_add(d->iomem, 0, PHYS_FRAMES_MAX);
    rc |= rangeset_add(d->irqs, 0, 1023);
    rc |= rangeset_remove(d->iomem, acpi.lapic_base >> PAGE_SHIFT, acpi.lapic_base >> PAGE_SHIFT);
    for (unsigned int i = 0; i < acpi.n_ioapics; i++)
        rc |= rangeset_remove(d->iomem, acpi.ioapic[i].base >> PAGE_SHIFT,
                              acpi.ioapic[i].base >> PAGE_SHIFT);
    if (smp_low_page())
        rc |= rangeset_remove(d->iomem, smp_low_page() >> PAGE_SHIFT, smp_low_page() >> PAGE_SHIFT);
    if (rc)
        panic("no memory for dom0's rights\n");
    deny_ports(d, 0x20, 0x21); /* interrupt controllers */
    deny_ports(d, 0xa0, 0xa1);
    deny_ports(d, 0x40, 0x43); /* timer */
    deny_ports(d, 0xcf8, 0xcff);
    if (boot_options.console_com1)
        deny_ports(d, SERIAL_PORT, SERIAL_PORT + 7);
}
