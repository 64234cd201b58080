/* SPDX-License-Identifier: MIT */
/*
 * Random operations of a domain on page types: take and drop uses of a frame as a table,
 * descriptors or writable memory; write memory that is writable; change entries of tables in use;
 * stop half way and go on, or never. After each step every frame must have exactly the uses and
 * references that the held claims, the tables' entries and the unfinished work account for, and the
 * answer must be the model's. Seeded.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "types_fakes.h"
#include "xen-like/arch/x86/pv/fast.h"

#define FIRST  16 /* frames of the domain: [FIRST, FIRST + N) */
#define N      24
#define OTHER  (FIRST + N) /* a frame of another domain */
#define CLAIMS 40
#define STEPS  400000

static struct domain *domain, *other;
static struct vcpu vcpu;
static unsigned int n_ok, n_refused, n_stopped;

/* What the test itself holds: a reference and a type use of a frame, as a pin or a base pointer
 * does. */
static struct claim {
    unsigned int frame; /* 0: none */
    uint64_t type;
} claims[CLAIMS];

/* The slots of a table that steps use; of an L4 the last but one belongs to the hypervisor. */
static const unsigned int slots[] = {0, 1, 7, 255, HV_SLOT_FIRST, 511};

static uint32_t seed = 20261121;

static uint32_t pick(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)(seed >> 8) * n >> 24);
}

static uint64_t *table_of(unsigned int frame)
{
    return mfn_to_virt(MFN(frame));
}

static bool is_table_type(uint64_t type)
{
    return type >= PGT_L1 && type <= PGT_L4;
}

static bool is_hypervisors(unsigned int level, unsigned int slot)
{
    return level == 4 && slot >= HV_SLOT_FIRST && slot <= HV_SLOT_LAST;
}

/* --- what must be counted --- */
static unsigned int uses[FAKE_FRAMES], references[FAKE_FRAMES];

static void account_entry(uint64_t e, unsigned int level)
{
    uint64_t frame = (e & PTE_ADDR) >> PAGE_SHIFT;

    if (!(e & PTE_P) || frame >= FAKE_FRAMES)
        return;
    references[frame]++;
    if (level > 1 || (e & PTE_W))
        uses[frame]++;
}

static void account_table(const struct page_info *pg, unsigned int frame)
{
    unsigned int level = pgt_level(pg->type), n = PT_ENTRIES;

    if (pg->type & PGT_PARTIAL) {
        references[frame]++;
        n = pg->n_validated;
    }
    for (unsigned int i = 0; i < n; i++) {
        uint64_t e = table_of(frame)[i];

        /* Of a child half dropped the use is gone already, the reference is not. */
        if ((pg->type & PGT_PARTIAL) && (pg->flags & PGF_PARTIAL_CHILD) && i == n - 1)
            references[(e & PTE_ADDR) >> PAGE_SHIFT]++;
        else if (!is_hypervisors(level, i))
            account_entry(e, level);
    }
}

static void check_all(void)
{
    memset(uses, 0, sizeof(uses));
    memset(references, 0, sizeof(references));
    for (unsigned int f = FIRST; f <= OTHER; f++) {
        const struct page_info *pg = mfn_to_page(MFN(f));

        references[f]++;
        if (is_table_type(pg->type & PGT_TYPE) &&
            ((pg->type & PGT_PARTIAL) || (pg->type & PGT_VALIDATED)))
            account_table(pg, f);
    }
    for (unsigned int i = 0; i < CLAIMS; i++)
        if (claims[i].frame) {
            uses[claims[i].frame]++;
            references[claims[i].frame]++;
        }
    for (unsigned int i = 0; i < vcpu.arch.n_deferred; i++)
        references[page_to_mfn(vcpu.arch.deferred[i]).n]++;
    for (unsigned int f = FIRST; f <= OTHER; f++) {
        const struct page_info *pg = mfn_to_page(MFN(f));
        uint64_t in_use = pg->type & PGT_VALIDATED ? pg->type & PGT_COUNT : 0;

        if (in_use != uses[f] || (pg->count & PGC_COUNT) != references[f])
            fail_msg("frame %u, type %#llx: %llu uses, not %u; %llu references, not %u", f,
                     (unsigned long long)pg->type, (unsigned long long)in_use, uses[f],
                     (unsigned long long)(pg->count & PGC_COUNT), references[f]);
        if (!(pg->type & PGT_VALIDATED) && !(pg->type & PGT_PARTIAL))
            assert_int_equal(pg->flags & PGF_PARTIAL_CHILD, 0);
    }
}

