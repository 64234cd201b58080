/* SPDX-License-Identifier: MIT */
/* Control operations that give a domain access to ports, memory-mapped devices and interrupts. */
#include "control.h"

/* The giver must have what it gives. `d` may be the giver itself, or run. */
static int permit(struct domain *d, struct rangeset *to, const struct rangeset *from,
                  uint64_t first, uint64_t last, bool allow)
{
    if (!domain_may_access(current->domain, from, first, last))
        return -EPERM;
    spin_lock(&d->access_lock);
    int rc = allow ? rangeset_add(to, first, last) : rangeset_remove(to, first, last);

    spin_unlock(&d->access_lock);
    return rc;
}

int domctl_irq_permission(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_irq_permission *irq = &op->u.irq_permission;

    if (irq->pirq >= current->domain->arch.n_pirq)
        return -EINVAL;
    if (irq->pirq == 0)
        return -EPERM; /* the timer's line is nobody's to give */
    return permit(d, d->irqs, current->domain->irqs, irq->pirq, irq->pirq, irq->allow_access);
}

int domctl_iomem_permission(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_iomem_permission *mem = &op->u.iomem_permission;
    uint64_t first = mem->first_mfn, last = first + mem->nr_mfns - 1;

    if (last < first)
        return -EINVAL;
    return permit(d, d->iomem, current->domain->iomem, first, last, mem->allow_access);
}

int domctl_ioport_permission(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_ioport_permission *port = &op->u.ioport_permission;
    uint64_t end = (uint64_t)port->first_port + port->nr_ports;

    if (port->nr_ports == 0 || end > 65536)
        return -EINVAL;
    return permit(d, d->ioports, current->domain->ioports, port->first_port, end - 1,
                  port->allow_access);
}
