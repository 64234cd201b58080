/* SPDX-License-Identifier: MIT */
/*
 * Random grant operations of three domains (map, unmap, copy, and owners who rewrite entries at
 * will), the room against a model: every status, every entry's marks and every frame's references
 * must agree. Seeded.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "fake_map.h"
#include "grant.h"
#include "grant/internal.h"

#define DOMS   3
#define REFS   12
#define FRAMES 5 /* of each domain; the last is a page table */
#define MAPS   60
#define STEPS  40000

static struct domain *dom[DOMS];
static mfn_t frames[DOMS][FRAMES];

static struct model_grant {
    unsigned int n[2]; /* uses for reading, for writing */
    unsigned int user;
    uint64_t mfn;
} grants[DOMS][REFS];

static struct model_map {
    bool used;
    unsigned int user, owner, ref, flags, slot;
    grant_handle_t handle;
} maps[MAPS];

static uint32_t seed = 20240918;

static uint32_t pick(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(seed >> 8) * n >> 24);
}

static bool owns(unsigned int d, uint64_t mfn, bool for_writing)
{
    for (unsigned int i = 0; i < FRAMES; i++)
        if (frames[d][i].n == mfn)
            return !for_writing || i < FRAMES - 1;
    return false;
}

/* What taking a grant into use answers, by the header's rules alone. */
static int may_use(unsigned int owner, unsigned int ref, unsigned int user, bool writes,
                   bool for_mapping)
{
    const struct model_grant *g = &grants[owner][ref];
    const grant_entry_v1_t *e = grant_shared(dom[owner]->grants, ref);
    bool in_use = g->n[0] + g->n[1] > 0;
    uint64_t mfn = in_use ? g->mfn : e->frame;

    if (in_use && g->user != user)
        return GNTST_general_error;
    if (!in_use && ((e->flags & GTF_type_mask) != GTF_permit_access || e->domid != user ||
                    (for_mapping && (e->flags & GTF_sub_page))))
        return GNTST_general_error;
    if (writes && !g->n[1] && (e->flags & GTF_readonly))
        return GNTST_general_error;
    if (!owns(owner, mfn, false))
        return GNTST_bad_page;
    return owns(owner, mfn, writes) ? GNTST_okay : GNTST_general_error;
}

static void step_edit(void)
{
    static const uint16_t flags[] = {GTF_permit_access,
                                     GTF_permit_access | GTF_readonly,
                                     GTF_permit_access | GTF_sub_page,
                                     GTF_invalid,
                                     GTF_accept_transfer,
                                     GTF_transitive};
    unsigned int d = pick(DOMS), ref = pick(REFS);
    grant_entry_v1_t *e = grant_shared(dom[d]->grants, ref);
    uint16_t marks = e->flags & (GTF_reading | GTF_writing); /* left alone by this owner */
    unsigned int from = pick(10) ? d : pick(DOMS);

    e->domid = (domid_t)pick(DOMS);
    e->frame = (uint32_t)frames[from][pick(FRAMES)].n;
    e->flags = marks | flags[pick(2) ? 0 : pick(ARRAY_SIZE(flags))];
}

static void step_map(void)
{
    unsigned int user = pick(DOMS), owner = pick(DOMS), ref = pick(REFS), at = pick(MAPS);
    bool readonly = pick(2);
    struct gnttab_map_grant_ref op = {.host_addr = fake_slot_address(at),
                                      .flags = GNTMAP_host_map | (readonly ? GNTMAP_readonly : 0),
                                      .ref = ref,
                                      .dom = (domid_t)owner};
    int expected = may_use(owner, ref, user, !readonly, true);

    if (maps[at].used)
        return;
    if (!grants[owner][ref].n[0] && !grants[owner][ref].n[1])
        grants[owner][ref].mfn = grant_shared(dom[owner]->grants, ref)->frame;
    fake_switch_to((domid_t)user);
    grant_map_batch(&op, 1);
    assert_int_equal(op.status, expected);
    if (expected != GNTST_okay)
        return;
    grants[owner][ref].user = user;
    grants[owner][ref].n[!readonly]++;
    assert_int_equal(fake_slot[user][at].mfn, grants[owner][ref].mfn);
    maps[at] = (struct model_map){true, user, owner, ref, op.flags, at, op.handle};
}

