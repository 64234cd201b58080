/* SPDX-License-Identifier: MIT */
/* The dispatch table, made from abi/hypercalls.def, and continuation of long calls. */
#include "domain.h"
#include "hypercall.h"

typedef int64_t hypercall_fn(HC_ARGS);

static int64_t hc_none(HC_ARGS)
{
    (void)a1, (void)a2, (void)a3, (void)a4, (void)a5;
    return -ENOSYS;
}

/* Used by entry.S, which checks the number against 64. */
hypercall_fn *const hypercall_table[] = {
#define HYPERCALL(number, name, class) [number] = hc_##name,
#include "abi/hypercalls.def"
#undef HYPERCALL
};
_Static_assert(ARRAY_SIZE(hypercall_table) == 64, "entry.S bounds the number by 64");