/* --- what must be answered --- */
static struct model_frame {
    uint64_t type;
    unsigned int n_uses;
    bool is_busy;
} model[FAKE_FRAMES];

/* The state as the model sees it; false when unfinished work makes answers depend on how far it is.
 */
static bool model_load(void)
{
    for (unsigned int f = FIRST; f <= OTHER; f++) {
        const struct page_info *pg = mfn_to_page(MFN(f));

        if (pg->type & PGT_PARTIAL)
            return false;
        model[f] = (struct model_frame){pg->type & PGT_TYPE,
                                        pg->type & PGT_VALIDATED ? pg->type & PGT_COUNT : 0, false};
    }
    return vcpu.arch.n_deferred == 0;
}

static bool may_take(unsigned int frame, uint64_t type);

static bool entry_may_take(uint64_t e, unsigned int level)
{
    uint64_t frame = (e & PTE_ADDR) >> PAGE_SHIFT;

    if (level == 1 &&
        ((e & (PTE_GRANT | PTE_PWT | PTE_PCD | PTE_PAT)) || frame == FAKE_DEVICE_FRAME))
        return !(e & PTE_GRANT) && frame == FAKE_DEVICE_FRAME;
    if (frame < FIRST || frame >= FIRST + N)
        return false;
    if (level == 1)
        return !(e & PTE_W) || may_take((unsigned int)frame, PGT_WRITABLE);
    return !(e & (PTE_PS | PTE_G | PTE_PWT | PTE_PCD)) && !(e >> 52 & 0x7ff) &&
           may_take((unsigned int)frame, (uint64_t)(level - 1) << 60);
}

/* Whether the frame can be used as `type`, taking it in the model: nothing is given back on
 * refusal, since a model that refused is thrown away. */
static bool may_take(unsigned int frame, uint64_t type)
{
    struct model_frame *m = &model[frame];

    if (m->is_busy || (m->n_uses && m->type != type))
        return false;
    if (m->n_uses++ == 0) {
        m->type = type;
        m->is_busy = true;
        if (type == PGT_SEG && (table_of(frame)[0] & 1))
            return false;
        for (unsigned int i = 0; is_table_type(type) && i < PT_ENTRIES; i++) {
            uint64_t e = table_of(frame)[i];

            if ((e & PTE_P) && !is_hypervisors(pgt_level(type), i) &&
                !entry_may_take(e, pgt_level(type)))
                return false;
        }
        m->is_busy = false;
    }
    return true;
}

/* --- steps --- */

/* Calls again while stopped half way, but for those that a guest never continues. */
static bool wants_more(int rc)
{
    if (rc != -ERESTART_HYPERCALL)
        return false;
    n_stopped++;
    check_all();
    fake_preempt_in = pick(2) * (1 + pick(6));
    return pick(4);
}

static void expect(const char *what, int rc, bool is_known, bool is_right)
{
    n_ok += rc == 0;
    n_refused += rc == -EINVAL || rc == -EBUSY || rc == -EPERM;
    if (rc == -ERESTART_HYPERCALL)
        return;
    if (is_known && (rc == 0) != is_right)
        fail_msg("%s: %d, not %s", what, rc, is_right ? "done" : "refused");
}

static void step_take(void)
{
    static const uint64_t types[] = {PGT_L1, PGT_L2, PGT_L3, PGT_L4, PGT_SEG, PGT_WRITABLE};
    struct claim *c = &claims[pick(CLAIMS)];
    unsigned int frame = FIRST + pick(N);
    uint64_t type = types[pick(ARRAY_SIZE(types))];

    if (c->frame || vcpu.arch.n_deferred)
        return; /* a hypercall first finishes what an earlier one left */
    bool is_known = model_load(), is_right = is_known && may_take(frame, type);
    int rc;
    do
        rc = page_get_table(domain, MFN(frame), type, pick(2));
    while (wants_more(rc));
    char what[80];
    snprintf(what, sizeof(what), "frame %u as %u", frame, (unsigned int)(type >> 60));
    expect(what, rc, is_known, is_right);
    if (rc == 0)
        *c = (struct claim){frame, type};
}

