/* SPDX-License-Identifier: MIT */
/*
 * The 2-level ABI: a bit for each port in shared_info (pending, mask), a selector word and a flag
 * in each vcpu_info.
 *
 * The order is what lets guests and us work on it without a lock: pending first; then, if the port
 * is not masked, its word's bit in the selector; then evtchn_upcall_pending; each step only when we
 * changed the one before. Whoever unmasks repeats the last two.
 *
 * The table may have ports that only the FIFO ABI had bits for; here they have none, and are never
 * pending.
 */
#include "internal.h"

/* Sets a bit; whether it was set before. */
static inline bool bit_test_set(xen_ulong_t *word, unsigned int bit)
{
    return __atomic_fetch_or(word, 1ul << bit, __ATOMIC_SEQ_CST) >> bit & 1;
}

static inline bool bit_test(const xen_ulong_t *word, unsigned int bit)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST) >> bit & 1;
}

static inline bool has_bits(evtchn_port_t port)
{
    return likely(port < EVTCHN_2L_NR_CHANNELS);
}

/* Second and third step: tells `v` that word `port / 64` has something. */
static inline void notify_vcpu(struct vcpu *v, evtchn_port_t port)
{
    if (!bit_test_set(&v->vcpu_info->evtchn_pending_sel, port / 64))
        evtchn_notify(v);
}

static bool two_level_raise(struct domain *d, struct vcpu *v, evtchn_port_t port)
{
    shared_info_t *shared = d->shared_info;

    if (!has_bits(port) || bit_test_set(&shared->evtchn_pending[port / 64], port % 64))
        return false;
    if (!bit_test(&shared->evtchn_mask[port / 64], port % 64))
        notify_vcpu(v, port);
    return true;
}

static void two_level_clear(struct domain *d, evtchn_port_t port)
{
    if (has_bits(port))
        __atomic_fetch_and(&d->shared_info->evtchn_pending[port / 64], ~(1ul << port % 64),
                           __ATOMIC_SEQ_CST);
}

static void two_level_unmask(struct domain *d, struct vcpu *v, evtchn_port_t port)
{
    shared_info_t *shared = d->shared_info;
    xen_ulong_t bit = 1ul << port % 64;

    if (has_bits(port) &&
        __atomic_fetch_and(&shared->evtchn_mask[port / 64], ~bit, __ATOMIC_SEQ_CST) & bit &&
        bit_test(&shared->evtchn_pending[port / 64], port % 64))
        notify_vcpu(v, port);
}

static bool two_level_is_pending(const struct domain *d, evtchn_port_t port)
{
    return has_bits(port) && bit_test(&d->shared_info->evtchn_pending[port / 64], port % 64);
}

static bool two_level_is_masked(const struct domain *d, evtchn_port_t port)
{
    return has_bits(port) && bit_test(&d->shared_info->evtchn_mask[port / 64], port % 64);
}

const struct evtchn_abi evtchn_two_level = {
    .raise = two_level_raise,
    .clear = two_level_clear,
    .unmask = two_level_unmask,
    .is_pending = two_level_is_pending,
    .is_masked = two_level_is_masked,
};
