/* SPDX-License-Identifier: MIT */
/* The vSwitch: where frames go, what is refused, and 200,000 random frames against a plain model.
 */
#include "net/vswitch/vswitch.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define AGE_MS 1000
#define QUOTA  4

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* Of the last frame sent, beside its receivers; and the tag of the next one, if it has one. */
static struct vswitch_verdict verdict;
static uint8_t tag_id;

struct fixture {
    struct vswitch *vs;
    int port[4];
};

static void mac_of(uint8_t mac[6], unsigned n)
{
    const uint8_t text[6] = {0x00, 0x16, 0x3e, 0, (uint8_t)(n >> 8), (uint8_t)n};

    memcpy(mac, text, 6);
}

/* Four vif-like ports that own addresses 0 .. 3. */
static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    f->vs = vswitch_new("test", 1500, AGE_MS, 12345);
    for (unsigned i = 0; i < 4; i++) {
        uint8_t mac[6];

        mac_of(mac, i);
        f->port[i] = vswitch_add_access(f->vs, "port", 0, mac, QUOTA, NULL);
        assert_int_equal(f->port[i], i);
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    vswitch_free(f->vs);
    free(f);
    return 0;
}

static bool send_typed(struct vswitch *vs, int port, const uint8_t dst[6], const uint8_t src[6],
                       unsigned type, size_t len, uint64_t now, struct portset *out)
{
    uint8_t header[VSWITCH_HEADER_MIN + VSWITCH_TAG_LEN] = {0};
    struct vswitch_frame frame = {.header = header, .len = len, .wire_len = len};
    bool went;

    memcpy(header, dst, 6);
    memcpy(header + 6, src, 6);
    header[12] = (uint8_t)(type >> 8);
    header[13] = (uint8_t)type;
    header[15] = tag_id;
    went = vswitch_forward(vs, (unsigned)port, &frame, now, &verdict);
    *out = verdict.receivers;
    return went;
}

static bool send(struct vswitch *vs, int port, unsigned dst, unsigned src, uint64_t now,
                 struct portset *out)
{
    uint8_t to[6], from[6];

    mac_of(to, dst);
    mac_of(from, src);
    return send_typed(vs, port, to, from, 0x0800, 100, now, out);
}

static void assert_only(const struct portset *set, unsigned port)
{
    unsigned n = 0;

    portset_for_each(member, set) n++;
    assert_int_equal(n, 1);
    assert_true(portset_has(set, port));
}

static void test_known_address_gets_one_port(void **state)
{
    struct fixture *f = *state;
    struct portset out;

    assert_true(send(f->vs, 0, 2, 0, 0, &out));
    assert_only(&out, 2);
}

static void test_unknown_and_broadcast_reach_all_others(void **state)
{
    struct fixture *f = *state;
    struct portset out;
    uint8_t mac[6];

    assert_true(send(f->vs, 1, 999, 1, 0, &out));
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(portset_has(&out, i), i != 1);
    mac_of(mac, 1);
    assert_true(send_typed(f->vs, 1, broadcast, mac, 0x0806, 60, 0, &out));
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(portset_has(&out, i), i != 1);
}

static void test_learns_moves_and_forgets(void **state)
{
    struct fixture *f = *state;
    struct portset out;

    send(f->vs, 0, 1, 100, 0, &out);
    assert_true(send(f->vs, 3, 100, 3, 10, &out));
    assert_only(&out, 0);
    send(f->vs, 2, 1, 100, 20, &out); /* the address moves */
    assert_true(send(f->vs, 3, 100, 3, 30, &out));
    assert_only(&out, 2);
    assert_true(send(f->vs, 3, 100, 3, 20 + AGE_MS + 1, &out)); /* too old: flooded again */
    assert_true(portset_has(&out, 0) && portset_has(&out, 1) && portset_has(&out, 2));
    assert_int_equal(mac_table_expire(f->vs->macs, 20 + AGE_MS + 1), 1);
}

