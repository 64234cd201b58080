/* SPDX-License-Identifier: MIT */
/*
 * Event channels (<xen/event_channel.h>): 2-level ABI, and the FIFO ABI for domains that ask for
 * it. Per-domain port table, grown on demand to the domain's limit (max_evtchn_port).
 */
#ifndef CORBEL_EVENT_H
#define CORBEL_EVENT_H

#include "types.h"

#include <xen/event_channel.h>

#include "domain.h"

/* Sets the limit before the first port is made; from domain_create. -ENOMEM. */
int evtchn_set_limit(struct domain *d, unsigned int max_port);
/* From hypercalls (hypercall/event_channel.c decodes, these act). All: 0 or -errno as Xen 4.17
 * gives. */
int evtchn_alloc_unbound(struct domain *d, domid_t remote, evtchn_port_t *port);
int evtchn_bind_interdomain(struct domain *d, domid_t remote_dom, evtchn_port_t remote_port,
                            evtchn_port_t *local_port);
int evtchn_bind_virq(struct domain *d, unsigned int virq, unsigned int vcpu, evtchn_port_t *port);
int evtchn_bind_ipi(struct domain *d, unsigned int vcpu, evtchn_port_t *port);
int evtchn_bind_pirq(struct domain *d, unsigned int pirq, unsigned int flags, evtchn_port_t *port);
int evtchn_close(struct domain *d, evtchn_port_t port);
int evtchn_send(struct domain *d, evtchn_port_t port);
int evtchn_status(struct domain *d, evtchn_port_t port, evtchn_status_t *status);
int evtchn_bind_vcpu(struct domain *d, evtchn_port_t port, unsigned int vcpu);
int evtchn_unmask(struct domain *d, evtchn_port_t port);
/*
 * FIFO ABI, for the calling domain. init_control: the control block of one vCPU; the first switches
 * the domain over. expand_array: the next page of event words. set_priority: from the next event
 * on; -ENOSYS under the 2-level ABI. The frames are held until the domain resets or ends.
 */
int evtchn_fifo_init_control(struct domain *d, evtchn_init_control_t *init);
int evtchn_fifo_expand_array(struct domain *d, gfn_t gfn);
int evtchn_set_priority(struct domain *d, evtchn_port_t port, unsigned int priority);
/* Closes all ports and returns to the 2-level ABI; -ERESTART_HYPERCALL: call again. -EINVAL for
 * another domain that its controller has not paused. */
int evtchn_reset(struct domain *d);

/* From inside the hypervisor. */
void send_guest_vcpu_virq(struct vcpu *v, unsigned int virq); /* VIRQ_TIMER, VIRQ_DEBUG, ... */
void send_guest_global_virq(struct domain *d,
                            unsigned int virq); /* VIRQ_DOM_EXC, VIRQ_CONSOLE, ... */
/* To the domain that owns a global VIRQ: dom0, or who was made its handler. */
void send_global_virq(unsigned int virq);
/* Gives a global VIRQ to `d` until it dies. -EINVAL: no such VIRQ, or it is each vCPU's own. */
int evtchn_set_virq_handler(struct domain *d, unsigned int virq);
/* Makes `port` pending (pirq delivery). */
void evtchn_set_pending(struct domain *d, evtchn_port_t port);
/* Whether `port` is pending (SCHEDOP_poll); -EINVAL on a bad port, else 0/1. */
int evtchn_port_is_pending(struct domain *d, evtchn_port_t port);
/* Whether a valid port is masked by the guest; used to decide on EOI of level pirqs. */
bool evtchn_port_is_masked(struct domain *d, evtchn_port_t port);
/* The pirq bound to `port`, or -1; the port bound to `pirq`, or 0. */
int evtchn_port_pirq(struct domain *d, evtchn_port_t port);

/*
 * Marks vCPU info pending and kicks the vCPU: `evtchn_upcall_pending` and the selector word.
 * arch/x86/pv/traps.c looks at vcpu_info on each exit to the guest.
 */

#endif
