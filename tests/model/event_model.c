/* SPDX-License-Identifier: MIT */
/*
 * Random event channel operations of three domains, the room against a model of a page: every
 * answer, every port's status, every shared bit and every kick must agree. Seeded: a failure names
 * the step.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "event.h"
#include "fakes.h"

#define DOMS   3
#define VCPUS  2
#define LIMIT  140 /* more than one bucket */
#define BUCKET 128
#define STEPS  60000

struct model_port {
    uint32_t status; /* EVTCHNSTAT_* */
    unsigned int dom, port, vcpu, virq;
};
static struct model_domain {
    struct domain *d;
    struct model_port port[LIMIT + 1];
    unsigned int grown; /* ports the table has room for: whole buckets */
    bool pending[LIMIT + 1], mask[LIMIT + 1];
    bool selector[VCPUS][64], upcall[VCPUS];
    unsigned int kicks[VCPUS], virq[VCPUS][NR_VIRQS];
} model[DOMS];

static uint32_t seed = 20240917;

static uint32_t pick(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(seed >> 8) * n >> 24);
}

static bool per_vcpu(unsigned int virq)
{
    return virq == VIRQ_TIMER || virq == VIRQ_DEBUG || virq == VIRQ_XENOPROF || virq == VIRQ_XENPMU;
}

static int take(struct model_domain *m, struct model_port as)
{
    for (unsigned int p = 1; p <= LIMIT; p++)
        if (m->port[p].status == EVTCHNSTAT_closed) {
            m->port[p] = as;
            m->grown = p >= m->grown ? m->grown + BUCKET : m->grown;
            return (int)p;
        }
    return -ENOSPC;
}

static void notify(struct model_domain *m, unsigned int vcpu, unsigned int port)
{
    if (m->selector[vcpu][port / 64])
        return;
    m->selector[vcpu][port / 64] = true;
    if (!m->upcall[vcpu])
        m->kicks[vcpu]++;
    m->upcall[vcpu] = true;
}

static void deliver(struct model_domain *m, unsigned int port)
{
    if (m->pending[port])
        return;
    m->pending[port] = true;
    if (!m->mask[port])
        notify(m, m->port[port].vcpu, port);
}

/* Each step: does something to room and model; both answers, which must be equal (ports or -errno).
 */
static void step_alloc(unsigned int dom, int *room, int *expected)
{
    unsigned int remote = pick(DOMS);
    evtchn_port_t port = 0;
    int rc = evtchn_alloc_unbound(model[dom].d, (domid_t)remote, &port);

    *room = rc ? rc : (int)port;
    *expected = take(&model[dom], (struct model_port){.status = EVTCHNSTAT_unbound, .dom = remote});
}

static void step_bind(unsigned int dom, int *room, int *expected)
{
    unsigned int remote = pick(DOMS), at = pick(LIMIT + 1);
    struct model_port *peer = &model[remote].port[at];
    bool possible = peer->status == EVTCHNSTAT_unbound && peer->dom == dom;
    evtchn_port_t port = 0;
    int rc = evtchn_bind_interdomain(model[dom].d, (domid_t)remote, at, &port);

    *room = rc ? rc : (int)port;
    *expected = -EINVAL;
    if (!possible)
        return;
    *expected =
        take(&model[dom],
             (struct model_port){.status = EVTCHNSTAT_interdomain, .dom = remote, .port = at});
    if (*expected < 0)
        return;
    peer->status = EVTCHNSTAT_interdomain;
    peer->dom = dom;
    peer->port = (unsigned int)*expected;
    deliver(&model[dom], (unsigned int)*expected);
}

static void step_virq(unsigned int dom, int *room, int *expected)
{
    unsigned int virq = pick(NR_VIRQS + 1), vcpu = pick(VCPUS + 1);
    evtchn_port_t port = 0;
    int rc = evtchn_bind_virq(model[dom].d, virq, vcpu, &port);

    *room = rc ? rc : (int)port;
    if (virq >= NR_VIRQS || (!per_vcpu(virq) && vcpu))
        *expected = -EINVAL;
    else if (vcpu >= VCPUS)
        *expected = -ENOENT;
    else if (model[dom].virq[vcpu][virq])
        *expected = -EEXIST;
    else
        *expected =
            take(&model[dom],
                 (struct model_port){.status = EVTCHNSTAT_virq, .vcpu = vcpu, .virq = virq});
    if (*expected > 0)
        model[dom].virq[vcpu][virq] = (unsigned int)*expected;
}