static void test_own_address_cannot_be_stolen(void **state)
{
    struct fixture *f = *state;
    struct portset out;

    send(f->vs, 3, 1, 2, 0, &out); /* port 3 claims port 2's address */
    assert_int_equal(f->vs->ports[3].counters.macs_refused, 1);
    assert_true(send(f->vs, 0, 2, 0, 1, &out));
    assert_only(&out, 2);
}

static void test_quota_holds_one_port_only(void **state)
{
    struct fixture *f = *state;
    struct portset out;

    for (unsigned i = 0; i < 1000; i++)
        send(f->vs, 0, 1, 100 + i, 0, &out);
    assert_int_equal(f->vs->ports[0].counters.macs_refused, 1000 - QUOTA);
    send(f->vs, 1, 0, 5000, 0, &out);
    assert_true(send(f->vs, 2, 5000, 2, 0, &out));
    assert_only(&out, 1);
}

static void test_refusals_are_counted_by_reason(void **state)
{
    static const uint8_t stp[6] = {0x01, 0x80, 0xc2, 0, 0, 0};
    struct fixture *f = *state;
    const uint64_t *drops = f->vs->ports[0].counters.drops;
    struct portset out;
    uint8_t own[6], other[6];

    mac_of(own, 0);
    mac_of(other, 1);
    assert_false(send_typed(f->vs, 0, other, own, 0x0800, 13, 0, &out));
    assert_false(send_typed(f->vs, 0, other, broadcast, 0x0800, 60, 0, &out));
    assert_int_equal(drops[VSWITCH_DROP_MALFORMED], 2);
    assert_true(send_typed(f->vs, 0, other, own, 0x0800, 1514, 0, &out));
    assert_false(send_typed(f->vs, 0, other, own, 0x0800, 1515, 0, &out));
    assert_int_equal(drops[VSWITCH_DROP_GIANT], 1);
    assert_false(send_typed(f->vs, 0, other, own, 0x8100, 60, 0, &out));
    assert_int_equal(drops[VSWITCH_DROP_VLAN], 1);
    assert_false(send_typed(f->vs, 0, stp, own, 0x0800, 60, 0, &out));
    assert_int_equal(drops[VSWITCH_DROP_RESERVED], 1);
    assert_false(send_typed(f->vs, 0, own, own, 0x0800, 60, 0, &out));
    assert_int_equal(drops[VSWITCH_DROP_NOWHERE], 1);
}

static void test_forged_source_is_refused_by_policy(void **state)
{
    struct fixture *f = *state;
    struct portset out;

    assert_true(send(f->vs, 0, 1, 77, 0, &out));
    f->vs->groups[0].reject_forged = true;
    assert_false(send(f->vs, 0, 1, 77, 0, &out));
    assert_int_equal(f->vs->ports[0].counters.drops[VSWITCH_DROP_FORGED], 1);
    assert_true(send(f->vs, 0, 1, 0, 0, &out));
}

static void test_groups_with_vlans_are_apart(void **state)
{
    struct fixture *f = *state;
    struct vswitch_group red = {.name = "red", .vlan = 10}, also_red = {.name = "r2", .vlan = 10};
    int g1 = vswitch_add_group(f->vs, &red), g2 = vswitch_add_group(f->vs, &also_red);
    uint8_t mac[6], src[6];
    struct portset out;
    int a, b;

    mac_of(mac, 1); /* the same address as port 1, in another broadcast domain */
    a = vswitch_add_access(f->vs, "a", (unsigned)g1, mac, QUOTA, NULL);
    mac_of(mac, 50);
    b = vswitch_add_access(f->vs, "b", (unsigned)g2, mac, QUOTA, NULL);
    assert_true(a >= 0 && b >= 0);
    mac_of(src, 50);
    assert_true(send_typed(f->vs, b, broadcast, src, 0x0800, 60, 0, &out));
    assert_only(&out, (unsigned)a);
    assert_true(send(f->vs, b, 1, 50, 0, &out));
    assert_only(&out, (unsigned)a);
    assert_true(send(f->vs, 0, 1, 0, 0, &out));
    assert_only(&out, 1);
    assert_false(send_typed(f->vs, b, broadcast, src, 0x8100, 60, 0, &out));
    assert_int_equal(f->vs->ports[b].counters.drops[VSWITCH_DROP_VLAN], 1);
}

