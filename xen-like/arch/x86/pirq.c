/* SPDX-License-Identifier: MIT */
/*
 * Physical IRQs of domains: the numbers by which a domain knows interrupt sources. GSIs keep their
 * number in the control domain; messages get the highest free ones, as Linux and Xen have it.
 */
#include "arch/apic.h"
#include "arch/pci.h"
#include "console.h"
#include "event.h"
#include "irq_desc.h"

#include <xen/physdev.h>

#define PIRQ_EXTRA_CONTROL 256 /* numbers for messages, besides one for each GSI */
#define PIRQ_EXTRA_GUEST   32
#define PIRQ_MAX           (PAGE_SIZE * 8) /* bits in the page of PHYSDEVOP_pirq_eoi_gmfn */
#define MULTI_MSI_MAX      32

static struct pirq *pirq_lookup(const struct domain *d, int number)
{
    return number >= 0 && (unsigned int)number < d->pirqs->n ? &d->pirqs->pirq[number] : NULL;
}

static unsigned int pirq_number(const struct pirq *p)
{
    return (unsigned int)(p - p->domain->pirqs->pirq);
}

/* Tells a guest that asked for it whether it must say PHYSDEVOP_eoi for this pirq. */
static void eoi_map_update(const struct pirq *p, bool needed)
{
    unsigned long *map = p->domain->arch.pirq_eoi_map;
    unsigned int n = pirq_number(p);

    if (!map)
        return;
    if (needed)
        __atomic_or_fetch(&map[n / 64], 1ul << n % 64, __ATOMIC_SEQ_CST);
    else
        __atomic_and_fetch(&map[n / 64], ~(1ul << n % 64), __ATOMIC_SEQ_CST);
}

/* --- life of the table --- */

static int pirq_create(struct domain *d)
{
    unsigned int n = irq_gsi_limit() + (d->is_control ? PIRQ_EXTRA_CONTROL : PIRQ_EXTRA_GUEST);

    n = MIN(n, (unsigned int)PIRQ_MAX);
    d->pirqs = mm_alloc(sizeof(*d->pirqs) + n * sizeof(struct pirq));
    if (!d->pirqs)
        return -ENOMEM;
    d->pirqs->n = d->arch.n_pirq = n;
    for (unsigned int i = 0; i < n; i++)
        d->pirqs->pirq[i].domain = d;
    return 0;
}

static void pirq_release(struct pirq *p)
{
    struct irq_desc *desc = p->desc;

    if (p->port)
        irq_detach(desc, p);
    p->desc = NULL;
    eoi_map_update(p, false);
    if (desc->kind != IRQ_GSI)
        irq_free_msi(desc);
}

static int pirq_teardown(struct domain *d)
{
    if (!d->pirqs)
        return 0;
    spin_lock(&irq_lock);
    for (unsigned int i = 0; i < d->pirqs->n; i++)
        if (d->pirqs->pirq[i].desc)
            pirq_release(&d->pirqs->pirq[i]);
    spin_unlock(&irq_lock);
    if (d->arch.pirq_eoi_map) {
        d->arch.pirq_eoi_map = NULL;
        page_put_writable(mfn_to_page(MFN(d->arch.pirq_eoi_mfn)));
    }
    return 0;
}

static void pirq_free(struct domain *d)
{
    mm_free(d->pirqs);
    d->pirqs = NULL;
}

static void pirq_dump(const struct domain *d)
{
    for (unsigned int i = 0; d->pirqs && i < d->pirqs->n; i++) {
        const struct pirq *p = &d->pirqs->pirq[i];

        if (p->port)
            printk(LOG_INFO, "  pirq %u: vector %#x port %u%s\n", i, p->desc ? p->desc->vector : 0u,
                   p->port, p->awaits_eoi ? ", awaits EOI" : "");
    }
}

const struct domain_room pirq_room = {
    .name = "pirq",
    .create = pirq_create,
    .teardown = pirq_teardown,
    .free = pirq_free,
    .dump = pirq_dump,
};

/* --- for the event room --- */

int pirq_bind(struct domain *d, unsigned int pirq, evtchn_port_t port, bool shareable)
{
    struct pirq *p = pirq <= INT32_MAX ? pirq_lookup(d, (int)pirq) : NULL;

    if (!p)
        return -EINVAL;
    spin_lock(&irq_lock);
    int rc = p->port ? -EEXIST : !p->desc ? -EINVAL : 0;

    if (rc == 0) {
        p->port = port; /* before the source may fire */
        rc = irq_attach(p->desc, p, shareable);
        if (rc)
            p->port = 0;
        else
            eoi_map_update(p, irq_needs_eoi(p->desc));
    }
    spin_unlock(&irq_lock);
    if (rc == -EBUSY)
        guest_printk(d, LOG_INFO, "pirq %u is in use and cannot be bound\n", pirq);
    return rc;
}

