/* SPDX-License-Identifier: MIT */
/*
 * Event channels, two-level ABI: ports of this guest, their pending and mask bits in the shared
 * info page, and the upcall that hands pending ports to their handlers.
 */
#ifndef RUNTIME_EVENT_H
#define RUNTIME_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/event_channel.h>

#define EVENT_PORTS 4096

/* Called with events masked, the port's pending bit already cleared. */
typedef void (*event_handler)(uint32_t port, void *data);

/* Masks every port, as a fresh domain has them all open; called once, before guest_main(). */
void event_init(void);

/* Gives a port its handler and unmasks the port; NULL takes it away and masks it. */
void event_set_handler(uint32_t port, event_handler handler, void *data);

/*
 * Each binds a new port, answers it, or a negative Xen errno. event_bind_virq and event_bind_ipi
 * bind to a vCPU; event_alloc_unbound to whom `remote` may connect; event_connect to such a port.
 */
long event_bind_virq(uint32_t virq, uint32_t vcpu);
long event_bind_ipi(uint32_t vcpu);
long event_alloc_unbound(domid_t domain, domid_t remote);
long event_connect(domid_t remote, uint32_t remote_port);

/* Operations on a port; 0 or a negative Xen errno. */
long event_send(uint32_t port);
long event_close(uint32_t port);
long event_unmask(uint32_t port);
long event_status(uint32_t port, struct evtchn_status *status);

/* Bits in the shared info page. */
bool event_is_pending(uint32_t port);
void event_clear(uint32_t port);
void event_mask(uint32_t port);

/* Opens or shuts upcalls of this vCPU; opening takes what is already pending. */
void event_enable(void);
void event_disable(void);

/* Sleeps until an event arrives, whose handler has run when this returns. Events must be shut. */
void event_wait(void);

/* Any EVTCHNOP_*. */
long event_op(unsigned int command, void *argument);

#endif