static void test_trunks_carry_every_vlan_tagged(void **state)
{
    struct fixture *f = *state;
    struct vswitch_group red = {.name = "red", .vlan = 10};
    int trunk = vswitch_add_trunk(f->vs, "wire", QUOTA, NULL), group, a;
    uint8_t mac[6], far[6];
    struct portset out;

    group = vswitch_add_group(f->vs, &red); /* after the trunk: it is in it all the same */
    mac_of(mac, 50);
    mac_of(far, 60);
    a = vswitch_add_access(f->vs, "a", (unsigned)group, mac, QUOTA, NULL);
    assert_true(send_typed(f->vs, a, broadcast, mac, 0x0800, 60, 0, &out));
    assert_only(&out, (unsigned)trunk);
    assert_int_equal(verdict.vlan, 10);
    assert_false(verdict.tagged);

    tag_id = 10;
    assert_true(send_typed(f->vs, trunk, mac, far, 0x8100, 1518, 0, &out));
    assert_only(&out, (unsigned)a);
    assert_true(verdict.tagged);
    assert_false(send_typed(f->vs, trunk, mac, far, 0x8100, 1519, 0, &out));
    assert_int_equal(f->vs->ports[trunk].counters.drops[VSWITCH_DROP_GIANT], 1);
    assert_false(send_typed(f->vs, trunk, mac, far, 0x8100, 17, 0, &out));
    tag_id = 11; /* nobody is in that VLAN */
    assert_false(send_typed(f->vs, trunk, mac, far, 0x8100, 60, 0, &out));
    assert_int_equal(f->vs->ports[trunk].counters.drops[VSWITCH_DROP_VLAN], 2);
    tag_id = 0; /* a priority tag: the untagged network */
    assert_true(send_typed(f->vs, trunk, broadcast, far, 0x8100, 60, 0, &out));
    assert_int_equal(verdict.vlan, 0);
    assert_false(portset_has(&out, (unsigned)a));
    assert_true(send_typed(f->vs, a, far, mac, 0x0800, 60, 0, &out)); /* learnt in VLAN 10 */
    assert_only(&out, (unsigned)trunk);
    vswitch_remove_port(f->vs, (unsigned)trunk);
    assert_false(send_typed(f->vs, a, broadcast, mac, 0x0800, 60, 0, &out));
}

static void test_ports_come_and_go(void **state)
{
    struct fixture *f = *state;
    struct portset out;
    uint8_t mac[6];

    mac_of(mac, 2);
    assert_int_equal(vswitch_add_access(f->vs, "twin", 0, mac, QUOTA, NULL), -1);
    assert_int_equal(errno, EADDRINUSE);
    vswitch_remove_port(f->vs, 2);
    assert_true(send(f->vs, 0, 2, 0, 0, &out));
    assert_false(portset_has(&out, 2));
    assert_int_equal(vswitch_add_access(f->vs, "again", 0, mac, QUOTA, NULL), 2);
    for (unsigned i = 4; i < VSWITCH_PORTS_MAX; i++)
        assert_int_equal(vswitch_add_trunk(f->vs, "more", QUOTA, NULL), i);
    assert_int_equal(vswitch_add_trunk(f->vs, "one too many", QUOTA, NULL), -1);
    assert_int_equal(errno, ENOSPC);
}

/* The reference: an array of addresses, looked through from end to end. */
#define MODEL_MACS  24
#define MODEL_PORTS 4

struct model {
    struct {
        bool there;
        unsigned port;
        uint64_t seen;
    } mac[MODEL_MACS];
};