void pirq_unbind(struct domain *d, unsigned int pirq)
{
    struct pirq *p = d->pirqs ? pirq_lookup(d, (int)pirq) : NULL;

    if (!p)
        return;
    spin_lock(&irq_lock);
    if (p->port && p->desc)
        irq_detach(p->desc, p);
    p->port = 0;
    eoi_map_update(p, false);
    spin_unlock(&irq_lock);
}

int pirq_eoi(struct domain *d, unsigned int pirq)
{
    struct pirq *p = pirq <= INT32_MAX ? pirq_lookup(d, (int)pirq) : NULL;

    if (!p)
        return -EINVAL;
    spin_lock(&irq_lock);
    if (p->desc && p->port)
        irq_guest_done(p->desc, p);
    spin_unlock(&irq_lock);
    return 0;
}

evtchn_port_t pirq_port(struct domain *d, unsigned int pirq)
{
    const struct pirq *p = pirq <= INT32_MAX ? pirq_lookup(d, (int)pirq) : NULL;

    return p ? p->port : 0;
}

/* --- mapping --- */

static bool pirq_is_free(const struct pirq *p)
{
    return !p->desc && !p->port && !p->is_reserved;
}

/* A free number: for messages from the top, for GSIs above the ISA ones. -ENOSPC. */
static int pirq_find_free(const struct domain *d, bool for_gsi)
{
    int limit = (int)irq_gsi_limit();

    if (for_gsi) {
        for (int i = 16; i < limit; i++)
            if (pirq_is_free(&d->pirqs->pirq[i]))
                return i;
        return -ENOSPC;
    }
    for (int i = (int)d->pirqs->n - 1; i >= limit; i--)
        if (pirq_is_free(&d->pirqs->pirq[i]))
            return i;
    return -ENOSPC;
}

int pirq_reserve(struct domain *d, bool for_gsi)
{
    spin_lock(&irq_lock);
    int number = pirq_find_free(d, for_gsi);

    if (number >= 0)
        d->pirqs->pirq[number].is_reserved = true;
    spin_unlock(&irq_lock);
    return number;
}

/* The number asked for if it may be used, else a free one when none was asked for. */
static int pirq_choose(struct domain *d, int wanted, bool for_gsi)
{
    if (wanted < 0)
        return pirq_find_free(d, for_gsi);
    const struct pirq *p = pirq_lookup(d, wanted);

    if (!p)
        return -EINVAL;
    return p->desc ? -EEXIST : p->port ? -EBUSY : wanted;
}

static void pirq_set(struct domain *d, int number, struct irq_desc *desc)
{
    d->pirqs->pirq[number].desc = desc;
    d->pirqs->pirq[number].is_reserved = false;
}

static int map_gsi(struct domain *d, struct physdev_map_pirq *map)
{
    struct irq_desc *desc = map->index >= 0 ? irq_of_gsi((unsigned int)map->index) : NULL;

    if (!desc)
        return -EINVAL;
    /* The same line mapped twice is one mapping. */
    for (unsigned int i = 0; i < d->pirqs->n; i++)
        if (d->pirqs->pirq[i].desc == desc) {
            if (map->pirq >= 0 && map->pirq != (int)i)
                return -EEXIST;
            map->pirq = (int)i;
            return 0;
        }
    int number = pirq_choose(d, map->pirq, true);

    if (number < 0)
        return number;
    pirq_set(d, number, desc);
    map->pirq = number;
    return 0;
}

static int map_msi(struct domain *d, struct physdev_map_pirq *map)
{
    uint16_t bdf = (uint16_t)((map->bus & 0xff) << 8 | (map->devfn & 0xff));
    unsigned int segment = map->type == MAP_PIRQ_TYPE_MSI ? 0 : (unsigned int)map->bus >> 16;
    struct pci_device *dev = segment == 0 ? pci_device_find(bdf) : NULL;
    bool is_msix = map->table_base && map->type != MAP_PIRQ_TYPE_MULTI_MSI;
    struct irq_desc *desc;

    if (!dev)
        return -ENODEV;
    int number = pirq_choose(d, map->pirq, false);

    if (number < 0)
        return number;
    int rc = irq_create_msi(dev, is_msix ? IRQ_MSIX : IRQ_MSI,
                            is_msix ? (unsigned int)map->entry_nr : 0, &desc);

    if (rc)
        return rc;
    desc->mapped = &d->pirqs->pirq[number];
    pirq_set(d, number, desc);
    map->pirq = number;
    return 0;
}

int pirq_map(struct domain *d, struct physdev_map_pirq *map)
{
    int rc = 0;

    if (map->type == MAP_PIRQ_TYPE_MULTI_MSI) {
        /* Several messages of one capability cannot be masked or moved one by one without interrupt
         * remapping: refused, as Xen does. */
        if (map->entry_nr <= 0 || map->entry_nr > MULTI_MSI_MAX)
            rc = -EDOM;
        else if (map->entry_nr != 1)
            rc = -EOPNOTSUPP;
    } else if (map->type == MAP_PIRQ_TYPE_MSI || map->type == MAP_PIRQ_TYPE_MSI_SEG) {
        if (map->index != -1)
            rc = -EINVAL;
    } else if (map->type != MAP_PIRQ_TYPE_GSI) {
        rc = -EINVAL;
    }
    if (rc)
        return rc;
    spin_lock(&irq_lock);
    rc = d->is_dying ? -EINVAL : map->type == MAP_PIRQ_TYPE_GSI ? map_gsi(d, map) : map_msi(d, map);
    spin_unlock(&irq_lock);
    return rc;
}

