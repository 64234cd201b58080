/* SPDX-License-Identifier: MIT */
/* Entries of page tables that were lost while their handles live: frames and rights, hashed. */
#include "internal.h"

/* Places looked at for a frame. */
#define PROBES 16u

static uint64_t *place(struct grant_table *t, mfn_t mfn, unsigned int probe)
{
    uint64_t hash = mfn.n * 0x9e3779b97f4a7c15ul >> 32;

    return &t->lost[(hash + probe) % GRANT_LOST_SLOTS];
}

/* Never 0, which is an empty place. */
static uint64_t note_of(mfn_t mfn, bool writable)
{
    return mfn.n << 2 | (writable ? 2 : 0) | 1;
}

static bool exchange(struct domain *d, mfn_t mfn, uint64_t from, uint64_t to)
{
    struct grant_table *t = d->grants;

    for (unsigned int i = 0; t && t->lost && i < PROBES; i++) {
        uint64_t expected = from;

        if (__atomic_compare_exchange_n(place(t, mfn, i), &expected, to, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
            return true;
    }
    return false;
}

void grant_note_lost(struct domain *d, mfn_t mfn, bool writable)
{
    exchange(d, mfn, 0, note_of(mfn, writable));
}

bool grant_take_lost(struct domain *d, mfn_t mfn, bool writable)
{
    return exchange(d, mfn, note_of(mfn, writable), 0);
}
