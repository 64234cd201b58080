/* SPDX-License-Identifier: MIT */
/*
 * CPU policies: what CPUID tells a domain, as toolstacks read and set it (<xen/domctl.h>,
 * XEN_DOMCTL_get_cpu_policy). What a guest may have at most is computed (pv_cpuid_offered); a
 * domain's own policy is an array of leaves that only takes features away from that. It is set
 * while the domain has not run, so it is read without a lock.
 */
#ifndef CORBEL_ARCH_CPU_POLICY_H
#define CORBEL_ARCH_CPU_POLICY_H

#include "arch/cpu.h"
#include "domain.h"

#include <xen/arch-x86/xen.h>

/* Leaves a policy has at most, and of how many words a feature set consists
 * (<xen/arch-x86/cpufeatureset.h>). */
#define CPU_POLICY_LEAVES_MAX 128
#define CPU_POLICY_MSRS       2
#define CPU_FEATURE_WORDS     19

enum cpu_policy_kind {
    CPU_POLICY_RAW,  /* what the CPU says */
    CPU_POLICY_HOST, /* what the hypervisor uses of it: the same here */
    CPU_POLICY_PV    /* what a PV guest may have */
};

/* A leaf as PV guests may see it at most; zeroes for leaves that are not there. */
struct cpuid_regs pv_cpuid_offered(uint32_t leaf, uint32_t sub);
/* The same as domain `d` sees it. */
struct cpuid_regs cpu_policy_leaf(const struct domain *d, uint32_t leaf, uint32_t sub);

/* Writes the leaves of a policy, of domain `d` unless that is NULL, to out[CPU_POLICY_LEAVES_MAX];
 * returns their number. */
unsigned int cpu_policy_copy(enum cpu_policy_kind kind, const struct domain *d,
                             xen_cpuid_leaf_t *out);
void cpu_policy_msrs(xen_msr_entry_t out[CPU_POLICY_MSRS]);
void cpu_policy_features(enum cpu_policy_kind kind, uint32_t words[CPU_FEATURE_WORDS]);

/*
 * Gives `d` the policy it has with these leaves in it. -ERANGE: a leaf that no policy has, -EINVAL:
 * more leaves than the machine offers; `bad` names it then.
 */
int cpu_policy_set(struct domain *d, const xen_cpuid_leaf_t *leaves, unsigned int n,
                   const xen_cpuid_leaf_t **bad);

#endif