static unsigned model_learnt(const struct model *m, unsigned port)
{
    unsigned n = 0;

    for (unsigned i = MODEL_PORTS; i < MODEL_MACS; i++)
        n += m->mac[i].there && m->mac[i].port == port;
    return n;
}

static void model_learn(struct model *m, unsigned mac, unsigned port, uint64_t now)
{
    if (mac < MODEL_PORTS)
        return;
    if (m->mac[mac].there && m->mac[mac].port == port) {
        m->mac[mac].seen = now;
        return;
    }
    if (model_learnt(m, port) >= QUOTA)
        return;
    m->mac[mac].there = true;
    m->mac[mac].port = port;
    m->mac[mac].seen = now;
}

static int model_find(const struct model *m, unsigned mac, uint64_t now)
{
    if (mac < MODEL_PORTS)
        return (int)mac;
    if (!m->mac[mac].there || now - m->mac[mac].seen > AGE_MS)
        return -1;
    return (int)m->mac[mac].port;
}

static void model_expire(struct model *m, uint64_t now)
{
    for (unsigned i = MODEL_PORTS; i < MODEL_MACS; i++)
        if (m->mac[i].there && now - m->mac[i].seen > AGE_MS)
            m->mac[i].there = false;
}

static void test_random_frames_against_model(void **state)
{
    struct fixture *f = *state;
    struct model model = {0};
    uint64_t now = 0;

    srandom(1);
    for (unsigned step = 0; step < 200000; step++) {
        unsigned port = (unsigned)random() % MODEL_PORTS, src = (unsigned)random() % MODEL_MACS;
        unsigned dst = (unsigned)random() % MODEL_MACS;
        struct portset out;
        bool went;
        int to;

        now += (unsigned)random() % 40;
        if (random() % 50 == 0) {
            mac_table_expire(f->vs->macs, now);
            model_expire(&model, now);
        }
        went = send(f->vs, (int)port, dst, src, now, &out);
        model_learn(&model, src, port, now);
        to = model_find(&model, dst, now);
        assert_int_equal(went, to != (int)port);
        for (unsigned p = 0; went && p < MODEL_PORTS; p++)
            assert_int_equal(portset_has(&out, p), p != port && (to < 0 || to == (int)p));
    }
}

/* However much was learnt from the network, a guest's own address finds its place. */
static void test_full_table_takes_own_addresses(void **state)
{
    struct mac_table *table = mac_table_new(4, AGE_MS, 1);
    uint8_t mac[6];

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        mac_of(mac, i);
        assert_int_equal(mac_table_learn(table, 0, mac, 1, 4, 0), MAC_LEARN_NEW);
    }
    for (unsigned i = 4; i < 8; i++) {
        mac_of(mac, i);
        assert_true(mac_table_fix(table, 0, mac, 2));
        assert_int_equal(mac_table_find(table, 0, mac, 0), 2);
    }
    mac_of(mac, 8);
    assert_false(mac_table_fix(table, 0, mac, 2));
    mac_table_forget_port(table, 2);
    /* What was dropped counts towards no quota. */
    for (unsigned i = 0; i < 4; i++) {
        mac_of(mac, i);
        assert_int_equal(mac_table_learn(table, 0, mac, 1, 4, 0), MAC_LEARN_NEW);
    }
    mac_table_free(table);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_known_address_gets_one_port),
        TEST(test_unknown_and_broadcast_reach_all_others),
        TEST(test_learns_moves_and_forgets),
        TEST(test_own_address_cannot_be_stolen),
        TEST(test_quota_holds_one_port_only),
        TEST(test_refusals_are_counted_by_reason),
        TEST(test_forged_source_is_refused_by_policy),
        TEST(test_groups_with_vlans_are_apart),
        TEST(test_trunks_carry_every_vlan_tagged),
        TEST(test_ports_come_and_go),
        TEST(test_full_table_takes_own_addresses),
        TEST(test_random_frames_against_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
