/* SPDX-License-Identifier: MIT */
/* XEN_SYSCTL_tbuf_op: the trace buffers, for xentrace and corbel-trace. */
#include "control.h"
#include "guest.h"
#include "trace.h"

static int set_cpus(const struct xenctl_bitmap *map)
{
    uint64_t words[2] = {0, 0};
    unsigned int n_bytes = MIN(map->nr_bits + 7u, (unsigned int)sizeof(words) * 8) / 8;

    for (unsigned int i = 0; i < n_bytes; i++) {
        uint8_t byte;

        if (copy_from_guest_at(&byte, map->bitmap, i, 1))
            return -EFAULT;
        words[i / 8] |= (uint64_t)byte << i % 8 * 8;
    }
    trace_set_cpus(words[0], words[1]);
    return 0;
}

int sysctl_tbuf_op(struct xen_sysctl *op)
{
    struct xen_sysctl_tbuf_op *tbuf = &op->u.tbuf_op;

    switch (tbuf->cmd) {
    case XEN_SYSCTL_TBUFOP_get_info:
        tbuf->evt_mask = trace_events();
        trace_info(&tbuf->buffer_mfn, &tbuf->size);
        return 0;
    case XEN_SYSCTL_TBUFOP_set_cpu_mask:
        return set_cpus(&tbuf->cpu_mask);
    case XEN_SYSCTL_TBUFOP_set_evt_mask:
        trace_set_events(tbuf->evt_mask);
        return 0;
    case XEN_SYSCTL_TBUFOP_set_size:
        return trace_set_size(tbuf->size);
    case XEN_SYSCTL_TBUFOP_enable:
        return trace_enable();
    case XEN_SYSCTL_TBUFOP_disable:
        trace_disable();
        return 0;
    default:
        return -EINVAL;
    }
}