static void step_drop(void)
{
    struct claim *c = &claims[pick(CLAIMS)];

    if (!c->frame || vcpu.arch.n_deferred)
        return;
    struct page_info *pg = mfn_to_page(MFN(c->frame));
    c->frame = 0;
    page_put_table(&vcpu, pg);
}

static uint64_t random_entry(unsigned int level)
{
    uint64_t frame = pick(30)  ? FIRST + pick(N)
                     : pick(2) ? OTHER
                               : FAKE_DEVICE_FRAME,
             e = frame << PAGE_SHIFT;

    if (!pick(4))
        return 0;
    e |= PTE_P | PTE_U | (pick(2) ? PTE_W : 0);
    if (!pick(40))
        e |= level == 1 ? PTE_GRANT : pick(2) ? PTE_PS : PTE_PWT;
    return e;
}

/* The guest writes its own memory: only where no table and no descriptors are. */
static void step_write(void)
{
    unsigned int frame = FIRST + pick(N);
    struct page_info *pg = mfn_to_page(MFN(frame));
    bool is_protected = (pg->type & PGT_PARTIAL) ||
                        ((pg->type & PGT_COUNT) && (pg->type & PGT_TYPE) != PGT_WRITABLE);

    if (is_protected)
        return;
    if (!pick(3))
        memset(table_of(frame), 0, PAGE_SIZE);
    table_of(frame)[slots[pick(ARRAY_SIZE(slots))]] = random_entry(1 + pick(4));
}

static void step_update(void)
{
    unsigned int frame = FIRST + pick(N), slot = slots[pick(ARRAY_SIZE(slots))];
    struct page_info *pg = mfn_to_page(MFN(frame));
    unsigned int level = pgt_level(pg->type);

    if (!(pg->type & PGT_VALIDATED) || !is_table_type(pg->type & PGT_TYPE) || vcpu.arch.n_deferred)
        return;
    uint64_t e = random_entry(level), old = table_of(frame)[slot];
    bool is_known = model_load(),
         same = (old & PTE_P) && ((old ^ e) & (PTE_ADDR | PTE_P | (level == 1 ? PTE_W : 0))) == 0;
    bool is_right = is_known && !is_hypervisors(level, slot) &&
                    (!(e & PTE_P) || (same && !(e & (PTE_PS | PTE_PWT | PTE_GRANT))) ||
                     entry_may_take(e, level));
    int rc;
    do
        rc = pt_update(&vcpu, pg, slot, e, domain, pick(2));
    while (wants_more(rc));
    char what[80];
    snprintf(what, sizeof(what), "entry %u of table %u (level %u): %#lx to %#lx", slot, frame,
             level, old, e);
    expect(what, rc, is_known, is_right);
}

static void step_continue(void)
{
    while (deferred_put_run(&vcpu) == -ERESTART_HYPERCALL && pick(3))
        fake_preempt_in = pick(2) * (1 + pick(6));
}

static int setup(void **state)
{
    (void)state;
    domain = mfn_to_virt(MFN(1));
    other = mfn_to_virt(MFN(8));
    assert_true(sizeof(*domain) <= 7 * PAGE_SIZE);
    for (unsigned int f = FIRST; f <= OTHER; f++)
        frame_table[f] = (struct page_info){
            .count = PGC_ALLOCATED | 1, .flags = PGF_RAM, .owner_frame = f < OTHER ? 1 : 8};
    domain->arch.perdomain_l3 = mfn_to_virt(MFN(2));
    vcpu.domain = domain;
    fake_current = &vcpu;
    return 0;
}

/* Everything let go, nothing is left of any use. */
static void end(void)
{
    fake_preempt_in = 0;
    for (unsigned int i = 0; i < CLAIMS; i++)
        if (claims[i].frame) {
            page_put_table(&vcpu, mfn_to_page(MFN(claims[i].frame)));
            claims[i].frame = 0;
        }
    assert_int_equal(deferred_put_run(&vcpu), 0);
    for (unsigned int f = FIRST; f <= OTHER; f++)
        assert_int_equal(page_type_continue_put(mfn_to_page(MFN(f)), false), 0);
    check_all();
    for (unsigned int f = FIRST; f <= OTHER; f++) {
        assert_int_equal(mfn_to_page(MFN(f))->type & (PGT_VALIDATED | PGT_PARTIAL), 0);
        assert_int_equal(mfn_to_page(MFN(f))->count & PGC_COUNT, 1);
    }
}