static void step_ipi(unsigned int dom, int *room, int *expected)
{
    unsigned int vcpu = pick(VCPUS + 1);
    evtchn_port_t port = 0;
    int rc = evtchn_bind_ipi(model[dom].d, vcpu, &port);

    *room = rc ? rc : (int)port;
    *expected = -ENOENT;
    if (vcpu < VCPUS)
        *expected = take(&model[dom], (struct model_port){.status = EVTCHNSTAT_ipi, .vcpu = vcpu});
}

static void step_close(unsigned int dom, int *room, int *expected)
{
    unsigned int at = pick(LIMIT + 1);
    struct model_port *p = &model[dom].port[at], *peer;

    *room = evtchn_close(model[dom].d, at);
    *expected = p->status == EVTCHNSTAT_closed ? -EINVAL : 0;
    if (p->status == EVTCHNSTAT_interdomain) {
        peer = &model[p->dom].port[p->port];
        peer->status = EVTCHNSTAT_unbound;
        peer->dom = dom;
    }
    if (p->status == EVTCHNSTAT_virq)
        model[dom].virq[p->vcpu * per_vcpu(p->virq)][p->virq] = 0;
    if (*expected == 0)
        model[dom].pending[at] = false;
    *p = (struct model_port){.status = EVTCHNSTAT_closed};
}

static void step_send(unsigned int dom, int *room, int *expected)
{
    unsigned int at = pick(LIMIT + 1);
    const struct model_port *p = &model[dom].port[at];

    *room = evtchn_send(model[dom].d, at);
    *expected = 0;
    if (p->status == EVTCHNSTAT_interdomain)
        deliver(&model[p->dom], p->port);
    else if (p->status == EVTCHNSTAT_ipi)
        deliver(&model[dom], at);
    else if (p->status != EVTCHNSTAT_unbound)
        *expected = -EINVAL;
}

static void step_move(unsigned int dom, int *room, int *expected)
{
    unsigned int at = pick(LIMIT + 1), vcpu = pick(VCPUS + 1);
    struct model_port *p = &model[dom].port[at];

    *room = evtchn_bind_vcpu(model[dom].d, at, vcpu);
    *expected = 0;
    if (vcpu >= VCPUS)
        *expected = -ENOENT;
    else if (p->status == EVTCHNSTAT_closed || p->status == EVTCHNSTAT_ipi ||
             (p->status == EVTCHNSTAT_virq && per_vcpu(p->virq)))
        *expected = -EINVAL;
    else
        p->vcpu = vcpu;
}

static void step_unmask(unsigned int dom, int *room, int *expected)
{
    unsigned int at = pick(LIMIT + 1);
    struct model_domain *m = &model[dom];

    *room = evtchn_unmask(m->d, at);
    *expected = at < m->grown ? 0 : -EINVAL;
    if (m->port[at].status == EVTCHNSTAT_closed)
        return;
    if (m->mask[at] && m->pending[at])
        notify(m, m->port[at].vcpu, at);
    m->mask[at] = false;
}

static void step_raise(unsigned int dom, int *room, int *expected)
{
    unsigned int virq = pick(NR_VIRQS), vcpu = per_vcpu(virq) ? pick(VCPUS) : 0;

    *room = *expected = 0;
    send_guest_vcpu_virq(model[dom].d->vcpu[vcpu], virq);
    if (model[dom].virq[vcpu][virq])
        deliver(&model[dom], model[dom].virq[vcpu][virq]);
}

