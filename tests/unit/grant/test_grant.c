/* SPDX-License-Identifier: MIT */
/* The grant room's behaviours one by one: d0 uses what d1 grants. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "fake_map.h"
#include "hostile.h"
#include "grant.h"
#include "grant/internal.h"

static struct domain *user, *owner;
static mfn_t frame;

static int setup(void **state)
{
    (void)state;
    fake_fail_alloc = 0;
    memset(fake_slot, 0, sizeof(fake_slot));
    owner = fake_domain(&grant_room, 1, 1);
    user = fake_domain(&grant_room, 0, 1);
    assert_int_equal(grant_table_set_limits(owner, 2, 1), 0);
    assert_int_equal(grant_table_set_limits(user, 1, 1), 0);
    frame = fake_give_frame(owner);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_domain_end(&grant_room, user);
    fake_domain_end(&grant_room, owner);
    return 0;
}

static grant_entry_v1_t *entry(grant_ref_t ref)
{
    return grant_shared(owner->grants, ref);
}

static void grant(grant_ref_t ref, unsigned int flags)
{
    *entry(ref) = (grant_entry_v1_t){
        .flags = (uint16_t)(GTF_permit_access | flags), .domid = 0, .frame = (uint32_t)frame.n};
}

static struct gnttab_map_grant_ref map(grant_ref_t ref, unsigned int flags, unsigned int slot)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = fake_slot_address(slot), .flags = flags, .ref = ref, .dom = 1};

    grant_map_batch(&op, 1);
    return op;
}

static int unmap(grant_handle_t handle, unsigned int slot, uint64_t bus)
{
    struct grant_unmap op = {
        .host_addr = fake_slot_address(slot), .dev_bus_addr = bus, .handle = handle};

    grant_unmap_batch(&op, 1);
    return op.status;
}

static void a_mapping_holds_the_frame_and_marks_the_entry(void **state)
{
    struct gnttab_map_grant_ref op;

    (void)state;
    grant(8, 0);
    op = map(8, GNTMAP_host_map, 3);
    assert_int_equal(op.status, GNTST_okay);
    assert_int_equal(fake_slot[0][3].mfn, frame.n);
    assert_int_equal(fake_frame[frame.n].writable_refs, 1);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(unmap(op.handle, 3, 0), GNTST_okay);
    assert_int_equal(fake_slot[0][3].mfn, 0);
    assert_int_equal(fake_frame[frame.n].refs, 1);
    assert_int_equal(entry(8)->flags, GTF_permit_access);
    assert_int_equal(unmap(op.handle, 3, 0), GNTST_bad_handle);
}

static void readers_and_writers_are_marked_apart(void **state)
{
    struct gnttab_map_grant_ref reader, writer;

    (void)state;
    grant(8, 0);
    reader = map(8, GNTMAP_host_map | GNTMAP_readonly, 0);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_reading);
    writer = map(8, GNTMAP_host_map, 1);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(unmap(writer.handle, 1, 0), GNTST_okay);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_reading);
    assert_int_equal(unmap(reader.handle, 0, 0), GNTST_okay);
    assert_int_equal(entry(8)->flags, GTF_permit_access);
}

static void what_was_not_granted_is_refused(void **state)
{
    (void)state;
    assert_int_equal(map(8, GNTMAP_host_map, 0).status, GNTST_general_error);
    grant(8, GTF_readonly);
    assert_int_equal(map(8, GNTMAP_host_map, 0).status, GNTST_general_error);
    grant(8, GTF_sub_page);
    assert_int_equal(map(8, GNTMAP_host_map, 0).status, GNTST_general_error);
    grant(8, 0);
    entry(8)->domid = 2;
    assert_int_equal(map(8, GNTMAP_host_map, 0).status, GNTST_general_error);
    grant(8, 0);
    entry(8)->frame = 0;
    assert_int_equal(map(8, GNTMAP_host_map, 0).status, GNTST_bad_page);
    assert_int_equal(entry(8)->flags, GTF_permit_access);
    grant(8, 0);
    fake_frame[frame.n].is_page_table = true;
    assert_int_equal(map(8, GNTMAP_host_map, 0).status, GNTST_general_error);
    assert_int_equal(map(8, 0, 0).status, GNTST_bad_gntref);
    assert_int_equal(map(512, GNTMAP_host_map, 0).status, GNTST_bad_gntref);
    assert_int_equal(fake_frame[frame.n].refs, 1);
}

static void a_grant_in_use_ignores_its_entry(void **state)
{
    struct gnttab_map_grant_ref first, second;

    (void)state;
    grant(8, 0);
    first = map(8, GNTMAP_host_map, 0);
    entry(8)->frame = 0xfffff;
    entry(8)->flags = 0;
    second = map(8, GNTMAP_host_map, 1);
    assert_int_equal(second.status, GNTST_okay);
    assert_int_equal(fake_slot[0][1].mfn, frame.n);
    assert_int_equal(unmap(first.handle, 0, 0), GNTST_okay);
    assert_int_equal(unmap(second.handle, 1, 0), GNTST_okay);
    assert_int_equal(fake_frame[frame.n].refs, 1);
}

static void counts_do_not_wrap(void **state)
{
    struct gnttab_map_grant_ref op = {0};
    unsigned int n = 0;

    (void)state;
    grant(8, 0);
    while ((op = map(8, GNTMAP_host_map, 0)).status == GNTST_okay)
        n++;
    assert_int_equal(op.status, GNTST_general_error);
    assert_int_equal(n, 128);
    grant(9, 0);
    for (n = 0; (op = map(9, GNTMAP_host_map | GNTMAP_readonly, 0)).status == GNTST_okay; n++)
        ;
    assert_int_equal(n, 128); /* and the one frame of handles is full */
    assert_int_equal(op.status, GNTST_no_space);
}

