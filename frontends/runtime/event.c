/* SPDX-License-Identifier: MIT */
/* Event channel operations and the two-level upcall. */
#include "runtime/event.h"
#include "runtime/format.h"
#include "runtime/hypercall.h"
#include "runtime/start.h"
#include "runtime/trap.h"

#include <xen/sched.h>

static struct {
    event_handler handler;
    void *data;
} ports[EVENT_PORTS];

static inline void bit_set(xen_ulong_t *words, uint32_t bit)
{
    asm volatile("lock btsq %1, %0" : "+m"(*words) : "r"((uint64_t)bit) : "memory");
}

static inline void bit_clear(xen_ulong_t *words, uint32_t bit)
{
    asm volatile("lock btrq %1, %0" : "+m"(*words) : "r"((uint64_t)bit) : "memory");
}

static void deliver_word(unsigned int word)
{
    uint64_t ready = shared_info.evtchn_pending[word] & ~shared_info.evtchn_mask[word];

    while (ready) {
        uint32_t port = word * 64 + __builtin_ctzl(ready);

        ready &= ready - 1;
        event_clear(port);
        if (ports[port].handler)
            ports[port].handler(port, ports[port].data);
    }
}

/* Runs with events masked and evtchn_upcall_pending cleared by the dispatcher. */
static void deliver(struct trap_frame *frame)
{
    uint64_t words = __atomic_exchange_n(&guest_vcpu()->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);

    (void)frame;
    while (words) {
        deliver_word(__builtin_ctzl(words));
        words &= words - 1;
    }
}

void event_init(void)
{
    memset(shared_info.evtchn_mask, 0xff, sizeof(shared_info.evtchn_mask));
    /* What came before nobody listened, as the store's first event does, is not to wake anyone. */
    guest_vcpu()->evtchn_pending_sel = 0;
    guest_vcpu()->evtchn_upcall_pending = 0;
    trap_set_event_handler(deliver);
}

void event_set_handler(uint32_t port, event_handler handler, void *data)
{
    event_mask(port);
    ports[port].handler = handler;
    ports[port].data = data;
    if (handler)
        event_unmask(port);
}

long event_op(unsigned int command, void *argument)
{
    return hypercall2(__HYPERVISOR_event_channel_op, command, arg(argument));
}

long event_bind_virq(uint32_t virq, uint32_t vcpu)
{
    struct evtchn_bind_virq op = {.virq = virq, .vcpu = vcpu};
    long answer = event_op(EVTCHNOP_bind_virq, &op);

    return answer ? answer : (long)op.port;
}

long event_bind_ipi(uint32_t vcpu)
{
    struct evtchn_bind_ipi op = {.vcpu = vcpu};
    long answer = event_op(EVTCHNOP_bind_ipi, &op);

    return answer ? answer : (long)op.port;
}

long event_alloc_unbound(domid_t domain, domid_t remote)
{
    struct evtchn_alloc_unbound op = {.dom = domain, .remote_dom = remote};
    long answer = event_op(EVTCHNOP_alloc_unbound, &op);

    return answer ? answer : (long)op.port;
}

long event_connect(domid_t remote, uint32_t remote_port)
{
    struct evtchn_bind_interdomain op = {.remote_dom = remote, .remote_port = remote_port};
    long answer = event_op(EVTCHNOP_bind_interdomain, &op);

    return answer ? answer : (long)op.local_port;
}

long event_send(uint32_t port)
{
    struct evtchn_send op = {.port = port};

    return event_op(EVTCHNOP_send, &op);
}

long event_close(uint32_t port)
{
    struct evtchn_close op = {.port = port};

    return event_op(EVTCHNOP_close, &op);
}

long event_unmask(uint32_t port)
{
    struct evtchn_unmask op = {.port = port};

    return event_op(EVTCHNOP_unmask, &op);
}

long event_status(uint32_t port, struct evtchn_status *status)
{
    *status = (struct evtchn_status){.dom = DOMID_SELF, .port = port};
    return event_op(EVTCHNOP_status, status);
}

bool event_is_pending(uint32_t port)
{
    return shared_info.evtchn_pending[port / 64] >> port % 64 & 1;
}

void event_clear(uint32_t port)
{
    bit_clear(shared_info.evtchn_pending, port);
}

void event_mask(uint32_t port)
{
    bit_set(shared_info.evtchn_mask, port);
}

void event_enable(void)
{
    struct vcpu_info *vcpu = guest_vcpu();

    __atomic_store_n(&vcpu->evtchn_upcall_mask, 0, __ATOMIC_SEQ_CST);
    /* Events that came while they were masked make no upcall by themselves: take them here. */
    while (__atomic_load_n(&vcpu->evtchn_upcall_pending, __ATOMIC_SEQ_CST)) {
        vcpu->evtchn_upcall_mask = 1;
        vcpu->evtchn_upcall_pending = 0;
        deliver(0);
        __atomic_store_n(&vcpu->evtchn_upcall_mask, 0, __ATOMIC_SEQ_CST);
    }
}

void event_disable(void)
{
    __atomic_store_n(&guest_vcpu()->evtchn_upcall_mask, 1, __ATOMIC_SEQ_CST);
}

void event_wait(void)
{
    /* SCHEDOP_block opens events itself, at once with the decision to sleep. */
    hypercall2(__HYPERVISOR_sched_op, SCHEDOP_block, 0);
    event_disable();
}
