/* SPDX-License-Identifier: MIT */
/* Interrupt sources, and what happens when one fires. Rules: irq_desc.h. */
#include "counters.h"
#include "arch/acpi.h"
#include "arch/apic.h"
#include "arch/pci.h"
#include "arch/smp.h"
#include "arch/time.h"
#include "console.h"
#include "event.h"
#include "irq_desc.h"

struct spinlock irq_lock = SPINLOCK_INIT(RANK_IRQ);

static struct irq_desc *gsi_descs; /* one for each GSI below gsi_limit */
static unsigned int gsi_limit;
static struct irq_desc *vector_descs[256];
static uint64_t n_spurious,
    n_stray; /* interrupts without a vector of ours; without anybody to tell */

void irq_init(void)
{
    apic_init();
    ioapic_init();
    gsi_limit = ioapic_gsi_limit();
    gsi_descs = mm_alloc(MAX(gsi_limit, 1u) * sizeof(*gsi_descs));
    if (!gsi_descs)
        panic("No memory for %u interrupt lines\n", gsi_limit);
    for (unsigned int gsi = 0; gsi < gsi_limit; gsi++) {
        gsi_descs[gsi].gsi = gsi;
        /* PCI's habit, until the control domain says otherwise. */
        gsi_descs[gsi].is_level = gsi_descs[gsi].is_low = gsi >= ARRAY_SIZE(acpi.isa);
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(acpi.isa); i++) {
        struct irq_desc *desc = irq_of_gsi(acpi.isa[i].gsi);

        if (desc) {
            desc->is_level = acpi.isa[i].level;
            desc->is_low = acpi.isa[i].low;
        }
    }
}

unsigned int irq_gsi_limit(void)
{
    return gsi_limit;
}

struct irq_desc *irq_of_gsi(unsigned int gsi)
{
    return gsi < gsi_limit && ioapic_has_gsi(gsi) ? &gsi_descs[gsi] : NULL;
}

struct irq_desc *irq_of_vector(unsigned int vector)
{
    return vector_descs[vector];
}

int irq_request_isa(unsigned int isa_irq, unsigned int vector, void (*fn)(void *), void *data)
{
    if (isa_irq >= ARRAY_SIZE(acpi.isa) || vector < 0x20 || vector > 0xff)
        return -EINVAL;
    spin_lock(&irq_lock);
    struct irq_desc *desc = irq_of_gsi(acpi.isa[isa_irq].gsi);
    int rc = 0;

    if (!desc) {
        rc = -ENODEV;
    } else if (desc->handler || desc->n_guests || vector_descs[vector]) {
        rc = -EBUSY;
    } else {
        desc->handler = fn;
        desc->data = data;
        desc->vector = (uint8_t)vector;
        desc->is_configured = true;
        desc->cpu = cpu_number();
        vector_descs[vector] = desc;
        ioapic_route(desc->gsi, desc->vector, desc->is_level, desc->is_low, false);
    }
    spin_unlock(&irq_lock);
    return rc;
}

int irq_create_msi(struct pci_device *dev, enum irq_kind kind, unsigned int entry,
                   struct irq_desc **out)
{
    struct irq_desc *desc = mm_alloc(sizeof(*desc));

    if (!desc)
        return -ENOMEM;
    desc->kind = kind;
    desc->device = dev;
    desc->entry = entry;
    desc->cpu = cpu_number();
    desc->vector = vector_alloc();
    int rc = desc->vector ? msi_enable(desc) : -ENOSPC;

    if (rc) {
        if (desc->vector)
            vector_free(desc->vector);
        mm_free(desc);
        return rc;
    }
    vector_descs[desc->vector] = desc;
    *out = desc;
    return 0;
}

void irq_free_msi(struct irq_desc *desc)
{
    msi_disable(desc);
    vector_descs[desc->vector] = NULL;
    vector_free(desc->vector);
    mm_free(desc);
}

static int irq_start(struct irq_desc *desc)
{
    if (desc->kind != IRQ_GSI) {
        msi_set_mask(desc, false);
        return 0;
    }
    if (!desc->vector)
        desc->vector = vector_alloc();
    if (!desc->vector)
        return -ENOSPC;
    vector_descs[desc->vector] = desc;
    desc->cpu = cpu_number();
    ioapic_route(desc->gsi, desc->vector, desc->is_level, desc->is_low, false);
    return 0;
}

static void irq_stop(struct irq_desc *desc)
{
    if (desc->kind == IRQ_GSI)
        ioapic_set_mask(desc->gsi, true);
    else
        msi_set_mask(desc, true);
}

int irq_attach(struct irq_desc *desc, struct pirq *p, bool shareable)
{
    if (desc->handler)
        return -EBUSY;
    /* Edges cannot be shared: one that comes while another guest handles its own would be lost. */
    if (desc->n_guests && !(shareable && irq_needs_eoi(desc)))
        return -EBUSY;
    if (desc->n_guests == IRQ_MAX_GUESTS)
        return -EBUSY;
    if (desc->n_guests == 0) {
        int rc = irq_start(desc);

        if (rc)
            return rc;
    }
    desc->guest[desc->n_guests++] = p;
    return 0;
}