/* The guest masks a port, or takes all events of a vCPU as upcall handlers do. */
static void step_guest(unsigned int dom, int *room, int *expected)
{
    struct model_domain *m = &model[dom];
    unsigned int at = pick(LIMIT + 1), vcpu = pick(VCPUS);
    vcpu_info_t *info = m->d->vcpu[vcpu]->vcpu_info;

    *room = *expected = 0;
    if (pick(2)) {
        m->mask[at] = true;
        m->d->shared_info->evtchn_mask[at / 64] |= 1ul << at % 64;
        return;
    }
    info->evtchn_upcall_pending = 0;
    m->upcall[vcpu] = false;
    info->evtchn_pending_sel = 0;
    for (unsigned int w = 0; w < 64; w++)
        m->selector[vcpu][w] = false;
    for (unsigned int p = 0; p <= LIMIT; p++)
        if (!m->mask[p]) {
            m->pending[p] = false;
            m->d->shared_info->evtchn_pending[p / 64] &= ~(1ul << p % 64);
        }
}

static void compare_ports(const struct model_domain *m)
{
    for (unsigned int p = 1; p <= LIMIT; p++) {
        const struct model_port *want = &m->port[p];
        evtchn_status_t got = {0};

        if (evtchn_status(m->d, p, &got))
            got.status = EVTCHNSTAT_closed; /* the table has not grown that far */
        assert_int_equal(got.status, want->status);
        if (want->status == EVTCHNSTAT_closed)
            continue;
        assert_int_equal(got.vcpu, want->vcpu);
        if (want->status == EVTCHNSTAT_virq)
            assert_int_equal(got.u.virq, want->virq);
        if (want->status == EVTCHNSTAT_unbound || want->status == EVTCHNSTAT_interdomain)
            assert_int_equal(got.u.interdomain.dom, want->dom);
        if (want->status == EVTCHNSTAT_interdomain)
            assert_int_equal(got.u.interdomain.port, want->port);
    }
}

static void compare_bits(const struct model_domain *m)
{
    const shared_info_t *s = m->d->shared_info;

    for (unsigned int p = 0; p <= LIMIT; p++) {
        assert_int_equal(s->evtchn_pending[p / 64] >> p % 64 & 1, m->pending[p]);
        assert_int_equal(s->evtchn_mask[p / 64] >> p % 64 & 1, m->mask[p]);
    }
    for (unsigned int v = 0; v < VCPUS; v++) {
        for (unsigned int w = 0; w < 64; w++)
            assert_int_equal(s->vcpu_info[v].evtchn_pending_sel >> w & 1, m->selector[v][w]);
        assert_int_equal(s->vcpu_info[v].evtchn_upcall_pending, m->upcall[v]);
        assert_int_equal(fake_kicks[m->d->id][v], m->kicks[v]);
    }
}

static void room_agrees_with_model(void **state)
{
    static void (*const steps[])(unsigned int, int *, int *) = {
        step_alloc, step_alloc, step_bind,  step_bind,   step_bind,  step_virq, step_ipi,
        step_close, step_close, step_send,  step_send,   step_send,  step_send, step_move,
        step_raise, step_guest, step_guest, step_unmask, step_unmask};
    int room, expected;

    (void)state;
    for (unsigned int i = 0; i < DOMS; i++) {
        model[i].d = fake_domain(&event_room, (domid_t)i, VCPUS);
        model[i].grown = BUCKET;
        assert_int_equal(evtchn_set_limit(model[i].d, LIMIT), 0);
    }
    for (unsigned int n = 0; n < STEPS; n++) {
        unsigned int dom = pick(DOMS), what = pick(ARRAY_SIZE(steps));

        fake_switch_to((domid_t)dom);
        steps[what](dom, &room, &expected);
        if (room != expected)
            fail_msg("step %u, operation %u: the room answers %d, the model %d", n, what, room,
                     expected);
        if (n % 64 == 0)
            for (unsigned int i = 0; i < DOMS; i++) {
                compare_ports(&model[i]);
                compare_bits(&model[i]);
            }
    }
    for (unsigned int i = 0; i < DOMS; i++)
        fake_domain_end(&event_room, model[i].d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(room_agrees_with_model)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
