/* SPDX-License-Identifier: MIT */
/* Control operations on CPU policies and feature sets. */
#include "arch/cpu_policy.h"
#include "control.h"
#include "guest.h"

/* Copies leaves and MSRs to a tool's arrays, or tells how many there can be where it gives none. */
static int write_leaves(enum cpu_policy_kind kind, const struct domain *d, uint32_t *n, uint64_t to)
{
    xen_cpuid_leaf_t *leaves;
    unsigned int there;
    int rc = 0;

    if (!to) {
        *n = CPU_POLICY_LEAVES_MAX;
        return 0;
    }
    leaves = mm_alloc(CPU_POLICY_LEAVES_MAX * sizeof(*leaves));
    if (!leaves)
        return -ENOMEM;
    there = cpu_policy_copy(kind, d, leaves);
    if (there > *n)
        rc = -ENOBUFS;
    else if (guest_write(to, leaves, there * sizeof(*leaves)))
        rc = -EFAULT;
    *n = there;
    mm_free(leaves);
    return rc;
}

static int write_msrs(uint32_t *n, uint64_t to)
{
    xen_msr_entry_t msrs[CPU_POLICY_MSRS];

    if (!to) {
        *n = CPU_POLICY_MSRS;
        return 0;
    }
    if (*n < CPU_POLICY_MSRS)
        return -ENOBUFS;
    *n = CPU_POLICY_MSRS;
    cpu_policy_msrs(msrs);
    return guest_write(to, msrs, sizeof(msrs));
}

int sysctl_get_cpu_policy(struct xen_sysctl *op)
{
    static const enum cpu_policy_kind kinds[] = {
        [XEN_SYSCTL_cpu_policy_raw] = CPU_POLICY_RAW,
        [XEN_SYSCTL_cpu_policy_host] = CPU_POLICY_HOST,
        [XEN_SYSCTL_cpu_policy_pv_max] = CPU_POLICY_PV,
        [XEN_SYSCTL_cpu_policy_pv_default] = CPU_POLICY_PV,
    };
    struct xen_sysctl_cpu_policy *policy = &op->u.cpu_policy;
    int rc;

    if (policy->_rsvd || policy->index > XEN_SYSCTL_cpu_policy_hvm_default)
        return -EINVAL;
    if (policy->index == XEN_SYSCTL_cpu_policy_hvm_max ||
        policy->index == XEN_SYSCTL_cpu_policy_hvm_default)
        return -EOPNOTSUPP;
    rc = write_leaves(kinds[policy->index], NULL, &policy->nr_leaves,
                      guest_handle_addr(policy->leaves));
    return rc ? rc : write_msrs(&policy->nr_msrs, guest_handle_addr(policy->msrs));
}

int sysctl_get_cpu_featureset(struct xen_sysctl *op)
{
    static const struct {
        bool is_there;
        enum cpu_policy_kind kind;
    } sets[] = {
        [XEN_SYSCTL_cpu_featureset_raw] = {true, CPU_POLICY_RAW},
        [XEN_SYSCTL_cpu_featureset_host] = {true, CPU_POLICY_HOST},
        [XEN_SYSCTL_cpu_featureset_pv] = {true, CPU_POLICY_PV},
        [XEN_SYSCTL_cpu_featureset_pv_max] = {true, CPU_POLICY_PV},
    };
    struct xen_sysctl_cpu_featureset *set = &op->u.cpu_featureset;
    uint32_t words[CPU_FEATURE_WORDS], n = MIN(set->nr_features, CPU_FEATURE_WORDS);

    if (!guest_handle_addr(set->features)) {
        set->nr_features = CPU_FEATURE_WORDS;
        return 0;
    }
    if (set->index >= ARRAY_SIZE(sets) || !sets[set->index].is_there)
        return -EINVAL;
    cpu_policy_features(sets[set->index].kind, words);
    if (copy_to_guest(set->features, words, n))
        return -EFAULT;
    set->nr_features = n;
    return n < CPU_FEATURE_WORDS ? -ENOBUFS : 0;
}

int domctl_get_cpu_policy(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_cpu_policy *policy = &op->u.cpu_policy;
    int rc = write_leaves(CPU_POLICY_PV, d, &policy->nr_leaves, guest_handle_addr(policy->leaves));

    return rc ? rc : write_msrs(&policy->nr_msrs, guest_handle_addr(policy->msrs));
}

/* MSRs are not virtualised by policy: only a value that offers nothing can be set. */
static int check_msrs(struct xen_domctl_cpu_policy *policy)
{
    xen_msr_entry_t known[CPU_POLICY_MSRS], msr;

    if (policy->nr_msrs > CPU_POLICY_MSRS)
        return -E2BIG;
    cpu_policy_msrs(known);
    for (unsigned int i = 0; i < policy->nr_msrs; i++) {
        if (copy_from_guest_at(&msr, policy->msrs, i, 1))
            return -EFAULT;
        policy->err_msr = msr.idx;
        if (msr.flags || msr.val)
            return -EINVAL;
        if (msr.idx != known[0].idx && msr.idx != known[1].idx)
            return -ERANGE;
    }
    policy->err_msr = ~0u;
    return 0;
}

int domctl_set_cpu_policy(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_cpu_policy *policy = &op->u.cpu_policy;
    const xen_cpuid_leaf_t *bad = NULL;
    xen_cpuid_leaf_t *leaves;
    int rc;

    if (d == current->domain)
        return -EINVAL;
    if (d->has_run)
        return -EEXIST; /* a kernel has looked already */
    policy->err_leaf = policy->err_subleaf = policy->err_msr = ~0u;
    if (policy->nr_leaves > CPU_POLICY_LEAVES_MAX)
        return -E2BIG;
    if ((rc = check_msrs(policy)))
        return rc;
    leaves = mm_alloc(CPU_POLICY_LEAVES_MAX * sizeof(*leaves));
    if (!leaves)
        return -ENOMEM;
    if (copy_from_guest(leaves, policy->leaves, policy->nr_leaves))
        rc = -EFAULT;
    else
        rc = cpu_policy_set(d, leaves, policy->nr_leaves, &bad);
    if (bad) {
        policy->err_leaf = bad->leaf;
        policy->err_subleaf = bad->subleaf;
    }
    mm_free(leaves);
    return rc;
}