static void device_and_host_parts_go_separately(void **state)
{
    struct gnttab_map_grant_ref op;

    (void)state;
    grant(8, 0);
    op = map(8, GNTMAP_host_map | GNTMAP_device_map, 0);
    assert_int_equal(op.dev_bus_addr, mfn_to_paddr(frame));
    assert_int_equal(fake_frame[frame.n].refs, 3);
    assert_int_equal(unmap(op.handle, 0, 4096 * 7), GNTST_general_error);
    assert_int_equal(unmap(op.handle, 0, 0), GNTST_okay);
    assert_int_equal(fake_frame[frame.n].refs, 2);
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(unmap(op.handle, 0, op.dev_bus_addr), GNTST_okay);
    assert_int_equal(fake_frame[frame.n].refs, 1);
    assert_int_equal(unmap(op.handle, 0, 0), GNTST_bad_handle);
}

static void an_unmap_must_name_its_mapping(void **state)
{
    struct gnttab_map_grant_ref reader, writer;

    (void)state;
    grant(8, 0);
    reader = map(8, GNTMAP_host_map | GNTMAP_readonly, 0);
    writer = map(8, GNTMAP_host_map, 1);
    assert_int_equal(unmap(writer.handle, 0, 0), GNTST_general_error);
    assert_int_equal(unmap(writer.handle, 5, 0), GNTST_general_error);
    assert_int_equal(unmap(writer.handle, 1, 0), GNTST_okay);
    assert_int_equal(unmap(reader.handle, 0, 0), GNTST_okay);
}

static int copy(struct gnttab_copy op)
{
    grant_copy_batch(&op, 1);
    return op.status;
}

static void copies_check_both_ends(void **state)
{
    mfn_t mine = fake_give_frame(user);
    char *to = mfn_to_virt(mine), *from = mfn_to_virt(frame);
    struct gnttab_copy op = {.source = {.u.ref = 8, .domid = 1, .offset = 100},
                             .dest = {.u.gmfn = mine.n, .domid = DOMID_SELF, .offset = 200},
                             .len = 5,
                             .flags = GNTCOPY_source_gref};

    (void)state;
    grant(8, GTF_readonly);
    memcpy(from + 100, "hello", 5);
    assert_int_equal(copy(op), GNTST_okay);
    assert_memory_equal(to + 200, "hello", 5);
    op.source.offset = 4092;
    assert_int_equal(copy(op), GNTST_bad_copy_arg);
    op.source.offset = 0;
    op.dest.domid = 1;
    assert_int_equal(copy(op), GNTST_permission_denied);
    op.source.domid = 3;
    assert_int_equal(copy(op), GNTST_bad_domain);
    op.source.domid = 1;
    op.dest = (struct gnttab_copy_ptr){.u.ref = 8, .domid = 1};
    op.flags |= GNTCOPY_dest_gref;
    assert_int_equal(copy(op), GNTST_general_error); /* it may only be read */
    op.flags = 0;
    op.source = (struct gnttab_copy_ptr){.u.gmfn = frame.n, .domid = DOMID_SELF};
    op.dest = (struct gnttab_copy_ptr){.u.gmfn = mine.n, .domid = DOMID_SELF};
    assert_int_equal(copy(op), GNTST_bad_page); /* not mine */
    assert_int_equal(entry(8)->flags, GTF_permit_access | GTF_readonly);
    assert_int_equal(fake_frame[frame.n].refs, 1);
    assert_int_equal(fake_frame[mine.n].refs, 1);
}

static int transfer(mfn_t mfn, domid_t to, grant_ref_t ref)
{
    struct gnttab_transfer op = {.mfn = mfn.n, .domid = to, .ref = ref};

    grant_transfer_batch(&op, 1);
    return op.status;
}

