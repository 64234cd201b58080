/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's protection of itself: execution and access prevention, guests' view of it,
 * speculation.
 */
#ifndef CORBEL_ARCH_PROTECT_H
#define CORBEL_ARCH_PROTECT_H

#include "types.h"

struct domain;
struct vcpu;

/* The words smep=, smap=, umip= (as given or by default), xpti=, spec-ctrl=. */
struct protect_options {
    bool smep, smap, umip;
};
extern struct protect_options protect_options;
bool protect_parse_spec(const char *value);
bool protect_parse_xpti(const char *value);

/* Chooses, replaces instructions and tells; once, on the first CPU, before others start. */
void protect_init(void);
/* CR4 and SPEC_CTRL of the CPU this runs on. */
void protect_init_cpu(void);

/*
 * A fault in ring 3 that only a supervisor's access can make: an emulator that checks far returns
 * of ring 3 with the hypervisor's rights (QEMU before 8). SMAP goes off on this CPU; true: try the
 * instruction again.
 */
bool protect_smap_misfired(uint64_t va, uint32_t error);

/* When another domain's vCPU comes onto this CPU: what predictors and caches remember goes. */
void protect_switch(const struct vcpu *prev, const struct vcpu *next);

/* Console key: walks the hypervisor's page tables and tells what is mapped how; false when a page
 * may be both written and executed, or is open to guests. */
bool protect_check_mappings(void);

/*
 * --- page-table isolation: guests run on a copy of their level-4 table whose hypervisor part holds
 * only what an entry needs: its code, the CPU's stack, IDT and TSS, descriptor windows, the M2P
 * that guests may read. ---
 */
bool xpti_wanted(const struct domain *d);
/* Tables of a CPU that has its stack; -ENOMEM. */
int xpti_prepare(unsigned int cpu);
/* From exit_to_guest: the CR3 to run the guest on, or 0 to keep what is loaded. */
uint64_t xpti_exit_cr3(void);
/* This CPU's copies are of other tables than those in use now. */
void xpti_forget(void);
/* A level-4 entry of `d` has changed: CPUs that run it take a new copy before they go on. */
void xpti_l4_changed(struct domain *d);

#endif