void irq_guest_done(struct irq_desc *desc, struct pirq *p)
{
    if (!p->awaits_eoi)
        return;
    p->awaits_eoi = false;
    if (--desc->n_in_flight == 0)
        ioapic_set_mask(desc->gsi, false);
}

void irq_detach(struct irq_desc *desc, struct pirq *p)
{
    for (unsigned int i = 0; i < desc->n_guests; i++) {
        if (desc->guest[i] != p)
            continue;
        desc->guest[i] = desc->guest[--desc->n_guests];
        irq_guest_done(desc, p);
        if (desc->n_guests == 0)
            irq_stop(desc);
        return;
    }
}

/* A source of guests fired. The guests' ports are made pending while irq_lock keeps the bindings
 * still. */
static void irq_tell_guests(struct irq_desc *desc)
{
    bool level = irq_needs_eoi(desc);

    if (level)
        ioapic_set_mask(desc->gsi, true);
    apic_eoi();
    for (unsigned int i = 0; i < desc->n_guests; i++) {
        struct pirq *p = desc->guest[i];

        if (level && !p->awaits_eoi) {
            p->awaits_eoi = true;
            desc->n_in_flight++;
        }
        evtchn_set_pending(p->domain, p->port);
    }
    if (desc->n_guests == 0)
        n_stray++;
}

void irq_leave_cpu(unsigned int cpu)
{
    spin_lock(&irq_lock);
    for (unsigned int v = 0; v < ARRAY_SIZE(vector_descs); v++) {
        struct irq_desc *desc = vector_descs[v];

        if (!desc || desc->cpu != cpu)
            continue;
        desc->cpu = 0;
        if (desc->kind == IRQ_GSI)
            ioapic_set_destination(desc->gsi, smp_apic_id(0));
        else
            msi_move(desc);
    }
    spin_unlock(&irq_lock);
}

static void irq_dispatch_device(unsigned int vector)
{
    spin_lock(&irq_lock);
    struct irq_desc *desc = vector_descs[vector];

    if (desc)
        desc->count++;
    if (desc && !desc->handler) {
        irq_tell_guests(desc);
        spin_unlock(&irq_lock);
        return;
    }
    spin_unlock(&irq_lock);
    apic_eoi();
    /* A handler of ours is never taken away again, so it may run without the lock. */
    if (desc)
        desc->handler(desc->data);
    else
        n_stray++;
}

void irq_dispatch(unsigned int vector)
{
    COUNT(interrupts);
    if (vector == VECTOR_TIMER) {
        apic_eoi();
        time_interrupt();
    } else if (vector == VECTOR_NOTIFY) {
        apic_eoi(); /* what there is to do stands in memory: it is looked at on the way out */
    } else if (vector == VECTOR_REQUEST) {
        apic_eoi();
        cpu_serve_requests();
    } else if (vector == VECTOR_SPURIOUS) {
        n_spurious++; /* not in service: no EOI */
    } else if (vector == VECTOR_ERROR) {
        uint32_t errors = apic_take_errors();

        apic_eoi();
        printk(LOG_WARN, "APIC: error status %#x\n", errors);
    } else if (vector >= VECTOR_FIRST_DEVICE) {
        irq_dispatch_device(vector);
    } else {
        n_spurious++; /* a masked 8259's glitch: it does not come through the APIC */
    }
}

static void irq_dump_one(const struct irq_desc *desc)
{
    if (desc->kind == IRQ_GSI)
        printk(LOG_INFO, " vector %#x: GSI %u %s active-%s", desc->vector, desc->gsi,
               desc->is_level ? "level" : "edge", desc->is_low ? "low" : "high");
    else
        printk(LOG_INFO, " vector %#x: %s %02x:%02x.%x entry %u", desc->vector,
               desc->kind == IRQ_MSI ? "MSI" : "MSI-X", desc->device->bdf >> 8,
               desc->device->bdf >> 3 & 0x1f, desc->device->bdf & 7u, desc->entry);
    printk(LOG_INFO, " to CPU %u, %lu times%s", desc->cpu, desc->count,
           desc->handler ? ", the hypervisor's" : "");
    for (unsigned int i = 0; i < desc->n_guests; i++)
        printk(LOG_INFO, ", d%u port %u%s", desc->guest[i]->domain->id, desc->guest[i]->port,
               desc->guest[i]->awaits_eoi ? " (awaits EOI)" : "");
    printk(LOG_INFO, "\n");
}

void irq_dump(void)
{
    printk(LOG_INFO, "Interrupts: %lu spurious, %lu with nobody to tell\n", n_spurious, n_stray);
    for (unsigned int v = 0; v < ARRAY_SIZE(vector_descs); v++)
        if (vector_descs[v])
            irq_dump_one(vector_descs[v]);
}
