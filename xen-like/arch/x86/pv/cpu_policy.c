/* SPDX-License-Identifier: MIT */
/* CPU policies: enumerating leaves, feature sets, and a domain's own limits on them. */
#include "arch/cpu_policy.h"
#include "arch/fpu.h"
#include "lib/string.h"

#define BASIC_LEAF_LAST    0xdu
#define EXTENDED_LEAF      0x80000000u
#define EXTENDED_LEAF_LAST 0x80000021u
#define CACHE_SUBLEAVES    4
#define XSTATE_SUBLEAVES   63

struct cpu_policy {
    unsigned int n_leaves;
    xen_cpuid_leaf_t leaf[];
};

/* The registers of a leaf that are sets of features: a domain may lose bits there. */
static const struct feature_leaf {
    uint32_t leaf, sub;
    struct cpuid_regs is_feature; /* ~0 for such a register */
} feature_leaves[] = {
    {1, XEN_CPUID_NO_SUBLEAF, {0, 0, ~0u, ~0u}},
    {7, 0, {0, ~0u, ~0u, ~0u}},
    {7, 1, {~0u, ~0u, ~0u, ~0u}},
    {7, 2, {0, 0, 0, ~0u}},
    {0xd, 1, {~0u, 0, 0, 0}},
    {0x80000001, XEN_CPUID_NO_SUBLEAF, {0, 0, ~0u, ~0u}},
    {0x80000007, XEN_CPUID_NO_SUBLEAF, {0, 0, 0, ~0u}},
    {0x80000008, XEN_CPUID_NO_SUBLEAF, {0, ~0u, 0, 0}},
    {0x80000021, XEN_CPUID_NO_SUBLEAF, {~0u, 0, ~0u, 0}},
};

static bool has_subleaves(uint32_t leaf)
{
    return leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd;
}

/* --- a domain's own policy --- */

static xen_cpuid_leaf_t *find_leaf(struct cpu_policy *p, uint32_t leaf, uint32_t sub)
{
    uint32_t wanted = has_subleaves(leaf) ? sub : XEN_CPUID_NO_SUBLEAF;

    for (unsigned int i = 0; p && i < p->n_leaves; i++)
        if (p->leaf[i].leaf == leaf && p->leaf[i].subleaf == wanted)
            return &p->leaf[i];
    return NULL;
}

static void limit_features(const xen_cpuid_leaf_t *own, struct cpuid_regs *r)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(feature_leaves); i++) {
        const struct feature_leaf *f = &feature_leaves[i];

        if (f->leaf != own->leaf || f->sub != own->subleaf)
            continue;
        r->a &= own->a | ~f->is_feature.a;
        r->b &= own->b | ~f->is_feature.b;
        r->c &= own->c | ~f->is_feature.c;
        r->d &= own->d | ~f->is_feature.d;
    }
}

struct cpuid_regs cpu_policy_leaf(const struct domain *d, uint32_t leaf, uint32_t sub)
{
    struct cpuid_regs r = pv_cpuid_offered(leaf, sub);
    const xen_cpuid_leaf_t *last = find_leaf(d->arch.policy, leaf & EXTENDED_LEAF, 0);
    const xen_cpuid_leaf_t *own = find_leaf(d->arch.policy, leaf, sub);

    if (last && leaf > last->a)
        return (struct cpuid_regs){0};
    if (!own)
        return r;
    limit_features(own, &r);
    switch (leaf) {
    case 0: /* the last leaf */
    case EXTENDED_LEAF:
    case 1: /* family, model and stepping */
        r.a = own->a;
        break;
    case EXTENDED_LEAF + 2: /* the CPU's name */
    case EXTENDED_LEAF + 3:
    case EXTENDED_LEAF + 4:
        r = (struct cpuid_regs){own->a, own->b, own->c, own->d};
        break;
    }
    return r;
}

/* Leaves and subleaves any policy may name. */
static bool leaf_known(const xen_cpuid_leaf_t *l)
{
    if (!has_subleaves(l->leaf) && l->subleaf != XEN_CPUID_NO_SUBLEAF)
        return false;
    if (l->leaf == 0xd)
        return l->subleaf < XSTATE_SUBLEAVES;
    if (has_subleaves(l->leaf))
        return l->subleaf < 6;
    return l->leaf <= BASIC_LEAF_LAST || l->leaf == 0x40000000 || l->leaf == 0x40000100 ||
           (l->leaf >= EXTENDED_LEAF && l->leaf <= EXTENDED_LEAF_LAST);
}

