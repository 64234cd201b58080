/* SPDX-License-Identifier: MIT */
/*
 * NMIs to PV guests. One flag a vCPU is all that waits: any number of senders make one NMI. The way
 * out to the guest (entry.S) delivers it to gate 2 of the trap table; from then on the next one
 * waits until the guest's iret, as a CPU's own would.
 */
#include "compiler.h"

#include <xen/nmi.h>

#include "arch/trap.h"
#include "event.h"
#include "guest.h"
#include "hypercall.h"

#define GATE_MASKS_EVENTS 4

void pv_raise_nmi(struct vcpu *v)
{
    if (__atomic_exchange_n(&v->arch.nmi_pending, 1, __ATOMIC_SEQ_CST) == 0)
        vcpu_kick(v);
}

int pv_set_nmi_callback(struct vcpu *v, uint64_t address)
{
    if (!pv_callback_ok(address))
        return -EINVAL;
    v->arch.traps[TRAP_NMI] = (struct trap_gate){address, FLAT_KERNEL_CS64, GATE_MASKS_EVENTS};
    /* The machine's NMIs that came before anybody listened. */
    if (v->id == 0 && READ_ONCE(v->domain->shared_info->arch.nmi_reason))
        pv_raise_nmi(v);
    return 0;
}

void pv_clear_nmi_callback(struct vcpu *v)
{
    v->arch.traps[TRAP_NMI] = (struct trap_gate){0};
}

void pv_deliver_nmi(struct regs *regs)
{
    struct vcpu *v = current;

    /* Cleared first: whoever sends one from here on makes another. */
    __atomic_store_n(&v->arch.nmi_pending, 0, __ATOMIC_SEQ_CST);
    if (!v->arch.traps[TRAP_NMI].address)
        return;
    v->arch.nmi_masked = 1;
    pv_inject_trap(regs, TRAP_NMI, 0);
}

int64_t hc_nmi_op(HC_ARGS)
{
    struct xennmi_callback callback;
    (void)a3, (void)a4, (void)a5;

    switch ((uint32_t)a1) {
    case XENNMI_register_callback:
        if (guest_read(&callback, a2, sizeof(callback)))
            return -EFAULT;
        return pv_set_nmi_callback(current, callback.handler_address);
    case XENNMI_unregister_callback:
        pv_clear_nmi_callback(current);
        return 0;
    default:
        return -ENOSYS;
    }
}
