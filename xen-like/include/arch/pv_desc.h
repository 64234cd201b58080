/* SPDX-License-Identifier: MIT */
/* Guests' descriptor tables. The hypervisor's own entries stand in the reserved page (index 14) of
 * every GDT. */
#ifndef CORBEL_ARCH_PV_DESC_H
#define CORBEL_ARCH_PV_DESC_H

#include "domain.h"

#define GDT_RESERVED_PAGE 14 /* of a GDT window: the CPU's own page */

#define HV_CS      0xe008
#define HV_DS      0xe010
#define HV_TSS     0xe040
#define HV_LDT     0xe050
#define GUEST_CS32 0xe023
#define GUEST_CS64 0xe033
#define GUEST_DS   0xe02b

/* Fixes up (DPL 3) or refuses one descriptor; null, code, data and not-present ones are harmless.
 */
bool pv_descriptor_fix(uint64_t *desc);
int pv_set_gdt(struct vcpu *v, const uint64_t *frames, unsigned int entries);
void pv_drop_gdt(struct vcpu *v);
/* Empty GDT of a new vCPU. */
void pv_init_gdt(struct vcpu *v);
/* -EINVAL: over 8192 entries, unaligned or inside the hypervisor. Pages are checked and mapped on
 * first use. */
int pv_set_ldt(struct vcpu *v, uint64_t base, unsigned int entries);
/* A fault at `va` in the LDT window of `v`: maps the page; false when the guest has none there. */
bool pv_ldt_fault(struct vcpu *v, uint64_t va);
void pv_ldt_unmap(struct vcpu *v);
/* Takes a value for debug register `n` of `v` without loading it; -ENODEV, -EPERM, -EINVAL as
 * set_debugreg answers. */
int pv_set_debugreg(struct vcpu *v, unsigned int n, uint64_t value);
/* Loads GDTR, LDTR for `v` (NULL: the hypervisor's own). */
void desc_load(const struct vcpu *v);
/* The IDT, once, before the first desc_init. */
void desc_init_idt(void);
/* Allocates GDT page, TSS, stacks and syscall stubs of `cpu`, which is not running. -ENOMEM. */
int desc_prepare(unsigned int cpu);
/* Loads them into this CPU, with the MSRs of the syscall instruction. */
void desc_init(void);
/* The address ranges of `cpu` that an entry from a guest touches before it has the hypervisor's
 * tables: stack, syscall stubs, TSS, IDT. */
struct desc_ranges {
    struct {
        uint64_t start, end;
    } range[4];
};
void desc_entry_ranges(unsigned int cpu, struct desc_ranges *out);
/* PTE of this CPU's reserved GDT page, for the window of the vCPU it is about to run. */
uint64_t desc_reserved_pte(void);

#endif