static void step_unmap(void)
{
    struct model_map *m = &maps[pick(MAPS)];
    unsigned int slot = pick(8) ? m->slot : pick(MAPS);
    struct grant_unmap op = {.host_addr = fake_slot_address(slot), .handle = m->handle};
    bool readonly = m->flags & GNTMAP_readonly;
    const struct fake_slot *at = &fake_slot[m->user][slot];

    if (!m->used)
        return;
    /* A wrong address will do only if it maps the same frame in the same way. */
    if (slot != m->slot)
        op.host_addr = 0x7ff000;
    fake_switch_to((domid_t)m->user);
    grant_unmap_batch(&op, 1);
    assert_int_equal(op.status, slot == m->slot ? GNTST_okay : GNTST_general_error);
    if (op.status != GNTST_okay)
        return;
    assert_int_equal(at->mfn, 0);
    grants[m->owner][m->ref].n[!readonly]--;
    m->used = false;
}

static void step_copy(void)
{
    unsigned int user = pick(DOMS), from = pick(DOMS), to = pick(DOMS), a = pick(REFS);
    unsigned int b = pick(REFS), offset = pick(4097), len = pick(200);
    struct gnttab_copy op = {.source = {.u.ref = a, .domid = (domid_t)from},
                             .dest = {.u.ref = b, .domid = (domid_t)to, .offset = (uint16_t)offset},
                             .len = (uint16_t)len,
                             .flags = GNTCOPY_source_gref | GNTCOPY_dest_gref};
    int expected = may_use(from, a, user, false, false);
    uint64_t source = grant_shared(dom[from]->grants, a)->frame;
    uint64_t dest = grant_shared(dom[to]->grants, b)->frame;

    if (grants[from][a].n[0] + grants[from][a].n[1])
        source = grants[from][a].mfn;
    if (grants[to][b].n[0] + grants[to][b].n[1])
        dest = grants[to][b].mfn;
    if (from == to && a == b)
        return; /* the first end changes what the second sees */
    if (expected == GNTST_okay)
        expected = may_use(to, b, user, true, false);
    if (expected == GNTST_okay && offset + len > PAGE_SIZE)
        expected = GNTST_bad_copy_arg;
    fake_switch_to((domid_t)user);
    grant_copy_batch(&op, 1);
    assert_int_equal(op.status, expected);
    if (expected == GNTST_okay && source != dest)
        assert_memory_equal((char *)mfn_to_virt(MFN(dest)) + offset, mfn_to_virt(MFN(source)), len);
}

static void compare(void)
{
    int refs[FAKE_FRAMES] = {0}, writers[FAKE_FRAMES] = {0};

    for (unsigned int d = 0; d < DOMS; d++) {
        for (unsigned int ref = 0; ref < REFS; ref++) {
            const struct model_grant *g = &grants[d][ref];
            uint16_t marks = grant_shared(dom[d]->grants, ref)->flags;

            assert_int_equal(!!(marks & GTF_writing), g->n[1] > 0);
            assert_int_equal(!!(marks & GTF_reading), g->n[0] + g->n[1] > 0);
            if (g->n[0] + g->n[1]) {
                refs[g->mfn] += (int)(g->n[0] + g->n[1]);
                writers[g->mfn] += (int)g->n[1];
            }
        }
        for (unsigned int i = 0; i < FRAMES; i++) {
            uint64_t mfn = frames[d][i].n;

            /* Frames of domains looked at earlier are complete; nobody can use another's frame. */
            assert_int_equal(fake_frame[mfn].refs, 1 + refs[mfn]);
            assert_int_equal(fake_frame[mfn].writable_refs, writers[mfn]);
        }
    }
}

static void room_agrees_with_model(void **state)
{
    static void (*const steps[])(void) = {step_edit, step_map, step_map, step_unmap, step_copy};

    (void)state;
    for (unsigned int d = 0; d < DOMS; d++) {
        dom[d] = fake_domain(&grant_room, (domid_t)d, 1);
        assert_int_equal(grant_table_set_limits(dom[d], 1, 1), 0);
        for (unsigned int i = 0; i < FRAMES; i++) {
            frames[d][i] = fake_give_frame(dom[d]);
            memset(mfn_to_virt(frames[d][i]), (int)(d * FRAMES + i), PAGE_SIZE);
        }
        fake_frame[frames[d][FRAMES - 1].n].is_page_table = true;
    }
    for (unsigned int n = 0; n < STEPS; n++) {
        steps[pick(ARRAY_SIZE(steps))]();
        compare();
    }
    for (unsigned int d = 0; d < DOMS; d++)
        while (grant_room.teardown(dom[d]))
            ;
    memset(grants, 0, sizeof(grants));
    compare();
    for (unsigned int d = 0; d < DOMS; d++)
        fake_domain_end(&grant_room, dom[d]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(room_agrees_with_model)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