int cpu_policy_set(struct domain *d, const xen_cpuid_leaf_t *leaves, unsigned int n,
                   const xen_cpuid_leaf_t **bad)
{
    struct cpu_policy *p;

    for (unsigned int i = 0; i < n; i++) {
        uint32_t leaf = leaves[i].leaf;

        *bad = &leaves[i];
        if (!leaf_known(&leaves[i]))
            return -ERANGE;
        if ((leaf == 0 || leaf == EXTENDED_LEAF) && leaves[i].a > cpu_cpuid(leaf, 0).a)
            return -EINVAL;
    }
    *bad = NULL;
    p = mm_alloc(sizeof(*p) + CPU_POLICY_LEAVES_MAX * sizeof(p->leaf[0]));
    if (!p)
        return -ENOMEM;
    if (d->arch.policy)
        memcpy(p, d->arch.policy, sizeof(*p) + d->arch.policy->n_leaves * sizeof(p->leaf[0]));
    for (unsigned int i = 0; i < n; i++) {
        xen_cpuid_leaf_t *own = find_leaf(p, leaves[i].leaf, leaves[i].subleaf);

        if (!own && p->n_leaves == CPU_POLICY_LEAVES_MAX) {
            mm_free(p);
            return -E2BIG;
        }
        *(own ? own : &p->leaf[p->n_leaves++]) = leaves[i];
    }
    mm_free(d->arch.policy);
    d->arch.policy = p;
    return 0;
}

/* --- policies as arrays of leaves --- */

static struct cpuid_regs leaf_of(enum cpu_policy_kind kind, const struct domain *d, uint32_t leaf,
                                 uint32_t sub)
{
    if (kind != CPU_POLICY_PV)
        return leaf <= cpu_cpuid(leaf & EXTENDED_LEAF, 0).a ? cpu_cpuid(leaf, sub)
                                                            : (struct cpuid_regs){0};
    return d ? cpu_policy_leaf(d, leaf, sub) : pv_cpuid_offered(leaf, sub);
}

static uint32_t subleaf_last(uint32_t leaf, const struct cpuid_regs *first)
{
    switch (leaf) {
    case 4:
        return CACHE_SUBLEAVES - 1;
    case 7:
        return MIN(first->a, 2u);
    case 0xb:
        return 1;
    case 0xd:
        return XSTATE_SUBLEAVES - 1;
    default:
        return 0;
    }
}

static bool regs_zero(const struct cpuid_regs *r)
{
    return !(r->a | r->b | r->c | r->d);
}

unsigned int cpu_policy_copy(enum cpu_policy_kind kind, const struct domain *d,
                             xen_cpuid_leaf_t *out)
{
    static const uint32_t bases[] = {0, EXTENDED_LEAF},
                          lasts[] = {BASIC_LEAF_LAST, EXTENDED_LEAF_LAST};
    unsigned int n = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(bases); i++) {
        uint32_t last = MIN(leaf_of(kind, d, bases[i], 0).a, lasts[i]);

        for (uint32_t leaf = bases[i]; leaf <= last; leaf++) {
            struct cpuid_regs r = leaf_of(kind, d, leaf, 0);
            uint32_t sub_last = subleaf_last(leaf, &r);

            for (uint32_t sub = 0; sub <= sub_last && n < CPU_POLICY_LEAVES_MAX; sub++) {
                r = leaf_of(kind, d, leaf, sub);
                if (sub > 1 && regs_zero(&r)) /* state components that are not there */
                    continue;
                out[n++] = (xen_cpuid_leaf_t){
                    leaf, has_subleaves(leaf) ? sub : XEN_CPUID_NO_SUBLEAF, r.a, r.b, r.c, r.d};
            }
        }
    }
    return n;
}

/* Neither CPUID faulting nor ARCH_CAPABILITIES is offered. */
void cpu_policy_msrs(xen_msr_entry_t out[CPU_POLICY_MSRS])
{
    static const uint32_t index[CPU_POLICY_MSRS] = {0xce, 0x10a}; /* PLATFORM_INFO, ARCH_CAPS */

    for (unsigned int i = 0; i < CPU_POLICY_MSRS; i++)
        out[i] = (xen_msr_entry_t){.idx = index[i]};
}

void cpu_policy_features(enum cpu_policy_kind kind, uint32_t words[CPU_FEATURE_WORDS])
{
    struct cpuid_regs basic = leaf_of(kind, NULL, 1, 0), ext = leaf_of(kind, NULL, 0x80000001, 0);
    struct cpuid_regs seven = leaf_of(kind, NULL, 7, 0), seven1 = leaf_of(kind, NULL, 7, 1);
    struct cpuid_regs xsave = leaf_of(kind, NULL, 0xd, 1), e21 = leaf_of(kind, NULL, 0x80000021, 0);

    memset(words, 0, CPU_FEATURE_WORDS * sizeof(*words));
    words[0] = basic.d;
    words[1] = basic.c;
    words[2] = ext.d;
    words[3] = ext.c;
    words[4] = xsave.a;
    words[5] = seven.b;
    words[6] = seven.c;
    words[7] = leaf_of(kind, NULL, 0x80000007, 0).d;
    words[8] = leaf_of(kind, NULL, 0x80000008, 0).b;
    words[9] = seven.d;
    if (seven.a >= 1) {
        words[10] = seven1.a;
        words[12] = seven1.b;
        words[14] = seven1.c;
        words[15] = seven1.d;
    }
    words[11] = e21.a;
    if (seven.a >= 2)
        words[13] = leaf_of(kind, NULL, 7, 2).d;
    words[18] = e21.c;
}