static void random_operations_keep_the_books(void **state)
{
    (void)state;
    for (unsigned int i = 0; i < STEPS; i++) {
        fake_preempt_in = pick(2) * (1 + pick(6));
        switch (pick(8)) {
        case 0:
        case 1:
            step_take();
            break;
        case 2:
            step_drop();
            break;
        case 3:
        case 4:
            step_write();
            break;
        case 5:
        case 6:
            step_update();
            break;
        default:
            step_continue();
        }
        check_all();
        if (i % 2000 == 1999)
            end();
    }
    print_message("%u done, %u refused, %u stopped half way, %u flushes\n", n_ok, n_refused,
                  n_stopped, fake_flushes);
    assert_true(n_ok > STEPS / 20 && n_refused > STEPS / 20 && n_stopped > STEPS / 1000 &&
                fake_flushes > 100);
}

#define TABLES 16 /* L1 tables below the L2 table FIRST */

/* Those L1 tables stand alone in their lines, at the line's start, where half of them is looked at
 * first and half of them last. */
static void fill_upper(void)
{
    uint64_t *upper = table_of(FIRST);

    memset(upper, 0, PAGE_SIZE);
    for (unsigned int i = 0; i < TABLES; i++) {
        memset(table_of(FIRST + 1 + i), 0, PAGE_SIZE);
        upper[i * 8] = (FIRST + 1 + i) * PAGE_SIZE | PTE_P | PTE_W | PTE_U;
    }
}

static unsigned int parts_of(int (*work)(struct page_info *pg), struct page_info *pg)
{
    unsigned int n = 0;
    int rc;

    do {
        fake_preempt_in = 3;
        rc = work(pg);
        n++;
    } while (rc == -ERESTART_HYPERCALL);
    fake_preempt_in = 0;
    assert_int_equal(rc, 0);
    return n;
}

static int take_upper(struct page_info *pg)
{
    return page_get_table(domain, page_to_mfn(pg), PGT_L2, true);
}

static int drop_upper(struct page_info *pg)
{
    if (!(pg->type & PGT_VALIDATED))
        return deferred_put_run(&vcpu);
    page_put_table(&vcpu, pg);
    return vcpu.arch.n_deferred ? -ERESTART_HYPERCALL : 0;
}

static void work_on_few_tables_a_line_stops_too(void **state)
{
    struct page_info *pg = mfn_to_page(MFN(FIRST));

    (void)state;
    fill_upper();
    assert_true(parts_of(take_upper, pg) > TABLES / 4);
    assert_true(parts_of(drop_upper, pg) > TABLES / 4);
    end();
}

static void who_waits_for_a_busy_table_stops(void **state)
{
    struct page_info *pg = mfn_to_page(MFN(FIRST));
    uint64_t was = pg->type;

    (void)state;
    pg->type = PGT_L2 | 1; /* another CPU works on it */
    fake_waits = true;
    fake_preempt_in = 5;
    assert_int_equal(page_type_get(pg, PGT_L2, true), -ERESTART_HYPERCALL);
    fake_waits = false;
    pg->type = was;
}

/* An update of an entry holds a use meanwhile: it may turn out to be the last one. */
static void an_updates_use_ends_a_table_in_parts(void **state)
{
    struct page_info *pg = mfn_to_page(MFN(FIRST));

    (void)state;
    fill_upper();
    assert_int_equal(page_get_table(domain, MFN(FIRST), PGT_L2, false), 0);
    assert_true(page_get(pg, domain));
    assert_false(table_type_get_used(pg, PGT_L3));
    assert_true(table_type_get_used(pg, PGT_L2));
    page_put_table(&vcpu, pg);
    assert_int_equal(vcpu.arch.n_deferred, 0);
    fake_preempt_in = 3;
    page_put_table(&vcpu, pg);
    assert_int_equal(vcpu.arch.n_deferred, 1);
    assert_false(table_type_get_used(pg, PGT_L2)); /* never the first use */
    end();
    assert_false(table_type_get_used(pg, PGT_L2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(work_on_few_tables_a_line_stops_too),
                                       cmocka_unit_test(who_waits_for_a_busy_table_stops),
                                       cmocka_unit_test(an_updates_use_ends_a_table_in_parts),
                                       cmocka_unit_test(random_operations_keep_the_books)};

    return cmocka_run_group_tests(tests, setup, NULL);
}
