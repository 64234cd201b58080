/* SPDX-License-Identifier: MIT */
/* What Corbel answers beyond Xen 4.17, for its own tools; Xen refuses each of these. */
#ifndef CORBEL_ABI_EXTENSIONS_H
#define CORBEL_ABI_EXTENSIONS_H

/* XEN_DOMCTL_scheduler_op, sched_id XEN_SCHEDULER_CREDIT2: a domain's reservation, hundredths of a
 * CPU for all its vCPUs together, in u.credit2.cap (0 = none). -EINVAL above its cap or CPUs. */
#define CORBEL_SCHEDOP_put_reservation 0x10000u
#define CORBEL_SCHEDOP_get_reservation 0x10001u

#endif
