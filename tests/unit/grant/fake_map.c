/* SPDX-License-Identifier: MIT */
/* arch_grant_map and arch_grant_unmap over fake page tables. */
#include "fake_map.h"
#include "grant.h"

struct fake_slot fake_slot[FAKE_DOMAINS][FAKE_SLOTS];

static struct fake_slot *find(uint64_t address)
{
    uint64_t n = address / PAGE_SIZE;

    if (address % PAGE_SIZE || n == 0 || n > FAKE_SLOTS)
        return NULL;
    return &fake_slot[current->domain->id][n - 1];
}

int arch_grant_map(uint64_t host_addr, mfn_t mfn, unsigned int flags)
{
    struct fake_slot *slot = find(host_addr);

    if (!slot)
        return GNTST_general_error;
    *slot = (struct fake_slot){mfn.n, !(flags & GNTMAP_readonly)};
    return GNTST_okay;
}

int arch_grant_unmap(uint64_t host_addr, mfn_t mfn, uint64_t new_addr, unsigned int flags)
{
    struct fake_slot *slot = find(host_addr), *from = new_addr ? find(new_addr) : NULL;

    if (!slot || slot->mfn != mfn.n || slot->writable != !(flags & GNTMAP_readonly) ||
        (new_addr && !from))
        return GNTST_general_error;
    *slot = from ? *from : (struct fake_slot){0};
    if (from)
        *from = (struct fake_slot){0};
    return GNTST_okay;
}

void arch_grant_flush(void)
{
}
