/* SPDX-License-Identifier: MIT */
/* The log, the debug keys and the list of domains, for tools. */
#include "console.h"
#include "control.h"
#include "debug.h"
#include "guest.h"

int sysctl_readconsole(struct xen_sysctl *op)
{
    struct xen_sysctl_readconsole *read = &op->u.readconsole;
    uint64_t index = read->incremental ? read->index : 0;
    uint64_t to = guest_handle_addr(read->buffer);
    uint32_t done = 0;
    char chunk[256];
    size_t n;

    while (done < read->count) {
        n = console_ring_read(&index, chunk, MIN(read->count - done, sizeof(chunk)), false);
        if (n == 0)
            break;
        if (guest_write(to + done, chunk, n))
            return -EFAULT;
        done += (uint32_t)n;
    }
    if (read->clear)
        console_ring_read(&index, chunk, 0, true);
    read->count = done;
    read->index = (uint32_t)index;
    return 0;
}

int sysctl_debug_keys(struct xen_sysctl *op)
{
    const struct xen_sysctl_debug_keys *keys = &op->u.debug_keys;
    char key;

    for (uint32_t i = 0; i < keys->nr_keys; i++) {
        if (copy_from_guest_at(&key, keys->keys, i, 1))
            return -EFAULT;
        console_key_press(key);
    }
    return 0;
}

int sysctl_getdomaininfolist(struct xen_sysctl *op)
{
    struct xen_sysctl_getdomaininfolist *list = &op->u.getdomaininfolist;
    struct xen_domctl_getdomaininfo info;
    struct domain *d;
    uint32_t n = 0;

    for_each_domain (d) {
        if (d->id < list->first_domain)
            continue;
        if (n == list->max_domains)
            break;
        control_domain_info(d, &info);
        if (copy_to_guest_at(list->buffer, n, &info, 1))
            return -EFAULT;
        n++;
    }
    list->num_domains = n;
    return 0;
}