int pirq_unmap(struct domain *d, int number)
{
    struct pirq *p = pirq_lookup(d, number);

    if (!p)
        return -EINVAL;
    spin_lock(&irq_lock);
    int rc = 0;

    if (p->desc)
        pirq_release(p);
    else if (p->is_reserved)
        p->is_reserved = false;
    else
        rc = -EINVAL;
    spin_unlock(&irq_lock);
    return rc;
}

bool pirq_is_shared(struct domain *d, unsigned int pirq)
{
    const struct pirq *p = pirq <= INT32_MAX ? pirq_lookup(d, (int)pirq) : NULL;

    spin_lock(&irq_lock);
    bool shared = p && p->desc && p->desc->n_guests > 1;

    spin_unlock(&irq_lock);
    return shared;
}

int pirq_setup_gsi(unsigned int gsi, bool level, bool active_low)
{
    spin_lock(&irq_lock);
    struct irq_desc *desc = irq_of_gsi(gsi);
    int rc = 0;

    if (!desc) {
        rc = -EINVAL;
    } else if (desc->is_configured || desc->n_guests) {
        rc = -EEXIST;
    } else {
        desc->is_level = level;
        desc->is_low = active_low;
        desc->is_configured = true;
    }
    spin_unlock(&irq_lock);
    return rc;
}

int pirq_read_ioapic(paddr_t base, uint32_t reg, uint32_t *value)
{
    spin_lock(&irq_lock);
    int rc = ioapic_read_register(base, reg, value);

    spin_unlock(&irq_lock);
    return rc;
}

int pirq_register_eoi_map(struct domain *d, gfn_t gfn, bool auto_unmask)
{
    struct page_info *page;

    if (page_get_from_gfn(d, gfn, true, &page) != 0)
        return -EINVAL;
    spin_lock(&irq_lock);
    int rc = d->arch.pirq_eoi_map ? -EBUSY : 0;

    if (rc == 0) {
        d->arch.pirq_eoi_mfn = page_to_mfn(page).n;
        d->arch.pirq_eoi_map = page_to_virt(page);
        d->arch.pirq_auto_unmask = auto_unmask;
        for (unsigned int i = 0; i < d->pirqs->n; i++)
            if (d->pirqs->pirq[i].port && d->pirqs->pirq[i].desc)
                eoi_map_update(&d->pirqs->pirq[i], irq_needs_eoi(d->pirqs->pirq[i].desc));
    }
    spin_unlock(&irq_lock);
    if (rc)
        page_put_writable(page);
    return rc;
}

/* --- PCI functions' messages as a whole --- */

int pirq_restore_device(uint16_t bdf)
{
    spin_lock(&irq_lock);
    const struct pci_device *dev = pci_device_find(bdf);

    for (unsigned int v = VECTOR_FIRST_DEVICE; dev && v <= VECTOR_LAST_DEVICE; v++) {
        struct irq_desc *desc = irq_of_vector(v);

        if (desc && desc->kind != IRQ_GSI && desc->device == dev)
            msi_restore(desc, desc->n_guests == 0);
    }
    spin_unlock(&irq_lock);
    return dev ? 0 : -ENODEV;
}

int pirq_add_device(uint16_t bdf, bool is_virtual)
{
    spin_lock(&irq_lock);
    int rc = pci_device_add(bdf, is_virtual);

    spin_unlock(&irq_lock);
    return rc;
}

int pirq_remove_device(uint16_t bdf)
{
    spin_lock(&irq_lock);
    const struct pci_device *dev = pci_device_find(bdf);

    for (unsigned int v = VECTOR_FIRST_DEVICE; dev && v <= VECTOR_LAST_DEVICE; v++) {
        struct irq_desc *desc = irq_of_vector(v);

        if (desc && desc->kind != IRQ_GSI && desc->device == dev)
            pirq_release(desc->mapped);
    }
    int rc = pci_device_remove(bdf);

    spin_unlock(&irq_lock);
    return rc;
}

int pirq_prepare_msix(uint16_t bdf)
{
    spin_lock(&irq_lock);
    struct pci_device *dev = pci_device_find(bdf);
    int rc = !dev ? -ENODEV : dev->n_msix ? -EBUSY : msix_map_table(dev);

    spin_unlock(&irq_lock);
    return rc;
}

int pirq_release_msix(uint16_t bdf)
{
    spin_lock(&irq_lock);
    const struct pci_device *dev = pci_device_find(bdf);
    int rc = !dev ? -ENODEV : dev->n_msix ? -EBUSY : 0;

    spin_unlock(&irq_lock);
    return rc;
}