static void a_frame_given_away_arrives_once(void **state)
{
    mfn_t gift = fake_give_frame(user);
    struct page_info *held;

    (void)state;
    strcpy(mfn_to_virt(gift), "for you");
    assert_int_equal(transfer(frame, 1, 9), GNTST_bad_page); /* not the caller's */
    assert_int_equal(transfer(gift, 3, 9), GNTST_bad_domain);
    assert_int_equal(transfer(gift, 1, 9), GNTST_general_error); /* nobody waits */
    *entry(9) = (grant_entry_v1_t){.flags = GTF_accept_transfer, .domid = 2};
    assert_int_equal(transfer(gift, 1, 9), GNTST_general_error); /* not for us */
    fake_fail_alloc = 1; /* and nothing is taken of who does not */
    assert_int_equal(transfer(gift, 1, 9), GNTST_general_error);
    fake_fail_alloc = 0;
    entry(9)->domid = 0;
    assert_int_equal(page_get_from_gfn(user, GFN(gift.n), true, &held), 0);
    assert_int_equal(transfer(gift, 1, 9), GNTST_bad_page); /* in use */
    page_put_writable(held);
    fake_fail_alloc = 1;
    assert_int_equal(transfer(gift, 1, 9), GNTST_no_space);
    assert_int_equal(fake_frame[gift.n].refs, 1);
    assert_int_equal(transfer(gift, 1, 9), GNTST_okay);
    assert_int_equal(fake_frame[gift.n].refs, 0);
    assert_int_equal(entry(9)->flags,
                     GTF_accept_transfer | GTF_transfer_committed | GTF_transfer_completed);
    assert_ptr_equal(fake_frame[entry(9)->frame].owner, owner);
    assert_string_equal(mfn_to_virt(MFN(entry(9)->frame)), "for you");
    gift = fake_give_frame(user);
    assert_int_equal(transfer(gift, 1, 9), GNTST_general_error);
}

static void tables_grow_to_their_limit(void **state)
{
    mfn_t mfn;

    (void)state;
    assert_int_equal(grant_table_frames(owner), 1);
    fake_fail_alloc = 2;
    assert_int_equal(grant_table_get_frame(owner, 1, &mfn), -ENOMEM);
    assert_int_equal(grant_table_get_frame(owner, 1, &mfn), 0);
    assert_int_equal(grant_table_frames(owner), 2);
    assert_int_equal(grant_table_get_frame(owner, 2, &mfn), -EINVAL);
    assert_int_equal(grant_table_get_frame(owner, ~0u, &mfn), -EINVAL);
    assert_int_equal(map(1023, GNTMAP_host_map, 0).status, GNTST_general_error);
    assert_int_equal(map(1024, GNTMAP_host_map, 0).status, GNTST_bad_gntref);
}

static void entries_in_use_are_not_swapped(void **state)
{
    (void)state;
    grant(8, GTF_readonly);
    assert_int_equal(grant_swap_refs(owner, 8, 9), GNTST_okay);
    assert_int_equal(entry(9)->flags, GTF_permit_access | GTF_readonly);
    assert_int_equal(map(9, GNTMAP_host_map | GNTMAP_readonly, 0).status, GNTST_okay);
    assert_int_equal(grant_swap_refs(owner, 8, 9), GNTST_eagain);
    assert_int_equal(grant_swap_refs(owner, 8, 512), GNTST_bad_gntref);
}

static void a_dying_user_lets_all_go_in_steps(void **state)
{
    unsigned int steps = 1;

    (void)state;
    for (grant_ref_t ref = 0; ref < 200; ref++) {
        grant(ref, 0);
        assert_int_equal(map(ref, GNTMAP_host_map, 0).status, GNTST_okay);
    }
    fake_preempt_every = 1;
    while (grant_room.teardown(user) == -ERESTART_HYPERCALL)
        steps++;
    fake_preempt_every = 0;
    assert_int_equal(steps, GRANT_HANDLES_PER_FRAME / 64 + 1); /* free ones too */
    assert_int_equal(fake_frame[frame.n].refs, 1);
    assert_int_equal(entry(199)->flags, GTF_permit_access);
}

static void a_hostile_owner_changes_nothing_that_counts(void **state)
{
    unsigned int n_mapped = 0;
    struct gnttab_map_grant_ref op;

    (void)state;
    grant(8, 0);
    hostile_start(&entry(8)->flags, &entry(8)->frame, (uint32_t)frame.n);
    /* On a busy machine the owner's thread may sleep for long with the entry switched off. */
    for (unsigned int i = 0; i < 100000 || (n_mapped == 0 && i < 100000000); i++) {
        op = map(8, GNTMAP_host_map | (i & 1 ? GNTMAP_readonly : 0), 0);
        if (op.status != GNTST_okay)
            continue;
        n_mapped++;
        assert_int_equal(fake_slot[0][0].mfn, frame.n);
        assert_int_equal(unmap(op.handle, 0, 0), GNTST_okay);
    }
    hostile_stop();
    assert_true(n_mapped > 0);
    assert_int_equal(fake_frame[frame.n].refs, 1);
    assert_int_equal(grant_active(owner->grants, 8)->pins, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_mapping_holds_the_frame_and_marks_the_entry),
        TEST(readers_and_writers_are_marked_apart),
        TEST(what_was_not_granted_is_refused),
        TEST(a_grant_in_use_ignores_its_entry),
        TEST(counts_do_not_wrap),
        TEST(device_and_host_parts_go_separately),
        TEST(an_unmap_must_name_its_mapping),
        TEST(copies_check_both_ends),
        TEST(a_frame_given_away_arrives_once),
        TEST(tables_grow_to_their_limit),
        TEST(entries_in_use_are_not_swapped),
        TEST(a_dying_user_lets_all_go_in_steps),
        TEST(a_hostile_owner_changes_nothing_that_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
