/* SPDX-License-Identifier: MIT */
/* Address kinds as distinct types, page constants. */
#ifndef CORBEL_TYPES_H
#define CORBEL_TYPES_H

#include "compiler.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1ul << PAGE_SHIFT)
#define PAGE_MASK  (~(PAGE_SIZE - 1))

typedef uint64_t paddr_t; /* machine address in bytes */
typedef struct {
    uint64_t n;
} mfn_t; /* machine frame number */
typedef struct {
    uint64_t n;
} gfn_t; /* guest frame number: equals the MFN in a PV domain */

#define MFN(x)      ((mfn_t){(x)})
#define GFN(x)      ((gfn_t){(x)})
#define INVALID_MFN MFN(~0ul)

static inline bool mfn_eq(mfn_t a, mfn_t b)
{
    return a.n == b.n;
}

static inline paddr_t mfn_to_paddr(mfn_t m)
{
    return m.n << PAGE_SHIFT;
}

static inline mfn_t paddr_to_mfn(paddr_t p)
{
    return MFN(p >> PAGE_SHIFT);
}

/* Nanoseconds since the hypervisor started its clock ("system time" of the ABI). */
typedef int64_t s_time_t;
#define NSEC_PER_SEC 1000000000ll
#define MILLISECS(x) ((s_time_t)(x)*1000000ll)
#define MICROSECS(x) ((s_time_t)(x)*1000ll)
#define STIME_MAX    INT64_MAX

#endif
