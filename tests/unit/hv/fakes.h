/* SPDX-License-Identifier: MIT */
/* A small machine for the event and grant rooms: domains, frames with owners, locks whose ranks are
 * checked. */
#ifndef TESTS_UNIT_HV_FAKES_H
#define TESTS_UNIT_HV_FAKES_H

#include "domain.h"

#define FAKE_DOMAINS 4

/* What is known of a frame besides its page_info. */
struct fake_frame {
    struct domain *owner;
    int refs;           /* 1 is the owner's own; 0: free */
    int writable_refs;  /* of those, with the writable type */
    bool is_page_table; /* cannot be written by anybody */
    bool is_shared;     /* page_share()d */
};
extern struct fake_frame fake_frame[FAKE_FRAMES];

/* vcpu_kick and poll wake-ups seen, by vCPU pointer's domain and id. */
extern unsigned int fake_kicks[FAKE_DOMAINS][8];
/* When not 0, allocation number fake_fail_alloc from now on fails. */
extern unsigned int fake_fail_alloc;
/* hypercall_preempt_check says yes every that many calls; 0: never. */
extern unsigned int fake_preempt_every;
/* What pirq_bind answers, and how many are bound. */
extern int fake_pirq_result, fake_pirqs_bound;

/* Domain `id` (< FAKE_DOMAINS) with vCPUs and the room's state; fake_current becomes its vCPU 0. */
struct domain *fake_domain(const struct domain_room *room, domid_t id, unsigned int n_vcpus);
/* Tears it down and frees it, checking that nobody else holds a reference. */
void fake_domain_end(const struct domain_room *room, struct domain *d);
/* Makes `id` the caller. */
void fake_switch_to(domid_t id);
/* A fresh frame of `d`, reference count 1. */
mfn_t fake_give_frame(struct domain *d);

#endif
